"""What of its own this node gives to others, and when: by deeds alone.

Whoever has the root of a realm gives every live member a slice, when the realm is made
and when a member comes; who is asked gives half of what he has free; who leaves gives
all back.
"""

from typing import Final

from swarmnet.ids import NodeId
from swarmnet.ipam.asking import Reason
from swarmnet.ipam.shares import SLICE_MIN, half_of, share_out
from swarmnet.ipam.spans import Span, Spans
from swarmnet.node.address_messages import Asked
from swarmnet.node.books import Book
from swarmnet.node.network_facts import HEIRS_MAX
from swarmnet.node.networks import Networks
from swarmnet.node.realms import Realm, RealmId, Realms
from swarmnet.tables.allowance import Allowance
from swarmnet.tables.engine import Tables
from swarmnet.tables.rules import Presence

_ASKED_S: Final = 16.0
"""One peer is answered so often each second, and `_ASKED_AT_ONCE` times at once."""
_ASKED_AT_ONCE: Final = 64.0


class Granting:
    """Writes this node's deeds and its will."""

    __slots__ = ("_asked", "_me", "_networks", "_realms", "_tables")

    def __init__(
        self, me: NodeId, tables: Tables, realms: Realms, networks: Networks
    ) -> None:
        self._me = me
        self._tables = tables
        self._realms = realms
        self._networks = networks
        self._asked = Allowance(_ASKED_S, _ASKED_AT_ONCE)

    def others(self) -> list[NodeId]:
        """Return the other members that live and stay."""
        rules = self._tables.rules
        return sorted(
            node
            for node in rules.standing()
            if node != self._me and rules.presence_of(node) is Presence.LIVE
        )

    def absent(self) -> list[NodeId]:
        """Return the members that count and do not live."""
        rules = self._tables.rules
        standing = [one for one in rules.standing() if one != self._me]
        return [n for n in standing if rules.presence_of(n) is not Presence.LIVE]

    def share(self, now: float, realm_id: RealmId) -> None:
        """Give a slice to every live member that owns nothing of a realm.

        Raises:
            Refused: the tables take no row of ours.
        """
        realm, book = self._realms.get(realm_id), self._networks.books.get(realm_id)
        if realm is None or book is None or realm.ownership.root_holder != self._me:
            return
        members = [*self.others(), self._me]
        if book.free(now).size <= len(members):
            # Whoever made it wants it.
            members = [self._me, *self.others()]
        owners = {one.owner for one in realm.ownership.holdings() if one.grant}
        without = [node for node in members if node not in owners]
        if without:
            free = book.free(now) & realm.estate.grantable()
            shares = share_out(free, without, among=len(members))
            self._realms.write(now, realm.estate.grant(shares))

    def answer(self, now: float, peer: NodeId, asked: Asked) -> Reason | None:
        """Give what is asked for, or return why not.

        Raises:
            Refused: the tables take no row of ours.
        """
        realm = self._realms.get(asked.realm)
        book = self._networks.books.get(asked.realm)
        if realm is None or book is None:
            return Reason.NOT_MINE
        if not self._asked.allows(now, peer):
            return Reason.LATER
        self._asked.spend(now, peer, 1.0)
        if peer not in self.others():
            return Reason.RESTORING
        found = self._find(now, realm, book, asked)
        if isinstance(found, Reason):
            return found
        self._realms.write(now, realm.estate.grant([(found, peer)], asked.life))
        return None

    def _find(
        self, now: float, realm: Realm, book: Book, asked: Asked
    ) -> Span | Reason:
        """Return what can be given, or why nothing can."""
        estate, number = realm.estate, asked.number
        if number is None:
            free = book.free(now)
            half = half_of(free & estate.grantable())
            if half is not None and asked.ahead and free.size - half.size < SLICE_MIN:
                return Reason.NONE_FREE
            waits = Reason.RESTORING if estate.held_back() else Reason.NONE_FREE
            return waits if half is None else half
        if realm.ownership.owner_of(number) != self._me:
            return Reason.NOT_MINE
        if not estate.usable().covers(number):
            return Reason.RESTORING
        if not book.may_give(number):
            return Reason.IN_USE
        if not estate.grantable().covers(number):
            return Reason.KEPT
        return Span(number, number)

    def give_back(self, now: float) -> None:
        """Give back all that we have: we leave.

        To whom we had it from, if he lives, or to another member.

        Raises:
            Refused: the tables take no row of ours.
        """
        others = self.others()
        heirs = [one for one in self._realms.will_of(self._me) if one in others]

        def choose(giver: NodeId | None) -> NodeId | None:
            if giver in others:
                return giver
            return next(iter([*heirs, *others]), None)

        for _, realm in list(self._realms.items()):
            everything = Spans([realm.ownership.root.span])
            self._realms.write(now, realm.estate.give_back(everything, choose))

    def review_will(self, now: float) -> None:
        """Name heirs, if something of ours could fall to them, or others name us.

        Raises:
            Refused: the tables take no row of ours.
        """
        me, realms = self._me, self._realms
        roots = [realm.ownership.root_holder for _, realm in realms.items()]
        is_named = any(me in realms.will_of(root) for root in roots)
        if me in roots or is_named:
            self.write_will(now)

    def write_will(self, now: float) -> None:
        """Name heirs: those named before, then who lives, then who may come back.

        Raises:
            Refused: the tables take no row of ours.
        """
        me, realms = self._me, self._realms
        standing = dict.fromkeys(self._tables.rules.standing())
        kept = [one for one in realms.will_of(me) if one in standing]
        # From the next greater id on, so that not all name the same ones.
        others = self.others()
        dead = [one for one in standing if one not in others and one != me]
        after = sorted(others, key=lambda one: (one < me, one)) + sorted(dead)
        new = [one for one in after if one not in kept]
        realms.write_will(now, (kept + new)[:HEIRS_MAX])
