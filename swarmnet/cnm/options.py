"""Values of options that several drivers have, read and checked."""

from re import compile as pattern
from typing import Final

from swarmnet.errors import Refused

MTU_MIN: Final = 68
"""What every host must take (RFC 791, section 3.2); IPv6 wants 1280."""
MTU_IPV6_MIN: Final = 1280
MTU_MAX: Final = 65_535
_MTU: Final = pattern(r"[0-9]{1,5}\Z")
_WORDS: Final = {"true": True, "1": True, "false": False, "0": False}


def parse_mtu(text: str) -> int:
    """Read `mtu=…`.

    Raises:
        Refused: it is no number from `MTU_MIN` to `MTU_MAX`.
    """
    if not (_MTU.match(text) and MTU_MIN <= int(text) <= MTU_MAX):
        raise Refused(
            f"option mtu={text[:40]}: want a number from {MTU_MIN} to {MTU_MAX}"
        )
    return int(text)


def parse_switch(key: str, text: str) -> bool:
    """Read an option that is on or off.

    Raises:
        Refused: it is neither.
    """
    found = _WORDS.get(text.lower())
    if found is None:
        raise Refused(f"option {key}={text[:40]}: want true or false")
    return found
