"""How the daemon starts, keeps engines, drains and ends."""

from __future__ import annotations

import os
import shutil
import signal
import socket as sockets
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from f5ctl import __version__
from f5ctl.errors import ConfigError
from f5ctl.protocol import Accepted, Cancel, Cancelled, Done, Failed, Load, Plan, Say, Status, Stop, Unload
from f5d.system.sdnotify import InheritedSocket
from f5d.system.socketfile import InheritedPlace, SocketPlace

from .support import Daemon, is_alive, say, wait_until


def test_the_socket_is_private_and_goes_with_the_daemon() -> None:
    """The socket has mode 0600; socket and lock are removed on exit, and so are the engines' sockets."""
    with Daemon() as daemon:
        path = Path(daemon.socket_path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        daemon.peer().ok(Load("l"))
        (engine,) = path.parent.glob("s.e*")
        assert stat.S_IMODE(engine.stat().st_mode) == 0o600
        daemon.signal(signal.SIGTERM)
        assert daemon.exit_status() == 0
        assert not list(path.parent.glob("s*"))


def test_the_runtime_folder_is_made_private() -> None:
    """A missing folder is made with mode 0700."""
    with Daemon() as outer, Daemon(socket=str(outer.folder / "new" / "s")) as daemon:
        assert stat.S_IMODE((outer.folder / "new").stat().st_mode) == 0o700
        assert daemon.peer().status()["socket"] == daemon.socket_path


def test_a_second_daemon_names_the_first() -> None:
    """A second daemon on the same socket says whose it is and exits with 78."""
    with Daemon() as daemon:
        second = daemon.spawn()
        assert second.wait(20) == 78
        assert f"another f5d (pid {daemon.process.pid}) serves {daemon.socket_path}" in daemon.log_text()
        assert daemon.peer().status()["pid"] == daemon.process.pid


def test_a_stale_socket_is_replaced() -> None:
    """The socket file that a killed daemon left behind does not stop the next one."""
    with Daemon() as daemon:
        daemon.process.kill()
        daemon.process.wait()
        assert Path(daemon.socket_path).exists()
        daemon.start()
        assert daemon.peer().ok(say("a"))


def test_sockets_of_engines_that_a_killed_daemon_left_are_removed() -> None:
    """After kill -9 the next daemon takes away the old engines' sockets, and nothing else of that name."""
    with Daemon() as daemon:
        daemon.peer().ok(Load("l"))
        left = Path(f"{daemon.socket_path}.e1")
        daemon.process.kill()
        daemon.process.wait()
        assert left.is_socket()
        others = [Path(f"{daemon.socket_path}.e{name}") for name in ("7", "8", "9x", "10", "1234567")]
        live, file, *sockets_ = others
        with sockets.socket(sockets.AF_UNIX) as listener:
            listener.bind(str(live))
            listener.listen()
            file.write_text("somebody's")
            for path in sockets_:
                with sockets.socket(sockets.AF_UNIX) as stale:
                    stale.bind(str(path))
            Path(f"{sockets_[1]}.lock").touch()  # that of another daemon, whose socket has such a name
            old = Path(f"{daemon.socket_path}.e42")
            with sockets.socket(sockets.AF_UNIX) as stale:
                stale.bind(str(old))
            daemon.start()
            assert not left.exists()
            assert not old.exists()
            assert [path for path in others if not path.exists()] == []
            assert daemon.peer().ok(say("a"))


def test_a_daemon_of_systemd_sweeps_its_folder(tmp_path: Path) -> None:
    """Where systemd holds the public socket the engines' own folder is swept."""
    with sockets.socket(sockets.AF_UNIX) as listener, sockets.socket(sockets.AF_UNIX) as stale:
        listener.bind(str(tmp_path / "f5d.sock"))
        listener.listen()
        (tmp_path / "engines").mkdir()
        stale.bind(str(tmp_path / "engines" / "e3"))
        inherited = InheritedSocket(listener.fileno(), str(tmp_path / "f5d.sock"))
        with InheritedPlace(inherited, {"RUNTIME_DIRECTORY": str(tmp_path / "engines")}):
            assert list((tmp_path / "engines").iterdir()) == []
        assert (tmp_path / "f5d.sock").exists()


def test_a_file_that_is_no_socket_is_not_touched(tmp_path: Path) -> None:
    """The daemon never replaces somebody's file."""
    path = tmp_path / "notes"
    path.write_text("mine")
    with pytest.raises(ConfigError, match="is not a socket"), SocketPlace(str(path)):
        pass
    assert path.read_text() == "mine"


def test_a_socket_path_that_is_too_long_is_refused() -> None:
    """A path beyond the kernel's limit ends in one line and status 78."""
    path = f"/tmp/{'x' * 120}/s"
    result = subprocess.run(
        [sys.executable, "-m", "f5d", "serve", "--socket", path], capture_output=True, text=True, check=False
    )
    assert result.returncode == 78
    assert result.stderr.startswith("f5d: error: socket path is 127 bytes; the limit is 107")
    assert len(result.stderr.splitlines()) == 1


def test_sigterm_finishes_what_was_accepted() -> None:
    """While draining, accepted jobs are spoken to the end and new ones are refused; then exit 0."""
    with Daemon() as daemon:
        peer = daemon.peer()
        peer.send(say("a", "segments=5 delay=0.1"))
        peer.started("a")
        daemon.signal(signal.SIGTERM)
        wait_until(lambda: peer.status()["draining"], "draining")
        for request in (say("late"), Load("late-load")):
            ended = peer.ask(request)
            assert isinstance(ended, Failed)
            assert (ended.code, ended.retryable) == ("shutting_down", True)
        assert isinstance(peer.end_of("a"), Done)
        assert daemon.exit_status() == 0


def test_a_second_signal_cancels_everything() -> None:
    """The second SIGTERM does not wait: clients are told, engines end, exit 0 within seconds."""
    with Daemon() as daemon:
        peer = daemon.peer()
        peer.send(say("a", "delay=60"))
        peer.started("a")
        peer.send(say("b"))
        pid = peer.status()["engines"][0]["pid"]
        daemon.signal(signal.SIGTERM)
        wait_until(lambda: peer.status()["draining"], "draining")
        daemon.signal(signal.SIGINT)
        for name in ("a", "b"):
            ended = peer.end_of(name)
            assert isinstance(ended, Cancelled)
            assert ended.reason == "the daemon is stopping"
        assert daemon.exit_status(5) == 0
        assert not is_alive(pid)


def test_a_stop_while_a_model_loads_ends_with_the_load() -> None:
    """The daemon ends as soon as the load that it had accepted has; nothing else has to wake it."""
    with Daemon(patience={"hang_s": 600.0}) as daemon:  # so that no pulse of the engine's wakes it
        daemon.loading(delay=1.0)
        peer = daemon.peer()
        peer.send(Load("l"))
        wait_until(lambda: daemon.told("configure"), "loading")
        daemon.signal(signal.SIGTERM)
        assert isinstance(peer.end_of("l"), Done)
        assert daemon.exit_status(5) == 0


def test_what_a_draining_daemon_takes() -> None:
    """say, plan and load are refused, which would be new work; status, unload, cancel and stop are taken."""
    with Daemon() as daemon:
        peer = daemon.peer()
        peer.send(say("long", "segments=99 delay=0.05"))
        peer.started("long")
        assert peer.ok(Stop("s"))["stopping"]
        for request in (say("a"), Plan("b", "Hello."), Load("c")):
            ended = peer.ask(request)
            assert isinstance(ended, Failed)
            assert (ended.code, ended.version) == ("shutting_down", __version__)
        assert peer.ok(Status("d"))["draining"]
        assert peer.ok(Stop("e"))["draining"] == 1
        peer.send(Unload("f"))
        assert isinstance(peer.until(lambda reply: reply.id == "f"), Accepted)
        assert peer.ok(Cancel("g", request="long"))["cancelled"]
        assert isinstance(peer.end_of("f"), Done)


def test_draining_has_an_end() -> None:
    """Jobs that take longer than drain_timeout_s fail with shutting_down and the daemon ends."""
    with Daemon(drain_timeout_s=0.3) as daemon:
        peer = daemon.peer()
        peer.send(say("a", "delay=60"))
        peer.started("a")
        daemon.signal(signal.SIGTERM)
        ended = peer.end_of("a")
        assert isinstance(ended, Failed)
        assert ended.code == "shutting_down"
        assert "drain_timeout_s 0.3" in ended.message
        assert daemon.exit_status(5) == 0


def test_stop_drains_and_stop_force_does_not() -> None:
    """A stop request is answered at once with the number of jobs that are still to finish."""
    with Daemon() as daemon:
        peer = daemon.peer()
        peer.send(say("a", "segments=3 delay=0.2"))
        peer.started("a")
        facts = {"stopping": True, "pid": daemon.process.pid}
        assert peer.ok(Stop("s")) == {"draining": 1, **facts}
        assert peer.ok(Stop("t", force=True)) == {"draining": 0, **facts}
        assert isinstance(peer.end_of("a"), Cancelled)
        assert daemon.exit_status(5) == 0


def test_an_idle_engine_is_unloaded_after_keep_alive() -> None:
    """After keep_alive without a job the process ends; status shows when, the next job loads again."""
    with Daemon(keep_alive=0.5) as daemon:
        peer = daemon.peer()
        peer.ok(say("a"))
        (engine,) = peer.status()["engines"]
        assert 0 <= engine["expires_s"] <= 0.5
        wait_until(lambda: not peer.status()["engines"], "unloaded")
        assert not is_alive(engine["pid"])
        assert peer.ok(say("b"))["load_s"] > 0


def test_keep_alive_zero_unloads_at_once_and_never_keeps() -> None:
    """keep_alive 0 ends an idle engine at once; a negative one never does."""
    with Daemon(keep_alive=0.0) as daemon:
        peer = daemon.peer()
        peer.ok(say("a"))
        wait_until(lambda: not peer.status()["engines"], "unloaded")
    with Daemon(keep_alive=-1) as daemon:
        peer = daemon.peer()
        peer.ok(say("a"))
        assert peer.status()["engines"][0]["expires_s"] is None


def test_another_model_takes_the_place_of_an_idle_one() -> None:
    """With one place, a job for another model ends the idle engine first; jobs keep their order."""
    with Daemon() as daemon:
        peer = daemon.peer()
        peer.ok(say("a"))
        result = peer.ok(say("b", model="F5TTS_Base"))
        assert (result["model"], result["voice"]) == ("F5TTS_Base", "basic_en")
        assert [note["model"] for note in daemon.told("configure")] == ["starter", "F5TTS_Base"]
        assert [engine["model"] for engine in peer.status()["engines"]] == ["F5TTS_Base"]


def test_two_models_share_two_places() -> None:
    """With max_loaded_models 2 both stay loaded; unload without a name ends both."""
    with Daemon(max_loaded_models=2) as daemon:
        peer = daemon.peer()
        peer.ok(say("a"))
        peer.ok(say("b", model="F5TTS_Base"))
        assert len(peer.status()["engines"]) == 2
        assert sorted(peer.ok(Unload("u"))["unloaded"]) == ["F5TTS_Base", "starter"]


def test_a_client_that_goes_away_loses_its_job() -> None:
    """When a client is gone its job is cancelled in the engine."""
    with Daemon() as daemon:
        peer = daemon.peer()
        peer.send(say("a", "segments=500 delay=0.02"))
        peer.started("a")
        peer.socket.close(0)
        other = daemon.peer()
        wait_until(lambda: not other.status()["jobs"], "the job is gone")
        assert other.status()["counters"]["cancelled"] == 1
        wait_until(lambda: daemon.told("cancel"), "the engine was told")


@pytest.mark.slow
def test_a_client_that_reads_slowly_gets_everything() -> None:
    """What a client cannot take yet waits for it, in order, and others are served meanwhile."""
    with Daemon() as daemon:
        slow = daemon.peer(receive_hwm=1)
        slow.send(say("a", "segments=3000"))
        other = daemon.peer()
        assert other.ok(say("b"))
        wait_until(lambda: other.status()["counters"]["done"] == 2, "all is spoken")
        assert isinstance(slow.end_of("a"), Done)
        assert len(slow.audio("a")) == 3000 * 4800


def test_nothing_leaks_over_many_engines() -> None:
    """Five engines later the daemon has as many open files as before and no zombie."""
    with Daemon() as daemon:
        peer = daemon.peer()
        files = Path(f"/proc/{daemon.process.pid}/fd")

        def cycle(name: str) -> None:
            peer.ok(say(name))
            peer.ok(Unload(f"u{name}"))

        cycle("warm")
        before = len(list(files.iterdir()))
        for n in range(5):
            cycle(str(n))
        wait_until(lambda: len(list(files.iterdir())) <= before, "ZeroMQ closes in the background")
        children = Path(f"/proc/{daemon.process.pid}/task/{daemon.process.pid}/children")
        if children.exists():
            assert children.read_text().split() == []


def test_the_broker_stays_small() -> None:
    """The daemon without an engine holds neither torch nor numpy: less than 64 MiB."""
    with Daemon() as daemon:
        pages = int(Path(f"/proc/{daemon.process.pid}/statm").read_text().split()[1])
        assert pages * os.sysconf("SC_PAGE_SIZE") < 64 * 2**20


def test_the_broker_imports_nothing_heavy() -> None:
    """Importing every module of the broker leaves torch, numpy and f5_tts out."""
    code = (
        "import sys, f5d.daemon, f5d.commands, f5d.config;"
        "print([m for m in ('torch', 'numpy', 'f5_tts', 'soundfile', 'transformers') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_the_log_tells_jobs_and_no_text() -> None:
    """One line a finished job, and the text of nobody."""
    with Daemon() as daemon:
        daemon.peer().ok(Say(id="a", text="very private words"))
        wait_until(lambda: "job 1 done" in daemon.log_text(), "the line")
        line = next(line for line in daemon.log_text().splitlines() if "job 1" in line)
        assert "model=starter voice=rms characters=18 audio_s=0.10" in line
        assert "private" not in daemon.log_text()


def test_a_folder_that_everybody_can_write_is_refused(tmp_path: Path) -> None:
    """Next to strangers' files only a sticky folder such as /tmp is good enough."""
    tmp_path.chmod(0o777)
    with pytest.raises(ConfigError, match="can be written by everybody"), SocketPlace(str(tmp_path / "s")):
        pass


def test_our_own_folder_must_be_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The default folder is made private when it is ours; a link in its place is refused."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    folder = tmp_path / "f5d"
    folder.mkdir(mode=0o755)
    with SocketPlace(str(folder / "s")):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match="is not a folder"), SocketPlace(str(folder / "s")):
        pass


def test_a_socket_without_a_daemon_is_no_obstacle(tmp_path: Path) -> None:
    """A dead socket file passes the check; bind replaces it."""
    path = tmp_path / "s"
    with sockets.socket(sockets.AF_UNIX) as dead:
        dead.bind(str(path))
    with SocketPlace(str(path)) as place:
        assert place.engine_path(7) == f"{path}.e7"


def test_a_socket_that_was_removed_is_made_again() -> None:
    """Within seconds new clients find the daemon; those that were connected notice nothing."""
    with Daemon() as daemon:
        peer = daemon.peer()
        peer.send(say("a", "segments=50 delay=0.1"))
        peer.started("a")
        Path(daemon.socket_path).unlink()
        wait_until(Path(daemon.socket_path).exists, "it is made again")
        assert stat.S_IMODE(Path(daemon.socket_path).stat().st_mode) == 0o600
        assert [job["state"] for job in daemon.peer().status()["jobs"]] == ["running"]
        assert isinstance(peer.end_of("a"), Done)
        assert "was removed; it is made again" in daemon.log_text()


def test_a_runtime_folder_that_was_removed_is_made_again() -> None:
    """Folder, lock and socket; the next engine has its socket there too."""
    with Daemon() as outer, Daemon(socket=str(outer.folder / "new" / "s")) as daemon:
        path = Path(daemon.socket_path)
        shutil.rmtree(path.parent)
        wait_until(path.exists, "it is made again")
        assert daemon.peer().ok(say("a"))
        second = daemon.spawn()
        assert second.wait(20) == 78, "the lock holds"
        daemon.signal(signal.SIGTERM)
        assert daemon.exit_status() == 0
        assert not list(path.parent.iterdir())


def test_a_daemon_whose_place_another_has_ends() -> None:
    """It finishes what it had accepted, and takes nothing of the other's with it."""
    with Daemon() as outer, Daemon(socket=str(outer.folder / "new" / "s")) as daemon:
        peer = daemon.peer()
        peer.send(say("a", "segments=5 delay=0.1"))
        peer.started("a")
        daemon.signal(signal.SIGSTOP)
        shutil.rmtree(Path(daemon.socket_path).parent)
        with Daemon(socket=daemon.socket_path) as second:
            daemon.signal(signal.SIGCONT)
            assert isinstance(peer.end_of("a"), Done)
            assert daemon.exit_status() == 0
            assert f"another f5d (pid {second.process.pid}) serves" in daemon.log_text()
            assert second.peer().status()["pid"] == second.process.pid
            assert Path(f"{daemon.socket_path}.lock").exists()


def test_a_daemon_ends_with_its_session_s_folder() -> None:
    """Where not even the folder above the socket's is left, nobody can reach the daemon: it does not stay."""
    with Daemon() as outer, Daemon(socket=str(outer.folder / "run" / "f5d" / "s")) as daemon:
        shutil.rmtree(outer.folder / "run")
        assert daemon.exit_status() == 0
        assert f"is gone (there is no folder {outer.folder / 'run'})" in daemon.log_text()


def test_a_client_is_told_of_a_daemon_without_a_socket() -> None:
    """The line names the process that has the place, and promises no new daemon."""
    with Daemon() as daemon:
        daemon.signal(signal.SIGSTOP)
        Path(daemon.socket_path).unlink()
        command = [sys.executable, "-m", "f5ctl", "--socket", daemon.socket_path, "status"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
        assert done.returncode == 69
        line = f"f5ctl: error: f5d (pid {daemon.process.pid}) does not listen on {daemon.socket_path}: "
        assert done.stderr.startswith(line)


def test_an_engine_that_hears_nothing_is_killed() -> None:
    """Neither a message nor the end of its stdin moves this engine; the daemon still ends in seconds."""
    deaf = [sys.executable, "-c", "import time; time.sleep(60)"]
    with Daemon(engine_command=deaf) as daemon:
        peer = daemon.peer()
        peer.send(say("a"))
        wait_until(lambda: peer.status()["engines"], "started")
        (engine,) = peer.status()["engines"]
        assert (engine["state"], engine["device"], engine["loaded_since"]) == ("starting", None, None)
        peer.ok(Stop("s", force=True))
        assert daemon.exit_status(10) == 0
        assert not is_alive(engine["pid"])


def test_a_job_that_waits_for_its_model_can_run_out_of_time() -> None:
    """The deadline counts from acceptance, also while the model loads; the engine is kept."""
    with Daemon() as daemon:
        daemon.loading(delay=1.0)
        peer = daemon.peer()
        ended = peer.ask(say("a", timeout_s=0.2))
        assert isinstance(ended, Failed)
        assert ended.code == "deadline_exceeded"
        result = peer.ok(say("b"))
        assert result["load_s"] > 0.2
        assert result["total_s"] >= result["load_s"] + result["queue_s"]
        assert len(daemon.told("configure")) == 1
