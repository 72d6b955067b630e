"""Who holds the ports that this host needs, and who else makes VXLAN devices."""

from collections.abc import Iterator
from dataclasses import dataclass

from swarmnet.doctor.finding import Finding, failure, ok, warning


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a port: `pid` 0 is the kernel, None is nobody that could be found."""

    protocol: str
    address: str
    port: int
    pid: int | None
    program: str = ""


@dataclass(frozen=True, slots=True)
class VxlanDevice:
    """A VXLAN device whose socket stands in this host's namespace.

    `place` says where the device itself is. One that is `external` takes whatever VNI
    comes (collect_md of ip-link(8)).
    """

    name: str
    place: str
    vni: int
    port: int
    is_ours: bool
    is_external: bool = False


@dataclass(frozen=True, slots=True)
class PortFacts:
    """What was found: `agent` is the pid of this host's agent, None without one.

    `vnis` are those of networks that this host takes part in.
    """

    port: int
    vxlan_port: int
    agent: int | None
    holders: tuple[Holder, ...] = ()
    devices: tuple[VxlanDevice, ...] = ()
    vnis: tuple[int, ...] = ()
    in_cluster: bool = False


def check_ports(facts: PortFacts) -> Iterator[Finding]:
    """Yield who holds the control port, and VXLAN's."""
    for protocol in ("udp", "tcp"):
        yield _control(facts, protocol)
    yield _vxlan_socket(facts)
    yield from _devices(facts)


def _control(facts: PortFacts, protocol: str) -> Finding:
    check = f"port {facts.port}/{protocol}"
    held = [
        one
        for one in facts.holders
        if (one.protocol, one.port) == (protocol, facts.port)
    ]
    foreign = [one for one in held if one.pid != facts.agent or facts.agent is None]
    if foreign:
        cure = (
            f"{_stop(foreign[0])}; or give swarmnet another port: swarmnet init or join"
            " with --advertise-addr IP:PORT"
        )
        return failure(check, f"held by {_who(foreign[0])}", cure)
    if held:
        return ok(check, f"held by this host's agent (pid {facts.agent})")
    if facts.in_cluster:
        told = "the agent is in a cluster, and does not hold it"
        return failure(check, told, "systemctl restart swarmnet")
    return ok(check, "free")


def _vxlan_socket(facts: PortFacts) -> Finding:
    check = f"port {facts.vxlan_port}/udp"
    for one in facts.holders:
        if (one.protocol, one.port) != ("udp", facts.vxlan_port) or not one.pid:
            continue
        told = f"held by {_who(one)}: no VXLAN device can be brought up"
        cure = f"{_stop(one)}; or make the cluster with --data-path-port PORT"
        return failure(check, told, cure)
    is_held = any(one.port == facts.vxlan_port for one in facts.devices)
    told = "held by the kernel, for VXLAN" if is_held else "free"
    return ok(check, told)


def _devices(facts: PortFacts) -> Iterator[Finding]:
    foreign = [
        one for one in facts.devices if one.port == facts.vxlan_port and not one.is_ours
    ]
    if not foreign:
        told = f"no other VXLAN device on port {facts.vxlan_port}"
        yield ok("foreign vxlan", told)
    for one in foreign:
        told = f"{one.name} in {one.place}: VNI {one.vni}, port {one.port}"
        cure = f"{_delete(one)}, or give it another port (dstport)"
        if one.is_external:
            told = f"{one.name} in {one.place}: takes every VNI of port {one.port}"
            yield failure("foreign vxlan", told, cure)
        elif one.vni in facts.vnis:
            told += ": that VNI is one of our networks'"
            yield failure("foreign vxlan", told, cure)
        else:
            told += ": shares our socket; our firewall and MTU rules are not its own"
            yield warning("foreign vxlan", told, cure)


def _who(one: Holder) -> str:
    where = f"{one.address}:{one.port}/{one.protocol}"
    if one.pid is None:
        return f"a process that cannot be seen from here ({where})"
    if one.pid == 0:
        return f"the kernel ({where})"
    return f"{one.program} (pid {one.pid}, {where})"


def _stop(one: Holder) -> str:
    if one.pid:
        return f"stop {one.program}: kill {one.pid}"
    if one.pid is None:
        return f"find who it is as root: ss -lnp 'sport = :{one.port}'"
    return f"find the device: ip -d link | grep {one.port}"


def _delete(one: VxlanDevice) -> str:
    if one.place.startswith("/"):
        return f"nsenter --net={one.place} ip link delete {one.name}"
    return f"ip link delete {one.name}"
