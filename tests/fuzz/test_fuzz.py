"""Any bytes, and what is almost right, give a counted drop and never an exception."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.targets import CORPUS, TARGETS, corpus


@st.composite
def almost(draw: st.DrawFn, true: list[bytes]) -> bytes:
    """Draw a true input that was cut, flipped, spliced or prolonged."""
    data = bytearray(draw(st.sampled_from(true)))
    for _ in range(draw(st.integers(0, 3))):
        if data:
            place = draw(st.integers(0, len(data) - 1))
            data[place] ^= draw(st.integers(1, 255))
    start = draw(st.integers(0, len(data)))
    tail = draw(st.binary(max_size=40))
    return bytes(data[:start]) + tail + bytes(data[start + draw(st.integers(0, 8)) :])


def test_every_target_has_a_corpus_and_every_corpus_a_target() -> None:
    assert sorted(path.stem for path in CORPUS.glob("*.hex")) == sorted(TARGETS)


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_takes_its_corpus(name: str) -> None:
    taken = 0
    for data in corpus(name):
        TARGETS[name](data)
        taken += 1
    assert taken == len(corpus(name))


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_takes_any_bytes(name: str) -> None:
    taken = []

    @given(st.binary(max_size=300))
    def check_any(data: bytes) -> None:
        TARGETS[name](data)
        taken.append(len(data))

    check_any()
    assert taken


@pytest.mark.parametrize("name", [name for name in TARGETS if corpus(name)])
def test_a_target_takes_what_is_almost_right(name: str) -> None:
    taken = []

    @given(almost(corpus(name)))
    def check_almost(data: bytes) -> None:
        TARGETS[name](data)
        taken.append(len(data))

    check_almost()
    assert taken
