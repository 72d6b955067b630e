"""The main job: hosts, a network, sandboxes that reach each other."""

from itertools import permutations

from tests.agent.hosts import World, until


def test_all_pairs_ping(cluster: World) -> None:
    cluster[0].post("networks", name="web")
    cluster.until_known("web")
    ips = {host: host.sandbox("box", "web") for host in cluster}
    for one, other in permutations(cluster, 2):
        until(f"{one.name} to {other.name}", one.pings, "box", ips[other])
    for host in cluster:
        host.post("networks/web/disconnect", sandbox="box")
        host.delete("sandboxes/box")
    until("no endpoints", lambda: not cluster[0].endpoints("web"))
    cluster[0].delete("networks/web")
