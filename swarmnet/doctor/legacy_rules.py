"""Rules of the legacy iptables, from `iptables-legacy-save`, as nft would say them.

An option that is not known here makes its rule one of which nobody can tell whether it
applies.
"""

import shlex
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from swarmnet.doctor.ruleset import Chain, Json, Place, Rule, Ruleset

HOOKS: Final = {
    "PREROUTING": "prerouting",
    "INPUT": "input",
    "FORWARD": "forward",
    "OUTPUT": "output",
    "POSTROUTING": "postrouting",
}
PRIORITIES: Final = {"raw": -300, "mangle": -150, "filter": 0, "security": 50}
UNKNOWN: Final[Json] = {"xt": None}
JUMPS: Final = ("-j", "-g")
SILENT: Final = ("-m", "--comment", "--reject-with", "--log-prefix", "--limit-burst")
"""Options of which the value says nothing about what is matched."""


def _payload(protocol: str, name: str) -> Callable[[str], Json]:
    def make(text: str) -> Json:
        return _match({"payload": {"protocol": protocol, "field": name}}, _read(text))

    return make


def _meta(key: str) -> Callable[[str], Json]:
    return lambda text: _match({"meta": {"key": key}}, text)


def _state(text: str) -> Json:
    names = [one.lower() for one in text.split(",")]
    return _match({"ct": {"key": "state"}}, names, op="in")


OPTIONS: Final[Mapping[str, Callable[[str], Json]]] = {
    "-p": _meta("l4proto"),
    "-s": _payload("ip", "saddr"),
    "-d": _payload("ip", "daddr"),
    "-i": _meta("iifname"),
    "-o": _meta("oifname"),
    "--dport": _payload("th", "dport"),
    "--dports": _payload("th", "dport"),
    "--sport": _payload("th", "sport"),
    "--state": _state,
    "--ctstate": _state,
}


def parse_iptables(text: str, command: str = "iptables-legacy") -> Ruleset:
    """Read what `iptables-legacy-save` printed; strange lines are left out."""
    family = "ip6" if command.startswith("ip6") else "ip"
    table, chains = "", dict[Place, Chain]()
    for line in text.splitlines():
        if line.startswith("*"):
            table = line[1:].strip()
        elif line.startswith(":"):
            name, _, rest = line[1:].partition(" ")
            policy = "drop" if rest.startswith("DROP") else "accept"
            place = family, table, name
            chains[place] = Chain(
                place,
                hook=HOOKS.get(name, ""),
                kind="nat" if table == "nat" else "filter",
                priority=PRIORITIES.get(table, 0),
                policy=policy,
                opening=f"{command} -t {table} -I {name} {{options}} -j ACCEPT",
            )
        elif line.startswith("-A "):
            _add(chains, (family, table), line, command)
    return Ruleset(chains)


def _add(
    chains: dict[Place, Chain], where: tuple[str, str], line: str, command: str
) -> None:
    try:
        words = shlex.split(line)
    except ValueError:
        return
    place = (*where, words[1]) if len(words) > 1 else None
    chain = chains.get(place) if place else None
    if place is None or chain is None:
        return
    removal = f"{command} -t {where[1]} -D {line[3:]}"
    rule = Rule(_expressions(words[2:]), line, removal)
    chains[place] = replace(chain, rules=(*chain.rules, rule))


def _expressions(words: list[str]) -> list[Json]:
    found: list[Json] = []
    is_not, index = False, 0
    while index < len(words):
        word = words[index]
        value = words[index + 1] if index + 1 < len(words) else ""
        if word == "!":
            is_not, index = True, index + 1
            continue
        if word in JUMPS:
            found += _verdict(word, value)
        elif word in OPTIONS:
            found.append(_negated(OPTIONS[word](value), is_not=is_not))
        elif word not in SILENT:
            found.append(UNKNOWN)
            # Nobody knows how many values it has.
            while index + 1 < len(words) and not words[index + 1].startswith("-"):
                index += 1
            index -= 1
        is_not, index = False, index + 2
    return found


def _verdict(word: str, target: str) -> list[Json]:
    simple = target.lower()
    if simple in ("accept", "drop", "reject", "return"):
        return [{simple: None}]
    if target.isupper() and target in ("LOG", "MARK", "CT", "NFLOG", "TCPMSS"):
        return []
    return [{"goto" if word == "-g" else "jump": {"target": target}}]


def _match(left: Json, right: object, op: str = "==") -> Json:
    return {"match": {"op": op, "left": left, "right": right}}


def _negated(expression: Json, *, is_not: bool) -> Json:
    body = expression["match"]
    if not is_not or not isinstance(body, dict):
        return expression
    return {"match": {**body, "op": "!="}}


def _read(text: str) -> object:
    """Return a port, some, a range, an address or a prefix, as nft has them."""
    if "," in text:
        return {"set": [_read(one) for one in text.split(",")]}
    if text.isdigit():
        return int(text)
    first, colon, last = text.partition(":")
    if colon and first.isdigit() and last.isdigit():
        return {"range": [int(first), int(last)]}
    address, slash, length = text.partition("/")
    if slash and length.isdigit():
        return {"prefix": {"addr": address, "len": int(length)}}
    return text
