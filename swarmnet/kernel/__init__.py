"""What a kernel holds, as values, and the difference of two such states.

Every change to a kernel leaves by one door: the ordered operations that lead from the
actual state to the desired one. The room computes and encodes them; it opens no
netlink socket.
"""
