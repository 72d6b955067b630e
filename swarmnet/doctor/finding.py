"""A finding: what was looked at, what it shows, and what to do about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

TEXT_CHARACTERS_MAX: Final = 500
"""So much of each text is taken of what another host says."""


class Verdict(StrEnum):
    """How it is, from well to bad; what was not looked at is neither."""

    SKIP = "skip"
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check's outcome.

    `check` names it, and is the same in every version; `evidence` is one line with the
    values that were seen, `cure` the command or the act that mends it, "" where nothing
    is to be mended. `node` is the name of the member that it is about, "": this host.
    """

    check: str
    verdict: Verdict
    evidence: str
    cure: str = ""
    node: str = ""

    def as_json(self) -> dict[str, str | None]:
        """Return it as the control API and `--format json` show it."""
        return {
            "check": self.check,
            "node": self.node or None,
            "verdict": self.verdict.value,
            "evidence": self.evidence,
            "cure": self.cure or None,
        }


def ok(check: str, evidence: str, node: str = "") -> Finding:
    """Return that all is well."""
    return Finding(check, Verdict.OK, evidence, node=node)


def skipped(check: str, evidence: str, cure: str = "", node: str = "") -> Finding:
    """Return that something was not looked at, and why not."""
    return Finding(check, Verdict.SKIP, evidence, cure, node)


def warning(check: str, evidence: str, cure: str, node: str = "") -> Finding:
    """Return that something is not as it should be, though it works."""
    return Finding(check, Verdict.WARN, evidence, cure, node)


def failure(check: str, evidence: str, cure: str, node: str = "") -> Finding:
    """Return that something does not work."""
    return Finding(check, Verdict.FAIL, evidence, cure, node)


def finding_untrusted(value: object, node: str) -> Finding | None:
    """Read what a member found on its own host; None if it is no finding."""
    if not isinstance(value, Mapping):
        return None
    try:
        verdict = Verdict(str(value.get("verdict")))
    except ValueError:
        return None
    check, evidence, cure = (
        str(value.get(key) or "")[:TEXT_CHARACTERS_MAX]
        for key in ("check", "evidence", "cure")
    )
    return Finding(check, verdict, evidence, cure, node)
