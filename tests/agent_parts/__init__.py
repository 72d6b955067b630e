"""The parts of the agent that need no root: storage, HTTP, places, what is left.

They stand apart from tests/runtime, all of which is skipped without root.
"""
