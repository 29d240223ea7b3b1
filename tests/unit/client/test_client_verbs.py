from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import click
import pytest

from f5ctl.cli import VERBS
from f5ctl.cli import cli as verb_group
from f5d.commands import main as daemon_group

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.client.conftest import Cli, FakeDaemon, Here

STATUS: dict[str, Any] = {
    "version": "9.9",
    "protocol": 1,
    "pid": 2**22 + 5,  # above the kernel's limit: nobody's
    "uptime_s": 4000.0,
    "socket": "/run/f5d.sock",
    "default_model": "starter",
    "draining": False,
    "models": [{"name": "starter", "installed": True}, {"name": "F5TTS_v1_Base", "installed": False}],
    "voices": [{"name": "slt_0", "source": "starter", "text": "Ä."}],
    "engines": [
        {"pid": 77, "model": "starter", "device": "cuda:0", "dtype": "bfloat16", "state": "ready",
         "memory_bytes": 1_650_000_000, "loaded_since": 1.0, "expires_s": 250.0, "jobs": 0, "restarts": 0},
        {"pid": 79, "model": "third", "device": "cpu", "dtype": "float32", "state": "busy",
         "memory_bytes": 5_000, "loaded_since": 1.0, "expires_s": None, "jobs": 2, "restarts": 0},
        {"pid": 78, "model": "other", "device": "cpu", "dtype": "float32", "state": "ready",
         "memory_bytes": None, "loaded_since": 1.0, "expires_s": None, "jobs": 0, "restarts": 0},
    ],
    "queue": {"waiting": 2, "running": 1, "limit": 64},
    "jobs": [{"job": "j9", "state": "queued", "model": "starter", "voice": None, "segments": 0,
              "segments_done": 0, "position": 2, "elapsed_s": 3.2}],
    "counters": {"done": 4, "failed": 0, "cancelled": 1, "refused": 0, "audio_s": 90.0, "engine_restarts": 0},
}  # fmt: skip


def test_status(cli: Cli, daemon: FakeDaemon) -> None:
    """`status` reads as a page, and --json is the daemon's answer as it came."""
    daemon.status = STATUS
    page = cli.run("status").stdout.decode()
    for part in (
        "f5d 9.9",
        "up 1 h 6 min",
        "models   starter (",
        "1.6 GB",
        "2 waiting",
        "j9   queued (2 ahead)",
        "1 min of speech",
    ):
        assert part in page, page
    assert json.loads(cli.run("status", "--json").stdout) == STATUS


def test_ps(here: Here, daemon: FakeDaemon) -> None:
    """`ps` lists the loaded models in columns; an engine that never expires says so."""
    daemon.status = STATUS
    header, first, busy, second = here.run("ps").stdout.decode().splitlines()
    assert header.split() == ["NAME", "PID", "PROCESSOR", "STATE", "SIZE", "UNTIL"]
    assert first.split("  ")[0] == "starter"
    assert "cuda:0, bfloat16" in first
    assert first.endswith("1.6 GB  4 min from now")
    assert busy.endswith("5 kB    in use")
    assert second.endswith("forever")
    assert json.loads(here.run("ps", "--json").stdout) == STATUS["engines"]


def test_voices(here: Here, daemon: FakeDaemon) -> None:
    """`voices` prints names that a loop can use."""
    daemon.status = STATUS
    assert here.run("voices").stdout == b"slt_0\n"
    assert json.loads(here.run("voices", "--json").stdout) == STATUS["voices"]


@pytest.mark.parametrize(
    ("args", "sent"),
    [
        (["load"], {"type": "load"}),
        (["load", "starter"], {"type": "load", "model": "starter"}),
        (["unload"], {"type": "unload"}),
        (["unload", "starter"], {"type": "unload", "model": "starter"}),
        (["cancel", "all"], {"type": "cancel", "job": "all"}),
        (["cancel", "j1"], {"type": "cancel", "job": "j1"}),
    ],
    ids=str,
)
def test_verbs_that_print_nothing(
    here: Here, daemon: FakeDaemon, args: list[str], sent: dict[str, str]
) -> None:
    """load, unload and cancel do their work in silence; a refusal becomes one line."""
    done = here.run(*args)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert {name: value for name, value in daemon.seen[0].items() if name not in ("v", "id")} == sent
    daemon.fails = ("unknown_job", "no such job")
    done = here.run(*args)
    assert (done.returncode, done.stderr) == (65, b"f5ctl: error: no such job\n")


@pytest.mark.parametrize(("args", "force"), [(["stop"], False), (["stop", "--force"], True)])
def test_stop(here: Here, daemon: FakeDaemon, args: list[str], force: bool) -> None:  # noqa: FBT001
    """`stop` returns once the daemon is gone."""
    done = here.run(*args)
    assert (done.returncode, done.stderr) == (0, b"")
    assert daemon.seen[-1] | {"id": ""} == {"v": 1, "id": "", "type": "stop", "force": force}
    assert here.run("status").returncode == 69


def test_stop_waits_for_the_process(cli: Cli, daemon: FakeDaemon) -> None:
    """The daemon's process has ended when `stop` returns, not only its socket."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1)"]) as process:
        daemon.status = {"pid": process.pid}
        assert cli.run("stop").returncode == 0
        assert process.poll() == 0


def test_version(here: Here, daemon: FakeDaemon) -> None:
    """`version` shows the daemon's version when one runs, and never starts one."""
    daemon.status = STATUS
    assert b"f5d 9.9" in here.run("version").stdout
    done = here.run("version", "--socket", "/tmp/none.sock")
    assert (done.returncode, done.stdout.splitlines()[1]) == (0, b"f5d is not running")
    assert here.run("--version").stdout.startswith(b"f5ctl ")


@pytest.mark.parametrize(
    "args",
    [
        ["status"], ["ps"], ["voices", "--no-start"], ["unload"], ["cancel", "all"], ["stop"],
        ["say", "hi", "--no-start"], ["--no-start", "say", "hi"], ["load", "--no-start"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_no_daemon(here: Here, socket_path: str, args: list[str]) -> None:
    """Without a daemon every verb but say and load ends with 69 and says how to start one."""
    done = here.run(*args)
    line = f"f5ctl: error: no daemon listens on {socket_path}; start one with f5ctl load\n"
    assert (done.returncode, done.stdout, done.stderr.decode()) == (69, b"", line)


def test_no_daemon_on_a_socket_that_was_named(here: Here, tmp_path: Path) -> None:
    """What starts one names the socket too, as a shell takes it: another daemon would not be found there."""
    path = tmp_path / "a b.sock"
    done = here.run("status", "--socket", str(path))
    line = f"f5ctl: error: no daemon listens on {path}; start one with f5ctl load --socket '{path}'\n"
    assert (done.returncode, done.stderr.decode()) == (69, line)


def test_no_start_from_the_environment(cli: Cli) -> None:
    """F5CTL_NO_START=1 forbids starting a daemon everywhere."""
    assert cli.run("say", "hi", env={"F5CTL_NO_START": "1"}).returncode == 69


def test_a_socket_left_behind_is_no_daemon(here: Here, socket_path: str) -> None:
    """The socket file of a daemon that died counts as none."""
    import socket

    with socket.socket(socket.AF_UNIX) as left:
        left.bind(socket_path)
    assert here.run("status").returncode == 69


@pytest.mark.parametrize("place", ["before", "after", "environment"])
def test_a_socket_path_that_is_too_long(cli: Cli, place: str) -> None:
    """A path that no Unix socket can have is a configuration error with the limit."""
    path = "/tmp/" + "x" * 110
    done = {
        "before": lambda: cli.run("--socket", path, "status"),
        "after": lambda: cli.run("status", "--socket", path),
        "environment": lambda: cli.run("status", env={"F5D_SOCKET": path}),
    }[place]()
    assert done.returncode == 78
    assert b"socket path is 115 bytes; the limit is 107" in done.stderr


def test_closed_stdout(cli: Cli, daemon: FakeDaemon) -> None:
    """A listing into a pipe that nobody reads ends quietly."""
    daemon.status = STATUS
    script = f"{sys.executable} -m f5ctl status | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], env=cli.env, capture_output=True, check=False)
    assert done.returncode in (0, 141)
    assert done.stderr == b""


@pytest.mark.parametrize("args", [["status"], ["ps", "--json"], ["--help"], ["voices", "--help"]], ids=str)
def test_an_answer_into_a_full_disk(cli: Cli, daemon: FakeDaemon, args: list[str]) -> None:
    """An answer that cannot be written is error 74, one line."""
    daemon.status = STATUS
    with open("/dev/full", "wb") as full:  # noqa: PTH123
        done = cli.run(*args, stdout=full)
    assert (done.returncode, len(done.stderr.splitlines())) == (74, 1)


@pytest.mark.parametrize(
    "args",
    [
        ["status"],
        ["ps", "--json"],
        ["voices", "list"],
        ["version"],
        ["--help"],
        ["--version"],
        ["completion", "bash"],
    ],
    ids=str,
)
@pytest.mark.parametrize("closed", [">&-", "1</dev/null"])
def test_an_answer_into_a_closed_stdout(cli: Cli, daemon: FakeDaemon, args: list[str], closed: str) -> None:
    """Whoever asks and closes standard output is told that the answer cannot be written, in one line (74)."""
    daemon.status = STATUS
    script = f"{sys.executable} -m f5ctl {' '.join(args)} {closed}"
    done = subprocess.run(["bash", "-c", script], env=cli.env, capture_output=True, check=False)
    assert (done.returncode, len(done.stderr.splitlines())) == (74, 1)
    assert b"Bad file descriptor" in done.stderr


def test_a_file_needs_no_stdout(cli: Cli, daemon: FakeDaemon, tmp_path: Path) -> None:
    """A closed stdout is nothing to a call that prints nothing; one that speaks into it asks nobody."""
    script = f"{sys.executable} -m f5ctl say hi -o {tmp_path / 'a.wav'} >&-"
    done = subprocess.run(["bash", "-c", script], env=cli.env, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    daemon.seen.clear()
    script = f"{sys.executable} -m f5ctl say hi >&-"
    done = subprocess.run(["bash", "-c", script], env=cli.env, capture_output=True, check=False)
    assert (done.returncode, daemon.seen) == (73, [])
    assert done.stderr == b"f5ctl: error: cannot write to standard output: Bad file descriptor\n"


@pytest.mark.parametrize("verb", VERBS)
def test_help_fits_the_screen(here: Here, verb: str) -> None:
    """Every verb explains itself in at most 80 columns and 40 lines, with examples."""
    page = here.run(verb, "--help").stdout.decode()
    assert page.startswith(f"Usage: f5ctl {verb}")
    assert "Examples:" in page
    assert max(map(len, page.splitlines())) <= 80
    assert len(page.splitlines()) <= 40


@pytest.mark.parametrize("width", [80, 100])
def test_help_of_every_command_fits_the_screen(width: int) -> None:
    """So does each command of f5d and each verb of a verb, on a wider terminal too."""
    pages = {"f5ctl": help_page(verb_group, "f5ctl", width), **pages_below(verb_group, "f5ctl", width)}
    pages |= pages_below(daemon_group, "f5d", width)
    assert {"f5ctl say", "f5ctl voices add", "f5d infer", "f5d infer info"} <= set(pages)
    assert {name: len(page) for name, page in pages.items() if len(page) > 40} == {}


def help_page(command: click.Command, name: str, width: int) -> list[str]:
    return click.Context(command, info_name=name, terminal_width=width).get_help().splitlines()


def pages_below(group: click.Group, path: str, width: int) -> dict[str, list[str]]:
    ctx = click.Context(group, info_name=path)
    pages = {}
    for name in group.list_commands(ctx):
        command = group.get_command(ctx, name)
        assert command is not None
        pages[f"{path} {name}"] = help_page(command, f"{path} {name}", width)
        if isinstance(command, click.Group):
            pages |= pages_below(command, f"{path} {name}", width)
    return pages


@pytest.mark.parametrize("verb", ["say", "batch"])
def test_rare_options_have_a_page_of_their_own(here: Here, verb: str) -> None:
    """--help leaves rare options out and names --help-all, which shows every option, and each of them works."""
    short, whole = (here.run(verb, flag).stdout.decode() for flag in ("--help", "--help-all"))
    assert "--help-all" in short
    for flag in ("--cfg-strength", "--priority", "--socket"):
        assert f"  {flag} " not in short
        assert f"  {flag} " in whole
    command = verb_group.get_command(click.Context(verb_group), verb)
    assert command is not None
    flags = {flag for parameter in command.params for flag in parameter.opts if flag.startswith("--")}
    assert {flag for flag in flags if flag not in whole} == set()


def test_bare_command_lists_the_verbs(cli: Cli) -> None:
    """`f5ctl` alone prints its help, one line for each verb, on one screen."""
    done = cli.run()
    assert done.returncode == 0
    assert done.stdout == cli.run("--help").stdout
    assert all(f"\n  {verb} ".encode() in done.stdout for verb in VERBS)
    assert len(done.stdout.splitlines()) <= 36


def test_unknown_verb(cli: Cli) -> None:
    """A verb that does not exist is a usage error of one line."""
    done = cli.run("sya", "hi")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)


def test_garbage_from_the_socket(cli: Cli, daemon: FakeDaemon) -> None:
    """Something else that answers on the socket is reported, never a traceback."""
    for frames in ([b"\xc1"], [b"\x80"], [b"a", b"b"]):
        daemon.garbage = frames
        done = cli.run("status")
        assert done.returncode == 69
        assert len(done.stderr.splitlines()) == 1
