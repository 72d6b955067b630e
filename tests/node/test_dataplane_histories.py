"""Whatever is told, refused and tampered with, the kernel ends as the tables call for.

Networks, attachments, endpoints and sandboxes come, change and go; a kernel refuses
what it likes; others change what is ours; and the agent is killed where it stands.
"""

from dataclasses import fields, replace
from ipaddress import ip_address, ip_network
from random import Random
from typing import Final

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from sim.kernel.fake import FakeKernel
from sim.kernel.faults import NO_FAULTS, Faults
from sim.kernel.tampering import ACTS
from swarmnet.cnm.endpoint import Endpoint, Publish, mac_of
from swarmnet.cnm.network import Attachment, Network, Subnet
from swarmnet.cnm.sandbox import Sandbox
from swarmnet.kernel.operations import Operation
from swarmnet.kernel.ownership import ours
from swarmnet.kernel.reconcile import reconcile
from swarmnet.kernel.state import HOST, Host, Namespace
from tests.node.planned import Known, plan_all
from tests.node.served import PLACE, Served, host_kernel
from tests.node.trespass import is_trespass

NODES: Final = ("a", "b", "c", "d")
VTEPS: Final = ("10.99.0.2", "10.99.0.3", "10.99.0.4", "fd99::2", "10.99.0.1")
PATHS: Final = {"d1": "/ns/d1", "d2": "/ns/d2"}
BOXES: Final = ("s1", "s2", "d1", "d2")
OPTIONS: Final[tuple[dict[str, str], ...]] = (
    {},
    {"mtu": "1400"},
    {"multicast": "true"},
)


def subnet(text: str, vni: int) -> Subnet:
    prefix = ip_network(text)
    return Subnet(prefix, prefix.network_address + 1, vni)


SHAPES: Final = (
    ("n1", (subnet("10.0.1.0/24", 101),)),
    ("n1", (subnet("10.0.1.0/24", 102), subnet("10.0.9.0/24", 101))),
    ("n2", (subnet("10.0.2.0/24", 201), subnet("fd02::/64", 202))),
    ("n2", (subnet("10.0.2.0/25", 201), subnet("fd02::/64", 203))),
    ("n3", (subnet("10.0.1.0/24", 301), subnet("10.0.3.0/24", 302))),
    ("n4", (subnet("fd04::/64", 401),)),
)
"""Networks by id, some in two shapes; n1 and n3 have one subnet."""

picks = st.integers(0, 7)
seldom = st.sampled_from([False, False, False, True])
wheres = st.lists(picks, min_size=1, max_size=3)


def endpoint_of(
    network: Network, number: int, node: str, where: list[int], mac: int | None
) -> Endpoint:
    """Return an endpoint with an address for each number in `where`."""
    subnets = [one.prefix.network_address for one in network.subnets]
    addresses = tuple(
        subnets[(one + index) % len(subnets)] + 10 + one
        for index, one in enumerate(where)
    )
    return Endpoint(
        id=f"{number:012x}{network.id}",
        name=f"e{number}",
        node=node,
        sandbox=f"far{number}",
        addresses=tuple(dict.fromkeys(addresses)),
        mac=mac_of(addresses) if mac is None else bytes([2, 0, 0, 0, 0, mac]),
    )


def is_clash(one: Endpoint, other: Endpoint) -> bool:
    """Say whether two endpoints cannot both be on this host, in one network."""
    if one.id == other.id or one.node != other.node:
        return False
    return (
        one.sandbox == other.sandbox
        or one.mac == other.mac
        or any(ip in other.addresses for ip in one.addresses)
    )


def apart(one: Host, other: Host) -> list[object]:
    """Return what two states of a host do not agree about."""
    names = dict.fromkeys([*one.namespaces, *other.namespaces])
    nothing = Namespace()
    pairs = {
        name: (one.namespaces.get(name, nothing), other.namespaces.get(name, nothing))
        for name in names
    }
    return [
        (name, part.name, getattr(here, part.name), getattr(there, part.name))
        for name, (here, there) in pairs.items()
        for part in fields(Namespace)
        if getattr(here, part.name) != getattr(there, part.name)
    ]


class Histories(RuleBasedStateMachine):
    """One host, everybody who tells it something, and everybody who meddles."""

    def __init__(self) -> None:
        super().__init__()
        self.known = Known(PLACE)
        self.kernel: FakeKernel = host_kernel()
        self.life = Served(self.kernel)
        self.trespasses: list[Operation] = []

    @initialize(is_announcing=st.booleans(), is_empty=seldom)
    def begin(self, is_announcing: bool, is_empty: bool) -> None:
        for path in PATHS.values():
            self.kernel.make_sandbox(path)
        if not is_empty:
            self.populate()
        self.bear(is_announcing=is_announcing, is_complete=True)

    def populate(self) -> None:
        """Know of sandboxes, networks, and some endpoints of every node."""
        known = self.known
        for name in BOXES:
            known.sandboxes[name] = Sandbox(name, PATHS.get(name))
        for key, subnets in SHAPES:
            network = Network(key, key, subnets, is_internal=key == "n3")
            known.networks[key] = network
            known.attachments[key] = {
                node: Attachment(node, ip_address(vtep))
                for node, vtep in zip(NODES[1:], VTEPS, strict=False)
            }
            some = [
                endpoint_of(
                    network, number, NODES[number % 4], [number, 8 + number], None
                )
                for number in range(8)
            ]
            some[4] = replace(some[4], sandbox=BOXES[int(key[1]) % 4])
            some[0] = replace(some[0], sandbox=BOXES[int(key[1]) % 3 - 3])
            known.endpoints[key] = {one.id: one for one in some}

    def bear(self, *, is_announcing: bool, is_complete: bool) -> None:
        """Start a new life, told of all that is known."""
        now = self.life.now
        self.life = Served(self.kernel, now=now, is_announcing=is_announcing)
        self.life.before = self.note_trespass
        plane = self.life.plane
        for sandbox in self.known.sandboxes.values():
            plane.set_sandbox(now, sandbox)
        for view in self.known.views():
            plane.set_network(now, view.network, view.attachments, view.endpoints)
        self.life.start(is_complete=is_complete)

    def note_trespass(self, operation: Operation) -> None:
        if is_trespass(self.kernel, operation):
            self.trespasses.append(operation)

    def network(self, pick: int) -> str:
        networks = list(self.known.networks)
        return networks[pick % len(networks)]

    # What is told

    @rule(shape=st.sampled_from(SHAPES), option=picks, is_internal=st.booleans())
    def set_network(
        self, shape: tuple[str, tuple[Subnet, ...]], option: int, is_internal: bool
    ) -> None:
        key, subnets = shape
        options = OPTIONS[option % len(OPTIONS)]
        network = Network(
            key, key, subnets, is_internal=is_internal, options=dict(options)
        )
        self.known.networks[key] = network
        self.known.attachments.setdefault(key, {})
        self.known.endpoints.setdefault(key, {})
        self.life.plane.set_network(self.life.now, network)
        self.life.serve()

    @precondition(lambda self: self.known.networks)
    @rule(pick=picks, is_all=seldom)
    def drop_some(self, pick: int, is_all: bool) -> None:
        """Drop an endpoint, or the network that it is in."""
        key = self.network(pick)
        endpoints = list(self.known.endpoints[key])
        if is_all:
            del self.known.networks[key]
            del self.known.attachments[key]
            del self.known.endpoints[key]
            self.life.plane.drop_network(self.life.now, key)
        elif endpoints:
            endpoint = endpoints[pick % len(endpoints)]
            del self.known.endpoints[key][endpoint]
            self.life.plane.drop_endpoint(self.life.now, key, endpoint)
        self.life.serve()

    @precondition(lambda self: self.known.networks)
    @rule(
        pick=picks,
        node=st.sampled_from(NODES),
        vtep=st.sampled_from(VTEPS),
        mtu=st.sampled_from((None, 1500, 1400)),
    )
    def attach(self, pick: int, node: str, vtep: str, mtu: int | None) -> None:
        key = self.network(pick)
        attachment = Attachment(node, ip_address(vtep), mtu)
        self.known.attachments[key][node] = attachment
        self.life.plane.attach(self.life.now, key, attachment)
        self.life.serve()

    @precondition(lambda self: self.known.networks)
    @rule(pick=picks, node=st.sampled_from(NODES))
    def detach(self, pick: int, node: str) -> None:
        key = self.network(pick)
        self.known.attachments[key].pop(node, None)
        self.life.plane.detach(self.life.now, key, node)
        self.life.serve()

    @precondition(lambda self: self.known.networks)
    @rule(
        pick=picks,
        number=picks,
        node=st.sampled_from(NODES),
        where=wheres,
        mac=st.one_of(st.none(), picks),
    )
    def put_remote(
        self, pick: int, number: int, node: str, where: list[int], mac: int | None
    ) -> None:
        """Put another host's endpoint; such may claim what others have."""
        network = self.known.networks[self.network(pick)]
        self.put(network, endpoint_of(network, number, node, where, mac))

    @precondition(lambda self: self.known.networks)
    @rule(
        pick=picks,
        number=picks,
        box=st.sampled_from(BOXES),
        where=wheres,
        mac=st.one_of(st.none(), picks),
    )
    def put_local(
        self,
        pick: int,
        number: int,
        box: str,
        where: list[int],
        mac: int | None,
    ) -> None:
        """Put an endpoint of this host, unless another clashes with it."""
        network = self.known.networks[self.network(pick)]
        made = endpoint_of(network, number, "a", where, mac)
        publish = (Publish(None, 8080 + number % 3, 80 + number, "tcp"),)
        made = replace(made, sandbox=box, publish=publish)
        others = self.known.endpoints[network.id].values()
        if not any(is_clash(one, made) for one in others):
            self.put(network, made)

    def put(self, network: Network, endpoint: Endpoint) -> None:
        self.known.endpoints[network.id][endpoint.id] = endpoint
        self.life.plane.put_endpoint(self.life.now, network.id, endpoint)
        self.life.serve()

    @rule(name=st.sampled_from(BOXES), is_dropped=seldom)
    def change_sandbox(self, name: str, is_dropped: bool) -> None:
        sandbox = Sandbox(name, PATHS.get(name))
        if is_dropped:
            self.known.sandboxes.pop(name, None)
            self.life.plane.drop_sandbox(self.life.now, name)
        else:
            self.known.sandboxes[name] = sandbox
            self.life.plane.set_sandbox(self.life.now, sandbox)
        self.life.serve()

    # What others do

    @rule(path=st.sampled_from(list(PATHS.values())))
    def end_or_make_sandbox(self, path: str) -> None:
        try:
            self.kernel.end_sandbox(path)
        except KeyError:
            self.kernel.make_sandbox(path)
        self.life.announce()

    @rule(
        seed=st.integers(0, 1 << 16),
        kinds=st.lists(st.sampled_from(list(ACTS)), min_size=1, max_size=4),
    )
    def tamper(self, seed: int, kinds: list[str]) -> None:
        random = Random(seed)
        for kind in kinds:
            self.kernel.tamper(random, kind)
        self.life.announce()

    @rule(refusal=st.sampled_from((0.0, 0.05, 0.3)), limit=st.booleans())
    def fail(self, refusal: float, limit: bool) -> None:
        self.kernel.faults = Faults(refusal, refusal, 2 if limit else None)

    @rule(seconds=st.sampled_from((0.01, 0.3, 5.0, 40.0)))
    def wait(self, seconds: float) -> None:
        self.life.run(seconds)

    @rule(operations=st.integers(1, 30), seconds=picks, is_complete=st.booleans())
    def kill(self, operations: int, seconds: int, is_complete: bool) -> None:
        """Kill the agent in the middle of an operation, and start it anew."""
        self.life.killed_after = operations
        self.life.run(float(seconds))
        self.kernel.forget_agent()
        self.bear(is_announcing=self.life.is_announcing, is_complete=is_complete)
        if not is_complete:
            self.life.run(1.0)
            self.life.plane.complete(self.life.now)
            self.life.serve()

    # What follows

    def teardown(self) -> None:
        self.kernel.faults = NO_FAULTS
        self.life.settle()
        self.check_plan()
        self.leave()
        self.life.settle()
        self.check_nothing_left()

    def check_plan(self) -> None:
        plan = plan_all(self.known, self.kernel)
        assert apart(Host(self.life.plane.desired.namespaces), plan) == []
        assert reconcile(plan, self.read(plan)) == []
        assert self.trespasses == []
        assert self.kernel.foreign_intact() == []

    def read(self, plan: Host) -> Host:
        names = (HOST, *self.kernel.names())
        return Host(
            {
                one: self.kernel.read(one, plan.namespaces.get(one))
                for one in names
                if one in plan.namespaces or self.is_alive(one)
            }
        )

    def is_alive(self, name: str) -> bool:
        return PATHS.get(name.removeprefix("box/")) is None

    def leave(self) -> None:
        for key in list(self.known.networks):
            self.life.plane.drop_network(self.life.now, key)
        for name in list(self.known.sandboxes):
            self.life.plane.drop_sandbox(self.life.now, name)
        self.life.serve()

    def check_nothing_left(self) -> None:
        assert self.kernel.names() == ()
        assert ours(self.kernel.read(HOST)) == Namespace()
        for name, path in PATHS.items():
            try:
                self.kernel.adopt(name, path)
            except Exception:
                continue
            assert ours(self.kernel.read(name)) == Namespace()
        assert self.trespasses == []
        assert self.kernel.foreign_intact() == []


SETTINGS: Final = settings(
    max_examples=2 * settings().max_examples,
    stateful_step_count=25,
    suppress_health_check=list(HealthCheck),
)


def check_machine(machine: type[Histories]) -> None:
    """Run it; each history ends with what must hold (`teardown`)."""
    run_state_machine_as_test(machine, settings=SETTINGS)


@pytest.mark.slow
def test_whatever_happens_the_kernel_ends_as_planned() -> None:
    check_machine(Histories)
