"""All that can be owned, as this node knows it: read off rows, realm by realm.

A realm is opened by who says what there is to own: the `pool` row, of which the VNIs
and the subnets of each pool are realms, or a `network` row, of which each subnet is
one. Whose each number is, `range` rows say: deeds, and wills. What they say of a realm
that is not open yet is kept until it is. A last kind of them says that a network is no
more whose maker was removed, so that nobody can delete its row.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from swarmnet.errors import Refused
from swarmnet.ids import CLUSTER, NodeId, Scope
from swarmnet.ipam.asking import Asking
from swarmnet.ipam.asking import Output as Asked
from swarmnet.ipam.deeds import Deed, GrantId
from swarmnet.ipam.estate import Estate, Proposal
from swarmnet.ipam.lives import Lives
from swarmnet.ipam.ownership import Ownership, Root
from swarmnet.node.network_facts import encode_will
from swarmnet.node.range_rows import (
    CLEARED_KEY,
    DEEDS_MAX,
    WILL_KEY,
    deed_key,
    deed_of,
    heirs_of,
    that_count,
)
from swarmnet.tables.engine import Tables
from swarmnet.tables.row import RANGE, REVOCATION, Name, Row
from swarmnet.timers import earliest

RealmId = bytes
Want = tuple[RealmId, int | None]
"""A realm, and the number that is wanted of it; None: any."""
_Place = tuple[NodeId, bytes]


@dataclass(frozen=True, slots=True)
class Realm:
    """What there is to own, what of it is ours, and what we ask for."""

    ownership: Ownership
    estate: Estate
    asking: Asking


class Realms:
    """The realms of one node.

    `changed` are those of which something may be another thing than when it was last
    cleared. `confirmed` are the removed nodes of whom all deeds are known here.
    """

    __slots__ = (
        "_active",
        "_awaited",
        "_by_realm",
        "_deeds",
        "_fallen",
        "_marks",
        "_open",
        "_random",
        "_removals",
        "_strange",
        "_tables",
        "_wills",
        "asked",
        "changed",
        "cleared",
        "confirmed",
        "hint",
        "is_urgent",
        "lives",
        "me",
    )

    def __init__(self, me: NodeId, tables: Tables, random: Random, lives: Lives):
        self.me = me
        self._tables = tables
        self._random = random
        self._marks = tables.mark(CLUSTER, RANGE)
        self._removals = tables.mark(CLUSTER, REVOCATION)
        self._open: dict[RealmId, Realm] = {}
        self._active: dict[RealmId, Realm] = {}
        # By whom, and under which key; and the same by realm.
        self._deeds: dict[_Place, Deed] = {}
        self._by_realm: dict[RealmId, dict[GrantId, Deed]] = {}
        self._wills: dict[NodeId, tuple[NodeId, ...]] = {}
        self._fallen: frozenset[NodeId] = frozenset()
        self.lives = lives
        self.confirmed: dict[NodeId, None] = {}
        self.changed: dict[RealmId, None] = {}
        self.cleared: dict[Scope, tuple[NodeId, ...]] = {}
        """Networks of removed makers, and who says that all know them gone."""
        self._awaited: list[NodeId] | None = None
        self._strange: bool | None = None
        self.hint: Callable[[], str] = str
        """What is to be said beside that something is lacking: what waits, and why."""
        self.is_urgent = False
        """Whether something changed that concerns this node."""
        self.asked: deque[Asked] = deque()
        """What is to be asked for, of whichever realm, and what nobody gives."""

    # What there is

    def open(self, realm: RealmId, root: Root, *, keeps: bool) -> None:
        """Let something be owned, at first by the root's owner; see `Estate`."""
        held = self._open.get(realm)
        if held is not None and held.ownership.root == root:
            return
        ownership = Ownership(root)
        for deed in that_count(self._by_realm.get(realm, {}).values()):
            ownership.put(deed)
        ownership.note_fallen(self._fallen)
        ownership.note_wills(self._wills)
        self._awaited = self._strange = None
        estate = Estate(
            *(self.me, realm, ownership, self._random),
            lives=self.lives,
            confirmed=self.confirmed,
            keeps=keeps,
        )
        self._active.pop(realm, None)
        self._open[realm] = Realm(ownership, estate, Asking(self.me, realm, self.asked))
        self._note_changed(realm)

    def close(self, realm: RealmId) -> None:
        """Let it be owned by nobody: it is no more."""
        self._active.pop(realm, None)
        if self._open.pop(realm, None) is not None:
            self._note_changed(realm)

    def get(self, realm: RealmId) -> Realm | None:
        """Return a realm that is open, or None."""
        return self._open.get(realm)

    def items(self) -> Iterator[tuple[RealmId, Realm]]:
        """Yield all realms that are open."""
        yield from self._open.items()

    def names(self) -> Iterator[RealmId]:
        """Yield the names of all realms that are open."""
        yield from self._open

    def values(self) -> Iterator[Realm]:
        """Yield the same, without their names."""
        yield from self._open.values()

    def was_held(self, realm: RealmId, number: int, node: NodeId) -> bool:
        """Return whether a number is a node's, or was on its way to who has it now.

        To whom it fell it is not on the way: nobody granted it.
        """
        held = self._open.get(realm)
        holding = None if held is None else held.ownership.holding_at(number)
        if holding is None:
            return False
        return node in (holding.owner, *holding.path, *holding.fallen)

    def owner_of(self, realm: RealmId, number: int) -> NodeId | None:
        """Return whose a number is; None where nothing is known to be owned."""
        held = self._open.get(realm)
        return None if held is None else held.ownership.owner_of(number)

    # What is asked for

    def want(
        self, now: float, want: Want, live: Iterable[NodeId], *, ahead: bool = False
    ) -> None:
        """Ask those who live for some numbers of a realm, or for one."""
        name, number = want
        realm = self._open.get(name)
        if realm is not None:
            realm.asking.want(now, realm.ownership, live, number, ahead=ahead)
            self._active[name] = realm

    def is_asking(self, want: Want) -> bool:
        """Return whether that is being asked for."""
        realm = self._active.get(want[0])
        return realm is not None and realm.asking.is_asking(want[1])

    def handle_timeout(self, now: float) -> None:
        """Turn to others where somebody is silent."""
        for name, realm in list(self._active.items()):
            realm.asking.handle_timeout(now)
            if realm.asking.poll_timeout() is None:
                del self._active[name]

    def poll_timeout(self) -> float | None:
        """Return when `handle_timeout` is wanted next, or None."""
        realms = self._active.values()
        return earliest(*(realm.asking.poll_timeout() for realm in realms))

    # What is read

    def update(self) -> None:
        """Follow the rows."""
        while (about := self._marks.poll()) is not None:
            self._follow(about[1])
        is_due = False
        while self._removals.poll() is not None:
            is_due = True
        if is_due:
            self._follow_removals()

    def _follow(self, name: Name) -> None:
        key = name[1]
        if key.startswith(CLEARED_KEY):
            self._note_cleared(name)
            return
        rows = {row.owner: row for row in self._tables.held(CLUSTER, name)}
        for owner in [who for who, held in self._deeds if held == key]:
            if owner not in rows:
                self._drop((owner, key))
        if key == WILL_KEY:
            self._note_wills(rows)
            return
        for row in rows.values():
            self._note_deed(row)

    def _note_cleared(self, name: Name) -> None:
        network = Scope(name[1][len(CLEARED_KEY) :])
        rows = self._tables.held(CLUSTER, name)
        said = [row.owner for row in rows if row.is_durable and not row.is_deleted]
        self.cleared.pop(network, None)
        if said:
            self.cleared[network] = tuple(said)
        self.note_lives()

    def _note_deed(self, row: Row) -> None:
        place = (row.owner, row.key)
        deed = None if row.is_deleted else deed_of(row)
        if deed == self._deeds.get(place):
            return
        self._drop(place)
        if deed is None:
            return
        self._deeds[place] = deed
        at = (deed.granter, deed.number)
        self._by_realm.setdefault(deed.realm, {})[at] = deed
        self._feed(deed)

    def _drop(self, place: _Place) -> None:
        deed = self._deeds.pop(place, None)
        if deed is None:
            return
        deeds = self._by_realm[deed.realm]
        del deeds[deed.granter, deed.number]
        if not deeds:
            del self._by_realm[deed.realm]
        held = self._open.get(deed.realm)
        if held is not None:
            held.ownership.drop(deed.granter, deed.number)
        self._feed(deed)

    def _feed(self, deed: Deed) -> None:
        """Let ownership follow a granter's deeds about a realm, after one of them.

        Of more than a granter may write those count whose numbers are least, so that it
        does not matter which came first.
        """
        self._note_changed(deed.realm, deed)
        held = self._open.get(deed.realm)
        if held is None:
            return
        deeds = self._by_realm.get(deed.realm, {}).values()
        mine = [one for one in deeds if one.granter == deed.granter]
        count = dict.fromkeys(one.number for one in that_count(mine))
        for one in mine:
            if one.number in count:
                held.ownership.put(one)
            else:
                held.ownership.drop(one.granter, one.number)

    def _note_changed(self, realm: RealmId, deed: Deed | None = None) -> None:
        """Something of a realm is another thing: at once what concerns this node."""
        self.changed[realm] = None
        self._awaited = self._strange = None
        if deed is None or self.me in (deed.granter, *(g.grantee for g in deed.grants)):
            self.is_urgent = True

    def _note_wills(self, rows: Mapping[NodeId, Row]) -> None:
        wills = {
            owner: heirs
            for owner, row in rows.items()
            if (heirs := heirs_of(row)) is not None
        }
        if wills != self._wills:
            self._wills = wills
            for realm, held in self._open.items():
                if held.ownership.note_wills(wills):
                    self._note_changed(realm)

    def _follow_removals(self) -> None:
        revocations = self._tables.rules.revocations
        fallen = frozenset(
            node
            for node in revocations.revoked()
            if revocations.cut_of(node) is not None
        )
        if fallen == self._fallen:
            return
        self._fallen = fallen
        for node in [one for one in self.confirmed if one not in fallen]:
            del self.confirmed[node]
        for realm, held in self._open.items():
            if held.ownership.note_fallen(fallen):
                self._note_changed(realm)

    # What is ours

    def awaited(self) -> list[NodeId]:
        """Return the removed nodes of whom all deeds must be known, for what fell."""
        if self._awaited is None:
            found: dict[NodeId, None] = {}
            for realm in self._open.values():
                found.update(dict.fromkeys(realm.estate.awaited()))
            self._awaited = list(found)
        return self._awaited

    def has_strange(self) -> bool:
        """Return whether we own what another life of ours has asked for."""
        if self._strange is None:
            self._strange = any(one.estate.has_strange() for one in self.values())
        return self._strange

    def confirm(self, fallen: NodeId) -> None:
        """All deeds of a removed node are known here, up to its cut."""
        self.confirmed[fallen] = None
        self.note_lives()

    def note_lives(self) -> None:
        """What this life may use is another thing than before."""
        self.changed.update(dict.fromkeys(self._open))
        self._awaited, self._strange, self.is_urgent = None, None, True

    def make_sure(self) -> None:
        """All members have shown what they know of what we ever granted."""
        lives = [one for realm in self._open.values() for one in realm.estate.lives()]
        self.lives.note_sure(lives)
        self.note_lives()

    def write(self, now: float, deeds: Iterable[Proposal]) -> None:
        """Write deeds, and follow them.

        Raises:
            Refused: the tables take no row of ours.
        """
        for number, one in enumerate(deeds):
            mine = self._by_realm.get(one.realm, {})
            if sum(node == self.me for node, _ in mine) + number >= DEEDS_MAX:
                self.update()
                raise Refused(f"{DEEDS_MAX} deeds about one realm: want no more")
            value = one.signed((0, 0)).encode()
            key = deed_key(one.number)
            self._tables.put(now, CLUSTER, (RANGE, key), value, durable=True)
        self.update()

    def write_will(self, now: float, heirs: Sequence[NodeId]) -> None:
        """Name our heirs, the first first, if they are others than before.

        Raises:
            Refused: the tables take no row of ours.
        """
        if self._wills.get(self.me) != tuple(heirs):
            value = encode_will(heirs)
            self._tables.put(now, CLUSTER, (RANGE, WILL_KEY), value, durable=True)
            self.update()

    def will_of(self, node: NodeId) -> tuple[NodeId, ...]:
        """Return whom a node has named as its heirs."""
        return self._wills.get(node, ())

    def about(self, network: Scope) -> list[RealmId]:
        """Return the realms of a network's subnets that somebody wrote deeds about."""
        return [one for one in self._by_realm if one[1:-1] == network]

    def clear(self, now: float, network: Scope) -> None:
        """Say that a removed maker's network is no more: all members know that.

        Raises:
            Refused: the tables take no row of ours.
        """
        name = (RANGE, CLEARED_KEY + network)
        self._tables.put(now, CLUSTER, name, b"\x90", durable=True)
        self.update()

    def forget(self, now: float, realm: RealmId) -> None:
        """Delete our deeds about what is known to be no more."""
        mine = list(self._by_realm.get(realm, {}).values())
        for deed in mine:
            if deed.granter == self.me:
                key = deed_key(deed.number)
                self._tables.delete(now, CLUSTER, (RANGE, key))
        self.update()
