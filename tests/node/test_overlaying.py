"""When a node takes what it knows for all there is, and lets the rest of it go."""

from types import SimpleNamespace
from typing import Any, cast

from swarmnet.ids import CLUSTER, NodeId, Scope
from swarmnet.node.endpoints import Moved
from swarmnet.node.overlaying import ALONE_S, Overlaying
from swarmnet.node.seat import Seat
from tests.node.served import PLACE

ME, OTHER = NodeId(bytes(16)), NodeId(b"\1" * 16)
NETWORK = Scope(b"network")


class World:
    """An overlay whose rows say what a test wants."""

    def __init__(self, *members: NodeId, networks: tuple[Scope, ...] = ()) -> None:
        self.members = [ME, *members]
        self.is_informed = True
        nothing = SimpleNamespace(poll=lambda: None)
        tables = SimpleNamespace(
            mark=lambda *_: nothing,
            rules=SimpleNamespace(standing=lambda: self.members),
            scopes=lambda: (CLUSTER, *networks),
            is_informed=lambda _: self.is_informed,
            has_all=True,
        )
        addressing = SimpleNamespace(
            networks=SimpleNamespace(get=lambda _: object()),
            endpoints=SimpleNamespace(
                follows_moves=False, take_moved=lambda: Moved({}, {})
            ),
            is_quiet=True,
        )
        self.overlay = Overlaying(
            cast("Any", addressing), ME, cast("Any", tables), Seat(PLACE.vtep)
        )
        assert self.overlay.plane is not None
        self.plane = self.overlay.plane
        self.plane.start(0.0, ())

    def at(self, now: float) -> bool:
        """Let time pass; return whether all is taken for known."""
        self.overlay.handle_timeout(now)
        self.overlay.carry(now)
        return self.plane.is_complete


def test_who_knows_others_knows_all_once_they_have_told_it() -> None:
    assert World(OTHER, networks=(NETWORK,)).at(0.0)


def test_who_is_in_no_network_has_nothing_to_forget() -> None:
    assert World().at(0.0)


def test_who_is_alone_in_its_networks_may_have_forgotten_the_others() -> None:
    world = World(networks=(NETWORK,))
    assert not world.at(0.0)
    assert world.overlay.poll_timeout() == ALONE_S
    assert not world.at(ALONE_S - 0.1)
    assert world.at(ALONE_S)


def test_whom_it_hears_of_ends_the_wait() -> None:
    world = World(networks=(NETWORK,))
    assert not world.at(0.0)
    world.members.append(OTHER)
    assert world.at(0.1)


def test_a_wait_that_is_over_asks_for_no_turn_while_something_else_is_missing() -> None:
    world = World(networks=(NETWORK,))
    assert not world.at(0.0)
    world.is_informed = False
    assert not world.at(ALONE_S)
    due = world.overlay.poll_timeout()
    assert due is None or due > ALONE_S
    world.is_informed = True
    assert world.at(ALONE_S + 0.1)
