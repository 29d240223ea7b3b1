"""The engine process: receive, schedule, step, reply.

One process serves one model on one device for its life. It ends when the broker says so, when the
broker is gone (its stdin reaches end of file), or when it fails in a way that may have spoilt the
device; the broker then starts another and sends the unfinished jobs again.
"""

from __future__ import annotations

import logging
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeVar

import zmq

from f5ctl.errors import F5Error
from f5d import journal
from f5d.engine import types
from f5d.engine.pace import Pace, cost
from f5d.engine.pulse import Pulse, take_stdout
from f5d.engine.scheduler import RowKey, Scheduler
from f5d.journal import place_of

if TYPE_CHECKING:  # torch is imported after the socket is up, so that the broker hears of failures
    from f5d.engine.audio import Wave
    from f5d.engine.synthesizer import Plan, Synthesizer
    from f5d.model.sampler import Row

BEAT_S: Final = 1.0

_T = TypeVar("_T")
_log = logging.getLogger("f5d.engine")


@dataclass(slots=True)
class _Job:
    plan: Plan
    next_index: int
    fader_carry: bytes
    waves: dict[int, Wave] = field(default_factory=dict)  # finished before their turn
    synthesis_s: float = 0.0  # this job's share of the steps since its last segment


class EngineLoop:
    """Owns the jobs, rows and schedule of one engine process."""

    def __init__(
        self,
        socket: zmq.Socket[bytes],
        synthesizer: Synthesizer,
        scheduler: Scheduler,
        pulse: Pulse | None = None,
    ) -> None:
        self._socket = socket
        self._pulse = pulse
        self._synthesizer = synthesizer
        self._scheduler = scheduler
        self._jobs: dict[str, _Job] = {}
        self._rows: dict[RowKey, Row] = {}
        self._pace = Pace()
        self._last_beat_s = time.monotonic()
        self._warming = True

    def run(self) -> None:
        """Serve until the broker says `Shutdown`."""
        while self._receive():
            if self._scheduler:
                self._step()
            elif self._warming:
                self._warming = self._synthesizer.warm_up_next()

    def _receive(self) -> bool:
        """Handle every message that has arrived, waiting for one only when there is nothing to do."""
        timeout_ms = 0 if self._scheduler or self._warming else -1
        if self._pulse and timeout_ms:
            self._pulse.rest()
        while self._socket.poll(timeout_ms):
            if self._pulse and timeout_ms:
                self._pulse.work()
            message = types.unpack_to_engine(self._socket.recv())
            if isinstance(message, types.Shutdown):
                return False
            if isinstance(message, types.Synthesize):
                self._guard(message.job, self._start, message)
            elif isinstance(message, types.Predict):
                self._guard(message.job, self._predict, message)
            elif isinstance(message, types.Encode):
                self._guard(message.job, self._encode, message)
            elif isinstance(message, types.Cancel) and self._forget(message.job):
                self._send(types.Cancelled(message.job))
            timeout_ms = 0
        return True

    def _guard(self, job: str, action: Callable[[_T], None], argument: _T) -> None:
        """Run an action for one job; its failure is that job's alone."""
        try:
            action(argument)
        except F5Error as error:
            self._fail(job, error.code, error.message)
        except Exception as error:  # noqa: BLE001 - logged, and one job's fault must not end the others
            _log.error("job %s failed: %s", job, place_of(error))  # not its words, they may be a user's
            self._fail(job, "internal_error", f"{type(error).__name__}: {error}".splitlines()[0])

    def _start(self, message: types.Synthesize) -> None:
        plan = self._synthesizer.plan(message.text, message.reference, message.parameters)
        frames = [segment.total_frames for segment in plan.segments]
        self._jobs[message.job] = _Job(plan, message.first_segment, message.carry)
        self._send(
            types.Planned(
                message.job,
                len(frames),
                plan.reference.text.strip(),
                plan.reference.voice_hash,
                plan.warnings,
                tuple(segment.text for segment in plan.segments),
            )
        )
        if message.first_segment >= len(frames):
            self._finish(message.job)
        rest = frames[message.first_segment :]
        self._scheduler.add(message.job, message.first_segment, rest, message.priority, message.share)

    def _predict(self, message: types.Predict) -> None:
        plan = self._synthesizer.plan(message.text, message.reference, message.parameters)
        if not self._pace.known:
            self._measure(plan)
        steps = plan.parameters.nfe_step
        own = sum(cost(plan, index, steps) for index in range(len(plan.segments)))
        ahead = sum(self._left(name) for name in self._jobs)
        self._send(
            types.Predicted(
                message.job,
                plan.reference.text.strip(),
                plan.reference.voice_hash,
                tuple(segment.text for segment in plan.segments),
                plan.durations_s,
                self._pace.predicted_s(own),
                self._pace.predicted_s(ahead),
                plan.warnings,
            )
        )

    def _measure(self, plan: Plan) -> None:
        """Take steps that nobody needs, for their time; the first one warms up and does not count."""
        row = self._synthesizer.open_row(plan, 0)
        while not (row.finished or self._pace.known):
            started_s = time.monotonic()
            self._synthesizer.step([row])
            if row.steps_done == min(2, row.step_count):
                self._pace.note(cost(plan, 0, 1), time.monotonic() - started_s)

    def _left(self, name: str) -> float:
        """Return the cost of a job's steps that are still to be taken."""
        job = self._jobs[name]
        left = 0.0
        for index in range(job.next_index, len(job.plan.segments)):
            if index not in job.waves:
                row = self._rows.get((name, index))
                left += cost(job.plan, index, job.plan.parameters.nfe_step - (row.steps_done if row else 0))
        return left

    def _encode(self, message: types.Encode) -> None:
        from f5d.engine.audio import encode_file

        self._send(types.Encoded(message.job, encode_file(message.pcm, message.encoding, message.tag)))

    def _step(self) -> None:
        """Advance the scheduled rows by one ODE step and deliver those that are finished."""
        started_s = time.monotonic()
        keys = self._scheduler.pick()
        for key in keys:
            if key not in self._rows:
                self._guard(key[0], self._open, key)
        keys = [key for key in keys if key in self._rows]
        if not keys or not self._try_step(keys):
            return
        now = time.monotonic()
        for job, _ in keys:
            self._jobs[job].synthesis_s += (now - started_s) / len(keys)
        frames = sum(cost(self._jobs[job].plan, index, 1) for job, index in keys)
        self._vocode([key for key in keys if self._rows[key].finished])
        self._pace.note(frames, time.monotonic() - started_s)
        if now - self._last_beat_s >= BEAT_S:
            self._last_beat_s = now
            self._send(types.Beat(memory_bytes()))

    def _open(self, key: RowKey) -> None:
        self._rows[key] = self._synthesizer.open_row(self._jobs[key[0]].plan, key[1])

    def _try_step(self, keys: list[RowKey]) -> bool:
        """Step the rows; after running out of memory make steps smaller and leave the rows where they were."""
        import torch

        try:
            self._synthesizer.step([self._rows[key] for key in keys])
        except torch.OutOfMemoryError:
            torch.cuda.empty_cache()
            self._scheduler.halve_budget()
            _log.warning(
                "out of memory with %d rows; steps hold %d frames from now on",
                len(keys),
                self._scheduler.budget_frames,
            )
            if len(keys) == 1:
                job, index = keys[0]
                frames = self._jobs[job].plan.segments[index].total_frames
                self._fail(job, "synthesis_failed", f"a segment of {frames} frames does not fit into memory")
            return False
        return True

    def _vocode(self, keys: list[RowKey]) -> None:
        """Turn finished rows into waves and deliver them."""
        started_s = time.monotonic()
        finished = [(self._jobs[key[0]].plan, self._rows[key]) for key in keys]
        waves = self._synthesizer.vocode(finished)
        for job, _ in keys:
            self._jobs[job].synthesis_s += (time.monotonic() - started_s) / len(keys)
        for key, wave in zip(keys, waves, strict=True):
            if key in self._rows:  # another segment of its job may just have failed
                self._guard(key[0], self._deliver, (key, wave))

    def _deliver(self, finished: tuple[RowKey, Wave]) -> None:
        """Hand over a finished segment, and those that waited for it, in the order of the text."""
        from f5d.engine.audio import CrossFader, to_pcm

        key, wave = finished
        name, index = key
        job = self._jobs[name]
        job.waves[index] = self._synthesizer.finish_wave(job.plan, index, self._rows.pop(key), wave)
        self._scheduler.finish(key)
        fader = CrossFader(job.plan.parameters.cross_fade_samples, job.fader_carry)
        while job.next_index in job.waves:
            last = job.next_index == len(job.plan.segments) - 1
            pcm = to_pcm(fader.push(job.waves.pop(job.next_index), last=last))
            job.fader_carry = fader.carry
            self._send(types.Segment(name, job.next_index, pcm, job.fader_carry, job.synthesis_s))
            job.synthesis_s = 0.0
            job.next_index += 1
        if job.next_index == len(job.plan.segments):
            self._finish(name)

    def _finish(self, job: str) -> None:
        self._forget(job)
        self._send(types.Finished(job))

    def _fail(self, job: str, code: str, message: str) -> None:
        self._forget(job)
        self._send(types.Failed(job, code, message))

    def _forget(self, job: str) -> bool:
        """Drop everything held for a job; return whether there was anything."""
        self._scheduler.drop(job)
        for key in [key for key in self._rows if key[0] == job]:
            del self._rows[key]
        return self._jobs.pop(job, None) is not None

    def _send(self, message: types.FromEngine) -> None:
        self._socket.send(types.pack(message))


def memory_bytes() -> int:
    """Return the memory of this engine: reserved on the GPU when one is in use, else resident."""
    import torch

    if torch.cuda.is_available() and torch.cuda.memory_reserved():
        return int(torch.cuda.memory_reserved())
    with open("/proc/self/statm", encoding="ascii") as statm:  # noqa: PTH123 - a pseudo-file, read each second
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def serve(socket: zmq.Socket[bytes], pulse: Pulse | None = None) -> int:
    """Load the model that the first message names, then serve jobs; return the exit status."""
    configure = types.unpack_to_engine(socket.recv())
    if not isinstance(configure, types.Configure):
        return 0
    if not configure.core_dumps:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # texts and voices of users would be in one
    started_s = time.monotonic()
    try:
        synthesizer, loaded = _load(configure, started_s)
    except F5Error as error:
        socket.send(types.pack(types.LoadFailed(error.code, error.message)))
        return 1
    socket.send(types.pack(loaded))
    scheduler = Scheduler(configure.max_batch_frames or synthesizer.budget_frames)
    EngineLoop(socket, synthesizer, scheduler, pulse).run()
    return 0


def _load(configure: types.Configure, started_s: float) -> tuple[Synthesizer, types.Loaded]:
    from f5d.engine.synthesizer import Synthesizer
    from f5d.engine.transcriber import Transcriber
    from f5d.model.catalog import fetch
    from f5d.model.load import load_model, pick_device, pick_dtype

    device = pick_device(configure.device)
    model = load_model(
        fetch(configure.model),
        device=device,
        dtype=pick_dtype(configure.dtype, device),
        threads=configure.threads or None,
    )
    loaded = types.Loaded(
        device=model.device,
        dtype=model.dtype,
        memory_bytes=memory_bytes(),
        parameter_count=model.parameter_count,
        model_hash=model.model_hash,
        load_s=time.monotonic() - started_s,
    )
    return Synthesizer(model, Transcriber(configure.asr_model, device), configure.pronunciation), loaded


def _exit_with_broker() -> None:
    """End this process as soon as the broker's end of our stdin closes, whatever the engine is doing."""
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os._exit(0)


def main() -> None:
    """Connect to the broker's socket, named by the one argument, and serve."""
    # Threads that spin at OpenMP's barriers run five times slower once anything else wants a core.
    # Read when torch loads its OpenMP runtime, hence here.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is for the broker, which drains
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # systemd signals the whole group; likewise
    journal.configure("info")
    threading.Thread(target=_exit_with_broker, daemon=True).start()
    pulse = Pulse(take_stdout())
    with zmq.Context() as context, context.socket(zmq.PAIR) as socket:
        socket.connect(f"ipc://{sys.argv[1]}")
        status = serve(socket, pulse)
        socket.close(linger=1000)
    sys.exit(status)


if __name__ == "__main__":
    main()
