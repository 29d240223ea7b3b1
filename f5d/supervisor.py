"""Engine processes: start, listen, notice the end, end them in time.

`Supervisor` owns every `EngineProcess` and is the only place that knows of processes. It reports
what engines say and when one is gone; what follows from that is decided elsewhere.

An engine is `COMMAND SOCKET_PATH`. It connects a PAIR socket to that path, reads nothing from its
stdin and exits when it ends: the daemon alone holds the other end, so no engine outlives it. While it
has work it writes a byte a second to its stdout, whatever its main thread does; without that it is
taken for frozen and killed.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec
import zmq

from f5d.engine.types import (
    Beat,
    Configure,
    FromEngine,
    Loaded,
    Shutdown,
    ToEngine,
    pack,
    unpack_from_engine,
)

ENGINE_COMMAND: Final = (sys.executable, "-m", "f5d.engine.process")
SHUTDOWN_GRACE_S: Final = 10.0  # an ODE step on a CPU may take that long
PRESS_EVERY_S: Final = 2.0
HURRY_S: Final = 0.3
LAST_WORDS_S: Final = 0.5  # how long an exited engine's socket may take to report the end of its stream
SILENCE_S: Final = 600.0  # a working engine says something about once a second
CONTROL_S: Final = 15.0  # a killed engine that is still there after that is stuck in the kernel
HANG_S: Final = 10.0  # without a pulse, while there is work: ten beats
LOADING_HANG_S: Final = 60.0  # dlopen of large libraries from a cold disk lets no other thread run
ASLEEP_S: Final = 5.0  # the broker itself was stopped: no silence of that time counts
PULSES: Final = 4096  # bytes read at once
MESSAGES_A_ROUND: Final = 64

log = logging.getLogger(__name__)


class EngineProcess:
    """One incarnation: a process, its socket, its stdin. Owned by `Supervisor`."""

    def __init__(
        self, context: zmq.Context[zmq.Socket[bytes]], command: Sequence[str], path: str, model: str
    ) -> None:
        self.path = path
        self.model = model
        self.memory_bytes = 0
        self.heard_at = 0.0
        self.pulse_at = 0.0
        self.kill_at: float | None = None
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

    def press(self) -> float:
        """End the process, first by its stdin, then with SIGKILL; return the seconds until the next call.

        The engine acts on the end of its stdin at once, in mid-step too. It ignores SIGTERM, which
        systemd sends to the whole group when the broker is to drain.
        """
        if not self._asked_to_end and self.process.stdin is not None:
            self._asked_to_end = True
            self.process.stdin.close()
        else:
            signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)
        return PRESS_EVERY_S

    def kill(self) -> None:
        """End a process that gives no sign of life."""
        self.froze = True
        self._stopped = _is_stopped(self.pid)
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


class Supervisor:
    """Every engine process of the daemon, and the poller's view of them."""

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        poller: zmq.Poller,
        engine_path: Callable[[int], str],
        command: Sequence[str] = ENGINE_COMMAND,
    ) -> None:
        self._context = context
        self._poller = poller
        self._engine_path = engine_path
        self._command = command
        self._incarnations = 0
        self._awake_at: float | None = None
        self.engines: list[EngineProcess] = []

    def start(self, configure: Configure, now: float) -> EngineProcess:
        """Return a new engine process that has been told its model (OSError when none can be made)."""
        self._incarnations += 1
        path = self._engine_path(self._incarnations)
        engine = EngineProcess(self._context, self._command, path, configure.model.name)
        engine.heard_at = now
        self.engines.append(engine)
        self._poller.register(engine.socket, zmq.POLLIN | zmq.POLLOUT)
        self._poller.register(engine.monitor, zmq.POLLIN)
        self._poller.register(engine.pidfd, zmq.POLLIN)
        self._poller.register(engine.pulse_fd, zmq.POLLIN)
        engine.send(configure)
        log.debug("engine %d started for model %s", engine.pid, configure.model.name)
        return engine

    def stop(self, engine: EngineProcess, now: float, *, hurry: bool = False) -> None:
        """Tell an engine to exit; it is pressed when it does not."""
        grace_s = HURRY_S if hurry else SHUTDOWN_GRACE_S
        if engine.kill_at is None:
            engine.send(Shutdown())
            engine.kill_at = now + grace_s
        else:
            engine.kill_at = min(engine.kill_at, now + grace_s)

    def messages(self, now: float) -> Iterator[tuple[EngineProcess, FromEngine]]:
        """Yield what engines have said since the last round."""
        for engine in list(self.engines):
            if engine.pulse_fd in self._poller and not engine.feel_pulse(now):
                self._poller.unregister(engine.pulse_fd)  # its end stays readable for ever
            engine.flush()
            self._poller.register(engine.socket, zmq.POLLIN | (zmq.POLLOUT * engine.wants_to_send))
            for message in engine.receive(MESSAGES_A_ROUND):
                engine.heard_at = now
                engine.loaded = engine.loaded or isinstance(message, Loaded)
                if isinstance(message, Beat):
                    engine.memory_bytes = message.memory_bytes
                yield engine, message

    def gone(self, now: float) -> Iterator[EngineProcess]:
        """Yield each engine that has exited and whose last words have been read; it is closed afterwards."""
        for engine in list(self.engines):
            engine.note_end_of_stream()
            if engine.exited_at is None and engine.process.poll() is not None:
                engine.exited_at = now
                self._poller.unregister(engine.pidfd)  # it stays readable for ever
            if engine.exited_at is None:
                continue
            if (engine.stream_ended or now - engine.exited_at >= LAST_WORDS_S) and not engine.socket.poll(0):
                self.engines.remove(engine)
                self._poller.unregister(engine.socket)
                self._poller.unregister(engine.monitor)
                if engine.pulse_fd in self._poller:
                    self._poller.unregister(engine.pulse_fd)
                engine.close()
                yield engine

    def enforce(self, now: float, working: Callable[[EngineProcess], bool]) -> None:
        """Press engines that do not stop in time, and those with work that are frozen or make no progress."""
        asleep = self._awake_at is not None and now - self._awake_at >= ASLEEP_S
        self._awake_at = now
        for engine in self.engines:
            if asleep:
                engine.pulse_at = now
            if engine.exited_at is not None:
                continue
            if engine.kill_at is None and now - engine.heard_at >= SILENCE_S and working(engine):
                log.error("engine %d has been silent for %d s; ending it", engine.pid, SILENCE_S)
                engine.hung = True
                engine.kill_at = now
            silent_s = now - max(engine.pulse_at, engine.heard_at)
            if silent_s >= HANG_S and self._is_frozen(engine, silent_s, working):
                if not engine.froze:
                    log.error("engine %d has given no sign of life for %d s; killing it", engine.pid, silent_s)
                engine.kill()
            if engine.kill_at is not None and engine.kill_at <= now:
                engine.kill_at = now + engine.press()

    def is_in_control(self, now: float, working: Callable[[EngineProcess], bool]) -> bool:
        """Return False when an engine neither works nor can be ended: pressing it did not help."""
        return not any(
            engine.exited_at is None
            and engine.kill_at is not None
            and working(engine)
            and now - engine.heard_at >= SILENCE_S + CONTROL_S
            for engine in self.engines
        )

    @staticmethod
    def _is_frozen(engine: EngineProcess, silent_s: float, working: Callable[[EngineProcess], bool]) -> bool:
        if engine.loaded:
            return working(engine)
        return silent_s >= LOADING_HANG_S or _is_stopped(engine.pid)

    def next_due(self, now: float) -> float | None:
        """Return when `gone` or `enforce` has something to do by time alone."""
        times = []
        for engine in self.engines:
            if engine.exited_at is not None:
                times.append(engine.exited_at + LAST_WORDS_S)
                continue
            if engine.kill_at is not None:
                times.append(engine.kill_at)
            heard_at = max(engine.pulse_at, engine.heard_at)
            limits_s = (HANG_S, LOADING_HANG_S)
            times += [heard_at + limit_s for limit_s in limits_s if heard_at + limit_s > now]
            if engine.heard_at + SILENCE_S > now:
                times.append(engine.heard_at + SILENCE_S)
        return min(times, default=None)

    def close(self) -> None:
        """Kill and reap whatever is left."""
        for engine in self.engines:
            engine.process.kill()
            engine.process.wait()
            engine.close()
        self.engines.clear()


def _is_stopped(pid: int) -> bool:
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
