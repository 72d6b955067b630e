"""What a data plane is told of networks, endpoints and sandboxes: what should be."""

from collections.abc import Iterable, Mapping

from swarmnet.cnm.endpoint import Endpoint
from swarmnet.cnm.network import Attachment, Network
from swarmnet.cnm.sandbox import Sandbox
from swarmnet.node.desired import Desired
from swarmnet.overlay.naming import box_of


class Wishes:
    """The verbs by which a data plane learns what it is to bring about.

    `_unread` are namespaces to be looked at, and from when on; `_soon` is when what was
    told wants to be brought about that waits for more.
    """

    __slots__ = ("_soon", "_unread", "desired")

    def __init__(self, desired: Desired) -> None:
        self.desired = desired
        self._unread: dict[str, float] = {}
        self._soon: float | None = None

    def _step(self, now: float) -> None:
        """Do what can be done; each verb ends so."""
        raise NotImplementedError

    def _is_absent(self, name: str) -> bool:
        """Return whether there is no such namespace of ours, for sure."""
        raise NotImplementedError

    def set_sandbox(self, now: float, sandbox: Sandbox) -> None:
        """Take note of a sandbox; it is looked at before it is used.

        Also one that was gone, and may be there again. One that we are to make waits
        for what else is told at once, to be made with all that is in it.
        """
        is_known, name = self.desired.sandbox(sandbox.name) == sandbox, sandbox.name
        if is_known and box_of(name) in self.desired.namespaces:
            self._step(now)
            return
        self.desired.set_sandbox(sandbox)
        if sandbox.netns is None and self._is_absent(box_of(name)):
            self.desired.note(box_of(name), None)
            self._soon = now
        else:
            self._unread[box_of(name)] = now
            self._step(now)

    def drop_sandbox(self, now: float, name: str) -> None:
        """Forget a sandbox: what is ours in it goes, and it too if we made it."""
        self.desired.drop_sandbox(name)
        self._step(now)

    def set_network(
        self,
        now: float,
        network: Network,
        attachments: Iterable[Attachment] = (),
        endpoints: Iterable[Endpoint] = (),
    ) -> None:
        """Take note of a network, and of what is known of it at once."""
        self.desired.set_network(network)
        for attachment in attachments:
            self.desired.attach(network.id, attachment)
        for endpoint in endpoints:
            self.desired.put_endpoint(network.id, endpoint)
        self._step(now)

    def drop_network(self, now: float, network: str) -> None:
        """Forget a network, and all that is in it."""
        self.desired.drop_network(network)
        self._step(now)

    def attach(self, now: float, network: str, attachment: Attachment) -> None:
        """Take note of a node that takes part, or has moved."""
        self.desired.attach(network, attachment)
        self._step(now)

    def detach(self, now: float, network: str, node: str) -> None:
        """Forget a node that takes part no more."""
        self.desired.detach(network, node)
        self._step(now)

    def put_endpoint(self, now: float, network: str, endpoint: Endpoint) -> None:
        """Take note of an endpoint, new or changed."""
        self.desired.put_endpoint(network, endpoint)
        self._step(now)

    def set_endpoints(
        self, now: float, network: str, wanted: Mapping[str, Endpoint]
    ) -> None:
        """Take note of all endpoints that a network has, by their ids."""
        followed = self.desired.networks[network]
        known = [one.id for one in followed.book.endpoints()]
        for endpoint in [*known, *followed.local]:
            if endpoint not in wanted:
                self.desired.drop_endpoint(network, endpoint)
        for one in wanted.values():
            self.desired.put_endpoint(network, one)
        self._step(now)

    def drop_endpoint(self, now: float, network: str, endpoint: str) -> None:
        """Forget an endpoint."""
        self.desired.drop_endpoint(network, endpoint)
        self._step(now)
