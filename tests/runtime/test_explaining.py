"""What may be asked to be explained."""

import pytest

from swarmnet.runtime.explaining import name_within


@pytest.mark.parametrize(
    ("what", "network", "expected"),
    [
        ("a1.web.internal", "web", "a1"),
        ("A1.Web", "weB", "a1"),
        ("x.y.a.b.internal", "a.b", "x.y"),
        ("a1.internal", "internal", "a1"),
        ("a1.other.internal", "web", None),
        ("a1", "web", None),
        ("web.internal", "web", None),
    ],
)
def test_a_name_may_be_as_dns_tells_it(
    what: str, network: str, expected: str | None
) -> None:
    assert name_within(what, network) == expected
