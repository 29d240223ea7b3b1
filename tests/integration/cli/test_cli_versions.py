"""A client and a daemon of different versions: two installations, one socket."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

import f5ctl
import f5d
from f5ctl import __version__
from f5ctl.errors import BadRequestError
from f5ctl.protocol import Done, Failed, Stop, decode, encode
from tests.integration.support import Daemon, is_alive, say, wait_until

from .conftest import Cli, end_daemon

OTHER = "0.0.9"


def installation(folder: Path, *, protocol: int = 1) -> dict[str, str]:
    """Make an installation of another version and return the environment in which Python finds it."""
    own = Path(f5ctl.__file__).parent
    shutil.copytree(own, folder / "f5ctl", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "f5d").symlink_to(Path(f5d.__file__).parent)
    change(folder / "f5ctl" / "__init__.py", f'__version__ = "{__version__}"', f'__version__ = "{OTHER}"')
    change(folder / "f5ctl" / "protocol.py", "VERSION: Final = 1\n", f"VERSION: Final = {protocol}\n")
    return {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}


def change(path: Path, before: str, after: str) -> None:
    text = path.read_text()
    assert text.count(before) == 1
    path.write_text(text.replace(before, after))


@pytest.fixture
def other(tmp_path: Path) -> dict[str, str]:
    return installation(tmp_path / "other")


def client_of(daemon: Daemon) -> Cli:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("F5D_", "F5CTL_"))}
    mine = {"F5D_SOCKET": daemon.socket_path, "XDG_STATE_HOME": str(daemon.folder), "F5D_THREADS": "1"}
    return Cli(daemon.socket_path, env | mine)


def speak(cli: Cli, *flags: str) -> subprocess.CompletedProcess[bytes]:
    return cli.run("say", *flags, "--nfe-step", "1", "--output", f"{cli.socket}.wav", "Hello.")


def told(done: subprocess.CompletedProcess[bytes]) -> str:
    """Return what stood on stderr besides the stand-in engine's own warning."""
    return done.stderr.decode().replace("f5ctl: warning: a warning\n", "")


@pytest.mark.slow
@pytest.mark.parametrize("protocol", [1, 2])
def test_an_autostarted_daemon_of_another_version_is_replaced(tmp_path: Path, protocol: int) -> None:
    """After an upgrade the next say restarts the daemon that an older f5ctl started, and is spoken by it."""
    env = installation(tmp_path / "other", protocol=protocol)
    with Daemon(env=env, on_demand=True) as daemon:
        cli = client_of(daemon)
        done = speak(cli)
        try:
            assert done.returncode == 0, done.stderr
            line = f"f5ctl: note: f5d {OTHER} was restarted as f5d {__version__}\n"
            assert done.stderr.decode() == line
            assert Path(f"{cli.socket}.wav").read_bytes()[:4] == b"RIFF"
            assert daemon.exit_status() == 0
            state = cli.status()
            assert (state["version"], state["counters"]["done"]) == (__version__, 1)
            assert speak(cli).stderr == b""
            assert cli.status()["pid"] == state["pid"]
        finally:
            end_daemon(cli)


@pytest.mark.slow
def test_clients_that_meet_it_together_all_speak(other: dict[str, str]) -> None:
    """Three at once after an upgrade: each is spoken, by whichever daemon, and the next has the new one."""
    with Daemon(env=other, on_demand=True) as daemon:
        cli = client_of(daemon)
        try:
            names = [f"{daemon.folder}/{n}.wav" for n in range(3)]
            calls = [cli.start("say", "--nfe-step", "1", "-o", name, "Hello.") for name in names]
            for call, name in zip(calls, names, strict=True):
                _out, err = call.communicate(timeout=120)
                assert call.returncode == 0, err
                assert Path(name).exists()
            assert speak(cli).returncode == 0
            assert cli.status()["version"] == __version__
        finally:
            end_daemon(cli)


def test_a_daemon_with_jobs_of_others_is_left_alone(other: dict[str, str]) -> None:
    """While somebody else speaks nothing is restarted: one line, and the old daemon does the work."""
    with Daemon(env=other, on_demand=True) as daemon:
        peer = daemon.peer()
        peer.send(say("a", "segments=20 delay=0.2"))
        peer.started("a")
        done = speak(client_of(daemon))
        theirs = f"this is f5ctl {__version__} and f5d {OTHER} on {daemon.socket_path}"
        line = f"f5ctl: warning: {theirs}; it has jobs of others and is restarted later\n"
        assert (done.returncode, told(done)) == (0, line)
        assert isinstance(peer.end_of("a"), Done)
        assert peer.status()["pid"] == daemon.process.pid


@pytest.mark.parametrize(("on_demand", "flag"), [(False, ""), (True, "--no-start")])
def test_a_daemon_of_systemd_or_by_hand_is_never_restarted(
    other: dict[str, str], *, on_demand: bool, flag: str
) -> None:
    """It gets the work, the user one line; --quiet leaves out the line."""
    with Daemon(env=other, on_demand=on_demand) as daemon:
        cli = client_of(daemon)
        for flags, lines in (((), 1), (("--quiet",), 0)):
            done = speak(cli, *flags, *filter(None, [flag]))
            assert done.returncode == 0, done.stderr
            assert told(done).count("\n") == lines
            assert lines == 0 or f"this is f5ctl {__version__} and f5d {OTHER}" in told(done)
        state = daemon.peer().status()
        assert (state["pid"], state["counters"]["done"]) == (daemon.process.pid, 2)


def test_another_protocol_is_one_line_and_stop_still_works(tmp_path: Path) -> None:
    """A daemon that cannot be understood is named with its version, 69; `f5ctl stop` ends it all the same."""
    with Daemon(env=installation(tmp_path / "other", protocol=2), on_demand=False) as daemon:
        cli = client_of(daemon)
        done = speak(cli)
        assert done.returncode == 69
        assert done.stderr.count(b"\n") == 1
        assert f"f5ctl {__version__} and f5d {OTHER} on {daemon.socket_path}".encode() in done.stderr
        assert b"f5ctl stop" in done.stderr
        assert cli.status()["protocol"] == 2
        stopped = cli.run("stop")
        assert (stopped.returncode, stopped.stderr) == (0, b"")
        assert daemon.exit_status() == 0


def test_stop_alone_spares_a_daemon_that_others_use() -> None:
    """`stop` with `alone` does nothing while another connection has a job, and ends the daemon else."""
    with Daemon() as daemon:
        mine, theirs = daemon.peer(), daemon.peer()
        theirs.send(say("a", "segments=3 delay=0.1"))
        theirs.started("a")
        mine.send(say("b", "segments=500 delay=0.1"))
        facts = mine.ok(Stop("s", alone=True))
        assert (facts["stopping"], facts["pid"]) == (False, daemon.process.pid)
        assert isinstance(theirs.end_of("a"), Done)
        assert mine.ok(Stop("t", alone=True)) == {"draining": 0, "stopping": True, "pid": daemon.process.pid}
        assert daemon.exit_status() == 0


def test_a_daemon_that_is_stopping_says_which_it_is() -> None:
    """Refusals of a stopping daemon carry its version, those of other faults do not."""
    with Daemon(on_demand=True) as daemon:
        peer = daemon.peer()
        peer.send(say("a", "segments=3 delay=0.2"))
        peer.started("a")
        bad = peer.ask(say("bad", ""))
        assert isinstance(bad, Failed)
        assert (bad.version, bad.on_demand) == (None, None)
        daemon.signal(signal.SIGTERM)
        wait_until(lambda: peer.status()["draining"], "draining")
        late = peer.ask(say("late"))
        assert isinstance(late, Failed)
        assert (late.code, late.version, late.on_demand) == ("shutting_down", __version__, True)


@pytest.mark.slow
def test_a_started_daemon_is_on_demand(fresh: Cli) -> None:
    """What f5ctl starts says so, in the message that is sent anyway."""
    assert fresh.run("say", "-v", "nobody", "Hello.").returncode == 65  # for which no model is loaded
    pid = json.loads(fresh.run("status", "--json").stdout)["pid"]
    assert b"--on-demand" in Path(f"/proc/{pid}/cmdline").read_bytes()
    assert is_alive(pid)


def test_only_the_lasting_messages_cross_versions() -> None:
    """`status`, `stop`, `done` and `failed` are read whatever their `v`; the rest is refused."""
    frame = encode(Stop("s")).replace(b"\xa1v\x01", b"\xa1v\x07")
    assert decode(frame)["v"] == 7
    frame = encode(say("s")).replace(b"\xa1v\x01", b"\xa1v\x07")
    with pytest.raises(BadRequestError, match="protocol version 7"):
        decode(frame)
