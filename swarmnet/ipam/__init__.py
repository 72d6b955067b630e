"""Who owns which addresses: ranges, their delegation, and allocation from them.

No address is ever given twice, without consensus or a store: a node allocates only
from ranges that it holds.
"""
