"""Whose rows are they? Few are verified at once, many are given out in one batch.

A row's owner may be unknown here, since his certificate travels in his own `node` row:
that is taken up before anything is verified. Whoever sends what turns out to be forged
has little more verified for him.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from swarmnet.ids import NodeId
from swarmnet.swim.doubt import Doubt
from swarmnet.tables.facts import node_facts
from swarmnet.tables.outputs import Verify
from swarmnet.tables.row import NODE

INLINE_MAX: Final = 32
"""So many signatures take some 4 ms: more are worth another thread."""
Claim = tuple[bytes, bytes, bytes]
"""A key, a message, and the proof that the key's owner said it."""


@dataclass(frozen=True, slots=True)
class _Batch:
    sender: NodeId
    claims: tuple[Claim | None, ...]
    """None where the signer is unknown."""


class Verifying:
    """The batches that are being verified."""

    __slots__ = ("_batches", "_check", "_doubt", "_introduce", "_signer")

    def __init__(
        self,
        signer: Callable[[NodeId], bytes | None],
        check: Callable[[bytes, bytes, bytes], bool],
        introduce: Callable[[bytes], bool],
    ) -> None:
        self._signer = signer
        self._check = check
        self._introduce = introduce
        self._doubt = Doubt()
        self._batches: dict[int, _Batch] = {}

    def prepare(self, now: float, wanted: Verify) -> Sequence[Claim] | None:
        """Keep a batch, and return what of it another should verify.

        None stands for so little that it is best done here.
        """
        if not self._take_introductions(now, wanted):
            self._batches[wanted.number] = _Batch(
                wanted.sender, (None,) * len(wanted.rows)
            )
            return None
        claims = tuple(self._claim(*claim) for claim in wanted.claims)
        self._batches[wanted.number] = _Batch(wanted.sender, claims)
        known = [claim for claim in claims if claim is not None]
        return known if len(known) > INLINE_MAX else None

    def _take_introductions(self, now: float, wanted: Verify) -> bool:
        """Take up the certificates in a batch; return whether its sender is believed.

        A false one costs as much as a false signature, so it counts as one.
        """
        for row in wanted.rows:
            if self._doubt.doubts(now, wanted.sender):
                return False
            facts = node_facts(row) if row.table == NODE else None
            if facts is not None and facts.about and not self._introduce(facts.about):
                self._doubt.note(now, wanted.sender)
        return not self._doubt.doubts(now, wanted.sender)

    def verify_here(self, now: float, number: int) -> Sequence[bool | None]:
        """Verify a batch, and return all its verdicts."""
        claims = self._batches[number].claims
        known = (claim for claim in claims if claim is not None)
        return self.merge(now, number, [self._check(*claim) for claim in known])

    def merge(
        self, now: float, number: int, verdicts: Sequence[bool]
    ) -> Sequence[bool | None]:
        """Return all verdicts of a batch, given those that another has found."""
        batch = self._batches.pop(number)
        found = iter(verdicts)
        merged = [None if claim is None else next(found) for claim in batch.claims]
        if False in merged:
            self._doubt.note(now, batch.sender)
        return merged

    def _claim(self, owner: NodeId, message: bytes, proof: bytes) -> Claim | None:
        key = self._signer(owner)
        return None if key is None else (key, message, proof)
