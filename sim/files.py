"""Files that a run will write: found writable before it begins, and left alone."""

from pathlib import Path

from swarmnet.errors import Refused


def check_writable(what: str, path: str) -> None:
    """Refuse a file that cannot be written; whatever it holds stays.

    Pipes and devices are left alone: to open one is to be seen by its reader.

    Raises:
        Refused: it is a directory, lies in none, or may not be written.
    """
    file = Path(path)
    is_new = not file.exists()
    if not is_new and not file.is_file() and not file.is_dir():
        return
    try:
        with file.open("ab"):
            pass
    except OSError as error:
        raise unwritable(what, path, error) from None
    if is_new:
        file.unlink()


def unwritable(what: str, path: str, error: OSError) -> Refused:
    """Return the refusal of a file that could not be written."""
    reason = error.strerror or error
    return Refused(f"{what} file {path!r}: {reason}; name a writable file")
