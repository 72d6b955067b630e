"""A small world for the tests of the real kernel: a network and a sandbox in it."""

from swarmnet.kernel.links import Kind, Link, Peer, Port, Vxlan
from swarmnet.kernel.operations import AddLink, AddNamespace, Operation

NET, BOX = "net/blue", "box/web"
LOCAL = bytes([10, 99, 0, 1])
VTEPS = [bytes([10, 99, 0, n]) for n in range(2, 6)]
MAC = bytes.fromhex("02420a000104")
IP = bytes([10, 0, 1, 4])
IP6 = bytes.fromhex("fd00" + "00" * 13 + "04")
BRIDGE = Link("br0", Kind.BRIDGE, 1450, alias="swarmnet:blue", mac=b"\2B\n\0\1\1")
VXLAN = Link(
    "vxlan0",
    Kind.VXLAN,
    1450,
    alias="swarmnet:blue",
    mac=b"\2B\n\0\1\2",
    master="br0",
    port=Port(flood=True),
    vxlan=Vxlan(4097, LOCAL, 4789),
)
NAME = "v0123456789ab"
OTHER = Link("eth0", Kind.VETH, 1450, alias="swarmnet:blue/web", mac=MAC)
PORT = Link(
    NAME,
    Kind.VETH,
    1450,
    alias="swarmnet:blue/web",
    mac=b"\2B\n\0\1\3",
    master="br0",
    port=Port(),
    peer=Peer(BOX, "eth0"),
)
WORLD: list[Operation] = [
    AddNamespace(NET),
    AddNamespace(BOX),
    AddLink(NET, BRIDGE),
    AddLink(NET, VXLAN),
    AddLink(NET, PORT, OTHER),
]
