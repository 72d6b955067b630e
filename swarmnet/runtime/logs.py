"""What the agent says on standard error: a line each, as text or as JSON."""

import json
import logging
import sys
from collections.abc import Mapping
from typing import Final

LEVELS: Final = ("debug", "info", "warning", "error")
FORMATS: Final = ("text", "json")


class _Lines(logging.Formatter):
    def __init__(self, form: str) -> None:
        super().__init__()
        self._form = form

    def format(self, record: logging.LogRecord) -> str:
        facts: Mapping[str, object] = getattr(record, "facts", {})
        message = record.getMessage()
        if record.exc_info is not None:
            message += "\n" + self.formatException(record.exc_info)
        if self._form == "json":
            head = {
                "time": round(record.created, 3),
                "level": record.levelname.lower(),
                "event": message,
            }
            return json.dumps({**head, **facts}, default=str)
        told = " ".join(f"{key}={_shown(value)}" for key, value in facts.items())
        stamp = self.formatTime(record, "%Y-%m-%dT%H:%M:%S")
        return f"{stamp} {record.levelname.lower()} {message} {told}".rstrip()


def _shown(value: object) -> str:
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if " " in text else text


def set_up_logs(form: str, level: str) -> None:
    """Let everything that is logged from `level` on go to standard error."""
    assert form in FORMATS, form
    assert level in LEVELS, level
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines(form))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
