"""What becomes of an engine's outputs, all but datagrams: those are the hot path."""

from typing import TYPE_CHECKING

from sim.profiles.contract import Engine
from sim.profiles.tabled import Tabled
from swarmnet.node.outputs import Output, VerifySignatures
from swarmnet.swim.outputs import (
    Deliver,
    Departed,
    IdentityConflict,
    Joined,
    JoinFailed,
    MemberChanged,
    ReachChanged,
    SendDatagram,
    SendStream,
    SignerUnknown,
)

if TYPE_CHECKING:
    from sim.cluster import Cluster
    from sim.host import Host


def react(
    cluster: "Cluster", host: "Host", engine: Engine, now: float, output: Output
) -> None:
    """Do what `engine` of `host` wants done; `now` is the host's own time."""
    match output:
        case MemberChanged():
            cluster.member_changed(host, output)
        case Deliver(payload, _sender):
            if cluster.delivered(host, payload):
                engine.relay(now, payload)
        case ReachChanged(member, reach):
            what = f"reach {reach.name.lower()}"
            cluster.process_event(host, what, cluster.index_of(member))
        case SendStream():
            cluster.checkers.frame(host, output)
            cluster.streams.send(host, output)
        case Joined(through):
            cluster.process_event(host, "joined", cluster.index_of(through))
        case JoinFailed():
            cluster.process_event(host, "join-failed", -1)
        case Departed(acknowledged):
            host.departed = True
            cluster.process_event(host, f"departed acks={acknowledged}", -1)
        case IdentityConflict(boot_epoch, address):
            other = cluster.index_at(address)
            cluster.process_event(host, f"conflict epoch={boot_epoch}", other)
        case VerifySignatures():
            assert isinstance(engine, Tabled), "only rows come in such numbers"
            engine.verify(now, output)
        case SignerUnknown():
            raise AssertionError("whoever lacks a key asks for it by itself")
        case SendDatagram():
            raise AssertionError("datagrams are sent by the host itself")
