"""The story: from three bare hosts to one network that outlives its agents."""

import re
from collections.abc import Iterator
from itertools import permutations
from typing import Final

from demo.crash import Crash
from demo.hosts import NAMED, Host, Wrong, run, until
from demo.pings import counted, counts
from demo.screen import Screen

NAMES: Final = ("a", "b", "c")
UNDERLAY: Final = "192.0.2.{}"
NETWORK: Final = "web"


class Story:
    """The chapters, in order; each raises Wrong where something is not as it should."""

    def __init__(self, screen: Screen, hosts: list[Host]) -> None:
        self.screen = screen
        self.hosts = hosts
        self.addresses: dict[str, str] = {}
        """Of each sandbox."""
        self._network = ""

    def tell(self) -> None:
        """Tell all of it."""
        self.lay_cables()
        self.start_agents()
        self.make_cluster()
        self.make_network()
        self.ping_pairs()
        self.look_inside()
        Crash(self.screen, self.hosts, self.addresses).tell()
        self.part()

    def _expect(self, what: str, *, holds: bool) -> None:
        if not holds:
            raise Wrong(f"not so: {what}")
        self.screen.good(what)

    # The hosts

    def lay_cables(self) -> None:
        """Make three hosts on one bridge."""
        self.screen.chapter("Three hosts")
        self.screen.say(
            """A host is a network namespace here, and their switch a bridge. All of it
            is in namespaces of this demonstration: nothing on this machine is changed,
            and all goes when it ends."""
        )
        self._on_switch("ip", "link", "add", "br0", "type", "bridge")
        self._on_switch("ip", "link", "set", "br0", "up")
        for number, name in enumerate(NAMES, start=1):
            host = Host(self.screen, name, UNDERLAY.format(number))
            self.hosts.append(host)
            self._plug_in(host)
        self.screen.say(
            f"""From here on `a# COMMAND` means: on host a. As three hosts share this
            machine's files, that is `nsenter --net={NAMED}/a env
            SWARMNET_RUN_DIR={self.hosts[0].run_dir} COMMAND`; on three machines it is
            just COMMAND."""
        )
        first, *others = self.hosts
        for other in others:
            first.run("ping", "-c", "1", "-W", "2", other.address, shown=counts)

    def _plug_in(self, host: Host) -> None:
        port, space = f"to-{host.name}", host.name
        self._on_switch("ip", "netns", "add", space)
        veth = ("ip", "link", "add", port, "type", "veth")
        self._on_switch(*veth, "peer", "name", "eth0", "netns", space)
        self._on_switch("ip", "link", "set", port, "master", "br0", "up")
        inside = ("ip", "-n", space)
        address = f"{host.address}/24"
        self._on_switch(*inside, "address", "add", address, "dev", "eth0")
        self._on_switch(*inside, "link", "set", "eth0", "up")
        self._on_switch(*inside, "link", "set", "lo", "up")

    def _on_switch(self, *words: str) -> None:
        self.screen.command("switch#", words)
        ran = run(words)
        if ran.status != 0:
            self.screen.output(ran.output)
            raise Wrong(f"exit status {ran.status}: {' '.join(words)}")

    # The cluster

    def start_agents(self) -> None:
        """Start an agent on each host."""
        self.screen.chapter("An agent on each")
        self.screen.say("A systemd unit does this on real hosts.")
        took = []
        for host in self.hosts:
            host.start_agent()
            took.append(host.wait_ready())
        shown = ", ".join(f"{one:.1f}" for one in took)
        self._expect(f"they answer, after {shown} s", holds=True)

    def make_cluster(self) -> None:
        """Make a cluster on the first, and let the others join."""
        self.screen.chapter("One cluster")
        self.screen.say(
            """The first host makes a cluster; the command that it prints is what the
            others run. The token says to them which cluster is the right one, and to
            the cluster that they may join; every packet from here on is encrypted
            between two nodes that know each other by their keys."""
        )
        first, *others = self.hosts
        first.swarmnet("init", "--name", "a", "--advertise-addr", first.address)
        token = first.ask("join-token", "worker")["token"]
        for host in others:
            where = ("--name", host.name, "--advertise-addr", host.address)
            host.swarmnet("join", "--token", token, *where, first.address)
        for host in self.hosts:
            self._wait_three(host)
        others[-1].swarmnet("node", "ls")
        self._expect("each of the three sees three alive", holds=True)

    def _wait_three(self, host: Host) -> None:
        alive = dict.fromkeys(NAMES, "alive")
        until(f"{host.name} sees all alive", lambda: host.states() == alive)

    def make_network(self) -> None:
        """Make a network, and a sandbox on each host."""
        self.screen.chapter("One network")
        self.screen.say(
            """A network can be made on any host. A sandbox is a network namespace for
            plain processes; `swarmnet sandbox adopt --pid PID` takes any container's
            instead. Each host gives addresses out of its own part of the subnet, and
            asks nobody."""
        )
        self._network = self.hosts[0].swarmnet("network", "create", NETWORK).strip()
        for host in self.hosts:
            self._wait_network(host)
            self._connect(host, f"box-{host.name}")
        self.hosts[0].swarmnet("status")
        self.hosts[1].swarmnet("network", "inspect", NETWORK)
        seen = self.hosts[1].ask("network", "inspect", NETWORK)["endpoints"]
        found = {one["sandbox"]: one["ipv4"] for one in seen}
        self._expect(
            "the three endpoints have three addresses, and b knows all",
            holds=found == self.addresses and len({*found.values()}) == len(NAMES),
        )

    def _wait_network(self, host: Host) -> None:
        def is_known() -> bool:
            return NETWORK in [one["name"] for one in host.ask("network", "ls")]

        until(f"{NETWORK} is known on {host.name}", is_known)

    def _connect(self, host: Host, sandbox: str) -> None:
        host.swarmnet("sandbox", "create", sandbox)
        address = host.swarmnet("network", "connect", NETWORK, sandbox)
        self.addresses[sandbox] = address.strip()

    def ping_pairs(self) -> None:
        """Let each sandbox ping each other."""
        self.screen.chapter("Everybody reaches everybody")
        for host, other in permutations(self.hosts, 2):
            self._ping(host, f"box-{host.name}", f"box-{other.name}")
        self._expect("all six pairs, and no packet was lost", holds=True)

    def _ping(self, host: Host, source: str, target: str) -> None:
        ping = ("ping", "-c", "3", "-i", "0.1", "-W", "2", self.addresses[target])
        line = ("swarmnet", "sandbox", "exec", source, "--", *ping)
        sent, received = counted(host.run(*line, shown=counts))
        if received != sent:
            raise Wrong(f"{source} to {target}: {sent - received} of {sent} lost")

    # The kernel

    def look_inside(self) -> None:
        """Show what the kernel of the first host holds."""
        self.screen.chapter("What the kernel holds")
        self.screen.say(
            """On each host the network has a namespace with a bridge and a VXLAN
            device. For every endpoint elsewhere it has a neighbour (which MAC has that
            IP) and a forwarding entry (behind which host is that MAC). So nothing is
            flooded and nothing learned; and no process is needed to forward."""
        )
        host = self.hosts[0]
        space = str(host.run_dir / "netns" / "net" / self._network)
        enter = ("nsenter", f"--net={space}")
        neighbours = host.run(*enter, "ip", "neigh", "show", "dev", "vxlan0")
        entries = host.run(*enter, "bridge", "fdb", "show", "dev", "vxlan0")
        for mac, ip, underlay in self._elsewhere(host):
            pair = f"{ip} lladdr {mac} PERMANENT"
            behind = re.search(rf"{mac} dst {re.escape(underlay)} ", entries)
            self._expect(
                f"{ip} is {mac} behind {underlay}",
                holds=pair in neighbours and behind is not None,
            )
        host.swarmnet("explain", self.addresses["box-c"])

    def _elsewhere(self, host: Host) -> Iterator[tuple[str, str, str]]:
        places = {one.name: one.address for one in self.hosts}
        for one in host.ask("network", "inspect", NETWORK)["endpoints"]:
            if one["node_name"] != host.name:
                yield one["mac"], one["ipv4"], places[one["node_name"]]

    # The end

    def part(self) -> None:
        """Let a host leave, and see that nothing of it stays."""
        self.screen.chapter("A host leaves")
        first, _, third = self.hosts
        self.screen.say(
            """Who leaves says so: the others know at once, and take over the addresses
            that it gave out. All that it had in its kernel is removed."""
        )
        third.swarmnet("leave")
        until("a knows that c left", lambda: first.states()["c"] == "left")
        first.swarmnet("node", "ls")
        left = third.try_run("ip", "-o", "link", "show", "type", "vxlan").output
        rooms = [*(third.run_dir / "netns").glob("*/*")]
        self._expect("nothing of swarmnet is left on c", holds=not left and not rooms)
