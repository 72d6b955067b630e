"""The peers' bytes: golden hex, round trips, and cuts at every byte."""

from random import Random

import pytest

from sim.profiles.contract import Engine, Profile
from sim.profiles.memberlist import MemberlistProfile
from sim.profiles.memberlist.codec import (
    Ack,
    Alive,
    Dead,
    IndirectPing,
    Message,
    Nack,
    Ping,
    Suspect,
    UserEvent,
    decode_untrusted,
    encode_ack,
    encode_claim,
    encode_compound,
    encode_event,
    encode_indirect_ping,
    encode_nack,
    encode_ping,
    split_compound_untrusted,
)
from sim.profiles.memberlist.push_pull import (
    PushState,
    decode_push_pull_untrusted,
    encode_push_pull,
)
from sim.profiles.peer_roster import Member
from sim.profiles.peer_wire import open_checksum_untrusted, seal_checksum
from sim.profiles.swim_paper import SwimPaperProfile
from sim.profiles.swim_paper.codec import (
    Kind,
    News,
    Packet,
    decode_frame_untrusted,
    decode_packet_untrusted,
    decode_update_untrusted,
    encode_frame,
    encode_news,
    encode_packet,
    encode_update,
)
from sim.profiles.swim_paper.rules import Update
from swarmnet.errors import BadPacket
from swarmnet.ids import CLUSTER, Scope
from swarmnet.swim.outputs import Payload, PayloadClass, SendDatagram, State
from tests.sim.toy_network import identity

ONE, TWO = identity(1), identity(2)
PLAIN = Payload(b"key", CLUSTER, PayloadClass.NORMAL, b"data")
SCOPED = Payload(b"key", Scope(b"net"), PayloadClass.URGENT, b"data")
ASK = IndirectPing(7, TWO.node, TWO.address, nack=True)
MESSAGES: list[tuple[Message, bytes]] = [
    (Ping(7, TWO.node), encode_ping(7, TWO.node, ONE.node, ONE.address)),
    (ASK, encode_indirect_ping(ASK, ONE.node, ONE.address)),
    (Ack(7), encode_ack(7)),
    (Nack(7), encode_nack(7)),
    (Suspect(3, TWO.node, ONE.node), encode_claim(Suspect(3, TWO.node, ONE.node))),
    (Alive(3, TWO.node, TWO.address), encode_claim(Alive(3, TWO.node, TWO.address))),
    (Dead(3, TWO.node, TWO.node), encode_claim(Dead(3, TWO.node, TWO.node))),
    (UserEvent(9, PLAIN), b"\x08" + encode_event(UserEvent(9, PLAIN))),
    (UserEvent(9, SCOPED), b"\x08" + encode_event(UserEvent(9, SCOPED))),
]


def test_memberlist_messages_have_the_names_and_order_of_go() -> None:
    name = ONE.node.hex()
    assert encode_ack(7).hex() == "0282a55365714e6f07a75061796c6f6164c0"
    assert encode_claim(Suspect(3, ONE.node, ONE.node)).hex() == (
        f"0383ab496e6361726e6174696f6e03a44e6f6465b0{name}a446726f6db0{name}"
    )
    assert encode_claim(Alive(3, ONE.node, ONE.address)).hex() == (
        f"0486ab496e6361726e6174696f6e03a44e6f6465b0{name}"
        "a441646472a40a000002a4506f7274cd1f0aa44d657461c0a356736ea6010502020504"
    )


@pytest.mark.parametrize(("message", "data"), MESSAGES)
def test_a_memberlist_message_reads_back(message: Message, data: bytes) -> None:
    assert decode_untrusted(data) == message


@pytest.mark.parametrize("data", [data for _, data in MESSAGES])
def test_a_memberlist_message_cut_anywhere_is_bad(data: bytes) -> None:
    for cut in range(len(data)):
        with pytest.raises(BadPacket):
            decode_untrusted(data[:cut])


def test_a_compound_gives_its_parts_and_counts_those_cut_off() -> None:
    parts = [b"one", b"", b"three"]
    data = encode_compound(parts)
    assert data.hex() == "0703000300000005" + b"onethree".hex()
    assert split_compound_untrusted(data) == (parts, 0)
    assert split_compound_untrusted(data[:-1]) == (parts[:2], 1)
    for cut in range(8):
        with pytest.raises(BadPacket):
            split_compound_untrusted(data[:cut])


def test_a_full_state_reads_back_and_no_cut_of_it_does() -> None:
    members = [
        Member(one.node, one.address, 1, 4, state, 0.0)
        for one, state in ((ONE, State.ALIVE), (TWO, State.LEFT))
    ]
    data = encode_push_pull(members, join=True)
    assert decode_push_pull_untrusted(data) == [
        PushState(ONE.node, ONE.address, 4, State.ALIVE),
        PushState(TWO.node, TWO.address, 4, State.LEFT),
    ]
    for cut in range(len(data)):
        with pytest.raises(BadPacket):
            decode_push_pull_untrusted(data[:cut])


def test_a_damaged_packet_does_not_pass_its_checksum() -> None:
    data = seal_checksum(b"packet")
    assert open_checksum_untrusted(data) == b"packet"
    for index in range(len(data)):
        damaged = bytearray(data)
        damaged[index] ^= 1
        with pytest.raises(BadPacket):
            open_checksum_untrusted(bytes(damaged))


PACKETS = [
    Packet(Kind.PING, 7, TWO.node, None, (b"one", b"two")),
    Packet(Kind.ACK, 7, None, None, ()),
    Packet(Kind.PING_REQ, 7, TWO.node, TWO.address, (b"one",)),
]


@pytest.mark.parametrize("packet", PACKETS)
def test_a_swim_packet_reads_back_and_no_cut_of_it_does(packet: Packet) -> None:
    data = encode_packet(packet)
    assert decode_packet_untrusted(data) == packet
    body = open_checksum_untrusted(data)
    for cut in range(len(body)):
        with pytest.raises(BadPacket):
            decode_packet_untrusted(seal_checksum(body[:cut]))


def test_a_swim_update_and_a_payload_read_back() -> None:
    update = Update(State.SUSPECT, TWO.node, 2, 3, TWO.address)
    assert encode_update(update).hex() == (
        f"9601b0{TWO.node.hex()}0203a40a000003cd1f0a"
    )
    assert decode_update_untrusted(encode_update(update)) == update
    for payload in (PLAIN, SCOPED):
        news = News(2**60, payload)
        assert decode_update_untrusted(encode_news(news)) == news
    frame = encode_frame(Kind.MEMBERS, [encode_update(update)])
    assert decode_frame_untrusted(frame) == (Kind.MEMBERS, [update])


@pytest.mark.parametrize("profile", [MemberlistProfile({}), SwimPaperProfile({})])
def test_garbage_is_counted_and_changes_nothing(profile: Profile) -> None:
    engine = profile.build(
        ONE, boot_epoch=1, random=Random(1), view=profile.full_view([ONE, TWO])
    )
    engine.start(0.0)
    while engine.poll_output() is not None:
        pass
    random = Random(2)
    for size in range(60):
        feed(engine, random.randbytes(size))
    assert engine.poll_output() is None
    assert dict(engine.states()) == {TWO.node: State.ALIVE}
    assert engine.counters()["drop_bad"] > 100


@pytest.mark.parametrize("profile", [MemberlistProfile({}), SwimPaperProfile({})])
def test_mutated_messages_never_raise_and_the_node_still_answers(
    profile: Profile,
) -> None:
    engine = profile.build(
        ONE, boot_epoch=1, random=Random(1), view=profile.full_view([ONE, TWO])
    )
    engine.start(0.0)
    random = Random(3)
    bodies = [data for _, data in MESSAGES]
    bodies += [open_checksum_untrusted(encode_packet(packet)) for packet in PACKETS]
    bodies.append(encode_frame(Kind.JOIN, []))
    for _ in range(200):
        for body in bodies:
            mutated = bytearray(body)
            for _ in range(random.randrange(1, 4)):
                mutated[random.randrange(len(mutated))] = random.randrange(256)
            feed(engine, bytes(mutated))
            engine.handle_timeout(0.0)
    while engine.poll_output() is not None:
        pass
    pings = (
        seal_checksum(encode_ping(7, ONE.node, TWO.node, TWO.address)),
        encode_packet(Packet(Kind.PING, 7, ONE.node, None, ())),
    )
    for ping in pings:
        engine.receive_datagram(0.0, TWO.node, TWO.address, ping)
    answer = engine.poll_output()
    assert isinstance(answer, SendDatagram)
    assert (answer.peer, answer.address) == (TWO.node, TWO.address)


def feed(engine: Engine, data: bytes) -> None:
    engine.receive_datagram(0.0, TWO.node, TWO.address, data)
    engine.receive_datagram(0.0, TWO.node, TWO.address, seal_checksum(data))
    engine.receive_stream(0.0, TWO.node, TWO.address, data)
