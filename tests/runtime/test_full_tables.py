"""A kernel's table that is full: the rest is programmed, and what was refused again.

Permanent neighbours count towards no limit of a kernel's, and a VXLAN device has none
for its entries but one that it was made with: so such a device is what is found here.
"""

from time import monotonic

import pytest

from swarmnet.cnm.network import Attachment
from swarmnet.kernel.operations import AddNamespace, PutFdb
from swarmnet.overlay.naming import alias_of
from swarmnet.runtime.kernel import Kernel
from tests.runtime.conftest import printed, ran
from tests.runtime.test_stewarding import (
    NET,
    NETWORK,
    VTEP,
    Served,
    endpoint,
    run,
)

ENTRIES_MAX = 3
REMOTES = [endpoint(number, "b", f"t{number}") for number in range(10, 16)]


def find_limited(kernel: Kernel, host: int) -> None:
    """Let an earlier agent have left a device that takes so many entries."""
    assert kernel.apply([AddNamespace(NET)]) == []
    subnet = NETWORK.subnets[0]
    kind = f"vxlan id {subnet.vni} local 10.99.0.1 dstport 4789 nolearning proxy"
    more = f"l2miss l3miss maxaddress {ENTRIES_MAX}"
    place = ("netns", kernel.path_of(NET))
    born = ("vxlan0", "type", *kind.split(), *more.split())
    ran(host, "ip", "link", "add", *place, *born)
    alias = alias_of(NETWORK.id)
    printed(kernel, NET, "ip", "link", "set", "vxlan0", "mtu", "1450", "alias", alias)


def held(served: Served) -> tuple[dict[bytes, bytes], dict[bytes, bytes]]:
    entries = served.kernel.read(NET).entries["vxlan0"]
    return dict(entries.fdb), dict(entries.neighbours)


@pytest.mark.slow
def test_beyond_a_full_table_all_else_is_programmed_and_it_is_tried_again(
    kernel: Kernel, host: int
) -> None:
    find_limited(kernel, host)

    async def test(served: Served) -> None:
        (first,) = held(served)[0]
        plane, now = served.plane, monotonic()
        plane.set_network(now, NETWORK, [Attachment("b", VTEP, 1500)], REMOTES)
        served.steward.wake()
        left = len(REMOTES) + 1 - ENTRIES_MAX
        await served.until(lambda: plane.counters["refused"] >= 2 * left)

        fdb, neighbours = held(served)
        assert len(fdb) == ENTRIES_MAX
        assert neighbours.keys() >= {one.addresses[0].packed for one in REMOTES}
        lacking = {one.mac for one in REMOTES} - fdb.keys()
        told = {
            one.operation.mac: one.error
            for one in plane.failures()
            if isinstance(one.operation, PutFdb)
        }
        assert told == dict.fromkeys(lacking, "ENOSPC")
        assert len(list(plane.failures())) == left
        assert not plane.is_settled

        gone = [one for one in REMOTES if one.mac in lacking]
        for one in gone[: left - 1]:
            plane.drop_endpoint(monotonic(), NETWORK.id, one.id)
        held_still = next(one for one in REMOTES if one.mac in fdb)
        plane.drop_endpoint(monotonic(), NETWORK.id, held_still.id)
        served.steward.wake()
        await served.settle()
        assert gone[-1].mac in held(served)[0]
        assert first in held(served)[0]
        assert served.is_right()

    run(kernel, test)
