"""VXLAN network identifiers: one for every subnet, the same on all hosts.

The space is 2^20 to 2^24 - 1: the upper end is VXLAN's (RFC 7348: 24 bits), and below
2^20 are those that Docker (from 4096 on) and flannel (1) begin with, which may run on
the same hosts. They ascend, and none is used again before all that this node owns has
been gone through: a late frame of a removed network then meets no other under its VNI.
"""

from typing import Final

from swarmnet.errors import Refused
from swarmnet.ipam.addresses import Exhausted
from swarmnet.ipam.ledger import Ledger
from swarmnet.ipam.spans import Span, Spans

VNI_FIRST: Final = 2**20
VNI_LAST: Final = 2**24 - 1


class Vnis:
    """The allocator of VNIs at one node; users are networks, as errors name them.

    It owns nothing until `hold`; after a restart, `restore` what exists.
    """

    __slots__ = ("_ledger",)

    def __init__(self, *, last: int | None = None) -> None:
        self._ledger = Ledger(Spans([Span(VNI_FIRST, VNI_LAST)]), last=last)

    @property
    def last(self) -> int | None:
        """The VNI given last in serial order, or None; a later life goes on from it."""
        return self._ledger.last

    @property
    def free(self) -> Spans:
        """What this node owns and nobody uses; a copy."""
        return self._ledger.free

    def user(self, vni: int) -> str | None:
        """Return which network uses `vni`, as far as this node knows, or None."""
        return self._ledger.user(vni)

    def hold(self, owned: Spans, first: Spans | None = None) -> tuple[int, ...]:
        """Own these from now on; return those in use that are not owned, ascending.

        Those of `first` are given first.
        """
        return self._ledger.hold(owned, first)

    def allocate(self, user: str) -> int:
        """Give `user` the next VNI.

        Raises:
            Exhausted: none is free here. Nothing has changed.
        """
        vni = self._ledger.take_next(user)
        if vni is None:
            owned = self._ledger.owned_count
            raise Exhausted(
                f"VNIs: all {owned} of this node are in use, of {VNI_FIRST} to"
                f" {VNI_LAST}: remove a network, or create it on another host"
            )
        return vni

    def claim(self, vni: int, user: str, *, owner: str | None = None) -> None:
        """Give `user` this very VNI; `owner` names whose it is if not ours.

        Raises:
            Refused: out of bounds, in use, or not owned here. Nothing has changed.
        """
        if not VNI_FIRST <= vni <= VNI_LAST:
            raise Refused(f"VNI {vni}: want {VNI_FIRST} to {VNI_LAST}")
        other = self._ledger.user(vni)
        if other is not None:
            raise Refused(f"VNI {vni}: in use by {other}; choose another")
        if not self._ledger.is_owned(vni):
            whose = "another node" if owner is None else owner
            raise Refused(
                f"VNI {vni}: in a range of {whose}; ask there, or leave it out"
            )
        self._ledger.take(vni, user)

    def release(self, vni: int, user: str) -> bool:
        """Free a VNI that `user` used; False, and no error, if it did not."""
        if not self._ledger.put_back(vni, user):
            return False
        self._ledger.wake(vni)
        return True

    def restore(self, vni: int, user: str) -> str | None:
        """Note a network that exists; return which other uses its VNI, or None."""
        return self._ledger.restore(vni, user)
