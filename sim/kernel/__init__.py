"""A kernel of the simulator: Linux's manners, as far as our operations reach.

It refuses what Linux refuses, by the same errors, and forgets what Linux forgets when a
link goes down; it can be made to fail, and others can tamper with what it holds.
"""
