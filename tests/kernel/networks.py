"""A network as an agent makes it, for the tests of the codec."""

from typing import Final

from swarmnet.kernel.link_codec import (
    FoundLink,
    add_bridge,
    add_vxlan,
    decode_link_untrusted,
    get_link,
    set_link,
)
from swarmnet.kernel.links import Kind, Link, Port, Vxlan
from tests.kernel.real import RealNamespace

MAC: Final = bytes.fromhex("02420a000102")
BRIDGE: Final = Link("br0", Kind.BRIDGE, 1450, "swarmnet:b", mac=MAC)
VXLAN: Final = Link(
    "vxlan0",
    Kind.VXLAN,
    1450,
    "swarmnet:x",
    port=Port(flood=True),
    vxlan=Vxlan(4097, bytes((10, 99, 0, 1)), 4789),
)


def find(namespace: RealNamespace, name: str) -> FoundLink:
    """Return a link as the kernel tells of it."""
    error, _, bodies = namespace.answer(get_link(name))
    assert error == ""
    found = decode_link_untrusted(bodies[0])
    assert found is not None
    return found


def make_network(host: RealNamespace, inside: RealNamespace) -> tuple[int, int]:
    """Make br0 and vxlan0; return their indexes."""
    inside.do(add_bridge(BRIDGE))
    bridge = find(inside, "br0").index
    inside.do(*set_link(bridge, BRIDGE, master_index=None, rename=None))
    host.do(add_vxlan(VXLAN, namespace_fd=inside.fd, master_index=bridge))
    inside.do(*set_link(0, VXLAN, master_index=bridge, rename=None))
    return bridge, find(inside, "vxlan0").index
