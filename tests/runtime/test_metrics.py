"""The metrics: their names, what is written of them, and the alerts on them."""

import ast
import re
import shutil
import subprocess
from collections.abc import Iterator
from typing import Final

import pytest
import trio
from prometheus_client.parser import text_string_to_metric_families

from swarmnet.runtime.drops import DROPS, split
from swarmnet.runtime.exposing import expose
from swarmnet.runtime.measuring import measure
from swarmnet.runtime.metrics import (
    ALL,
    ENDPOINTS,
    LATE,
    MEMBERS,
    ROUND_TRIP,
    Buckets,
    Kind,
    Sheet,
)
from tests.source import ROOT, sources, walked
from tests.test_floors import room_of

DOCS: Final = ROOT / "docs" / "metrics.md"
RULES: Final = ROOT / "packaging" / "prometheus" / "swarmnet.rules.yml"
PREFIXES: Final = {"tables": "table_", "crypto": "channel_"}
COUNTING: Final = ("count", "_count")
HELD: Final = ("counters", "_counters")
UNITS: Final = ("seconds", "bytes")


def test_names_are_as_prometheus_wants_them() -> None:
    assert len({one.name for one in ALL}) == len(ALL)
    for one in ALL:
        assert re.fullmatch(r"swarmnet_[a-z][a-z_]*[a-z]", one.name), one
        assert one.name.endswith("_total") == (one.kind is Kind.COUNTER), one
        assert one.help.endswith("."), one
        assert not re.search(r"_(ms|milliseconds|kb|percent)\b", one.name), one
        if one.name.rpartition("_")[2] in UNITS or one.kind is Kind.HISTOGRAM:
            assert not one.name.endswith(("_s", "_b")), one
        for label in one.labels:
            assert label not in ("le", "instance", "job"), one


def test_the_documentation_has_all_of_them() -> None:
    rows = re.findall(
        r"^\| `(swarmnet_\w+)` \| (\w+) \| ([^|]*)\|", DOCS.read_text(), re.M
    )
    told = [(name, kind, labels.strip()) for name, kind, labels in rows]
    assert told == [(m.name, str(m.kind), ", ".join(m.labels)) for m in ALL]


def test_the_documentation_has_all_reasons() -> None:
    part = DOCS.read_text().partition("## Reasons of drops")[2].partition("## ")[0]
    told = re.findall(r"`(\w+)`", part)
    assert sorted(told) == sorted(DROPS)


def counted() -> Iterator[str]:
    """Yield every text in the source by which something may be counted."""
    for source in sources("swarmnet"):
        prefix = PREFIXES.get(room_of(source.module), "")
        for node in walked(source.parse()):
            for name in _names(node):
                yield prefix + name


def _names(node: ast.AST) -> Iterator[str]:
    called = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    if called and node.func.attr in COUNTING and node.args:  # type: ignore[attr-defined]
        inside: list[ast.expr] = node.args  # type: ignore[attr-defined]
    elif (
        isinstance(node, ast.AugAssign)
        and isinstance(node.target, ast.Subscript)
        and isinstance(node.target.value, ast.Attribute)
        and node.target.value.attr in HELD
    ):
        inside = [node.target.slice]
    else:
        return
    for one in inside:
        for leaf in ast.walk(one):
            if isinstance(leaf, ast.Constant) and isinstance(leaf.value, str):
                yield leaf.value


# Put together where they are counted, or by a name of their own.
COMPOSED: Final = {
    *("table_rows_void", "table_rows_out_of_scope", "bad_riders"),
    *("table_rows_forged", "table_rows_of_strangers"),
}
LIKE_A_DROP: Final = re.compile(
    r"(^|_)(bad|unknown|refused|dropped|forged|unread)(_|$)"
)


def test_reasons_are_counters_and_none_is_left_out() -> None:
    names = set(counted())
    assert sorted(DROPS - names - COMPOSED) == []
    # `refused` is what the kernel would not do: it has a metric of its own.
    like = {one for one in names if LIKE_A_DROP.search(one)} - {"refused"}
    assert sorted(like - DROPS) == []


def test_every_reason_is_there_before_it_comes_up() -> None:
    drops, events = split({"bad_proofs": 2, "table_rows_known": 3, "suspicions": 1})
    assert drops["bad_proofs"] == 2
    assert drops.keys() == DROPS
    assert events == {"table_rows_known": 3}


def test_a_sheet_is_exposed_as_prometheus_reads_it() -> None:
    sheet = Sheet()
    sheet.put(LATE, 1.5)
    sheet.put_all(MEMBERS, {"alive": 3, "dead": 0})
    sheet.put(ENDPOINTS, 1, 'odd"\n\\name')
    sheet.put(ROUND_TRIP, Buckets((0.1, 1.0), (2, 3, 1), 4.5))
    text = expose(sheet).decode()
    assert "# TYPE swarmnet_event_loop_late_seconds_total counter" in text
    found = {
        (one.name, *one.labels.values()): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
        if one.name.startswith("swarmnet")
    }
    name = "swarmnet_probe_round_trip_seconds"
    assert found == {
        ("swarmnet_event_loop_late_seconds_total",): 1.5,
        ("swarmnet_members", "alive"): 3,
        ("swarmnet_members", "dead"): 0,
        ("swarmnet_endpoints", 'odd"\n\\name'): 1,
        (f"{name}_bucket", "0.1"): 2,
        (f"{name}_bucket", "1.0"): 5,
        (f"{name}_bucket", "+Inf"): 6,
        (f"{name}_count",): 6,
        (f"{name}_sum",): 4.5,
    }


def test_without_a_cluster_there_is_little() -> None:
    shown = [metric.name for metric, _ in trio.run(measure, None).rows()]
    assert shown == [
        "swarmnet_build_info",
        "swarmnet_ready",
        "swarmnet_scrape_loop_seconds",
    ]


def selectors() -> Iterator[tuple[str, str, str]]:
    """Yield every metric that an alert reads, with a label and its value, or none."""
    for text in re.findall(r"^\s*expr: (.+)$", RULES.read_text(), re.M):
        for name, inside in re.findall(r"(swarmnet_\w+)(?:\{([^}]*)\})?", text):
            matchers = re.findall(r'(\w+)=~?"([^"]*)"', inside)
            yield from ((name, *one) for one in matchers or [("", "")])


def test_alerts_stand_on_what_there_is() -> None:
    known = {one.name: one for one in ALL}
    found = list(selectors())
    assert len(found) >= RULES.read_text().count("- alert:") - 1
    for name, label, value in found:
        assert name in known, name
        assert label in ("", *known[name].labels), (name, label)
        if label == "reason":
            assert set(value.split("|")) <= DROPS, value


@pytest.mark.skipif(shutil.which("promtool") is None, reason="no promtool here")
@pytest.mark.parametrize(
    "words", [("check", RULES), ("test", RULES.with_name("swarmnet.test.yml"))]
)
def test_promtool_takes_the_alerts(words: tuple[str, str]) -> None:
    what, path = words
    done = subprocess.run(
        ("promtool", what, "rules", str(path)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
