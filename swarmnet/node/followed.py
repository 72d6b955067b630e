"""A network as one host follows it: what is known of it, and its plan."""

from dataclasses import dataclass, field

from swarmnet.cnm.endpoint import Endpoint
from swarmnet.cnm.network import Network
from swarmnet.overlay.driver import Kept, NetworkPlan
from swarmnet.overlay.entries import EntryBook, Sort
from swarmnet.overlay.naming import device_of, namespace_of


@dataclass(slots=True)
class Followed:
    """A network as it is followed here. `local` are this host's endpoints, by id."""

    network: Network
    kept: Kept
    local: dict[str, Endpoint] = field(default_factory=dict)
    plan: NetworkPlan = field(default_factory=NetworkPlan)

    @property
    def book(self) -> EntryBook:
        return self.kept.book

    def stations(self) -> dict[bytes, str]:
        """Return the plan's static entries of the bridge, to be kept up here."""
        space = self.plan.namespaces.get(namespace_of(self.network.id))
        if space is None:
            return {}
        assert isinstance(space.stations, dict)
        return space.stations

    def follow_stations(self) -> None:
        """Let the plan say what the changed keys of the book say of the bridge."""
        stations = self.stations()
        devices = [device_of(index) for index in range(len(self.network.subnets))]
        for mac in changed_stations(self.book):
            if stations.get(mac, devices[0]) not in devices:
                # A sandbox of ours has it.
                continue
            device = self._device_to(mac)
            if device is None:
                stations.pop(mac, None)
            else:
                stations[mac] = device

    def _device_to(self, mac: bytes) -> str | None:
        for index in reversed(range(len(self.network.subnets))):
            if self.book.value((Sort.STATION, index, mac)) is not None:
                return device_of(index)
        return None


def changed_stations(book: EntryBook) -> dict[bytes, None]:
    """Return the MACs of which a book came to say something else to the bridge."""
    return {mac: None for sort, _, mac in book.changed if sort is Sort.STATION}
