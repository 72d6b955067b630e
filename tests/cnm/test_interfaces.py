"""What interfaces are called inside a sandbox."""

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmnet.cnm.interfaces import GATEWAY, name_interfaces

IDS = st.lists(st.sampled_from(["a", "b", "c", "d", GATEWAY]), unique=True)
NAMES = st.sampled_from([f"eth{number}" for number in range(6)])


@pytest.mark.parametrize(
    ("wanted", "held", "foreign", "named"),
    [
        ([], {}, [], {}),
        ([], {"a": "eth0"}, [], {}),
        (["a", "b"], {}, [], {"a": "eth0", "b": "eth1"}),
        ([GATEWAY, "a"], {}, [], {"a": "eth0", GATEWAY: "eth1"}),
        (["a", "b"], {"a": "eth3"}, [], {"a": "eth3", "b": "eth0"}),
        (["a", "b"], {"b": "eth0"}, [], {"b": "eth0", "a": "eth1"}),
        (["a", GATEWAY], {GATEWAY: "eth0"}, [], {GATEWAY: "eth0", "a": "eth1"}),
        (["a", "b"], {}, ["eth0", "wg0"], {"a": "eth1", "b": "eth2"}),
        (["a"], {"b": "eth0"}, [], {"a": "eth0"}),
        (["a"], {"a": "data"}, ["eth0"], {"a": "data"}),
    ],
)
def test_whoever_has_a_name_keeps_it_and_others_get_the_lowest(
    wanted: Sequence[str],
    held: Mapping[str, str],
    foreign: Sequence[str],
    named: Mapping[str, str],
) -> None:
    assert name_interfaces(wanted, held, foreign) == named


@given(IDS, st.dictionaries(st.sampled_from("abcd"), NAMES), st.lists(NAMES))
def test_no_two_have_one_name(
    wanted: list[str], held: dict[str, str], foreign: list[str]
) -> None:
    owners = {name: one for one, name in held.items() if name not in foreign}
    held = {one: name for name, one in owners.items()}
    named = name_interfaces(wanted, held, foreign)
    assert sorted(named) == sorted(wanted)
    names = list(named.values())
    assert len(dict.fromkeys(names)) == len(names)
    assert [one for one in names if one in foreign] == []
    assert name_interfaces(wanted, named, foreign) == named
