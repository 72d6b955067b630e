"""Hypothesis profiles: `HYPOTHESIS_PROFILE=thorough make test` searches ten times more.

`make check` is brief, for it is run before every commit; `make test` searches.
No profile has a deadline, since a shared core makes any example late.
"""

import gc
import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings

settings.register_profile("quick", max_examples=100, deadline=None)
# The same examples in every run: a change is judged by what it changed.
settings.register_profile(
    "ci", max_examples=100, deadline=None, derandomize=True, print_blob=True
)
settings.register_profile("brief", max_examples=10, deadline=None, derandomize=True)
settings.register_profile("thorough", max_examples=1000, deadline=None, print_blob=True)
settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "quick")
)


def pytest_configure() -> None:
    """Let what tests start be interrupted, though a shell ran them in the background.

    What is ignored stays ignored by children.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow what only root may do: the real kernel makes and removes for it."""
    for item in items:
        for mark in item.iter_markers("skipif"):
            if mark.kwargs.get("reason", "").startswith("only root"):
                item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session", autouse=True)
def frozen_tests() -> Iterator[None]:
    """Keep the garbage collector from walking all tests after every simulated run.

    A run ends with a collection, which takes a sixth of a second where thousands of
    tests are loaded. They are frozen once; a run would thaw them. Nor is the little
    that a test makes worth a collection every 700 objects.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gc, "freeze", lambda: None)
        patch.setattr(gc, "unfreeze", lambda: None)
        yield
    gc.unfreeze()
