"""A host's firewall rules as values, read from `nft -j list ruleset`.

An expression stays what libnftables-json(5) says it is: objects of one key each.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

Json = Mapping[str, object]
Place = tuple[str, str, str]
"""Family, table and name of a chain or a set."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: its expressions, how it reads, and the command that removes it."""

    expressions: Sequence[Json]
    text: str
    removal: str


@dataclass(frozen=True, slots=True)
class Chain:
    """One chain. A base chain has a `hook`, and is `kind` filter, nat or route."""

    place: Place
    rules: Sequence[Rule] = ()
    hook: str = ""
    kind: str = ""
    priority: int = 0
    policy: str = "accept"
    opening: str = "nft insert rule {place} {match} accept"
    """The command that lets something pass, with `{place}` and `{match}`."""

    @property
    def shown(self) -> str:
        """Return what it is called before users."""
        family, table, name = self.place
        return f"table {family} {table}, chain {name}"


@dataclass(frozen=True, slots=True)
class Ruleset:
    """All chains, and the elements of all named sets and maps."""

    chains: Mapping[Place, Chain] = field(default_factory=dict)
    sets: Mapping[Place, Sequence[object]] = field(default_factory=dict)

    def bases(self, families: Sequence[str], hook: str) -> list[Chain]:
        """Return the base chains of a hook that may drop, in the order they are run."""
        found = [
            one
            for one in self.chains.values()
            if one.hook == hook and one.kind != "nat" and one.place[0] in families
        ]
        return sorted(found, key=lambda one: one.priority)

    def joined(self, other: "Ruleset") -> "Ruleset":
        """Return both together."""
        return Ruleset(
            {**self.chains, **other.chains}, sets={**self.sets, **other.sets}
        )


def parse_nft(text: str) -> Ruleset:
    """Read what `nft -j list ruleset` printed; what is not understood is left out.

    Raises:
        ValueError: it is no such listing.
    """
    found = json.loads(text)
    items = found.get("nftables") if isinstance(found, dict) else None
    if not isinstance(items, list):
        raise ValueError("no listing of nft's")
    chains: dict[Place, Chain] = {}
    sets: dict[Place, Sequence[object]] = {}
    rules: dict[Place, list[Rule]] = {}
    for item in items:
        for kind, body in item.items() if isinstance(item, dict) else ():
            if not isinstance(body, dict):
                continue
            name = str(body.get("name"))
            if kind == "chain":
                chains[_place(body, name)] = _chain(body, name)
            elif kind in ("set", "map"):
                elements = body.get("elem")
                sets[_place(body, name)] = (
                    elements if isinstance(elements, list) else ()
                )
            elif kind == "rule":
                place = _place(body, str(body.get("chain")))
                rules.setdefault(place, []).append(_rule(body, place))
    whole = {
        place: _with_rules(chain, rules.get(place, ()))
        for place, chain in chains.items()
    }
    return Ruleset(whole, sets)


def _place(body: Json, name: str) -> Place:
    return str(body.get("family")), str(body.get("table")), name


def _chain(body: Json, name: str) -> Chain:
    priority = body.get("prio")
    return Chain(
        _place(body, name),
        hook=str(body.get("hook") or ""),
        kind=str(body.get("type") or ""),
        priority=priority if isinstance(priority, int) else 0,
        policy=str(body.get("policy") or "accept"),
    )


def _with_rules(chain: Chain, rules: Sequence[Rule]) -> Chain:
    return Chain(
        chain.place, rules, chain.hook, chain.kind, chain.priority, chain.policy
    )


def _rule(body: Json, place: Place) -> Rule:
    found = body.get("expr")
    items = found if isinstance(found, list) else []
    expressions = [one for one in items if isinstance(one, dict)]
    removal = f"nft delete rule {' '.join(place)} handle {body.get('handle')}"
    return Rule(expressions, " ".join(_words(expressions)), removal)


def _words(expressions: Sequence[Json]) -> Iterator[str]:
    """Yield expressions about as nft writes them."""
    for expression in expressions:
        for kind, body in expression.items():
            yield _word(kind, body) if isinstance(body, dict) else kind


def _word(kind: str, body: Json) -> str:
    if kind == "match":
        op = "" if body.get("op") in ("==", "in") else f" {body.get('op')}"
        return f"{shown_key(body.get('left'))}{op} {_value(body.get('right'))}"
    if kind == "vmap":
        return f"{shown_key(body.get('key'))} vmap {_value(body.get('data'))}"
    if kind in ("jump", "goto"):
        return f"{kind} {body.get('target')}"
    return kind


def shown_key(key: object) -> str:
    """Return what a rule looks at, as nft writes it."""
    if not isinstance(key, dict):
        return _value(key)
    for kind, body in key.items():
        if kind == "payload" and isinstance(body, dict):
            if "protocol" in body:
                return f"{body['protocol']} {body.get('field')}"
            return f"@{body.get('base')},{body.get('offset')},{body.get('len')}"
        if kind in ("meta", "ct") and isinstance(body, dict):
            name = str(body.get("key"))
            return name if kind == "meta" else f"ct {name}"
        if kind == "concat" and isinstance(body, list):
            return " . ".join(shown_key(one) for one in body)
        return str(kind)
    return ""


def _value(value: object) -> str:
    if isinstance(value, list):
        return ",".join(_value(one) for one in value)
    if not isinstance(value, dict):
        return str(value)
    for kind, body in value.items():
        if kind == "set" and isinstance(body, list):
            return "{" + ", ".join(_value(one) for one in body) + "}"
        if kind == "range" and isinstance(body, list):
            return "-".join(_value(one) for one in body)
        if kind == "prefix" and isinstance(body, dict):
            return f"{body.get('addr')}/{body.get('len')}"
        if kind == "concat" and isinstance(body, list):
            return " . ".join(_value(one) for one in body)
        return str(kind)
    return ""
