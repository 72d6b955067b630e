"""Who owns which addresses: ranges, their delegation, and allocation from them.

No address is ever given twice, without consensus or a store: a node allocates only
from ranges that it holds.

Allocation knows nothing of who owns what: it is handed the `Spans` that this node owns
and told when they change. `Pools` finds the subnet of a network, `Vnis` its VNI,
`Addresses` gives the addresses of one subnet to endpoints; `hashed` needs no owner.

Ownership is read off `deeds`, rows by which whoever holds a range grants parts of it:
`Ownership` says whose each number is, `Estate` what one node may use of it and which
deeds it writes, `shares` how much is given to whom.
"""
