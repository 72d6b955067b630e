"""How a process of members says what they see: small, for it is measured with them."""

import json
from time import monotonic
from typing import Final

PAYLOAD_BYTES: Final = 100
"""Of whatever members are told to say."""


def tell(who: int, what: str, of: object = "") -> None:
    """Say what a member sees now, to whom `benchmarks.crowd` is."""
    told = {"at": monotonic(), "who": who, "what": what, "of": str(of)}
    print(json.dumps(told), flush=True)
