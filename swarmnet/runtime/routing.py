"""Which request does what: the control API of docs/api.md."""

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from swarmnet import __version__
from swarmnet.crypto.certificate import Role
from swarmnet.errors import Refused
from swarmnet.node.creating import NetworkWish
from swarmnet.runtime.commands import ConnectWish, NetworkCommands
from swarmnet.runtime.doctor.commands import DoctorCommands
from swarmnet.runtime.explaining import Explaining
from swarmnet.runtime.http import Answer, Request, Unserved
from swarmnet.runtime.json_fields import Fields, Malformed
from swarmnet.runtime.life import Life
from swarmnet.runtime.logs import recent
from swarmnet.runtime.membership import MembershipCommands
from swarmnet.runtime.telemetry import PATHS, Telemetry
from swarmnet.runtime.unwell import unwell
from swarmnet.runtime.views import Json, Views

if TYPE_CHECKING:
    from swarmnet.runtime.agent import Agent

GUIDE: Final = "docs/api.md"
PID_MAX: Final = 1 << 22
Handler = Callable[[Fields, str], Awaitable[Answer]]
"""Takes a body, and what the path names."""


class Routing:
    """Serves one agent's requests."""

    def __init__(self, agent: "Agent") -> None:
        self._agent = agent
        self._membership = MembershipCommands(agent)
        self._doctor_commands = DoctorCommands(agent)
        self._telemetry = Telemetry(agent)
        self._routes = [
            (method, re.compile(pattern.replace("REF", "([^/]+)") + r"\Z"), handler)
            for method, pattern, handler in self._table()
        ]

    def _table(self) -> list[tuple[str, str, Handler]]:
        role = "(worker|manager)"
        return [
            ("GET", "/v1/status", self._status),
            ("POST", "/v1/init", self._init),
            ("POST", "/v1/join", self._join),
            ("POST", "/v1/leave", self._leave),
            ("GET", f"/v1/join-token/{role}", self._token),
            ("POST", f"/v1/join-token/{role}/rotate", self._rotate),
            ("POST", "/v1/unlock", self._unlock),
            ("GET", "/v1/nodes", self._nodes),
            ("GET", "/v1/nodes/REF", self._node),
            ("DELETE", "/v1/nodes/REF", self._remove_node),
            ("POST", "/v1/nodes/REF/promote", self._promote),
            ("POST", "/v1/nodes/REF/demote", self._demote),
            ("POST", "/v1/ca/rotate", self._rotate_root),
            ("GET", "/v1/networks", self._networks),
            ("POST", "/v1/networks", self._create),
            ("GET", "/v1/networks/REF", self._network),
            ("DELETE", "/v1/networks/REF", self._remove_network),
            ("POST", "/v1/networks/REF/connect", self._connect),
            ("POST", "/v1/networks/REF/disconnect", self._disconnect),
            ("GET", "/v1/sandboxes", self._sandboxes),
            ("POST", "/v1/sandboxes", self._make_sandbox),
            ("DELETE", "/v1/sandboxes/REF", self._remove_sandbox),
            ("GET", "/v1/explain/REF", self._explain),
            ("GET", "/v1/monitor", self._monitor),
            ("POST", "/v1/doctor", self._doctor),
            ("POST", "/v1/check", self._check),
            ("GET", "/v1/log", self._log),
        ]

    async def serve(self, request: Request) -> Answer:
        """Carry a request out.

        Raises:
            Unserved: there is no such request, or its body is malformed.
            Refused: what it asks cannot be; nothing has changed.
        """
        if request.path in PATHS:
            return await self._telemetry.serve(request)
        methods = []
        for method, pattern, handler in self._routes:
            match = pattern.match(request.path)
            if match is None:
                continue
            methods.append(method)
            if method == request.method:
                return await self._call(handler, request, match.groups())
        if methods:
            raise Unserved(405, f"{request.path}: want {' or '.join(methods)}")
        raise Unserved(404, f"{request.path[:80]}: no such path; see {GUIDE}")

    async def _call(
        self, handler: Handler, request: Request, groups: tuple[str, ...]
    ) -> Answer:
        body = request.body
        if not isinstance(body, dict):
            raise Unserved(400, f"body: want an object, not {json.dumps(body)[:40]}")
        given = {key: value for key, value in body.items() if value is not None}
        fields = Fields(given, "body", GUIDE)
        try:
            return await handler(fields, unquote(groups[0]) if groups else "")
        except Malformed as malformed:
            raise Unserved(400, str(malformed)) from None

    def _life(self) -> Life:
        life = self._agent.life
        if life is None:
            told = self._agent.notice or "this host is in no cluster"
            raise Refused(f"{told}: swarmnet init or swarmnet join")
        return life

    def _views(self) -> Views:
        return Views(self._life())

    def _commands(self) -> NetworkCommands:
        return NetworkCommands(self._life())

    # This node

    async def _status(self, fields: Fields, _: str) -> Answer:
        fields.done()
        if self._agent.life is None:
            notice = self._agent.notice
            return without_cluster([] if notice is None else [notice])
        life = self._life()
        return {**Views(life).status(__version__), "unwell": unwell(life)}

    async def _init(self, fields: Fields, _: str) -> Answer:
        return await self._membership.init(fields)

    async def _join(self, fields: Fields, _: str) -> Answer:
        return await self._membership.join(fields)

    async def _leave(self, fields: Fields, _: str) -> Answer:
        is_forced = fields.switch("force")
        fields.done()
        return await self._membership.leave(self._life(), is_forced=is_forced)

    async def _token(self, fields: Fields, role: str) -> Answer:
        fields.done()
        return self._membership.token(self._life(), role)

    async def _rotate(self, fields: Fields, role: str) -> Answer:
        fields.done()
        return await self._membership.rotate(self._life(), role)

    async def _unlock(self, fields: Fields, _: str) -> Answer:
        passphrase = fields.text("passphrase")
        fields.done()
        await self._life().certifying.unlock(passphrase)
        return {}

    # Nodes

    async def _nodes(self, fields: Fields, _: str) -> Answer:
        fields.done()
        return self._views().nodes()

    async def _node(self, fields: Fields, reference: str) -> Answer:
        fields.done()
        views = self._views()
        return views.node_whole(views.find_node(reference))

    async def _remove_node(self, fields: Fields, reference: str) -> Answer:
        fields.done()
        return await self._membership.remove(self._life(), reference)

    async def _promote(self, fields: Fields, reference: str) -> Answer:
        fields.done()
        life = self._life()
        return await self._membership.change_role(life, reference, Role.MANAGER)

    async def _demote(self, fields: Fields, reference: str) -> Answer:
        fields.done()
        life = self._life()
        return await self._membership.change_role(life, reference, Role.WORKER)

    async def _rotate_root(self, fields: Fields, _: str) -> Answer:
        passphrase = fields.optional("passphrase", str)
        fields.done()
        life = self._life()
        root = await life.certifying.rotate(passphrase)
        await life.driver.stored()
        return {"root": root}

    # Networks

    async def _networks(self, fields: Fields, _: str) -> Answer:
        fields.done()
        return self._views().networks()

    async def _create(self, fields: Fields, _: str) -> Answer:
        wish = network_wish(fields)
        fields.done()
        return await self._commands().create(wish)

    async def _network(self, fields: Fields, reference: str) -> Answer:
        fields.done()
        return await self._commands().inspect(reference)

    async def _remove_network(self, fields: Fields, reference: str) -> Answer:
        fields.done()
        return await self._commands().remove(reference)

    async def _connect(self, fields: Fields, reference: str) -> Answer:
        wish = connect_wish(fields)
        fields.done()
        return await self._commands().connect(reference, wish)

    async def _disconnect(self, fields: Fields, reference: str) -> Answer:
        sandbox = fields.text("sandbox")
        fields.done()
        return await self._commands().disconnect(reference, sandbox)

    # Sandboxes

    async def _sandboxes(self, fields: Fields, _: str) -> Answer:
        fields.done()
        life = self._life()
        made = {one.name: life.netns_of(one.name) for one in life.sandboxes.all()}
        return self._views().sandboxes(made)

    async def _make_sandbox(self, fields: Fields, _: str) -> Answer:
        name = fields.text("name")
        pid = fields.number("pid", 1, PID_MAX, None)
        netns = fields.optional("netns", str)
        fields.done()
        if pid is not None and netns is not None:
            raise Unserved(400, "body: want one of pid and netns")
        if pid is not None:
            netns = f"/proc/{pid}/ns/net"
        if netns is None:
            return await self._commands().make_sandbox(name)
        return await self._commands().adopt_sandbox(name, netns)

    async def _remove_sandbox(self, fields: Fields, reference: str) -> Answer:
        fields.done()
        return await self._commands().remove_sandbox(reference)

    async def _explain(self, fields: Fields, what: str) -> Answer:
        fields.done()
        return await Explaining(self._life()).explain(what)

    async def _doctor(self, fields: Fields, _: str) -> Answer:
        address = fields.optional("address", str)
        fields.done()
        return await self._doctor_commands.doctor(address)

    async def _check(self, fields: Fields, _: str) -> Answer:
        network = fields.optional("network", str)
        fields.done()
        return await self._doctor_commands.check(self._life(), network)

    async def _monitor(self, fields: Fields, _: str) -> Answer:
        fields.done()
        return self._life().news.lines()

    async def _log(self, fields: Fields, _: str) -> Answer:
        fields.done()
        return [{key: as_plain(one) for key, one in said.items()} for said in recent]


def as_plain(value: object) -> object:
    """Return what JSON has, or the text of what it has not."""
    is_plain = value is None or isinstance(value, bool | int | float | str)
    return value if is_plain else str(value)


def network_wish(fields: Fields) -> NetworkWish:
    """Read the body of a network that is wished for."""
    return NetworkWish(
        name=fields.text("name"),
        driver=fields.text("driver", "overlay"),
        subnets=fields.texts("subnets"),
        gateways=fields.texts("gateways"),
        ip_ranges=fields.texts("ip_ranges"),
        auxiliaries=fields.pairs("aux_addresses"),
        ipv6=fields.switch("ipv6"),
        internal=fields.switch("internal"),
        vni=fields.number("vni", 0, (1 << 32) - 1, None),
        options=fields.pairs("options"),
        labels=fields.pairs("labels"),
    )


def connect_wish(fields: Fields) -> ConnectWish:
    """Read the body of a connection that is wished for."""
    return ConnectWish(
        sandbox=fields.text("sandbox"),
        ip=fields.optional("ip", str),
        ip6=fields.optional("ip6", str),
        mac=fields.optional("mac", str),
        aliases=fields.texts("aliases"),
        publish=fields.texts("publish"),
    )


def without_cluster(warnings: list[str]) -> Json:
    """Return `status` of a host that is in no cluster."""
    keys = ("node", "name", "role", "cluster", "address", "data_path_address")
    nothing: Mapping[str, object] = dict.fromkeys(keys)
    return {
        **nothing,
        "version": __version__,
        "members": {"alive": 0, "degraded": 0, "suspect": 0, "dead": 0},
        "networks": 0,
        "in_sync": None,
        "last_convergence_s": None,
        "warnings": warnings,
        "unwell": [],
    }
