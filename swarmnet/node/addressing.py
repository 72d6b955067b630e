"""Addresses at one node: what is whose, what is given out, and what waits for what.

Theory of operation. Rows say what there is to own (`networks`), and whose it is
(`realms`); they are followed after every input. Commands (`creating`, `connecting`)
write rows out of what this node may use, and where that is too little, others are asked
(`asking`), who write deeds (`granting`). What may be done only when all members agree
is inquired (`inquiries`). All of it rests while there is nothing to own.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from random import Random
from typing import Final

from swarmnet.errors import BadPacket, Refused
from swarmnet.ids import Address, NodeId, Scope
from swarmnet.ipam.asking import Ask, Reason
from swarmnet.ipam.lives import Continuation, Lives
from swarmnet.ipam.pools import DEFAULT_POOLS, Pool
from swarmnet.ipam.subnets import Network
from swarmnet.node.address_messages import (
    AddressMessage,
    Answer,
    Asked,
    Inquiry,
    Refusal,
    decode_address_message_untrusted,
    encode_address_message,
)
from swarmnet.node.chores import CHORES_S, Chores
from swarmnet.node.commands import Commands, Done, Failed
from swarmnet.node.connecting import Connecting, EndpointWish
from swarmnet.node.creating import Creating, NetworkWish
from swarmnet.node.endpoints import Endpoints
from swarmnet.node.envelope import ADDRESSES
from swarmnet.node.forgetting import Forgetting
from swarmnet.node.granting import Granting
from swarmnet.node.networks import Networks
from swarmnet.node.realms import Realms
from swarmnet.node.routes import Routes
from swarmnet.node.seat import Seat
from swarmnet.node.settling import Settling, Wait
from swarmnet.swim.outputs import SendDatagram
from swarmnet.tables.engine import Tables
from swarmnet.tables.row import ENDPOINT, Row
from swarmnet.tables.rules import Presence
from swarmnet.timers import PATIENCE_S, earliest

_LIFE_BITS: Final = 62
HOLD_S: Final = 0.05
"""So long at most what others own may be an older thing than the rows say."""


class Addressing:
    """What one node does about addresses.

    `is_first` is whether its key was never used before, so that nothing can have been
    given to it, or by it, that it does not know of.
    """

    __slots__ = (
        "_chores",
        "_chores_at",
        "_commands",
        "_connecting",
        "_creating",
        "_forgetting",
        "_granting",
        "_hold_at",
        "_me",
        "_messages",
        "_settling",
        "_tables",
        "counters",
        "endpoints",
        "has_left",
        "networks",
        "realms",
        "revision",
    )

    def __init__(
        self,
        me: NodeId,
        tables: Tables,
        random: Random,
        seat: Seat | None = None,
        *,
        is_first: bool,
        before: Continuation | None = None,
    ) -> None:
        self._me = me
        self._tables = tables
        life = random.getrandbits(_LIFE_BITS) | 1
        lives = Lives(life, is_first=is_first, is_known=False, before=before)
        self.realms = realms = Realms(me, tables, random, lives)
        self.networks = networks = Networks(tables, realms, Routes(me, tables))
        self.endpoints = endpoints = Endpoints(me, tables, realms, networks)
        self._granting = granting = Granting(me, tables, realms, networks)
        parts = (me, tables, realms, networks)
        self._creating = Creating(*parts, granting, random=random)
        told = b"" if seat is None else seat.encode()
        self._connecting = Connecting(*parts, endpoints, random=random, seat=told)
        self._settling = Settling(*parts, random=random)
        self._forgetting = Forgetting(me, tables)
        self._chores = Chores(
            *(tables, realms, networks, endpoints, granting),
            creating=self._creating,
            forgetting=self._forgetting,
            attempt=self._try,
        )
        self._commands = Commands()
        self.counters: dict[str, int] = {}
        self._chores_at: float | None = None
        self._messages: list[tuple[NodeId, bytes]] = []
        self._hold_at = 0.0
        self.has_left = False
        """Whether we left what there was to own; others are to know who has it."""
        self.revision = 0
        """Counts how often something here may have become another thing."""

    @property
    def is_active(self) -> bool:
        """Whether there is anything to own."""
        return self._chores_at is not None

    @property
    def is_sure(self) -> bool:
        """Whether what earlier lives of this node owned may be used."""
        return self.realms.lives.is_sure

    def continuation(self) -> Continuation:
        """Return what the next process may go on from: see `lives.Continuation`."""
        return self.realms.lives.continuation()

    # Commands

    def init_pools(
        self,
        now: float,
        pools: Sequence[Pool] = DEFAULT_POOLS,
        forget_dead_after_s: int | None = None,
    ) -> None:
        """Begin a cluster's addresses: all of it is ours at first.

        Raises:
            Refused: they have begun, or we may not.
        """
        self._creating.begin(now, pools, forget_dead_after_s)
        self.follow(now)

    def create(self, now: float, wish: NetworkWish) -> int:
        """Make a network; `Done` brings its id. Returns a ticket."""
        return self._submit(now, lambda at: self._creating.create(at, wish))

    def remove(self, now: float, network: Scope) -> int:
        """Remove a network that nobody takes part in. Returns a ticket."""
        return self._submit(now, lambda at: self._creating.remove(at, network))

    def connect(self, now: float, wish: EndpointWish) -> int:
        """Make an endpoint; `Done` brings a `KnownEndpoint`. Returns a ticket."""
        return self._submit(now, lambda at: self._connecting.connect(at, wish))

    def disconnect(self, now: float, network: Scope, endpoint: bytes) -> int:
        """Remove an endpoint of ours. Returns a ticket."""
        undo = self._connecting.disconnect
        return self._submit(now, lambda at: undo(at, network, endpoint))

    def cancel(self, ticket: int) -> None:
        """Give a command up that waits."""
        self._commands.cancel(ticket)

    def leave(self, now: float) -> None:
        """Give back all that is ours; the tables are to be left after it."""
        self.has_left = self.is_active
        self._chores_at = None
        self._try(lambda: self._granting.give_back(now))

    def waits(self) -> list[Wait]:
        """Return what waits for a word of other members, and of whom."""
        return self._settling.waits()

    def note_routes(self, routes: Iterable[Network]) -> None:
        """Take note of all routes of this host: subnets of pools keep clear of them."""
        self.networks.routes.note(routes)

    def _submit(self, now: float, attempt: Callable[[float], object]) -> int:
        def attempt_as_member(at: float) -> object:
            self._tables.check_membership()
            if self.has_left:
                raise Refused("this node has left: join again, with a new key")
            return attempt(at)

        ticket = self._commands.submit(now, attempt_as_member)
        self.follow(now)
        return ticket

    # Inputs

    def receive(self, now: float, peer: NodeId, data: bytes) -> None:
        """Take a message of a member's."""
        try:
            message = decode_address_message_untrusted(data)
        except BadPacket:
            self._count("bad_address_messages")
            return
        match message:
            case None:
                self._count("unknown_address_messages")
            case Asked():
                self._answer(now, peer, message)
            case Refusal(realm, number, reason):
                held = self.realms.get(realm)
                if held is not None:
                    held.asking.note_refused(now, peer, number, reason)
            case Inquiry():
                word = self._settling.word_on(message)
                if word is not None:
                    self._send(peer, Answer(message.matter, message.subject, word))
            case Answer():
                self._settling.inquiries.note_answer(peer, message)
        self.follow(now)

    def note_presence(self, now: float, node: NodeId, presence: Presence) -> None:
        """Take note of a member's state."""
        self._forgetting.note_presence(now, node, presence)
        self._chores.note_changed(now, self.realms.names())

    def note_late(self, now: float, seconds: float) -> None:
        """This process did not run for a while: who knows who ran under our key."""
        self._settling.note_late(now, seconds)

    def note_conflict(self, now: float, address: Address | None = None) -> None:
        """Another life of ours speaks, from `address`, or has written: be sure anew."""
        self._settling.note_conflict(now, address)
        self.follow(now)

    def note_recovered(self, now: float, row: Row) -> None:
        """An endpoint of another life of ours has come back: nobody here runs it."""
        is_alive = row.table == ENDPOINT and not row.is_deleted
        if is_alive and self.networks.get(row.scope) is not None:
            name = (ENDPOINT, row.key)
            self._try(lambda: self._tables.delete(now, row.scope, name))
            self._count("endpoints_withdrawn")

    def handle_timeout(self, now: float) -> None:
        """Do everything that is due at `now`."""
        if self._chores_at is None:
            return
        self._commands.handle_timeout(now)
        self.realms.handle_timeout(now)
        if self.has_chores(now):
            self._chores_at = now + CHORES_S
            self._chores.do(now)
        self._settling.handle_timeout(now)
        self.follow(now)

    def has_chores(self, now: float) -> bool:
        """Return whether chores may be done, though they could still wait."""
        return self._chores_at is not None and now >= self._chores_at

    def poll_timeout(self) -> float | None:
        """Return when `handle_timeout` is wanted next."""
        if self._chores_at is None:
            return None
        parts = (self._commands, self._settling, self.realms)
        hold_at = self._hold_at if self.realms.changed else None
        chores_by = self._chores_at + PATIENCE_S
        return earliest(chores_by, hold_at, *(part.poll_timeout() for part in parts))

    def carry(
        self, now: float, address_of: Callable[[NodeId], Address | None]
    ) -> list[SendDatagram | Done | Failed]:
        """Follow the rows; return what is to be sent, and what commands have done."""
        self.follow(now)
        outputs: list[SendDatagram | Done | Failed] = []
        for peer, data in self._messages:
            address = address_of(peer)
            if address is not None:
                outputs.append(SendDatagram(peer, address, ADDRESSES + data))
        self._messages.clear()
        outputs += self._commands.outputs
        self._commands.outputs.clear()
        return outputs

    @property
    def is_quiet(self) -> bool:
        """Whether all that is known of what is whose has been acted on."""
        return self.is_sure and not self.realms.changed

    # What follows

    def follow(self, now: float) -> None:
        """Follow the rows, and do what can be done by what they say."""
        networks, realms = self.networks, self.realms
        if networks.is_silent != self._tables.is_silent:
            networks.is_silent = self._tables.is_silent
            realms.note_lives()
        networks.routes.update()
        changed = is_known = networks.update()
        for network in networks.opened:
            self.endpoints.note_opened(network)
        networks.opened.clear()
        # Before ownership follows a removal, which ends endpoints as well.
        changed |= self.endpoints.update(now)
        realms.update()
        is_idle = self._chores_at is None and not self.has_left
        if is_idle and networks.pool is not None:
            self._begin(now)
        changed |= self._hold(now)
        for network in networks.gone:
            self._try(partial(self._forget, now, network))
        networks.gone.clear()
        if changed:
            self.revision += 1
            grown = dict(networks.grown)
            networks.grown.clear()
            self._commands.retry(now, None if is_known else grown)
        self._ask(now)
        self._carry(now)

    def _begin(self, now: float) -> None:
        self._chores_at = now + CHORES_S
        self._settling.begin(now)
        self._forgetting.begin(now)
        self._settling.handle_timeout(now)

    def _hold(self, now: float) -> bool:
        """Use what is ours by now; return whether that is another thing than before."""
        realms = self.realms
        if realms.changed and not realms.is_urgent and now < self._hold_at:
            # Others' deeds come by the dozen, and each would cost a walk of the tree.
            return False
        self._hold_at = now + HOLD_S
        self.endpoints.note_realms(changed := self.networks.hold())
        self._chores.note_changed(now, changed)
        for name in changed:
            realm = self.realms.get(name)
            if realm is not None:
                realm.asking.note_owned(realm.ownership)
                if name in self.networks.grown:
                    realm.asking.note_grown()
                    self.endpoints.note_grown(now, name, self.networks.grown[name])
        return bool(changed)

    def _forget(self, now: float, network: Scope) -> None:
        """Forget what belonged to a network that is no more."""
        if not self.networks.is_deleted(network):
            # It is void, and may be there again.
            return
        for name in self.realms.about(network):
            self.realms.forget(now, name)
        if network in self._tables.scopes():
            self._count("endpoints_without_network")
            self._connecting.withdraw(now, network)

    def _ask(self, now: float) -> None:
        wants = self._commands.wants()
        wants = [one for one in wants if not self.realms.is_asking(one)]
        if not wants or self._settling.is_worth_waiting(now):
            return
        live = self._granting.others()
        for want in wants:
            self.realms.want(now, want, live)

    def _carry(self, now: float) -> None:
        """Send what is to be asked; tell commands what nobody gives."""
        asked = self.realms.asked
        while asked:
            output = asked.popleft()
            if isinstance(output, Ask):
                about = (output.realm, output.number, self.realms.lives.current)
                self._send(output.peer, Asked(*about, output.ahead))
            elif not output.ahead:
                refused = (output.realm, output.number)
                self._commands.note_given_up(refused, output.reason)
        for peer, inquiry in self._settling.inquiries.outputs:
            self._send(peer, inquiry)
        self._settling.inquiries.outputs.clear()

    def _answer(self, now: float, peer: NodeId, asked: Asked) -> None:
        try:
            reason = self._granting.answer(now, peer, asked)
        except Refused:
            reason = Reason.RESTORING
        if reason is not None:
            self._send(peer, Refusal(asked.realm, asked.number, reason))

    def _try(self, verb: Callable[[], object]) -> None:
        """Write what can as well be written later, if the tables take it now."""
        try:
            verb()
        except Refused:
            self._count("address_rows_refused")

    def _send(self, peer: NodeId, message: AddressMessage) -> None:
        self._messages.append((peer, encode_address_message(message)))

    def _count(self, name: str) -> None:
        self.counters[name] = self.counters.get(name, 0) + 1
