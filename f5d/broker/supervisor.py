"""Engine processes: start, listen, notice the end, end them in time.

`Supervisor` owns every `EngineProcess` (engine_process.py). It reports what engines say and when one is
gone; what follows from that is decided elsewhere. An engine with work whose pulse stays away is taken for
frozen and killed; one that has a pulse and says nothing for much longer is ended as well.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import zmq

from f5d.broker.engine_process import EngineProcess, is_stopped
from f5d.engine.types import Configure, FromEngine, Loaded, Shutdown, StepReport

ENGINE_COMMAND: Final = (sys.executable, "-m", "f5d.engine.process")
MESSAGES_A_ROUND: Final = 64

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long engine processes are waited for, in seconds."""

    shutdown_s: float = 10.0  # an ODE step on a CPU may take that long
    hurry_s: float = 0.3
    last_words_s: float = 0.5  # how long an exited engine's socket may take to report the end of its stream
    silence_s: float = 600.0  # a working engine says something about once a second
    control_s: float = 15.0  # an engine that is still there so long after SIGKILL is stuck in the kernel
    hang_s: float = 10.0  # without a pulse, while there is work: ten beats
    loading_hang_s: float = 60.0  # dlopen of large libraries from a cold disk lets no other thread run
    asleep_s: float = 5.0  # the broker itself was stopped: no silence of that time counts


PATIENCE: Final = Patience()


class Supervisor:
    """Every engine process of the daemon, and the poller's view of them."""

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        poller: zmq.Poller,
        engine_path: Callable[[int], str],
        command: Sequence[str] = ENGINE_COMMAND,
        patience: Patience = PATIENCE,
    ) -> None:
        self._context = context
        self._poller = poller
        self._engine_path = engine_path
        self._command = command
        self._patience = patience
        self._incarnations = 0
        self._awake_at: float | None = None
        self.engines: list[EngineProcess] = []

    @property
    def spare(self) -> EngineProcess | None:
        """The process that waits for a model, if there is one."""
        return next((engine for engine in self.engines if engine.model is None), None)

    def start(self, configure: Configure, now: float) -> EngineProcess:
        """Return an engine process that has been told its model: the spare, or a new one.

        Raises OSError when none can be made.
        """
        engine = self.spare
        if engine is None or not engine.is_fit:
            engine = self._new(now)
        engine.assign(configure, now)
        log.debug("engine %d started for model %s", engine.pid, engine.model)
        return engine

    def start_spare(self, now: float) -> None:
        """Start a process that waits for a model, unless there is one; without it things only take longer."""
        if self.spare is not None:
            return
        try:
            log.debug("engine %d started as the spare", self._new(now).pid)
        except OSError as error:
            log.warning("no spare engine process: %s", error)

    def _new(self, now: float) -> EngineProcess:
        self._incarnations += 1
        engine = EngineProcess(self._context, self._command, self._engine_path(self._incarnations), now)
        self.engines.append(engine)
        self._poller.register(engine.socket, zmq.POLLIN | zmq.POLLOUT)
        self._poller.register(engine.monitor, zmq.POLLIN)
        self._poller.register(engine.pidfd, zmq.POLLIN)
        self._poller.register(engine.pulse_fd, zmq.POLLIN)
        return engine

    def stop(self, engine: EngineProcess, now: float, *, hurry: bool = False) -> None:
        """Tell an engine to exit; it is pressed when it does not."""
        grace_s = self._patience.hurry_s if hurry else self._patience.shutdown_s
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
                if isinstance(message, StepReport):
                    engine.beat = message
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
            over = engine.stream_ended or now - engine.exited_at >= self._patience.last_words_s
            if over and not engine.socket.poll(0):
                self.engines.remove(engine)
                self._poller.unregister(engine.socket)
                self._poller.unregister(engine.monitor)
                if engine.pulse_fd in self._poller:
                    self._poller.unregister(engine.pulse_fd)
                engine.close()
                yield engine

    def enforce(self, now: float, working: Callable[[EngineProcess], bool]) -> None:
        """Press engines that do not stop in time, and those with work that are frozen or make no progress."""
        limits = self._patience
        asleep = self._awake_at is not None and now - self._awake_at >= limits.asleep_s
        self._awake_at = now
        for engine in self.engines:
            if asleep:
                engine.pulse_at = now
            if engine.exited_at is not None:
                continue
            if engine.kill_at is None and now - engine.heard_at >= limits.silence_s and working(engine):
                log.error("engine %d has been silent for %d s; ending it", engine.pid, limits.silence_s)
                engine.hung = True
                engine.kill_at = now
            silent_s = now - max(engine.pulse_at, engine.heard_at)
            if silent_s >= limits.hang_s and self._is_frozen(engine, silent_s, working):
                if not engine.froze:
                    log.error("engine %d has given no sign of life for %d s; killing it", engine.pid, silent_s)
                engine.kill(now)
            if engine.kill_at is not None and engine.kill_at <= now:
                engine.kill_at = now + engine.press(now)

    def is_in_control(self, now: float, working: Callable[[EngineProcess], bool]) -> bool:
        """Return False when an engine that is needed could not be ended: SIGKILL did not help."""
        return not any(
            engine.exited_at is None
            and engine.killed_at is not None
            and now - engine.killed_at >= self._patience.control_s
            and (working(engine) or not engine.loaded)
            for engine in self.engines
        )

    def _is_frozen(self, engine: EngineProcess, silent_s: float, working: Callable[..., bool]) -> bool:
        if engine.loaded:
            return working(engine)
        if engine.model is not None and silent_s >= self._patience.loading_hang_s:
            return True
        return is_stopped(engine.pid)

    def next_due(self, now: float) -> float | None:
        """Return when `gone` or `enforce` has something to do by time alone."""
        times = []
        for engine in self.engines:
            if engine.exited_at is not None:
                times.append(engine.exited_at + self._patience.last_words_s)
                continue
            if engine.kill_at is not None:
                times.append(engine.kill_at)
            heard_at = max(engine.pulse_at, engine.heard_at)
            limits_s = (self._patience.hang_s, self._patience.loading_hang_s)
            times += [heard_at + limit_s for limit_s in limits_s if heard_at + limit_s > now]
            if engine.heard_at + self._patience.silence_s > now:
                times.append(engine.heard_at + self._patience.silence_s)
        return min(times, default=None)

    def close(self) -> None:
        """Kill and reap whatever is left."""
        for engine in self.engines:
            engine.process.kill()
            engine.process.wait()
            engine.close()
        self.engines.clear()
