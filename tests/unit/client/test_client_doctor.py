"""`f5ctl doctor` on this machine, against daemons that are well, old or absent."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from f5ctl import __version__
from f5ctl.cli.base.systemd import PACKAGED_PYTHON, Scope
from f5ctl.cli.base.unit_findings import IN_CHARGE, examine_units

if TYPE_CHECKING:
    from tests.unit.client.conftest import Cli, FakeDaemon, Here

needs_no_systemd = pytest.mark.skipif(Path(IN_CHARGE).is_dir(), reason="tests/systemd looks there")

pytestmark = pytest.mark.slow  # it imports torch, in a process of its own each time


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
    assert [found[f"extra: {name}"]["state"] for name in ("engine", "upstream", "asr")] == ["ok"] * 3


def test_each_fault_comes_with_its_fix(cli: Cli, daemon: FakeDaemon) -> None:
    """A daemon of another version, and an engine that has died, say what to do; the status is 1."""
    engine = {"model": "starter", "device": "cpu", "dtype": "float32", "state": "ready", "restarts": 3}
    daemon.status = {"version": "0.0.1", "pid": 1, "engines": [engine]}
    found = findings(cli, status=1)
    assert (found["daemon"]["state"], found["daemon"]["fix"]) == ("fault", "restart it: f5ctl stop")
    assert found["engine"]["state"] == "note"
    assert "f5d.log" in found["engine"]["fix"]


def test_what_is_not_there_is_a_note(cli: Cli, tmp_path: Path) -> None:
    """Without daemon, ffmpeg and terminal nothing is at fault; each note says what it means or what to do.

    The client reads no f5d.toml: of a socket named there a line says how f5ctl finds it.
    """
    (tmp_path / "f5d.toml").write_text('socket = "/run/elsewhere/s"')
    env = {"F5D_CONFIG": str(tmp_path / "f5d.toml"), "F5D_SOCKET": "", "PATH": str(tmp_path)}
    done = cli.run("--socket", str(tmp_path / "s"), "doctor", "--json", env=env)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    notes = {one["what"]: one for one in found if one["state"] == "note"}
    assert {"daemon", "ffmpeg", "configuration"} <= set(notes)
    assert not (tmp_path / "s").exists()
    assert "m4a" in notes["ffmpeg"]["fix"]
    assert [one["what"] for one in found].count("configuration") == 2
    assert notes["configuration"]["fix"].endswith("export F5D_SOCKET=/run/elsewhere/s")


def test_a_wrong_configuration_is_a_fault(cli: Cli, tmp_path: Path) -> None:
    """F5D_CONFIG may be relative, as for a daemon that f5ctl starts."""
    (tmp_path / "mine.toml").write_text("threads = 5000")
    done = cli.run("doctor", "--json", env={"F5D_CONFIG": "mine.toml"}, cwd=tmp_path)
    (found,) = [one for one in json.loads(done.stdout) if one["what"] == "configuration"]
    assert (done.returncode, found["state"]) == (1, "fault")
    assert f"{tmp_path}/mine.toml: threads is 5000; " in found["how"]


def test_a_fix_stands_under_its_finding(cli: Cli, tmp_path: Path) -> None:
    """Read by a person: what is not well is followed by what to do; --sound tries the player in a pipe too."""
    player = {"F5CTL_PLAYER": "/no/such/player", "NO_COLOR": "1"}
    done = cli.run("--socket", str(tmp_path / "s"), "doctor", "--sound", env=player)
    assert b"\x1b" not in done.stdout
    lines = [line.strip() for line in done.stdout.decode().splitlines()]
    place = next(number for number, line in enumerate(lines) if "none runs on" in line)
    assert lines[place + 1] == "-> the next `f5ctl say` starts one"
    place = lines.index("FAULT  player           /no/such/player cannot be started: No such file or directory")
    assert lines[place + 1] == "-> mend or unset F5CTL_PLAYER"
    assert done.returncode == 1


def test_a_socket_path_that_is_too_long_is_a_fault(cli: Cli) -> None:
    """The limit of the operating system is named."""
    found = findings(cli, "--socket", f"/tmp/{'x' * 120}", status=1)
    assert "bytes" in found["socket"]["how"]


Units = Callable[[str], Path]


@pytest.fixture
def install_units(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Units:
    """Return what puts a user's units where `f5ctl service install` puts them, and tells their folder."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))

    def install(python: str) -> Path:
        units = tmp_path / "systemd" / "user"
        units.mkdir(parents=True)
        for source, target in Scope(system=False).files():
            (units / target.name).write_text(source.read_text().replace(PACKAGED_PYTHON, python))
        return units

    return install


def told_of_units() -> list[tuple[str, str, str]]:
    return [(one.state, one.how, one.fix) for one in examine_units() if one.what == "systemd --user"]


@needs_no_systemd
def test_units_as_installed_have_no_fault(install_units: Units) -> None:
    """Units that are whole and run this environment's Python are not mentioned where systemd is away."""
    install_units(sys.executable)
    assert told_of_units() == []


@needs_no_systemd
def test_stale_and_incomplete_units_are_faults(here: Here, install_units: Units) -> None:
    """A unit that is gone and a Python that is gone: each is named, with the command that mends it."""
    units = install_units("/nowhere/bin/python")
    (units / "f5d@.service").unlink()
    missing, stale = told_of_units()
    assert missing == (
        "fault",
        f"missing or unreadable: {units / 'f5d@.service'}",
        "write them: f5ctl service install --user",
    )
    assert stale[0] == "fault"
    assert stale[1] == "the units run /nowhere/bin/python, which is not there (any more)"
    assert stale[2].endswith("f5ctl service install --user")
    done = here.run("doctor", "--json")
    found = [one for one in json.loads(done.stdout) if one["what"] == "systemd --user"]
    assert (done.returncode, [(one["state"], one["how"], one["fix"]) for one in found]) == (1, [missing, stale])


@needs_no_systemd
def test_units_of_another_installation_or_changed_by_hand_are_noted(install_units: Units) -> None:
    """Another Python that exists, or other lines, need not be wrong: a note, which is no fault."""
    units = install_units("/bin/sh")
    with (units / "f5d.service").open("a") as unit:
        unit.write("# mine\n")
    other, changed = told_of_units()
    assert other[:2] == ("note", f"the units run /bin/sh; this f5ctl runs on {sys.executable}")
    assert changed[:2] == ("note", "not as this version writes them: f5d.service")
    assert "systemctl edit" in changed[2]


def test_findings_are_in_colour(cli: Cli, daemon: FakeDaemon) -> None:
    """What is at fault is red where colours are wanted, and the columns stay below each other."""
    daemon.status = {"version": "0.0.1", "pid": 1}
    env = {"FORCE_COLOR": "1", "F5CTL_PLAYER": "/no/such/player"}
    coloured = cli.run("doctor", env=env).stdout.decode()
    assert "\x1b[31m\x1b[1mFAULT\x1b[0m  daemon" in coloured
    assert "\x1b[32m\x1b[1mok\x1b[0m     packages" in coloured
    assert "not tried" in coloured  # the player, where --sound does not stand
