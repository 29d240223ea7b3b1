"""The daemon as a service: socket activation, notifications and reload, with real sockets and processes."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
import zmq

from f5ctl.protocol import Done, Failed
from f5d.broker.dispatcher import Dispatcher
from f5d.broker.fleet import Fleet
from f5d.broker.front import Front
from f5d.broker.jobs import JobTable
from f5d.broker.outbox import Outbox
from f5d.broker.service_status import ServiceStatus
from f5d.broker.supervisor import PATIENCE, Supervisor
from f5d.catalog.models import catalog
from f5d.engine.types import Configure
from f5d.system.sdnotify import Notifier

from .support import RUN_DAEMON, Daemon, is_alive, say, wait_until

ACTIVATE = """
import os, sys
count, fd, *command = sys.argv[1:]
os.dup2(int(fd), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=count)
os.execv(command[0], command)
"""


class Service(Daemon):
    """A daemon that gets its listening socket from us, and a manager's socket to talk to."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.socket_path)
        self.listener.listen()
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.manager.bind(str(self.folder / "notify"))
        self.manager.settimeout(20)
        self.told_manager: list[str] = []

    def spawn(self, count: int = 1) -> subprocess.Popen[bytes]:
        """Start a daemon process as systemd does."""
        command = [sys.executable, str(RUN_DAEMON), str(self.folder), json.dumps(self.settings)]
        fd = self.listener.fileno()
        return subprocess.Popen(
            [sys.executable, "-c", ACTIVATE, str(count), str(fd), *command],
            env={**os.environ, "NOTIFY_SOCKET": str(self.folder / "notify"), "WATCHDOG_USEC": "300000"},
            stderr=self.log,
            pass_fds=[fd],
            start_new_session=True,
        )

    def hear(self, pattern: str) -> str:
        """Return the next notification that matches."""
        while True:
            text = self.manager.recv(4096).decode()
            self.told_manager.append(text)
            if re.search(pattern, text):
                return text

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)  # type: ignore[arg-type]
        self.listener.close()
        self.manager.close()


@pytest.fixture
def service() -> Iterator[Service]:
    with Service() as running:
        yield running


def change(daemon: Daemon, **settings: Any) -> None:
    """Change the configuration and tell the daemon."""
    (daemon.folder / "changes.json").write_text(json.dumps(settings))
    daemon.signal(signal.SIGHUP)


def test_the_request_that_starts_the_daemon_is_answered() -> None:
    """A client connects and sends while nothing but the socket exists; the daemon finds the request."""
    service = Service()
    peer = service.peer()
    peer.send(say("early"))
    with service:
        assert isinstance(peer.end_of("early"), Done)


def test_the_socket_outlives_the_daemon(service: Service) -> None:
    """The daemon leaves systemd's socket alone; a request sent after its end is for the next one."""
    assert service.peer().ok(say("a"))
    service.signal(signal.SIGTERM)
    assert service.exit_status() == 0
    assert not list(service.folder.glob("s.*")), "no lock, no engine's socket is left"
    late = service.peer()
    late.send(say("late"))
    service.start()
    assert isinstance(late.end_of("late"), Done)


def test_a_socket_of_systemd_that_was_removed_ends_the_daemon(service: Service) -> None:
    """Only systemd can make it again; the log says so."""
    Path(service.socket_path).unlink()
    assert service.exit_status() == 0
    assert "systemd made it and makes it again: systemctl restart f5d.socket" in service.log_text()


def test_systemd_is_told_what_happens(service: Service) -> None:
    """READY, pings, what is loaded, RELOADING with its time and READY again, STOPPING with more time."""
    service.hear("^READY=1$")
    service.hear("^WATCHDOG=1$")
    service.hear("^STATUS=no model loaded; 0 running, 0 waiting$")
    service.peer().ok(say("a"))
    service.hear(r"^STATUS=starter on cpu, 0 MiB; 0 running, 0 waiting$")
    service.signal(signal.SIGHUP)
    assert service.hear("^RELOADING=1\nMONOTONIC_USEC=[0-9]+$")
    service.hear("^READY=1$")
    service.signal(signal.SIGTERM)
    extension_us = int(service.hear("^STOPPING=1\nEXTEND_TIMEOUT_USEC=[0-9]+$").rpartition("=")[2])
    assert 119_000_000 <= extension_us <= 120_000_000  # drain_timeout_s and the engines' time
    assert service.exit_status() == 0


def test_a_daemon_that_hangs_sends_no_pings(service: Service) -> None:
    """The watchdog hears nothing from a stopped daemon."""
    service.hear("^WATCHDOG=1$")
    service.signal(signal.SIGSTOP)
    service.manager.settimeout(1.0)
    with pytest.raises(TimeoutError):
        service.hear("never")


def test_two_sockets_are_refused() -> None:
    """A unit with two ListenStream= lines is a wrong configuration: 78 and one line."""
    service = Service()
    service.process = service.spawn(count=2)
    assert service.exit_status() == 78
    assert service.log_text() == "f5d: error: systemd passed 2 sockets; the limit is 1\n"
    service.__exit__(None, None, None)


def test_a_socket_that_systemd_holds_is_not_taken_from_it() -> None:
    """A daemon started by hand on systemd's path gives up with one line; the socket stays systemd's."""
    with Daemon() as other:
        path = str(other.folder / "held")
        with socket.socket(socket.AF_UNIX) as held:
            held.bind(path)
            held.listen()
            command = [sys.executable, "-m", "f5d", "serve", "--socket", path]
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
            assert done.returncode == 78
            assert done.stderr.startswith(f"f5d: error: another process listens on {path}")
            assert Path(path).exists()


def test_a_reload_takes_the_new_settings_and_drops_no_job() -> None:
    """SIGHUP: limits hold at once, the running job ends in its engine, the next gets a new one."""
    with Daemon(max_jobs=9) as daemon:
        peer = daemon.peer()
        peer.send(say("a", "segments=8 delay=0.1"))
        peer.started("a")
        (before,) = peer.status()["engines"]
        change(daemon, max_jobs=3, threads=2, drain_timeout_s=5)
        wait_until(lambda: peer.status()["queue"]["limit"] == 3, "the limit holds")
        peer.send(say("b"))
        assert isinstance(peer.end_of("a"), Done)
        assert isinstance(peer.end_of("b"), Done)
        (after,) = peer.status()["engines"]
        assert after["pid"] != before["pid"]
        assert not is_alive(before["pid"])
        assert [note["threads"] for note in daemon.told("configure")] == [0, 2]
        assert [note["job"] for note in daemon.told("synthesize")] == ["1", "2"]


def test_a_reload_without_a_change_keeps_the_engine() -> None:
    """Nothing is loaded again when nothing that engines know has changed."""
    with Daemon() as daemon:
        peer = daemon.peer()
        peer.ok(say("a"))
        change(daemon, max_jobs=5)
        wait_until(lambda: peer.status()["queue"]["limit"] == 5, "reloaded")
        peer.ok(say("b"))
        assert len(daemon.told("configure")) == 1


def test_an_engine_that_dies_after_a_reload_is_replaced_by_its_like() -> None:
    """A job that was accepted before the reload ends with the settings that it began with."""
    with Daemon() as daemon:
        peer = daemon.peer()
        peer.send(say("a", "segments=6 delay=0.1 die_once=4"))
        peer.started("a")
        change(daemon, threads=2)
        wait_until(lambda: "reloaded" in daemon.log_text(), "reloaded")
        assert isinstance(peer.end_of("a"), Done)
        assert isinstance(peer.ask(say("b")), Done)
        assert [note["threads"] for note in daemon.told("configure")] == [0, 0, 2]


def test_a_new_socket_needs_a_restart() -> None:
    """The socket stays where it is; a line says so."""
    with Daemon() as daemon:
        change(daemon, socket="/tmp/elsewhere")
        wait_until(lambda: "socket cannot change while the daemon runs" in daemon.log_text(), "the line")
        assert daemon.peer().ok(say("a"))


def test_a_broken_configuration_leaves_the_old_one(tmp_path: Path) -> None:
    """`f5d serve` keeps its settings when the file became wrong, and says what is wrong in one line."""
    file = tmp_path / "f5d.toml"
    file.write_text("max_jobs = 7")
    with Daemon() as daemon:
        daemon.process.terminate()
        daemon.process.wait()
        command = [sys.executable, "-m", "f5d", "serve", "--config", str(file), "--socket", daemon.socket_path]
        daemon.process = subprocess.Popen(command, stderr=daemon.log)
        peer = daemon.peer()
        assert peer.status()["queue"]["limit"] == 7
        wrong = ("max_jobs = 0", "max_jobs =", '[models.m]\ncheckpoint = "m"\ndefault_voice = "nobody"')
        for count, text in enumerate(wrong, 1):
            file.write_text(text)
            daemon.signal(signal.SIGHUP)
            wait_until(lambda: daemon.log_text().count("the old one stays") == count, "one line")  # noqa: B023
        assert f"the old one stays: {file}: max_jobs is 0; the limit is 1 to 1000" in daemon.log_text()
        assert peer.status()["queue"]["limit"] == 7
        file.unlink()
        os.mkfifo(file)
        daemon.signal(signal.SIGHUP)
        wait_until(lambda: daemon.log_text().count("the old one stays") == len(wrong) + 1, "one line")
        file.unlink()
        file.write_text("max_jobs = 8")
        daemon.signal(signal.SIGHUP)
        wait_until(lambda: peer.status()["queue"]["limit"] == 8, "the right file is taken")


def test_a_job_that_fails_is_logged_louder() -> None:
    """One line a job: done at INFO, a client's fault at WARNING, the engine's at ERROR."""
    with Daemon() as daemon:
        peer = daemon.peer()
        peer.ok(say("a"))
        assert isinstance(peer.ask(say("b", "fail=bad_audio")), Failed)
        assert isinstance(peer.ask(say("c", "fail=synthesis_failed")), Failed)
        wait_until(lambda: "job 3 failed" in daemon.log_text(), "the lines")
        lines = [line.split()[2:6] for line in daemon.log_text().splitlines() if " job " in line]
        assert [(line[0], line[3]) for line in lines] == [("INFO", "1"), ("WARNING", "2"), ("ERROR", "3")]


def test_an_engine_that_cannot_be_ended_stops_the_pings(tmp_path: Path) -> None:
    """A silent engine that outlives being pressed: the daemon is not in control, the watchdog hears nothing."""
    deaf = [sys.executable, "-c", "import time; time.sleep(60)"]
    configure = Configure(catalog({})["starter"], "cpu", "auto", 1, "none", 0)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager, zmq.Context() as context:
        manager.bind(str(tmp_path / "n"))
        manager.setblocking(False)
        environ = {"NOTIFY_SOCKET": str(tmp_path / "n"), "WATCHDOG_USEC": "3000000"}
        path = str(tmp_path / "e")
        supervisor = Supervisor(context, zmq.Poller(), lambda _number: path, deaf)
        with closing(supervisor), Notifier(environ) as notifier, closing(Front()) as front:
            dispatcher = Dispatcher(
                JobTable(1), Fleet(1, None), supervisor, Outbox(front), lambda _model: configure
            )
            heartbeat = ServiceStatus(notifier, dispatcher)
            supervisor.start(configure, 0.0)

            def pings(now: float) -> bool:
                """Let one round pass at `now`; return whether it sent a ping."""
                heartbeat.tick(now, alive=supervisor.is_in_control(now, lambda _engine: True), patience_s=None)
                with suppress(BlockingIOError):
                    while text := manager.recv(100):
                        if text == b"WATCHDOG=1":
                            return True
                return False

            assert pings(1.0)
            assert not pings(1.5), "three in a period are enough"
            killed_at = PATIENCE.loading_hang_s + 1
            supervisor.enforce(killed_at, lambda _engine: True)  # it has not said a word
            assert supervisor.engines[0].killed_at == killed_at
            assert pings(killed_at + 10)
            # Nobody has looked whether it is gone, so it stands for one that the kernel does not let go.
            assert not pings(killed_at + PATIENCE.control_s + 1)
            wait_until(lambda: supervisor.engines[0].process.poll() is not None, "it has ended")
            assert not list(supervisor.gone(killed_at + PATIENCE.control_s + 2)), (
                "its last words may still come"
            )
            assert pings(killed_at + PATIENCE.control_s + 2)
            assert len(list(supervisor.gone(killed_at + PATIENCE.control_s + 3))) == 1
