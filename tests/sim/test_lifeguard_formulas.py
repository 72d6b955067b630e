"""Lifeguard's formulas as full tables, its settings, and its bytes."""

from collections.abc import Mapping, Sequence
from math import log10
from random import Random

import pytest

from sim.profiles.lifeguard import LifeguardProfile
from sim.profiles.lifeguard.codec import (
    decode_update_untrusted,
    encode_update,
)
from sim.profiles.lifeguard.formulas import (
    LifeguardConfig,
    recovery_periods,
    suspicion_min_s,
    suspicion_s,
)
from sim.profiles.lifeguard.health import HealthEvent, LocalHealth
from sim.profiles.peer_wire import open_checksum_untrusted, seal_checksum
from sim.profiles.swim_paper.codec import (
    Kind,
    Packet,
    decode_packet_untrusted,
    encode_frame,
    encode_packet,
)
from swarmnet.errors import BadPacket, Refused
from swarmnet.swim.outputs import (
    SendDatagram,
    State,
)
from tests.sim.lifeguard_bench import (
    FIELDS,
    ME,
    VICTIM,
    accused,
    lifeguard,
    word,
)
from tests.sim.toy_network import identity

OK, FAILED = HealthEvent.PROBE_SUCCEEDED, HealthEvent.PROBE_FAILED
MISSED, REFUTED = HealthEvent.NACK_MISSED, HealthEvent.REFUTED


@pytest.mark.parametrize(
    ("alpha", "members", "period_s", "shortest_s"),
    [
        (5, 1, 1.0, 5.0),
        (5, 10, 1.0, 5.0),
        (5, 64, 1.0, 5 * log10(64)),
        (5, 100, 1.0, 10.0),
        (5, 1000, 1.0, 15.0),
        (2, 1000, 1.0, 6.0),
        (5, 100, 2.0, 20.0),
    ],
)
def test_the_shortest_suspicion_is_alpha_periods_for_each_decade(
    alpha: float, members: int, period_s: float, shortest_s: float
) -> None:
    assert suspicion_min_s(alpha, members, period_s) == pytest.approx(shortest_s)


@pytest.mark.parametrize(
    ("confirmations", "wanted", "lasts_s"),
    [
        (0, 3, 30.0),
        (1, 3, 17.5),
        (2, 3, 10.188),
        (3, 3, 5.0),
        (4, 3, 5.0),
        (0, 1, 30.0),
        (1, 1, 5.0),
        (0, 0, 5.0),
    ],
)
def test_every_confirmation_takes_off_less_than_the_one_before(
    confirmations: int, wanted: int, lasts_s: float
) -> None:
    found_s = suspicion_s(confirmations, wanted, 5.0, 30.0)
    assert found_s == pytest.approx(lasts_s, abs=0.001)


@pytest.mark.parametrize(
    ("events", "multiplier"),
    [
        ((), 0),
        ((OK,), 0),
        ((FAILED,), 1),
        ((REFUTED,), 1),
        ((FAILED, MISSED, MISSED, MISSED), 4),
        ((FAILED, FAILED, OK), 1),
        ((FAILED,) * 8, 8),
        ((FAILED,) * 9, 8),
        ((FAILED,) * 9 + (OK,), 7),
        ((FAILED, OK, OK, FAILED), 1),
    ],
)
def test_local_health_moves_by_one_and_saturates(
    events: Sequence[HealthEvent], multiplier: int
) -> None:
    health = LocalHealth(8)
    for event in events:
        health.note(event)
    assert health.multiplier == multiplier
    assert health.stretch(0.5) == 0.5 * (multiplier + 1)


@pytest.mark.parametrize(("health_max", "periods"), [(0, 2), (1, 5), (8, 54)])
def test_health_recovers_in_the_sum_of_the_stretched_periods(
    health_max: int, periods: int
) -> None:
    assert recovery_periods(health_max) == periods


@pytest.mark.parametrize(
    ("nodes", "settings", "bound_s"),
    [
        (10, {}, 54 + 9 + 2 * 30 + 2),
        (100, {}, 54 + 15 + 2 * 60 + 2),
        (10, {"health_max": "0", "beta": "1"}, 2 + 9 + 2 * 5 + 2),
    ],
)
def test_the_calm_is_recovery_spreading_and_two_suspicions(
    nodes: int, settings: Mapping[str, str], bound_s: float
) -> None:
    assert LifeguardProfile(settings).calm_s(nodes) == pytest.approx(bound_s)


def test_the_settings_are_the_papers_and_swims() -> None:
    config = LifeguardConfig.read({})
    assert (config.alpha, config.beta, config.wanted, config.health_max) == (5, 6, 3, 8)
    swim = config.swim
    assert (swim.period_s, swim.ping_timeout_s, swim.ping_req) == (1.0, 0.5, 3)
    assert swim.rejoin is True
    changed = LifeguardConfig.read({"k": "2", "alpha": "4", "period_s": "2"})
    assert (changed.wanted, changed.alpha, changed.swim.period_s) == (2, 4.0, 2.0)
    with pytest.raises(
        Refused, match="profile lifeguard knows alpha, beta, health_max"
    ):
        LifeguardConfig.read({"kappa": "1"})
    with pytest.raises(Refused, match="want an integer from 0 to 100"):
        LifeguardConfig.read({"k": "2.5"})


# The wire.


def test_an_accusation_names_its_accuser() -> None:
    update = accused(1, 2)
    data = encode_update(update)
    assert data.hex() == (
        f"9701b0{VICTIM.node.hex()}0100a40a000002cd1f0ab0{identity(2).node.hex()}"
    )
    assert decode_update_untrusted(data) == update
    for cut in range(len(data)):
        with pytest.raises(BadPacket):
            decode_update_untrusted(data[:cut])


@pytest.mark.parametrize("state", [State.ALIVE, State.DEAD, State.LEFT])
def test_only_a_suspicion_has_an_accuser(state: State) -> None:
    update = word(state, 1)
    data = encode_update(update)
    assert decode_update_untrusted(data) == update
    suspicion = data[:1] + b"\x01" + data[2:]
    with pytest.raises(BadPacket, match="suspect of 6 fields"):
        decode_update_untrusted(suspicion)
    accusation = encode_update(accused(1, 2))
    blamed = accusation[:1] + bytes([state]) + accusation[2:]
    with pytest.raises(BadPacket, match=f"{state.name.lower()} of 7 fields"):
        decode_update_untrusted(blamed)


def test_a_nack_is_lifeguards_alone() -> None:
    packet = Packet(Kind.NACK, 7, None, None, (b"one",))
    data = encode_packet(packet)
    assert decode_packet_untrusted(data, FIELDS) == packet
    with pytest.raises(BadPacket):
        decode_packet_untrusted(data)


def test_mutated_bytes_never_raise_and_the_node_still_answers() -> None:
    net = lifeguard(3)
    random = Random(3)
    packets = [
        Packet(Kind.PING, 7, ME.node, None, (encode_update(accused(1, 2)),)),
        Packet(Kind.NACK, 7, None, None, (encode_update(word(State.DEAD, 2)),)),
    ]
    bodies = [open_checksum_untrusted(encode_packet(one)) for one in packets]
    bodies.append(encode_frame(Kind.ANNOUNCE, [encode_update(accused(0, 2))]))
    engine, by = net.engines[0], VICTIM
    for body in bodies * 200:
        mutated = bytearray(body)
        mutated[random.randrange(len(body))] = random.randrange(256)
        data = bytes(mutated)
        engine.receive_datagram(0.0, by.node, by.address, seal_checksum(data))
        engine.receive_stream(0.0, by.node, by.address, data)
    while engine.poll_output() is not None:
        pass
    assert engine.counters()["drop_bad"] > 100
    ping = encode_packet(Packet(Kind.PING, 9, ME.node, None, ()))
    engine.receive_datagram(0.0, by.node, by.address, ping)
    answer = engine.poll_output()
    assert isinstance(answer, SendDatagram)
    assert decode_packet_untrusted(answer.data, FIELDS).kind is Kind.ACK
