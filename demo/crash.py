"""A crash: an agent is killed while traffic runs, is missed, and comes back."""

import signal
import subprocess
from typing import Final

from demo.hosts import COMMAND_S, FOLDER, Host, Wrong, until
from demo.pings import counted, counts
from demo.screen import Screen

NETWORK: Final = "web"
PING_EVERY_S: Final = "0.01"
LEAST_SENT: Final = 100


class Crash:
    """The chapter on it."""

    def __init__(
        self, screen: Screen, hosts: list[Host], addresses: dict[str, str]
    ) -> None:
        self.screen = screen
        self.first, self.second, self.third = hosts
        self.addresses = addresses
        self._news = FOLDER / "news"
        self._pinged = FOLDER / "pinged"

    def tell(self) -> None:
        """Tell all of it."""
        self.screen.chapter("An agent dies, the traffic does not")
        watching = self._watch()
        pinging = self._ping()
        self._kill()
        late = self._go_on_without()
        self._bring_back(late)
        self.screen.say("What a's agent noticed meanwhile:")
        # Not SIGINT, which is ignored by all that a shell starts in the background.
        self._end(watching, signal.SIGTERM)
        self.screen.output(self._news.read_text())
        self.screen.say("And the account of the ping that ran all the time:")
        # At which ping gives its account, in the background as well.
        self._end(pinging, signal.SIGINT)
        self._account()

    def _expect(self, what: str, *, holds: bool) -> None:
        if not holds:
            raise Wrong(f"not so: {what}")
        self.screen.good(what)

    def _watch(self) -> "subprocess.Popen[bytes]":
        self.screen.say(
            f"""On a, `monitor` notes what the agent notices, and a ping runs from a's
            sandbox to c's, every {PING_EVERY_S} s, until the end of this chapter."""
        )
        return self.first.start("swarmnet", "monitor", output=self._news)

    def _ping(self) -> "subprocess.Popen[bytes]":
        ping = ("ping", "-q", "-i", PING_EVERY_S, self.addresses["box-c"])
        line = ("swarmnet", "sandbox", "exec", "box-a", "--", *ping)
        pinging = self.first.start(*line, output=self._pinged)
        until("the ping runs", lambda: self._pinged.stat().st_size > 0)
        return pinging

    def _kill(self) -> None:
        self.third.kill_agent()
        took = until("a finds c dead", lambda: "dead" in self._news.read_text())
        for host in (self.first, self.second):
            self._wait_state(host, "dead")
        self.first.swarmnet("node", "ls")
        self._expect(f"c is found dead, {took:.1f} s after the kill", holds=True)

    def _wait_state(self, host: Host, state: str) -> float:
        what = f"{host.name} finds c {state}"
        return until(what, lambda: host.states()["c"] == state)

    def _go_on_without(self) -> str:
        self.screen.say(
            """While c's agent is dead, its sandbox is as reachable as ever, and its
            commands still run in it: nothing of that needs an agent. b connects another
            sandbox, of which c will learn when it is back."""
        )
        self._reach(self.third, "box-c", "box-a")
        self.second.swarmnet("sandbox", "create", "late-b")
        address = self.second.swarmnet("network", "connect", NETWORK, "late-b")
        self.addresses["late-b"] = address.strip()
        self._reach(self.first, "box-a", "late-b")
        return "late-b"

    def _reach(self, host: Host, source: str, target: str) -> None:
        ping = ("ping", "-c", "3", "-i", "0.1", "-W", "2", self.addresses[target])
        line = ("swarmnet", "sandbox", "exec", source, "--", *ping)
        sent, received = counted(host.run(*line, shown=counts))
        self._expect(f"{source} reaches {target}", holds=0 < sent == received)

    def _bring_back(self, late: str) -> None:
        self.screen.say(
            """Back: it goes on from its data directory, takes over what stands in the
            kernel, and asks the others for what it missed."""
        )
        self.third.start_agent()
        took = self.third.wait_ready()
        for host in (self.first, self.second):
            self._wait_state(host, "alive")
        self.third.swarmnet("node", "ls")
        self._expect(f"c is back; its agent answered after {took:.1f} s", holds=True)
        until(f"c knows {late}", lambda: self._knows(late))
        self._reach(self.third, "box-c", late)

    def _knows(self, sandbox: str) -> bool:
        seen = self.third.ask("network", "inspect", NETWORK)["endpoints"]
        return sandbox in [one["sandbox"] for one in seen]

    def _end(self, process: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
        process.send_signal(number)
        process.wait(COMMAND_S)

    def _account(self) -> None:
        text = self._pinged.read_text()
        self.screen.output(counts(text))
        sent, received = counted(text)
        self._expect(
            f"{sent} packets in all, {sent - received} of them lost",
            holds=sent >= LEAST_SENT and sent == received,
        )
