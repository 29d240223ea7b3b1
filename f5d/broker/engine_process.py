"""One engine process as the broker holds it: its socket, its pipes, its life and its end.

An engine is `COMMAND SOCKET_PATH`. It connects a PAIR socket to that path, reads nothing from its
stdin and exits when it ends: the daemon alone holds the other end, so no engine outlives it. While it
has work it writes a byte a second to its stdout, whatever its main thread does. When an engine is to
end is decided in f5d/broker/supervisor.py.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec
import zmq

from f5d.engine.types import Configure, FromEngine, StepReport, ToEngine, pack, unpack_from_engine

PRESS_EVERY_S: Final = 2.0
PULSES: Final = 4096  # bytes read at once

log = logging.getLogger(__name__)


class EngineProcess:
    """One incarnation: a process, its socket, its stdin. Owned by `Supervisor`."""

    def __init__(
        self, context: zmq.Context[zmq.Socket[bytes]], command: Sequence[str], path: str, now: float
    ) -> None:
        self.path = path
        self.model: str | None = None  # a spare has none
        self.beat = StepReport(memory_bytes=0)  # the last one
        self.heard_at = now
        self.pulse_at = 0.0
        self.kill_at: float | None = None
        self.killed_at: float | None = None  # SIGKILL was sent, for the first time
        self.exited_at: float | None = None
        self.stream_ended = False
        self.loaded = False
        self.froze = False  # it was killed for giving no sign of life
        self.hung = False  # it was ended for making no progress
        self._stopped = False  # SIGSTOP, a debugger: nothing that a job can do
        self._oom_kills = _oom_kills()
        self._asked_to_end = False
        self._outgoing: list[bytes] = []
        Path(path).unlink(missing_ok=True)
        self.socket: zmq.Socket[bytes] = context.socket(zmq.PAIR)
        self.socket.linger = 0
        self.socket.sndhwm = self.socket.rcvhwm = 0  # the broker bounds what is in flight, not the pipe
        self.monitor: zmq.Socket[bytes] = self.socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        try:
            bind_private(self.socket, path, 0o177)
            self.process = subprocess.Popen(
                [*command, path],
                stdin=subprocess.PIPE,  # held open for the engine's life; its end is the engine's order to exit
                stdout=subprocess.PIPE,  # the pulse; what upstream's code prints never gets here
                start_new_session=True,  # Ctrl-C in the daemon's terminal must not reach a job in progress
            )
        except OSError:
            self._close_sockets()
            raise
        self.pidfd = os.pidfd_open(self.process.pid)
        self.pulse_fd = self.process.stdout.fileno() if self.process.stdout else -1
        os.set_blocking(self.pulse_fd, False)

    @property
    def pid(self) -> int:
        """The process id."""
        return self.process.pid

    @property
    def is_fit(self) -> bool:
        """True while the process runs: neither ended, nor stopped, nor killed."""
        alive = self.killed_at is None and self.process.poll() is None
        return alive and not is_stopped(self.pid)

    def assign(self, configure: Configure, now: float) -> None:
        """Tell it its model; what happened before is not its doing."""
        self.model = configure.model.name
        self.heard_at = now
        self._oom_kills = _oom_kills()
        self.send(configure)

    def send(self, message: ToEngine) -> None:
        """Queue a message; it leaves as soon as the engine has connected."""
        self._outgoing.append(pack(message))
        self.flush()

    def flush(self) -> None:
        """Send what is queued, as far as the engine can take it."""
        while self._outgoing:
            try:
                self.socket.send(self._outgoing[0], zmq.DONTWAIT, copy=False)
            except zmq.Again:  # not yet connected, or already gone
                return
            del self._outgoing[0]

    @property
    def wants_to_send(self) -> bool:
        """True while messages wait for the engine to connect."""
        return bool(self._outgoing)

    def receive(self, limit: int) -> Iterator[FromEngine]:
        """Yield up to `limit` messages that have arrived."""
        for _ in range(limit):
            try:
                frame = self.socket.recv(zmq.DONTWAIT)
            except zmq.Again:
                return
            try:
                yield unpack_from_engine(frame)
            except msgspec.MsgspecError as error:
                log.error("engine %d sent a message that cannot be read: %s", self.pid, error)  # noqa: TRY400

    def feel_pulse(self, now: float) -> bool:
        """Read the pulse; return False at its end, when the process has exited."""
        try:
            beats = os.read(self.pulse_fd, PULSES)
        except BlockingIOError:
            return True
        if beats:
            self.pulse_at = now
        return bool(beats)

    def note_end_of_stream(self) -> None:
        """Read the monitor: the peer has closed its end, so nothing more can arrive."""
        while self.monitor.poll(0):
            self.monitor.recv_multipart()
            self.stream_ended = True

    def press(self, now: float) -> float:
        """End the process, first by its stdin, then with SIGKILL; return the seconds until the next call.

        The engine acts on the end of its stdin at once, in mid-step too. It ignores SIGTERM, which
        systemd sends to the whole group when the broker is to drain.
        """
        if not self._asked_to_end and self.process.stdin is not None:
            self._asked_to_end = True
            self.process.stdin.close()
        else:
            self._send_sigkill(now)
        return PRESS_EVERY_S

    def kill(self, now: float) -> None:
        """End a process that gives no sign of life."""
        self.froze = True
        self._stopped = is_stopped(self.pid)
        self._send_sigkill(now)

    def _send_sigkill(self, now: float) -> None:
        self.killed_at = now if self.killed_at is None else self.killed_at
        signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)

    @property
    def killed_from_outside(self) -> bool:
        """True when it was ended or stopped by somebody, and not by what it was doing.

        SIGKILL comes from a person, a service manager or the kernel out of memory; only the last
        is a job's doing, and the kernel counts those.
        """
        if self.froze:
            return self._stopped
        killed = self.process.returncode == -signal.SIGKILL and not self.hung
        return killed and self._oom_kills is not None and self._oom_kills == _oom_kills()

    @property
    def cause(self) -> str:
        """How the process ended, in words."""
        status = self.process.returncode
        if status is None:
            return "still running"
        if self.froze:
            return f"it was {'stopped' if self._stopped else 'frozen'}, without a sign of life"
        if status >= 0:
            return f"exit status {status}"
        try:
            return f"signal {signal.Signals(-status).name}"
        except ValueError:
            return f"signal {-status}"

    def close(self) -> None:
        """Let go of the sockets, the pipes, the pidfd and the socket file of an exited process."""
        self._close_sockets()
        if self.process.stdout is not None:
            self.process.stdout.close()
        os.close(self.pidfd)
        if self.process.stdin is not None:
            self.process.stdin.close()

    def _close_sockets(self) -> None:
        self.socket.disable_monitor()
        self.monitor.close(0)
        self.socket.close(0)
        Path(self.path).unlink(missing_ok=True)


def is_stopped(pid: int) -> bool:
    """Return True for a process that SIGSTOP or a debugger has stopped (proc(5))."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] in ("T", "t")


def _oom_kills() -> int | None:
    """Return how many processes the kernel has killed for want of memory, None where it does not say."""
    try:
        for line in Path("/proc/vmstat").read_text(encoding="ascii").splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    except OSError:
        pass
    return None


def bind_private(socket: zmq.Socket[bytes], path: str, mask: int) -> None:
    """Bind an ipc socket whose file never has a mode beyond `mask`'s complement.

    The file is made inside bind, in this thread, so the umask leaves no moment for others.
    """
    before = os.umask(mask)
    try:
        socket.bind(f"ipc://{path}")
    except zmq.ZMQError as error:
        raise OSError(error.errno, f"cannot bind {path}: {error.strerror}") from None
    finally:
        os.umask(before)
