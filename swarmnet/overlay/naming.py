"""What the overlay's objects are called; as Docker's where users know the names."""

from typing import Final

from swarmnet.kernel.link_difference import OUR_BRIDGE
from swarmnet.kernel.links import TAG

BRIDGE: Final = "br0"
GATEWAY_BRIDGE: Final = OUR_BRIDGE
GATEWAY_ALIAS: Final = f"{TAG}gateway"
"""So begins the mark of the gateway's bridge and of its links."""
_ID_SHOWN: Final = 12


def namespace_of(network: str) -> str:
    """Return the key of a network's namespace."""
    return f"net/{network}"


def box_of(sandbox: str) -> str:
    """Return the key of a sandbox's namespace."""
    return f"box/{sandbox}"


def device_of(index: int) -> str:
    """Return the name of the VXLAN device of a network's subnet."""
    return f"vxlan{index}"


def port_of(endpoint: str) -> str:
    """Return the name of an endpoint's link on its network's bridge."""
    return f"v{endpoint[:_ID_SHOWN]}"


def alias_of(network: str, endpoint: str = "") -> str:
    """Return the mark of a network's links, or of one endpoint's."""
    return f"{TAG}{network}/{endpoint}" if endpoint else f"{TAG}{network}"


def endpoint_of(alias: str) -> str | None:
    """Return the endpoint that an alias speaks of, or None."""
    network, slash, endpoint = alias.removeprefix(TAG).partition("/")
    if not alias.startswith(TAG) or not slash or network == "gateway":
        return None
    return endpoint
