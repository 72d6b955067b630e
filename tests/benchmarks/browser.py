"""A headless Chromium, driven by chromedriver in the words of the WebDriver standard.

It keeps its settings in a folder of its own, asks nothing of the network by itself, and
tells which requests a page made and what went wrong in it.
"""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import which
from typing import Any, Final
from urllib.request import Request, urlopen

CHROMIUM: Final = which("chromium") or which("chromium-browser")
DRIVER: Final = which("chromedriver")
MISSING: Final = "no headless browser: install Debian's chromium and chromium-driver"
IS_THERE: Final = CHROMIUM is not None and DRIVER is not None
WAIT_S: Final = 90.0
FLAGS: Final = (
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--window-size=1100,1400",
)
_STARTED: Final = re.compile(r"started successfully on port (\d+)")


class Browser:
    """One session; every call waits for its answer, up to `WAIT_S`."""

    def __init__(self, port: int, profile: Path) -> None:
        self._base = f"http://127.0.0.1:{port}"
        flags = [*FLAGS, f"--user-data-dir={profile}"]
        if os.geteuid() == 0:
            flags.append("--no-sandbox")
        wanted = {
            "browserName": "chrome",
            "goog:chromeOptions": {"binary": CHROMIUM, "args": flags},
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }
        capabilities = {"capabilities": {"alwaysMatch": wanted}}
        session = self._ask("POST", "/session", capabilities)["sessionId"]
        self._base += f"/session/{session}"

    def _ask(self, method: str, path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        head = {"Content-Type": "application/json"}
        request = Request(self._base + path, data, head, method=method)
        with urlopen(request, timeout=WAIT_S) as answer:
            return json.load(answer)["value"]

    def show(self, page: Path) -> None:
        """Load a file, and wait until all of it is there; what was logged is past."""
        self._ask("POST", "/url", {"url": "about:blank"})
        for kind in ("browser", "performance"):
            self._log(kind)
        self._ask("POST", "/url", {"url": page.resolve().as_uri()})

    def answer(self, script: str) -> Any:
        """Return what a script in the page returns, as JSON's types."""
        return self._ask("POST", "/execute/sync", {"script": script, "args": []})

    def complaints(self) -> list[str]:
        """Return what was written on the page's console since the last call."""
        return [one["message"] for one in self._log("browser")]

    def requests(self) -> list[str]:
        """Return the addresses that were asked for since the last call."""
        messages = [json.loads(one["message"]) for one in self._log("performance")]
        events = [one["message"] for one in messages]
        return [
            event["params"]["request"]["url"]
            for event in events
            if event["method"] == "Network.requestWillBeSent"
        ]

    def _log(self, kind: str) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = self._ask("POST", "/se/log", {"type": kind})
        return entries

    def quit(self) -> None:
        """Close the browser."""
        self._ask("DELETE", "")


@contextmanager
def browsing(folder: Path) -> Iterator[Browser]:
    """Yield a browser that keeps its settings in an empty folder."""
    assert DRIVER is not None, MISSING
    driver = subprocess.Popen(
        [DRIVER, "--port=0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        browser = Browser(_port(driver), folder / "profile")
        try:
            yield browser
        finally:
            browser.quit()
    finally:
        driver.terminate()
        driver.communicate()


def _port(driver: "subprocess.Popen[str]") -> int:
    """Return the port that a driver says it serves."""
    assert driver.stdout is not None
    said = []
    for line in driver.stdout:
        said.append(line)
        found = _STARTED.search(line)
        if found:
            return int(found[1])
    raise AssertionError(f"chromedriver did not start: {''.join(said)}")
