"""Secrets are found by what they are, and left out of whatever is given to others.

Secret is every value that the data directory keeps but for those known to be public, so
that a new one is not forgotten; and every join token, wherever it came from.
"""

import sqlite3
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from re import compile as pattern
from typing import Final

from swarmnet.crypto.token import PREFIX
from swarmnet.errors import Refused
from swarmnet.runtime.store import DATABASE

PUBLIC: Final = frozenset(
    {
        *("begin", "boot_epoch", "chain", "leaving", "next_serial", "place", "roots"),
        *("withdrawn", "written"),
    }
)
SECRET_BYTES_MIN: Final = 8
"""What is shorter is a number, and would be found by chance."""
HIDDEN: Final = b"[secret]"
_TOKEN: Final = pattern(PREFIX.encode() + rb"-[0-9]+-[0-9a-z]+-[0-9a-z]+")


def kept_secrets(data_dir: Path) -> list[bytes] | None:
    """Return the secrets that a data directory keeps; None if nothing is kept there.

    An agent may have it.

    Raises:
        Refused: there may be some, and they cannot be read.
    """
    path = (data_dir / DATABASE).absolute()
    try:
        path.stat()
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as database:
            rows = database.execute("SELECT key, value FROM meta").fetchall()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (sqlite3.Error, OSError) as error:
        raise Refused(
            f"data directory {data_dir}: {error}: without it nobody can tell what is"
            " secret: run this as root, or name another with --data-dir"
        ) from None
    found = [bytes(value) for key, value in rows if key not in PUBLIC]
    return [one for one in found if len(one) >= SECRET_BYTES_MIN]


class Redactor:
    """Takes secrets out of bytes: raw, in hexadecimal and in base64."""

    __slots__ = ("_forms",)

    def __init__(self, secrets: Iterable[bytes]) -> None:
        forms = {form for one in secrets for form in _forms(one)}
        # The longest first: one may be a part of another.
        self._forms = sorted(forms, key=lambda form: (-len(form), form))

    def clean(self, data: bytes) -> bytes:
        """Return the same without a secret."""
        for form in self._forms:
            data = data.replace(form, HIDDEN)
        return _TOKEN.sub(HIDDEN, data)


def _forms(secret: bytes) -> Iterator[bytes]:
    yield secret
    yield secret.hex().encode()
    yield secret.hex().upper().encode()
    for encode in (b64encode, urlsafe_b64encode):
        yield encode(secret).rstrip(b"=")
