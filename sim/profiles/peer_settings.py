"""Reads the `--set KEY=VALUE` pairs of the peer profiles against a table of bounds."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite

from swarmnet.errors import Refused


@dataclass(frozen=True, slots=True)
class Setting:
    """One knob: its default, its bounds (both allowed) and what it is.

    `whole` settings take integers alone.
    """

    default: float
    lowest: float
    highest: float
    meaning: str
    whole: bool = False

    def bound(self) -> str:
        """Return the bound as a refusal states it."""
        kind = "an integer" if self.whole else "a number"
        return f"{kind} from {self.lowest:g} to {self.highest:g}"


def read_settings(
    profile: str, table: Mapping[str, Setting], given: Mapping[str, str]
) -> Mapping[str, float]:
    """Return every setting of `table`, with what is `given` in place of defaults.

    Raises:
        Refused: an unknown key, or a value that is no number within the bounds.
    """
    values = {key: setting.default for key, setting in table.items()}
    for key, text in given.items():
        if key not in table:
            known = ", ".join(sorted(table))
            raise Refused(f"setting {key!r}: profile {profile} knows {known}")
        values[key] = _read(key, table[key], text)
    return values


def _read(key: str, setting: Setting, text: str) -> float:
    refusal = f"setting {key}={text!r}: want {setting.bound()}"
    try:
        value = float(text)
    except ValueError:
        raise Refused(refusal) from None
    if not isfinite(value) or not setting.lowest <= value <= setting.highest:
        raise Refused(refusal)
    if setting.whole and value != int(value):
        raise Refused(refusal)
    return value


def describe(table: Mapping[str, Setting]) -> Mapping[str, str]:
    """Return one line for every key, its default and bounds included."""
    return {
        key: f"{setting.meaning} (default {setting.default:g}; {setting.bound()})"
        for key, setting in table.items()
    }
