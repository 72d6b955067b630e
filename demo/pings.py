"""What ping prints: how many packets went, and how many came back."""

import re
from typing import Final

COUNTS: Final = re.compile(r"(\d+) packets transmitted, (\d+) received")


def counts(output: str) -> str:
    """Return the line that counts packets, and the one with the times."""
    lines = output.splitlines()
    kept = [line for line in lines if COUNTS.search(line) or line.startswith("rtt")]
    return "\n".join(kept) or output


def counted(output: str) -> tuple[int, int]:
    """Return how many were sent, and how many of them answered."""
    found = COUNTS.search(output)
    return (int(found[1]), int(found[2])) if found else (0, 0)
