"""As much of HTTP/1.1 as the agent's socket speaks: one request, one answer, the end.

The standard library's client loads the parsers of mail and TLS, which takes a third of
the time that a command may start in.

Layout: RFC 9112, sections 3 (request), 4 (status line), 6 and 7 (the body's length).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

LINE_BYTES_MAX: Final = 65_536
HEADERS_MAX: Final = 100
PART_BYTES_MAX: Final = 65_536
OK: Final = 200
UNRESERVED: Final = frozenset(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
)
"""What may stand in a path as it is (RFC 3986, section 2.3)."""


class NoHttp(Exception):
    """What came is no answer; another program listens there."""


class CutShort(Exception):
    """The answer ended before its end."""


class Source(Protocol):
    """Where an answer is read from: a buffered file."""

    def readline(self, size: int, /) -> bytes: ...
    def read(self, size: int, /) -> bytes: ...
    def read1(self, size: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Head:
    """An answer's status line and headers, whose names are in lower case."""

    status: int
    reason: str
    headers: Mapping[str, str]


def percent_encoded(part: bytes) -> str:
    """Return one part of a path; a slash inside it is encoded too."""
    return "".join(chr(one) if one in UNRESERVED else f"%{one:02X}" for one in part)


def request(method: str, path: str, body: bytes | None) -> bytes:
    """Return a whole request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", "Connection: close"]
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


def read_head(source: Source) -> Head:
    """Read what comes before the body.

    Raises:
        CutShort: it ended.
        NoHttp: it is something else.
    """
    version, _, rest = _line(source).partition(" ")
    status, _, reason = rest.partition(" ")
    if not version.startswith("HTTP/1.") or not _is_number(status):
        raise NoHttp
    headers: dict[str, str] = {}
    for _ in range(HEADERS_MAX):
        line = _line(source)
        if not line:
            return Head(int(status), reason, headers)
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    raise NoHttp


def read_body(source: Source, head: Head) -> Iterator[bytes]:
    """Yield the body in the parts that it comes in.

    Raises:
        CutShort: it ended before its end.
        NoHttp: its length cannot be understood.
    """
    length = head.headers.get("content-length")
    if head.headers.get("transfer-encoding", "").lower() == "chunked":
        yield from _chunks(source)
    elif length is None:
        while part := source.read1(PART_BYTES_MAX):
            yield part
    elif _is_number(length):
        yield _exactly(source, int(length))
    else:
        raise NoHttp


def lines(parts: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the lines of a body as soon as they are whole; a cut one is left out."""
    rest = b""
    for part in parts:
        *whole, rest = (rest + part).split(b"\n")
        yield from (line for line in whole if line.strip())


def _chunks(source: Source) -> Iterator[bytes]:
    while True:
        size = _line(source).partition(";")[0].strip()
        try:
            size_bytes = int(size, 16)
        except ValueError:
            raise NoHttp from None
        if size_bytes <= 0:
            return
        yield _exactly(source, size_bytes)
        if _line(source):
            raise NoHttp


def _line(source: Source) -> str:
    found = source.readline(LINE_BYTES_MAX)
    if not found.endswith(b"\n"):
        raise NoHttp if len(found) == LINE_BYTES_MAX else CutShort
    return found.rstrip(b"\r\n").decode("latin-1")


def _exactly(source: Source, size_bytes: int) -> bytes:
    found = source.read(size_bytes)
    if len(found) < size_bytes:
        raise CutShort
    return found


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()
