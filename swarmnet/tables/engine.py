"""The tables of one node: what is true, who owns it, and agreement about it.

Theory of operation. Every row has one owner, who numbers and signs what he writes. It
goes to all nodes of its scope at once (`Spread`: membership relays it), and whoever
missed it is found by comparing digests and given what differs (`sync`). However a row
comes, it enters by one door (`door`), which keeps the greater of two and drops what is
void. What is shown of the rows (`view`) follows who lives and who takes part.

Methods are of four kinds: commands, inputs, polls and views. After every command and
input the caller drains `poll_output` until None, and asks `poll_timeout` again. A row
of our own comes out as `Save` before it comes out in anything that is sent.
"""

from collections.abc import Iterable, Sequence
from random import Random

from swarmnet.errors import BadPacket
from swarmnet.ids import CLUSTER, NodeId, Scope
from swarmnet.tables.bounds import check_free
from swarmnet.tables.codec import decode_message_untrusted
from swarmnet.tables.collection import Collection
from swarmnet.tables.config import TableConfig
from swarmnet.tables.core import Core, Due, Seams
from swarmnet.tables.door import Door
from swarmnet.tables.messages import (
    Compare,
    Message,
    Offer,
    Page,
    Ranges,
    Rows,
    Want,
    WantPage,
)
from swarmnet.tables.outputs import Output
from swarmnet.tables.reading import Reading
from swarmnet.tables.receiver import Receiver
from swarmnet.tables.recovery import Recovery
from swarmnet.tables.removal import Removal
from swarmnet.tables.row import Flag, Name, Row
from swarmnet.tables.rules import Presence, Rules
from swarmnet.tables.shelf import Shelf
from swarmnet.tables.snapshot import Snapshots, donors_of
from swarmnet.tables.stored import StoredRows, stored_rows
from swarmnet.tables.sync import Sync
from swarmnet.tables.view import Views
from swarmnet.tables.writer import Writer


class Tables(Reading):
    """One node's tables.

    `epoch` exceeds that of every earlier life whose rows were kept. `stored` is empty
    for a key that has just been made, and None if what was stored is lost: then what
    was ours and is not durable counts no more.
    """

    __slots__ = (
        "_collection",
        "_door",
        "_receiver",
        "_recovery",
        "_removal",
        "_snapshots",
        "_sync",
        "_writer",
    )

    def __init__(
        self,
        me: NodeId,
        config: TableConfig,
        random: Random,
        seams: Seams,
        *,
        epoch: int = 1,
        stored: StoredRows | None = None,
    ) -> None:
        rules = Rules(me, seams.may_write, seams.stands)
        shelves = {CLUSTER: Shelf(CLUSTER, config.rows_per_owner)}
        core = Core(
            me=me,
            config=config,
            random=random,
            seams=seams,
            rules=rules,
            shelves=shelves,
            views=Views(rules, shelves),
        )
        super().__init__(core)
        self._door = Door(core)
        self._writer = Writer(core, self._door, epoch, lost=stored is None)
        self._snapshots = Snapshots(core)
        self._removal = Removal(core, self._door, self._writer, self._is_complete)
        self._recovery = Recovery(core, self._door, self._writer)
        self._receiver = Receiver(
            core, self._door, self._writer, self._recovery, self._removal
        )
        self._sync = Sync(core)
        self._collection = Collection(core, self._writer, self._is_whole)
        if stored is not None:
            self._writer.load(stored_rows(stored.own, config.cluster_key))
            for row in stored_rows(stored.known, config.cluster_key):
                self._door.apply(row)
            self._writer.attend_all()

    # Commands

    def start(self, now: float) -> None:
        """Begin to compare digests, and to look after our own tombstones."""
        self._collection.start(now)
        for scope in self._core.shelves:
            if scope != CLUSTER:
                self._sync.schedule(now, scope)

    def join(self, now: float, donors: Iterable[NodeId]) -> None:
        """Take what the cluster holds from members of it; `Completed` says when."""
        live = dict.fromkeys(donors)
        for scope in self._core.shelves:
            donors_here = donors_of(self._core, scope, live)
            self._snapshots.begin(now, scope, donors_here)

    def compare(self, now: float, peer: NodeId) -> None:
        """Tell a peer our digests of what we share, so that what differs is found."""
        for scope in self._core.shelves:
            self._sync.compare(now, peer, scope)

    def put(
        self,
        now: float,
        scope: Scope,
        name: Name,
        value: bytes,
        *,
        durable: bool = False,
    ) -> Row:
        """Write a row of our own; nothing happens if it says this already.

        Raises:
            Refused: a bound is exceeded, we take no part in the scope, or the table has
                a command of its own.
        """
        check_free(scope, name)
        flags = Flag.DURABLE if durable else Flag(0)
        return self._wrote(now, self._writer.put(scope, name, value, flags))

    def inherit(self, now: float, name: Name, value: bytes) -> Row:
        """Write durably what a manager said who is one no more, of any table.

        Raises:
            Refused: a bound is exceeded.
        """
        return self._wrote(now, self._writer.put(CLUSTER, name, value, Flag.DURABLE))

    def delete(self, now: float, scope: Scope, name: Name) -> Row:
        """Delete a row of our own.

        Raises:
            Refused: there is none.
        """
        check_free(scope, name)
        return self._wrote(now, self._writer.delete(scope, name))

    def mask(self, now: float, scope: Scope, name: Name, owner: NodeId) -> Row:
        """Say that another owner's durable row is to go; he then deletes it.

        Raises:
            Refused: there is no such row, or it is not durable.
        """
        return self._wrote(now, self._writer.mask(scope, name, owner))

    def attach(self, now: float, scope: Scope, about: bytes = b"") -> None:
        """Take part in a network; `Completed` says when all is here.

        Raises:
            Refused: it is no network's scope, or `about` is too long.
        """
        is_new = scope not in self._core.shelves
        self._wrote(now, self._writer.attach(scope, about))
        if is_new:
            self._sync.schedule(now, scope)
            self._snapshots.begin(now, scope, donors_of(self._core, scope, ()))

    def detach(self, now: float, scope: Scope) -> None:
        """Take part in a network no more, and hold nothing of it.

        Raises:
            Refused: we are not in it, or durable rows of ours are.
        """
        self._writer.detach(scope)
        self._snapshots.forget(scope)
        self._sync.forget(scope)
        self._receiver.forget(scope)
        self._sync.note_news(now, CLUSTER)

    def introduce(self, now: float, about: bytes) -> Row:
        """Say in our `node` row who we are; `about` is for the rooms above.

        Raises:
            Refused: it is too long.
        """
        return self._wrote(now, self._writer.introduce(about))

    def revoke(self, now: float, node: NodeId) -> Row:
        """Remove a node for good.

        Raises:
            Refused: it is ourselves, or we may not.
        """
        return self._wrote(now, self._removal.revoke(node))

    def announce(self, now: float) -> None:
        """Say which life of ours this is: another speaks under our key."""
        if not self._core.is_silent:
            self._writer.announce()
            self._note_written(now)

    def leave(self, now: float) -> Row:
        """Say that we have left: all rows of ours that are not durable are void."""
        return self._wrote(now, self._writer.leave())

    # Inputs

    def receive_row(self, now: float, sender: NodeId, item: bytes) -> None:
        """Take a row that membership has relayed."""
        self._receiver.receive(sender, (item,), relays=True)
        self._note_news(now)

    def receive(self, now: float, peer: NodeId, data: bytes, *, streamed: bool) -> None:
        """Take a message of a peer's, whom the channel has authenticated."""
        try:
            message = decode_message_untrusted(data)
            if message is None:
                self._core.count("unknown_messages")
            elif isinstance(message, Ranges | WantPage | Page) and not streamed:
                # They are large, or call for what is.
                self._core.count("stream_only")
            elif isinstance(message, Compare | Offer | Ranges) and not (
                self._snapshots.is_complete(message.scope)
            ):
                # What a snapshot will bring is sought in no other way meanwhile.
                self._core.count("repairs_put_off")
            else:
                self._take(now, peer, message)
        except BadPacket:
            self._core.count("bad_packets")
        self._note_news(now)

    def receive_digest(
        self, now: float, peer: NodeId, scope: Scope, digest: tuple[bytes, int]
    ) -> None:
        """Take a peer's digest of a scope, and its number of rows; it brings none."""
        if self._snapshots.is_complete(scope):
            self._sync.receive_digest(now, peer, scope, digest)
        self._removal.follow()

    def verified(
        self, now: float, number: int, verdicts: Sequence[bool | None]
    ) -> None:
        """Take the answer to a `Verify`; None stands for a signer who is unknown."""
        self._receiver.verified(now, number, verdicts)
        self._note_news(now)

    def note_presence(self, now: float, node: NodeId, presence: Presence) -> None:
        """Take what membership says of a node; `now` is when."""
        del now
        self._door.note_presence(node, presence)

    def note_roles(self, now: float, node: NodeId) -> None:
        """A node may write other tables now than before (`Seams.may_write`)."""
        self._door.note_roles(node)
        self._removal.review()
        self._note_news(now)

    def handle_timeout(self, now: float) -> None:
        """Do everything that is due at `now`."""
        while (reason := self._core.timers.pop_due(now)) is not None:
            due, scope = reason
            if due is Due.COLLECT:
                self._collection.handle_timeout(now)
                self._removal.review()
                continue
            if due is Due.FENCE:
                self._recovery.handle_fence()
                continue
            assert scope is not None, due
            if due is Due.NEWS:
                self._sync.handle_news(now, scope)
            elif due is Due.COMPARE:
                self._sync.handle_compare(now, scope)
            else:
                self._snapshots.handle_timeout(now, scope)

    # Polls

    def poll_output(self) -> Output | None:
        """Return the next thing to be done, or None."""
        outputs = self._core.outputs
        return outputs.popleft() if outputs else None

    def poll_timeout(self) -> float | None:
        """Return when `handle_timeout` is wanted next."""
        return self._core.timers.next()

    # Views, beside those of `Reading`

    def is_complete(self, scope: Scope) -> bool:
        """Return whether no snapshot of a scope is being taken."""
        return self._snapshots.is_complete(scope)

    def is_informed(self, scope: Scope) -> bool:
        """Return whether we held all of a scope, at one time of this life or another.

        As far as others have shown: see `Snapshots.is_informed`.
        """
        return self._snapshots.is_informed(scope, self._sync.agreed.get(scope, {}))

    @property
    def epoch(self) -> int:
        """The epoch of what we write now."""
        return self._writer.epoch

    @property
    def has_agreed(self) -> bool:
        """Whether another was seen to hold all we hold, since that was forgotten."""
        return CLUSTER in self._sync.agreed

    def forget_agreement(self) -> None:
        """Begin anew to look who holds what we hold."""
        self._sync.agreed.pop(CLUSTER, None)

    @property
    def has_all(self) -> bool:
        """Whether nothing of the cluster's rows is known to be still to come."""
        is_complete = self._snapshots.is_complete(CLUSTER)
        return is_complete and not self._receiver.is_busy()

    def _is_whole(self) -> bool:
        """Return whether nothing that we wrote ourselves is still to come."""
        return self.has_all and (self.has_agreed or not self._writer.is_lost)

    def _is_complete(self) -> bool:
        """Return whether no member is still to come who counts.

        Where all whom we know are gone there is nobody to show that he holds the same.
        """
        return self.has_all and (self._core.rules.is_last() or self._is_whole())

    # How a message is taken

    def _take(self, now: float, peer: NodeId, message: Message) -> None:
        match message:
            case Compare(scope, digest, count):
                self._sync.receive_digest(now, peer, scope, (digest, count))
            case Offer():
                self._sync.receive_offer(now, peer, message)
            case Want():
                self._sync.receive_want(now, peer, message)
            case Rows(_, items):
                relays = len(items) <= self._core.config.relay_max
                self._receiver.receive(peer, items, relays=relays)
            case Ranges():
                self._sync.receive_ranges(now, peer, message)
            case WantPage():
                self._snapshots.receive_want(now, peer, message)
            case Page():
                if self._snapshots.expects(peer, message):
                    self._receiver.receive(peer, message.items, relays=False)
                    self._snapshots.note_page(now, peer, message)

    def _note_written(self, now: float) -> None:
        self._receiver.news[CLUSTER] = None
        self._note_news(now)

    def _wrote(self, now: float, row: Row) -> Row:
        self._receiver.news[row.scope] = None
        self._note_news(now)
        return row

    def _note_news(self, now: float) -> None:
        self._removal.follow()
        news, moved = self._receiver.news, self._recovery.moved
        if news:
            for scope in news:
                self._sync.note_news(now, scope)
            news.clear()
        if moved:
            for scope in moved:
                self._follow_move(now, scope)
            moved.clear()

    def _follow_move(self, now: float, scope: Scope) -> None:
        """A row of ours that was recovered has attached or detached us."""
        if scope in self._core.shelves:
            self._sync.schedule(now, scope)
            self._snapshots.begin(now, scope, donors_of(self._core, scope, ()))
        else:
            self._snapshots.forget(scope)
            self._sync.forget(scope)
            self._receiver.forget(scope)
