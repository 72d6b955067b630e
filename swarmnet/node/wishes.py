"""What a data plane is told of networks, endpoints and sandboxes: what should be."""

from collections.abc import Iterable, Mapping

from swarmnet.cnm.endpoint import Endpoint
from swarmnet.cnm.network import Attachment, Network
from swarmnet.cnm.sandbox import Sandbox
from swarmnet.node.desired import Desired
from swarmnet.overlay.naming import box_of


class Wishes:
    """The verbs by which a data plane learns what it is to bring about.

    `_unread` are namespaces to be looked at, and from when on.
    """

    __slots__ = ("_unread", "desired")

    def __init__(self, desired: Desired) -> None:
        self.desired = desired
        self._unread: dict[str, float] = {}

    def _step(self, now: float) -> None:
        """Do what can be done; each verb ends so."""
        raise NotImplementedError

    def set_sandbox(self, now: float, sandbox: Sandbox) -> None:
        """Take note of a sandbox; it is looked at before it is used.

        Also one that was gone, and may be there again.
        """
        is_known = self.desired.sandbox(sandbox.name) == sandbox
        if not is_known or box_of(sandbox.name) not in self.desired.namespaces:
            self.desired.set_sandbox(sandbox)
            self._unread[box_of(sandbox.name)] = now
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
