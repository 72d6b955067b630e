"""Hypothesis profiles: `HYPOTHESIS_PROFILE=thorough make test` searches ten times more.

`make check` is brief, for it is run before every commit; `make test` searches.
No profile has a deadline, since a shared core makes any example late.
"""

import os

from hypothesis import settings

settings.register_profile("quick", max_examples=100, deadline=None)
# The same examples in every run: a change is judged by what it changed.
settings.register_profile(
    "ci", max_examples=100, deadline=None, derandomize=True, print_blob=True
)
settings.register_profile("brief", max_examples=15, deadline=None, derandomize=True)
settings.register_profile("thorough", max_examples=1000, deadline=None, print_blob=True)
settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "quick")
)
