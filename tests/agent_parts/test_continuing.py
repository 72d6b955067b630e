"""What a process leaves for the next: taken up only where nothing was put back."""

from pathlib import Path

from swarmnet.ids import NodeId
from swarmnet.ipam.lives import Continuation
from swarmnet.runtime.continuing import FILE, Continuing

ME, OTHER = NodeId(bytes(16)), NodeId(b"\1" * 16)
LEFT = Continuation(
    (3, 5), is_sure=True, is_known=True, is_trusting=False, made=(1, 3, 5)
)


def test_the_next_process_takes_up_what_was_left(tmp_path: Path) -> None:
    Continuing(tmp_path, ME).note(LEFT, 7)
    assert Continuing(tmp_path, ME).take(7) == LEFT
    # The last rows were written, and the process killed before it noted that.
    assert Continuing(tmp_path, ME).take(9) == LEFT


def test_a_database_that_was_put_back_is_another_life(tmp_path: Path) -> None:
    Continuing(tmp_path, ME).note(LEFT, 7)
    assert Continuing(tmp_path, ME).take(6) is None


def test_another_node_or_boot_takes_up_nothing(tmp_path: Path) -> None:
    mine = Continuing(tmp_path, ME)
    mine.note(LEFT, 0)
    assert Continuing(tmp_path, OTHER).take(0) is None
    mine._boot = b"another boot"
    assert mine.take(0) is None


def test_what_is_damaged_or_dropped_is_nothing(tmp_path: Path) -> None:
    mine = Continuing(tmp_path, ME)
    assert mine.take(0) is None
    for data in (b"", b"\xc1", b"\x91\x01"):
        (tmp_path / FILE).write_bytes(data)
        assert mine.take(0) is None
    mine.note(LEFT, 0)
    mine.drop()
    assert Continuing(tmp_path, ME).take(0) is None
