"""The stage, first process of its namespaces: it tells the story, and ends it."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from threading import Thread, main_thread
from time import monotonic
from typing import Final

from demo.hosts import FOLDER, Host, Wrong, install_command, run
from demo.screen import Screen, failure
from demo.story import Story

LINKS: Final = ("bridge", "veth", "vxlan")
INTERRUPTED: Final = 130
ENDING_S: Final = 5.0


def main() -> int:
    """Tell the story; return the exit status."""
    Thread(target=_end_with_the_pipe, daemon=True).start()
    began = monotonic()
    screen = Screen()
    hosts: list[Host] = []
    try:
        why_not = prepare()
        if why_not:
            failure(why_not)
            return 1
        Story(screen, hosts).tell()
    except Wrong as wrong:
        screen.bad(str(wrong))
        show_logs(screen, hosts)
        screen.bad("not everything is as it should be; all of it is being removed")
        return 1
    except KeyboardInterrupt:
        screen.bad("interrupted; all of it is being removed")
        return INTERRUPTED
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        end_agents(hosts)
    screen.good(f"all is as it should be; it took {monotonic() - began:.0f} s")
    return 0


def _end_with_the_pipe() -> None:
    """Interrupt the story once nobody holds the other end of our standard input."""
    # A buffered read would hold a lock that the interpreter wants at its end.
    while os.read(sys.stdin.fileno(), 1):
        pass
    identity = main_thread().ident
    if identity is not None:
        signal.pthread_kill(identity, signal.SIGINT)


def prepare() -> str:
    """Make room for files and names; return what the kernel lacks, or ""."""
    mounted = run(("mount", "-t", "tmpfs", "-o", "mode=755", "demo", "/run"))
    if mounted.status != 0:
        why = " ".join(mounted.output.split())
        return f"no file system may be mounted, not even here ({why}): run it as root"
    Path("/run/netns").mkdir()
    install_command(FOLDER / "bin")
    for kind in LINKS:
        more = ("id", "1", "dstport", "4789") if kind == "vxlan" else ()
        made = run(("ip", "link", "add", "name", "probe", "type", kind, *more))
        if made.status != 0:
            why = " ".join(made.output.split())
            return f"no link of type {kind} can be made ({why}): modprobe {kind}"
        run(("ip", "link", "delete", "probe"))
    return ""


def show_logs(screen: Screen, hosts: list[Host]) -> None:
    """Show how the agents' logs end."""
    for host in hosts:
        screen.say(f"The log of the agent of {host.name} ends so:")
        screen.output(host.log_tail())


def end_agents(hosts: list[Host]) -> None:
    """End the agents; what will not go goes with the stage."""
    running = [host.agent for host in hosts if host.agent is not None]
    for agent in running:
        agent.terminate()
    for agent in running:
        try:
            agent.wait(ENDING_S)
        except subprocess.TimeoutExpired:
            agent.kill()


if __name__ == "__main__":
    sys.exit(main())
