"""What the agent says on standard error: a line each, as text or as JSON.

The last of it is kept for support bundles, which are wanted when it is too late to look
at a terminal.
"""

import json
import logging
import sys
from collections import deque
from collections.abc import Mapping
from typing import Final

LEVELS: Final = ("debug", "info", "warning", "error")
FORMATS: Final = ("text", "json")
KEPT_LINES: Final = 2000

recent: Final[deque[Mapping[str, object]]] = deque(maxlen=KEPT_LINES)
"""What was logged last, the oldest first."""


class _Keeping(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        recent.append(_as_json(record))


class _Lines(logging.Formatter):
    def __init__(self, form: str) -> None:
        super().__init__()
        self._form = form

    def format(self, record: logging.LogRecord) -> str:
        if self._form == "json":
            return json.dumps(_as_json(record), default=str)
        facts, message = _facts(record), _message(record)
        told = " ".join(f"{key}={_shown(value)}" for key, value in facts.items())
        stamp = self.formatTime(record, "%Y-%m-%dT%H:%M:%S")
        return f"{stamp} {record.levelname.lower()} {message} {told}".rstrip()


def _facts(record: logging.LogRecord) -> Mapping[str, object]:
    facts: Mapping[str, object] = getattr(record, "facts", {})
    return facts


def _message(record: logging.LogRecord) -> str:
    message = record.getMessage()
    if record.exc_info is not None:
        message += "\n" + logging.Formatter().formatException(record.exc_info)
    return message


def _as_json(record: logging.LogRecord) -> Mapping[str, object]:
    return {
        "time": round(record.created, 3),
        "level": record.levelname.lower(),
        "event": _message(record),
        **_facts(record),
    }


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
    root.handlers[:] = [handler, _Keeping()]
    root.setLevel(level.upper())
