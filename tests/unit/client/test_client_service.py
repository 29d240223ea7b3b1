"""`f5ctl service`, and what clients do where systemd is in charge. The units at work: tests/systemd."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from f5ctl.cli.base.systemd import PACKAGED_PYTHON, UNITS, Scope

FAMILY = re.compile(  # lines that may share one reason
    r"(SystemCall\w+|\w+Capabilit\w+|CapabilityBoundingSet|ProtectKernel\w+|Protect(ControlGroups|Clock|Hostname))="
)
SERVICES = sorted((UNITS).glob("*/f5d*.service"))
DAEMONS = [path for path in SERVICES if "wyoming" not in path.name]


def f5ctl(folder: Path, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "XDG_RUNTIME_DIR": str(folder), **env}
    command = [sys.executable, "-m", "f5ctl", *args]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=30)


def test_every_unit_is_in_the_package() -> None:
    """Both scopes have a socket and a service, each also as a template, with the Python to be replaced."""
    for system in (True, False):
        for source, _target in (*Scope(system=system).files(), *Scope(system=system).wyoming_files()):
            assert source.is_file(), source
    assert len(DAEMONS) == 4
    for service in DAEMONS:
        assert f"ExecStart={PACKAGED_PYTHON} -m f5d serve\n" in service.read_text()


def test_the_wyoming_server_is_a_client_of_the_daemon_s_socket() -> None:
    """It is started with its port, and starts no daemon of its own beside systemd's."""
    for scope, place in (("user", "%t/f5d"), ("system", "/run/f5d")):
        text = (UNITS / scope / "f5d-wyoming.service").read_text()
        command = f"-m f5ctl --socket {place}/f5d.sock --no-start serve wyoming"
        assert f"ExecStart={PACKAGED_PYTHON} {command}\n" in text
        assert "Requires=f5d-wyoming.socket\n" in text
        assert "ListenStream=127.0.0.1:10200\n" in (UNITS / scope / "f5d-wyoming.socket").read_text()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
@pytest.mark.parametrize("scope", ["user", "system"])
def test_systemd_understands_the_wyoming_units(scope: str, tmp_path: Path) -> None:
    """`systemd-analyze verify` has nothing to say of them."""
    for source in (UNITS / scope).iterdir():
        (tmp_path / source.name).write_text(source.read_text().replace(PACKAGED_PYTHON, sys.executable))
    units = [str(tmp_path / f"f5d-wyoming.{kind}") for kind in ("socket", "service")]
    env = os.environ | {"XDG_RUNTIME_DIR": str(tmp_path), "SYSTEMD_UNIT_PATH": f"{tmp_path}:"}
    command = ["systemd-analyze", f"--{scope}", "verify", *units]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=60)
    assert [line for line in done.stderr.splitlines() if "f5d-wyoming" in line] == []


@pytest.mark.parametrize("service", SERVICES, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_every_restriction_has_its_reason(service: Path) -> None:
    """Each setting of the sandbox stands under a comment, or under another setting that it belongs to."""
    _before, _heading, sandbox = service.read_text().partition("# --- What it may not ---\n")
    assert sandbox
    lines = sandbox.splitlines()
    for above, line in pairwise(lines):
        if line and not line.startswith("#"):
            assert above.startswith("#") or (FAMILY.match(line) and FAMILY.match(above)), line


def test_templates_differ_in_names_only() -> None:
    """What holds for the daemon holds for an instance."""
    for scope in ("system", "user"):
        one, many = ((UNITS / scope / name).read_text() for name in ("f5d.service", "f5d@.service"))
        restrictions = [
            text.partition("# --- What it may not ---")[2].partition("# Not Private")[0] for text in (one, many)
        ]
        assert restrictions[0] == restrictions[1]
        assert "%i.toml" in many


def test_no_daemon_is_started_where_systemd_is_to_listen(tmp_path: Path) -> None:
    """With f5d.socket enabled but not listening, say names the command instead of getting in the way."""
    wants = tmp_path / ".config" / "systemd" / "user" / "sockets.target.wants"
    wants.mkdir(parents=True)
    (wants / "f5d.socket").touch()
    done = f5ctl(tmp_path, "say", "Hello.", "-o", str(tmp_path / "a.wav"))
    assert done.returncode == 69
    path = tmp_path / "f5d" / "f5d.sock"
    assert done.stderr == (
        f"f5ctl: error: systemd is to listen on {path} and does not; "
        "start it with: systemctl --user start f5d.socket\n"
    )


def test_a_systemctl_without_its_systemd_says_so(tmp_path: Path) -> None:
    """In a container systemctl may be there and nobody behind it: its own last line, and what that means."""
    (tmp_path / "systemctl").write_text("#!/bin/sh\necho 'Failed to connect to bus: No medium' >&2\nexit 1\n")
    (tmp_path / "systemctl").chmod(0o755)
    done = f5ctl(tmp_path, "service", "status", "--user", PATH=f"{tmp_path}:{os.environ['PATH']}")
    booted = Path("/run/systemd/system")
    meaning = "" if booted.is_dir() else f"; this machine does not run systemd ({booted} is missing)"
    assert done.returncode == 78
    assert done.stderr.startswith("f5ctl: error: systemctl --user ")
    assert done.stderr.endswith(f" failed: Failed to connect to bus: No medium{meaning}\n")


@pytest.mark.parametrize(
    ("args", "env", "line"),
    [
        (["install"], {"PATH": "/nowhere"}, "there is no systemctl here: this machine does not run systemd"),
        (["status", "--user"], {"XDG_RUNTIME_DIR": ""}, "XDG_RUNTIME_DIR is not set"),
        (["install", "--user"], {"F5D_SOCKET": "/tmp/x"}, "F5D_SOCKET is set"),
    ],
)
def test_what_cannot_work_is_one_line(tmp_path: Path, args: list[str], env: dict[str, str], line: str) -> None:
    """Status 78 and the reason, before anything is written."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "systemctl").symlink_to("/bin/true")
    done = f5ctl(tmp_path, "service", *args, **{"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", **env})
    assert done.returncode == 78
    assert done.stderr.startswith(f"f5ctl: error: {line}")
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / ".config").exists()
