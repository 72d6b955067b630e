"""The systemd unit says what the code says."""

import shutil
import subprocess
import sys
from configparser import RawConfigParser
from pathlib import Path
from typing import Final

import pytest

from swarmnet.runtime.cli.grammar import DATA_DIR, RUN_DIR
from swarmnet.runtime.cli.main import PROGRAM
from swarmnet.runtime.rights import USEFUL, WANTED
from tests.source import ROOT

UNIT: Final = ROOT / "packaging" / "swarmnet.service"
MOUNTING: Final = (
    *("BindPaths", "BindReadOnlyPaths", "DynamicUser", "ExecPaths"),
    *("InaccessiblePaths", "LoadCredential", "MountAPIVFS", "MountFlags"),
    *("MountImages", "NoExecPaths", "PrivateDevices", "PrivateMounts", "PrivateTmp"),
    *("PrivateUsers", "ProcSubset", "ProtectControlGroups", "ProtectHome"),
    *("ProtectHostname", "ProtectKernelLogs", "ProtectKernelModules"),
    *("ProtectKernelTunables", "ProtectProc", "ProtectSystem", "ReadOnlyPaths"),
    *("ReadWritePaths", "RootDirectory", "RootImage", "TemporaryFileSystem"),
)
"""Options that give a service a mount namespace of its own (systemd.exec(5))."""


def service() -> dict[str, str]:
    parser = RawConfigParser(strict=True)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string(UNIT.read_text())
    return dict(parser["Service"])


def test_its_folders_are_the_defaults_of_the_command() -> None:
    found = service()
    assert f"/run/{found['RuntimeDirectory']}" == RUN_DIR
    assert f"/var/lib/{found['StateDirectory']}" == DATA_DIR
    assert found["RuntimeDirectoryPreserve"] == "yes"


def test_it_starts_the_agent_with_no_more_than_is_wanted() -> None:
    found = service()
    program, *words = found["ExecStart"].split()
    assert Path(program).name == PROGRAM
    assert words == ["agent"]
    capabilities = found["CapabilityBoundingSet"].split()
    assert capabilities == [*WANTED, *USEFUL]
    told = [
        line.split()[1] for line in UNIT.read_text().splitlines() if "# CAP_" in line
    ]
    assert told == [*WANTED, *USEFUL]


def test_its_data_plane_outlives_it() -> None:
    found = service()
    assert found["KillMode"] == "process"
    assert [option for option in MOUNTING if option in found] == []


def test_it_is_told_when_the_agent_serves() -> None:
    assert service()["Type"] == "notify"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_systemd_understands_it(tmp_path: Path) -> None:
    unit = tmp_path / UNIT.name
    program = service()["ExecStart"].split()[0]
    unit.write_text(UNIT.read_text().replace(program, sys.executable))
    done = subprocess.run(
        ("systemd-analyze", "verify", str(unit)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_it_keeps_the_sockets_of_two_thousand_sandboxes() -> None:
    found = service()
    assert int(found["FileDescriptorStoreMax"]) >= 2 * 2000
    assert int(found["LimitNOFILE"]) > int(found["FileDescriptorStoreMax"])
