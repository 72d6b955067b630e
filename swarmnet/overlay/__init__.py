"""The overlay driver: from a view of the tables to the kernel state it calls for.

Level, not edge: it plans the whole desired state of a namespace each time and replays
no events. It stands on `cnm` and `kernel` alone.
"""
