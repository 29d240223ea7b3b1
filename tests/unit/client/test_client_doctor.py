"""`f5ctl doctor` on this machine, against daemons that are well, old or absent."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from f5ctl import __version__

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.client.conftest import Cli, FakeDaemon


def findings(cli: Cli, *flags: str, status: int) -> dict[str, dict[str, Any]]:
    done = cli.run(*flags, "doctor", "--json")
    assert done.returncode == status, done.stderr
    return {finding["what"]: finding for finding in json.loads(done.stdout)}


def test_a_sound_installation_has_no_fault(cli: Cli, daemon: FakeDaemon) -> None:
    """Libraries, formats, device and a daemon of this version are found in order."""
    daemon.status = {"version": __version__, "pid": 1}
    found = findings(cli, status=0)
    assert {
        name: found[name]["state"] for name in ("daemon", "packages", "device", "torchaudio", "formats")
    } == (dict.fromkeys(("daemon", "packages", "device", "torchaudio", "formats"), "ok"))
    assert "torch 2" in found["packages"]["how"]


def test_each_fault_comes_with_its_fix(cli: Cli, daemon: FakeDaemon) -> None:
    """A daemon of another version, and an engine that has died, say what to do; the status is 1."""
    engine = {"model": "starter", "device": "cpu", "dtype": "float32", "state": "ready", "restarts": 3}
    daemon.status = {"version": "0.0.1", "pid": 1, "engines": [engine]}
    found = findings(cli, status=1)
    assert (found["daemon"]["state"], found["daemon"]["fix"]) == ("fault", "restart it: f5ctl stop")
    assert found["engine"]["state"] == "note"
    assert "f5d.log" in found["engine"]["fix"]


def test_no_daemon_is_no_fault_and_none_is_started(cli: Cli, tmp_path: Path) -> None:
    """Without a daemon doctor says who will start one, and leaves it at that."""
    path = str(tmp_path / "s")
    found = findings(cli, "--socket", path, status=0)
    assert found["daemon"]["state"] == "note"
    assert not (tmp_path / "s").exists()


def test_a_socket_path_that_is_too_long_is_a_fault(cli: Cli) -> None:
    """The limit of the operating system is named."""
    found = findings(cli, "--socket", f"/tmp/{'x' * 120}", status=1)
    assert "bytes" in found["socket"]["how"]
