"""The composed engine of one node: the one place where the rooms meet.

Rooms never import each other; what one hands to another passes through here as values
and bytes. Sans-I/O like them, so that a simulator runs the very node that a host runs.
"""
