"""What nodes say to each other about addresses, beside rows: asking, and inquiring.

    ask      [0, realm, number, life, ahead]   give me some, or that number: for that
                                               life, and not if you may need it
    refuse   [1, realm, number, reason]    `asking.Reason`; number nil: some
    inquire  [2, matter, subject]          what do you know of that?
    answer   [3, matter, subject, word]    that

What helps an asker is a deed, which comes with the rows. Of a later version whatever
begins otherwise is passed over.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from swarmnet.errors import BadPacket
from swarmnet.ipam.asking import Reason
from swarmnet.ipam.deeds import REALM_BYTES_MAX
from swarmnet.wire import array, blob, natural, pack, unpack_array_untrusted

SUBJECT_BYTES_MAX: Final = 32
WORD_BYTES_MAX: Final = 32
_ASK, _REFUSE, _INQUIRE, _ANSWER = range(4)


class Matter(IntEnum):
    """What is inquired. Numbers are never used again."""

    DEEDS = 0
    """The subject is a node: a hash of what lasts of its rows about addresses."""
    ABSENT = 1
    """The subject is a network that goes: 1 if the member will not take part in it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Some numbers of a realm are asked for, or one; for that life."""

    realm: bytes
    number: int | None
    life: int
    ahead: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """Nothing is given, and why."""

    realm: bytes
    number: int | None
    reason: Reason


@dataclass(frozen=True, slots=True)
class Inquiry:
    """What do you know?"""

    matter: Matter
    subject: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What the sender knows."""

    matter: Matter
    subject: bytes
    word: bytes


AddressMessage = Asked | Refusal | Inquiry | Answer


def encode_address_message(message: AddressMessage) -> bytes:
    """Return the bytes of a message; all fit into a datagram many times."""
    match message:
        case Asked(realm, number, life, ahead):
            return pack((_ASK, realm, number, life, ahead))
        case Refusal(realm, number, reason):
            return pack((_REFUSE, realm, number, reason))
        case Inquiry(matter, subject):
            return pack((_INQUIRE, matter, subject))
        case Answer(matter, subject, word):
            return pack((_ANSWER, matter, subject, word))


def decode_address_message_untrusted(data: bytes) -> AddressMessage | None:
    """Read a message; None if it is of a kind that this version does not know.

    Raises:
        BadPacket: it is malformed.
    """
    fields = array(unpack_array_untrusted(data), 3)
    kind = natural(fields[0])
    if kind in (_ASK, _REFUSE):
        realm, number, last = (*fields, None)[1:4]
        asked = None if number is None else natural(number)
        name = blob(realm, REALM_BYTES_MAX, 1)
        if kind == _ASK:
            return Asked(name, asked, natural(last), fields[4:5] == [True])
        return Refusal(name, asked, _reason(last))
    if kind not in (_INQUIRE, _ANSWER) or fields[1] not in tuple(Matter):
        return None
    matter = Matter(natural(fields[1]))
    subject = blob(fields[2], SUBJECT_BYTES_MAX, 1)
    if kind == _INQUIRE:
        return Inquiry(matter, subject)
    return Answer(matter, subject, blob((*fields, None)[3], WORD_BYTES_MAX))


def _reason(value: object) -> Reason:
    number = natural(value)
    if number not in tuple(Reason):
        raise BadPacket(f"reason {number}")
    return Reason(number)
