"""The drivers: the one folder that may import trio, sockets, the system and the clock.

It carries bytes and deadlines between the world and the node's engine. It decides
nothing that an engine could decide.
"""
