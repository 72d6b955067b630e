"""The one door to this host's kernel: rows and facts in, operations out.

Level, not edge: what is done follows from what should be and what is there, never from
how either came about. A look at a namespace, and one portion of operations, are the
only things it waits for; news that comes meanwhile is acted on together after.

    Read  -> receive_read     what a namespace holds
    Apply -> receive_done     which operations were refused

What was refused is tried again after a look at the namespaces concerned, at doubling
intervals. All namespaces are looked at in turn, `RESYNC_S` for all of them, and one at
once of which something is heard that should not be so.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from swarmnet.kernel.firewall import OURS, Table
from swarmnet.kernel.held import Held
from swarmnet.kernel.operations import (
    AddLink,
    AddNamespace,
    Failure,
    Operation,
    RemoveNamespace,
    SetLink,
)
from swarmnet.kernel.reconcile import difference
from swarmnet.kernel.state import HOST, Host, Namespace
from swarmnet.kernel.work import Work
from swarmnet.node.caution import Caution
from swarmnet.node.desired import Desired, Place
from swarmnet.node.entry_news import entry_work, has_entry_news, is_expected
from swarmnet.node.kernel_news import (
    Apply,
    Drifted,
    Forget,
    KernelNews,
    KernelOutput,
    Look,
    Missed,
    Overrun,
    Read,
)
from swarmnet.node.troubles import Troubles
from swarmnet.node.turns import Turns
from swarmnet.node.wishes import Wishes

RESYNC_S: Final = 30.0
"""Within so long every namespace is looked at, if nothing was heard of it."""
LOOK_AFTER_S: Final = 0.05
"""Others' changes come in bursts; one look is for all of them."""
LINKS_GONE_MAX: Final = 8
"""So many links go in one portion: some 0.1 s of the kernel's time."""
NAMES_MAX: Final = 64
"""So many namespaces are compared at a time: a runtime keeps that many open."""
SAMPLE_MAX: Final = 8
"""So many operations tell what drifted."""


class Dataplane(Wishes):
    """Makes one host's kernel what it should be, and keeps it so.

    `counters` says how much was found different from what was left, and of whom nobody
    had told the kernel.
    """

    __slots__ = (
        "_caution",
        "_held",
        "_is_busy",
        "_is_complete",
        "_is_planned",
        "_is_started",
        "_number",
        "_outputs",
        "_reading",
        "_touched",
        "_trouble",
        "_turns",
        "_work",
        "counters",
    )

    def __init__(self, place: Place) -> None:
        self._held = Held()
        super().__init__(Desired(place, self._held.show()))
        self._caution = Caution()
        self._outputs: deque[KernelOutput] = deque()
        self._number = 0
        self._is_busy = False
        self._is_started = False
        self._is_complete = False
        self._is_planned = False
        self._reading: tuple[str, ...] = ()
        self._touched: dict[str, None] = {}
        self._work: Sequence[Operation] = ()
        self._trouble = Troubles()
        self._turns = Turns(RESYNC_S)
        self.counters = {"drifted": 0, "refused": 0, "misses": 0, "overruns": 0}

    # What should be

    def start(self, now: float, names: Iterable[str]) -> None:
        """Begin, with the namespaces that were found; look at all of them.

        Until `complete` nothing is removed that was found: not all that is wanted may
        be known yet.
        """
        assert not self._is_started, "it starts once"
        self._is_started = True
        for name in (HOST, *names):
            self._unread[name] = now
            self._turns.note(now, name)
        self._step(now)

    def complete(self, now: float) -> None:
        """All is known that is wanted: what is not may go."""
        self._is_complete = self.desired.is_complete = True
        self._touched.update(dict.fromkeys(self._held.namespaces))
        self._step(now)

    # What is

    def receive_read(
        self, now: float, number: int, found: Mapping[str, Namespace | None]
    ) -> None:
        """Take what was read; None: there is no such namespace.

        A namespace that is left out could not be read, and is looked at again.
        """
        assert self._is_busy, "somebody asked"
        assert number == self._number, "one answer to each"
        self._is_busy = False
        for name in self._reading:
            if name not in found:
                self._unread[name] = now + LOOK_AFTER_S
                continue
            held = self._held.namespaces.get(name)
            is_awaited = name in self._touched or has_entry_news(self.desired, name)
            was_left = held is not None and not is_awaited
            if found[name] is None and self._is_adopted(name):
                # What was adopted is kept alive, though its path is gone.
                self._outputs.append(Forget(name))
            self._held.look(name, found[name])
            self._turns.note(now, name)
            if was_left and name not in self._trouble and self._is_complete:
                self._note_drift(name)
            self.desired.note(name, found[name])
            self._touched[name] = None
        self._step(now)

    def receive_done(
        self, now: float, number: int, failures: Sequence[Failure]
    ) -> None:
        """Take note that all operations were done but for these."""
        assert self._is_busy, "somebody asked"
        assert number == self._number, "one answer to each"
        self._is_busy = False
        refused = {id(one.operation): one for one in failures}
        troubled: dict[str, list[Failure]] = {}
        for operation in self._work:
            failure = refused.get(id(operation))
            if failure is None:
                self._held.done(operation)
                if isinstance(operation, AddNamespace):
                    self._turns.note(now, operation.namespace)
                if isinstance(operation, RemoveNamespace):
                    self._turns.forget(operation.namespace)
                if isinstance(operation, SetLink):
                    # It may have taken along what stood on the link.
                    self._unread[operation.namespace] = now
                    self._touched[operation.namespace] = None
                continue
            self.counters["refused"] += 1
            for name in places_of(operation):
                troubled.setdefault(name, []).append(failure)
        for name in dict.fromkeys(n for one in self._work for n in places_of(one)):
            if name not in troubled:
                self._trouble.end(name)
        for name, why in troubled.items():
            # Whoever else is refused on its account must not put its look off again.
            at = now + self._trouble.note(name, why)
            self._unread[name] = min(at, self._unread.get(name, at))
        self._work = ()
        self._forget()
        self._step(now)

    def receive_news(self, now: float, news: KernelNews) -> None:
        """Take what the kernel announced; what is as it should be is no news."""
        match news:
            case Overrun(name):
                self.counters["overruns"] += 1
                self._look(now, name)
            case Missed(name, sort, about):
                is_known = self.desired.knows(name, sort, about)
                if is_known or not self.desired.is_local(name, about):
                    self.counters["misses"] += 1
                if is_known:
                    self._look(now, name)
            case _:
                if not is_expected(self.desired, news):
                    self._look(now, news.namespace)
        self._step(now)

    def handle_timeout(self, now: float) -> None:
        """Do what is due."""
        due = self._turns.due
        if due is not None and now >= due:
            name = self._turns.take(now)
            if name in self._held.namespaces or name in self.desired.namespaces:
                self._unread.setdefault(name, now)
            else:
                self._turns.forget(name)
        self._step(now)

    def poll_output(self) -> KernelOutput | None:
        """Return the next thing to be done, or None. Ask after every verb."""
        return self._outputs.popleft() if self._outputs else None

    def poll_timeout(self) -> float | None:
        """Return when `handle_timeout` is next to be called, or None."""
        if not self._is_started:
            return None
        due = self._turns.due
        assert due is not None, "the host itself always has its turn"
        if self._is_busy:
            return due
        soon = due if self._soon is None else self._soon
        return min([due, soon, *self._unread.values()])

    # What follows

    @property
    def is_started(self) -> bool:
        """Whether `start` was called."""
        return self._is_started

    @property
    def is_complete(self) -> bool:
        """Whether `complete` was called."""
        return self._is_complete

    @property
    def is_settled(self) -> bool:
        """Whether the kernel holds what it should, as far as we know."""
        return (
            self._is_started
            and not self._is_busy
            and not self._unread
            and not self._touched
            and self._soon is None
            and not self._trouble
        )

    def failures(self) -> Iterator[Failure]:
        """Yield what the kernel refuses."""
        yield from self._trouble.failures()

    def held(self) -> Host:
        """Return what we believe that the kernel holds."""
        return self._held.show()

    def _step(self, now: float) -> None:
        if self._is_busy or not self._is_started:
            return
        self._soon = None
        due = [name for name, at in self._unread.items() if at <= now]
        if due:
            self._read(due)
        elif HOST in self._held.namespaces:
            self._apply(now)

    def _read(self, names: list[str]) -> None:
        for name in names:
            del self._unread[name]
        self._reading = tuple(names)
        self._number += 1
        self._is_busy = True
        looks = tuple(self._look_of(name) for name in names)
        self._outputs.append(Read(self._number, looks))

    def _look_of(self, name: str) -> Look:
        desired = self.desired.namespaces.get(name, Namespace())
        if name == HOST and not desired.tables:
            # Ours may be there all the same.
            desired = Namespace(sysctls=desired.sysctls, tables={OURS: Table(*OURS)})
        sandbox = self.desired.sandbox(name.removeprefix("box/"))
        if sandbox is None or not name.startswith("box/"):
            return Look(name, desired)
        return Look(name, desired, sandbox.netns)

    def _apply(self, now: float) -> None:
        self._touched.update(self.desired.update())
        if not self._is_planned:
            # Which sysctls and tables matter is known only now.
            self._is_planned = True
            self._unread.update(dict.fromkeys(self._seen_blindly(), now))
            self._step(now)
            return
        # What refused is looked at before it is tried again.
        touched = [one for one in self._touched if not self._is_waiting(one)]
        touched.sort(key=_rank)
        names, later = touched[:NAMES_MAX], dict.fromkeys(touched[NAMES_MAX:])
        host = Host(self.desired.namespaces)
        work = difference(host, self._held.show(), names) if names else Work()
        waiting = [one for one in self._trouble if one in self._unread]
        settled = dict.fromkeys([*touched, *waiting])
        entries = entry_work(self.desired, self._held, settled)
        if self._is_complete:
            operations, left = work.portion(LINKS_GONE_MAX, is_last=not later)
            later = {**left, **later}
        else:
            operations = self._cautious(work, names)
        self._touched = later
        operations += entries
        places = dict.fromkeys(one for op in operations for one in places_of(op))
        for name in names:
            if name not in places:
                self._trouble.end(name)
        if operations:
            self._number += 1
            self._is_busy = True
            self._work = operations
            self._outputs.append(Apply(self._number, tuple(operations)))
        elif later:
            self._apply(now)
        else:
            self._forget()

    def _cautious(self, work: Work, names: Iterable[str]) -> list[Operation]:
        for name in names:
            space = self.desired.namespaces.get(name)
            if space is not None:
                self._caution.note(name, space)
        return list(self._caution.filter(work, self._held.show()))

    def _seen_blindly(self) -> Iterator[str]:
        for name, space in self.desired.namespaces.items():
            if name in self._held.namespaces and (space.sysctls or space.tables):
                yield name

    def _is_waiting(self, name: str) -> bool:
        return name in self._trouble and name in self._unread

    def _note_drift(self, name: str) -> None:
        """Tell of what is not as it should be, though we have left it so."""
        host = Host(self.desired.namespaces)
        operations = difference(host, self._held.show(), [name]).ordered()
        if operations:
            self.counters["drifted"] += len(operations)
            sample = tuple(operations[:SAMPLE_MAX])
            self._outputs.append(Drifted(name, len(operations), sample))

    def _look(self, now: float, name: str) -> None:
        """Look at a namespace soon."""
        is_known = name in self._held.namespaces or name in self.desired.namespaces
        if is_known and name not in self._unread:
            self._unread[name] = now + LOOK_AFTER_S

    def _is_adopted(self, name: str) -> bool:
        """Return whether a namespace may be one that others made."""
        held = self._held.namespaces.get(name)
        if held is not None:
            return not held.is_pinned
        sandbox = self.desired.sandbox(name.removeprefix("box/"))
        is_made = sandbox is not None and sandbox.netns is None
        return name.startswith("box/") and not is_made

    def _is_absent(self, name: str) -> bool:
        # What there was at the start was looked at, or is going to be.
        is_known = name in self._held.namespaces or name in self._unread
        return self._is_started and not is_known and name not in self._reading

    def _forget(self) -> None:
        """Let go of sandboxes of others in which nothing is ours any more."""
        for name, space in list(self._held.namespaces.items()):
            is_wanted = name == HOST or name in self.desired.namespaces
            if is_wanted or space.is_pinned or name in self._unread:
                continue
            if self.desired.sandbox(name.removeprefix("box/")) is None:
                del self._held.namespaces[name]
                self._outputs.append(Forget(name))


def _rank(name: str) -> int:
    """Return when a namespace has its turn: a pair is made from its bridge's side."""
    if name == HOST:
        return 0
    return 1 if name.startswith("net/") else 2


def places_of(operation: Operation) -> Iterator[str]:
    """Yield the namespaces that an operation concerns."""
    yield operation.namespace
    if isinstance(operation, AddLink) and operation.link.peer is not None:
        yield operation.link.peer.namespace
