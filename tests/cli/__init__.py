"""The command `swarmnet`, before an agent that only pretends.

They stand beside tests/runtime, not in it: all below that is skipped without root, and
of these only those that enter a namespace need it.
"""
