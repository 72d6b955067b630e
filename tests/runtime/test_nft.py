"""The firewall on the real kernel: what nft loads and reads back."""

from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest

from swarmnet.cnm.endpoint import parse_publish
from swarmnet.kernel.firewall import OURS, Set, Table
from swarmnet.kernel.operations import ChangeElements, PutTable, RemoveTable
from swarmnet.kernel.state import HOST, Unreadable
from swarmnet.kernel.tables_difference import compare_tables
from swarmnet.overlay.gateway import GatewaySandbox, plan_gateway, table_of
from swarmnet.runtime.nft import Nft, find_nft
from tests.runtime.conftest import ran

NFT = find_nft()
pytestmark = pytest.mark.skipif(NFT is None, reason="the machine has no nft")

VTEP, VTEP6 = "10.9.0.2", "fd09::2"
VTEPS = {4097: [ip_address(VTEP).packed, ip_address(VTEP6).packed]}


@pytest.fixture(scope="module")
def nft() -> Nft:
    assert NFT is not None
    return Nft(NFT)


def whole_table(publish: str = "8080:80") -> Table:
    """A table with elements in every set of the filter, and in some of the gateway."""
    box = GatewaySandbox("a", "eth0", has_ipv6=True, publish=(parse_publish(publish),))
    elsewhere = GatewaySandbox("b", "eth0", has_ipv6=True, has_default_route=True)
    plan = plan_gateway([box, elsewhere], held=None, avoid=[], mtu=1500)
    table = table_of(VTEPS, 4789, plan)
    assert table is not None
    return table


def read(nft: Nft, where: int, table: Table) -> Table | None:
    return nft.read(where, {OURS: table}).get(OURS)


def test_a_table_is_read_back_as_it_was_put(host: int, nft: Nft) -> None:
    table = whole_table()
    assert nft.apply(host, [PutTable(HOST, table)]) == []
    assert read(nft, host, table) == table
    assert list(compare_tables(HOST, {OURS: table}, {OURS: table})) == []


def test_a_table_that_is_not_there_is_not_read(host: int, nft: Nft) -> None:
    assert nft.read(host, {OURS: whole_table()}) == {}


def test_elements_are_changed_in_place(host: int, nft: Nft) -> None:
    before, after = whole_table("8080:80"), whole_table("8081:80")
    nft.apply(host, [PutTable(HOST, before)])
    (change,) = compare_tables(HOST, {OURS: after}, {OURS: before})
    assert isinstance(change, ChangeElements)
    assert (len(change.removed), len(change.added)) == (2, 2)
    assert nft.apply(host, [change]) == []
    assert read(nft, host, after) == after


def test_a_port_that_changes_hands_is_one_change(host: int, nft: Nft) -> None:
    before, after = whole_table("8080:80"), whole_table("8080:81")
    nft.apply(host, [PutTable(HOST, before)])
    operations = list(compare_tables(HOST, {OURS: after}, {OURS: before}))
    assert nft.apply(host, operations) == []
    assert read(nft, host, after) == after


def test_a_change_of_what_others_changed_makes_the_table_whole(
    host: int, nft: Nft
) -> None:
    before, after = whole_table("8080:80"), whole_table("8081:80")
    nft.apply(host, [PutTable(HOST, before)])
    ran(host, "nft", "flush", "map", "inet", "swarmnet", "any4")
    operations = list(compare_tables(HOST, {OURS: after}, {OURS: before}))
    assert nft.apply(host, operations) == []
    assert read(nft, host, after) == after


def test_an_element_that_is_deleted_is_one_to_add(host: int, nft: Nft) -> None:
    table = whole_table()
    nft.apply(host, [PutTable(HOST, table)])
    gone = f"4097 . {VTEP}"
    ran(host, "nft", f"delete element inet swarmnet vteps4 {{ {gone} }}")
    ran(host, "nft", 'add element inet swarmnet vnis { 7 comment "mine" }')
    held = nft.read(host, {OURS: table})
    assert list(compare_tables(HOST, {OURS: table}, held)) == [
        ChangeElements(HOST, table, removed=(("vnis", "7"),), added=(("vteps4", gone),))
    ]


@pytest.mark.parametrize(
    "tampering",
    [
        "flush chain inet swarmnet vxlan_sources",
        "insert rule inet swarmnet vxlan_sources accept",
        "add rule inet swarmnet gateway_inward accept",
        "add chain inet swarmnet another",
        "add set inet swarmnet another { type ipv4_addr; }",
        "add table inet swarmnet { flags dormant; }",
        "chain inet swarmnet gateway_forwarded { policy drop; }",
    ],
)
def test_a_table_that_says_something_else_is_put_anew(
    host: int, nft: Nft, tampering: str
) -> None:
    table = whole_table()
    nft.apply(host, [PutTable(HOST, table)])
    ran(host, "nft", tampering)
    held = nft.read(host, {OURS: table})
    assert held[OURS].chains == ""
    operations = list(compare_tables(HOST, {OURS: table}, held))
    assert operations == [PutTable(HOST, table)]
    assert nft.apply(host, operations) == []
    assert read(nft, host, table) == table


def test_a_table_is_removed_and_others_stay(host: int, nft: Nft) -> None:
    ran(host, "nft", "add table inet foreign")
    nft.apply(host, [PutTable(HOST, whole_table())])
    held = nft.read(host, {OURS: whole_table()})
    operations = list(compare_tables(HOST, {}, held))
    assert operations == [RemoveTable(HOST, "inet", "swarmnet")]
    assert nft.apply(host, operations * 2) == []
    assert ran(host, "nft", "list", "tables") == "table inet foreign\n"


def test_a_table_that_nft_refuses_is_a_failure_and_changes_nothing(
    host: int, nft: Nft
) -> None:
    table = whole_table()
    nft.apply(host, [PutTable(HOST, table)])
    broken = replace(table, chains="chain x {\nnonsense\n}\n")
    missing = replace(table, chains="chain x {\njump y\n}\n")
    syntax, absent = nft.apply(host, [PutTable(HOST, broken), PutTable(HOST, missing)])
    assert (syntax.error, absent.error) == ("EINVAL", "ENOENT")
    assert "nonsense" in syntax.message
    assert read(nft, host, table) == table
    assert nft.read(host, {OURS: broken})[OURS].chains == ""


def test_the_firewall_of_a_machine_without_nft_fails_with_words(
    host: int, tmp_path: Path
) -> None:
    nft = Nft(str(tmp_path / "nft"))
    (failure,) = nft.apply(host, [RemoveTable(HOST, *OURS)])
    assert failure.error == "ENOENT"
    with pytest.raises(Unreadable):
        nft.read(host, {OURS: Table(*OURS)})
    assert nft.why_not() is not None


@pytest.mark.parametrize(
    ("script", "error"),
    [
        ("exec /bin/sleep 60", "ETIMEDOUT"),
        ("kill -SEGV $$", "EIO"),
        ("exit 1", "EINVAL"),
    ],
)
def test_an_nft_that_hangs_or_crashes_is_a_failure(
    host: int, tmp_path: Path, script: str, error: str
) -> None:
    path = tmp_path / "nft"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    nft = Nft(str(path), timeout_s=0.2)
    (failure,) = nft.apply(host, [PutTable(HOST, whole_table())])
    assert failure.error == error


def test_an_nft_that_prints_what_we_do_not_know_cannot_be_read(
    host: int, tmp_path: Path
) -> None:
    path = tmp_path / "nft"
    path.write_text("#!/bin/sh\necho '{}'\n")
    path.chmod(0o755)
    with pytest.raises(Unreadable, match="no listing"):
        Nft(str(path)).read(host, {OURS: Table(*OURS)})


def test_this_machine_can_do_it(nft: Nft) -> None:
    assert nft.why_not() is None


@pytest.mark.slow
def test_a_set_of_ten_thousand_is_put_and_read(host: int, nft: Nft) -> None:
    some = {f"{vni} . 10.0.{vni % 256}.1": None for vni in range(10_000)}
    vteps = Set("vteps4", "typeof @th,96,24 . ip saddr")
    table = Table(*OURS, (vteps,), "", {"vteps4": some})
    assert nft.apply(host, [PutTable(HOST, table)]) == []
    assert read(nft, host, table) == table


def test_nothing_of_ours_is_left_open(host: int, nft: Nft) -> None:
    table = whole_table()
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        nft.apply(host, [PutTable(HOST, table)])
        nft.read(host, {OURS: table})
    assert len(list(Path("/proc/self/fd").iterdir())) == before
