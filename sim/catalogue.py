"""What `python -m sim list` says: scenarios, figures, keys, profiles, faults, rules."""

from sim.checkers import RULES
from sim.faults import KINDS
from sim.latency import NAMES
from sim.run import registry
from sim.scenarios import SCENARIOS
from sim.scenarios.scenario import Key, ScenarioKind


def catalogue() -> dict[str, object]:
    """Return all there is to choose from, as JSON's types."""
    return {
        "scenarios": {name: _scenario(kind) for name, kind in SCENARIOS.items()},
        "profiles": {name: dict(keys) for name, keys in registry().settings.items()},
        "latencies": [*NAMES, "FILE.json"],
        "faults": list(KINDS),
        "checkers": {
            name: {"demands": rule.summary, "not_for": sorted(rule.exempt)}
            for name, rule in RULES.items()
        },
    }


def _scenario(kind: ScenarioKind) -> dict[str, object]:
    return {
        "summary": kind.summary,
        "nodes": kind.nodes,
        "duration_s": kind.duration_s,
        "and_calm": kind.calm_of is not None,
        "draws_faults": kind.plan_of is not None,
        "sets": dict(kind.settings),
        "figures": dict(kind.figures),
        "keys": {name: _key(key) for name, key in kind.keys.items()},
    }


def _key(key: Key) -> dict[str, object]:
    return {
        "help": key.help,
        "default": key.default,
        "least": key.least,
        "most": key.most,
        "open": key.open,
    }


def catalogue_text() -> str:
    """Return the same for people."""
    lines = []
    for kind in SCENARIOS.values():
        calm = "" if kind.calm_of is None else " and the calm"
        sets = "".join(f", {key}={text}" for key, text in kind.settings.items())
        lines.append(
            f"{kind.name}: {kind.summary}"
            f" [nodes {kind.nodes}, at most {kind.duration_s:g} s{calm}{sets}]"
        )
        lines += [f"    {name:20} {text}" for name, text in kind.figures.items()]
        for name, key in kind.keys.items():
            lines.append(
                f"    --set {name + '=' + format(key.default, 'g'):22} {key.help}"
            )
    for profile, keys in registry().settings.items():
        lines.append(f"--profile {profile}")
        lines += [f"    --set {name:22} {text}" for name, text in keys.items()]
    lines.append(f"--latency {', '.join(NAMES)}, or FILE.json")
    lines.append(
        f"--without {','.join(KINDS)} or one of a kind, as pause.3"
        " (of chaos and table-chaos: no other draws faults)"
    )
    return "\n".join(lines)
