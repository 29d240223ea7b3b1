"""The loop of an engine process: receive, schedule, step, reply.

Owns what the jobs of one engine hold and when each takes its steps; the model is behind `Synthesizer`,
the order behind `Scheduler`. Memory that does not suffice costs time and, at last, one job.
"""

from __future__ import annotations

import logging
import os
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

import zmq

from f5ctl.errors import F5Error
from f5d.engine import types
from f5d.engine.encoder import Encoder
from f5d.engine.pace import Pace, StepTime, cost
from f5d.engine.preparation import Made, Message, Preparation
from f5d.engine.pulse import Pulse
from f5d.engine.scheduler import RowKey, Scheduler
from f5d.system.journal import place_of

if TYPE_CHECKING:  # torch is imported after the socket is up, so that the broker hears of failures
    from f5d.engine import joins
    from f5d.engine.silence import Wave
    from f5d.engine.synthesizer import Plan, Synthesizer
    from f5d.model.sampler import Row

BEAT_S: Final = 1.0
SHORT_STEPS: Final = 16  # in a row that memory did not suffice for, before a row is given up for the others

_T = TypeVar("_T")
_log = logging.getLogger("f5d.engine")


@dataclass(slots=True)
class _Job:
    plan: Plan
    next_index: int
    carry: bytes  # of the joiner
    waves: dict[int, joins.Made] = field(default_factory=dict)  # finished before their turn
    synthesis_s: float = 0.0  # this job's share of the steps since its last segment


class EngineLoop:
    """Owns the jobs, rows and schedule of one engine process."""

    def __init__(
        self,
        socket: zmq.Socket[bytes],
        synthesizer: Synthesizer,
        scheduler: Scheduler,
        preparation: Preparation,
        pulse: Pulse | None = None,
    ) -> None:
        self._socket = socket
        self._preparation = preparation
        self._encoder = Encoder()
        self._poller = zmq.Poller()
        for source in (socket, preparation.descriptor, self._encoder.descriptor):
            self._poller.register(source, zmq.POLLIN)
        self._pulse = pulse
        self._synthesizer = synthesizer
        self._scheduler = scheduler
        self._jobs: dict[str, _Job] = {}
        self._rows: dict[RowKey, Row] = {}
        self._pace = Pace()
        self._step_time = StepTime(is_late=synthesizer.device != "cpu")
        self._steps = self._step_rows = self._step_frames = 0
        self._last_beat_s = time.monotonic()
        self._warming = True
        self._short_steps = 0  # in a row

    def run(self) -> None:
        """Serve until the broker says `Shutdown`."""
        while self._receive():
            if self._scheduler:
                self._step()
            elif self._warming:
                self._warming = self._warm_up()

    def _warm_up(self) -> bool:
        """Prepare a little while nobody waits; return whether more is left that memory suffices for."""
        left: list[bool] = []
        return self._fits(lambda: left.append(self._synthesizer.warm_up_next())) and left[0]

    def _receive(self) -> bool:
        """Handle everything that has arrived, waiting for something only when there is nothing to do."""
        timeout_ms = 0 if self._scheduler or self._warming else self._preparation.wait_ms
        resting = timeout_ms and not (self._preparation or self._encoder)
        if self._pulse and resting:
            self._pulse.rest()
        self._poller.poll(timeout_ms)
        if self._pulse and resting:
            self._pulse.work()
        while self._socket.poll(0):
            message = types.unpack_to_engine(self._socket.recv())
            if isinstance(message, types.Shutdown):
                return False
            if isinstance(message, types.Synthesize | types.Predict):
                self._preparation.submit(message)
            elif isinstance(message, types.Encode):
                self._encoder.submit(message)
            elif isinstance(message, types.Cancel) and self._forget(message.job):
                self._send(types.Cancelled(message.job))
        for prepared in self._preparation.finished():
            self._take(prepared[0].job, self._begin, prepared)
        for answer in self._encoder.finished():
            self._send(answer)
        return True

    def _take(self, job: str, action: Callable[[_T], None], argument: _T) -> None:
        """Do what one job needs next; it fails where memory does not suffice."""
        if not self._fits(lambda: self._guard(job, action, argument)):
            self._fail(job, "overloaded", "the engine has no memory left for this job")

    def _guard(self, job: str, action: Callable[[_T], None], argument: _T) -> None:
        """Run an action for one job; its failure is that job's alone, but for want of memory."""
        try:
            action(argument)
        except F5Error as error:
            self._fail(job, error.code, error.message)
        except Exception as error:
            from f5d.model.memory import is_device_error, is_out_of_memory

            if is_out_of_memory(error) or is_device_error(error):
                raise  # a failed device ends the process: every later job would fail here too
            _log.error("job %s failed: %s", job, place_of(error))  # not its words, they may be a user's
            self._fail(job, "internal_error", f"{type(error).__name__}: {error}".splitlines()[0])

    def _begin(self, prepared: tuple[Message, Made]) -> None:
        """Take up a job whose text and recording are ready, or say what is wrong with them."""
        message, made = prepared
        if isinstance(made, F5Error):
            raise made
        plan = self._synthesizer.adopt(*made)
        if isinstance(message, types.Synthesize):
            self._start(message, plan)
        else:
            self._predict(message, plan)

    def _start(self, message: types.Synthesize, plan: Plan) -> None:
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
        steps = plan.parameters.nfe_step
        self._scheduler.add(
            message.job, message.first_segment, rest, message.priority, message.share, steps=steps
        )

    def _predict(self, message: types.Predict, plan: Plan) -> None:
        if not self._pace.known:
            self._pace.measure(self._synthesizer, plan)
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

    def _left(self, name: str) -> float:
        """Return the cost of a job's steps that are still to be taken."""
        job = self._jobs[name]
        left = 0.0
        for index in range(job.next_index, len(job.plan.segments)):
            if index not in job.waves:
                row = self._rows.get((name, index))
                left += cost(job.plan, index, job.plan.parameters.nfe_step - (row.steps_done if row else 0))
        return left

    def _step(self) -> None:
        """Advance the scheduled rows by one ODE step and deliver those that are finished."""
        started_s = time.monotonic()
        keys = self._open_rows(self._scheduler.pick(self._step_time.company))
        opened_s = time.monotonic()
        if not keys or not self._try_step(keys):
            return
        self._warming = True  # steps show what is worth preparing
        now = time.monotonic()
        for job, _ in keys:
            self._jobs[job].synthesis_s += (now - started_s) / len(keys)
        self._steps += 1
        self._step_rows += len(keys)
        step_frames = sum(self._jobs[job].plan.segments[index].total_frames for job, index in keys)
        self._step_frames += step_frames
        self._step_time.note(step_frames, now - opened_s)
        frames = sum(cost(self._jobs[job].plan, index, 1) for job, index in keys)
        finished = [key for key in keys if self._rows[key].finished]
        if finished:
            self._step_time.forget()
        self._vocode(finished)
        self._pace.note(frames, time.monotonic() - started_s)
        if now - self._last_beat_s >= BEAT_S or not self._scheduler:
            self._last_beat_s = now
            self._send(
                types.StepReport(
                    memory_bytes(self._synthesizer.device),
                    self._steps,
                    self._step_rows,
                    self._step_frames,
                    self._scheduler.budget_frames,
                )
            )

    def _open_rows(self, keys: list[RowKey]) -> list[RowKey]:
        """Return those of `keys` that can take a step now, opening the rows of those that have taken none."""
        ready: list[RowKey] = []
        for key in keys:
            if key[0] not in self._jobs:  # another segment of its job has just failed
                continue
            fits = key in self._rows or self._fits(partial(self._guard, key[0], self._open, key))
            if key in self._rows:
                ready.append(key)
            elif not fits:
                if ready:
                    self._shrink(len(ready) + 1)
                else:
                    self._relieve([key])
                break
        return ready

    def _open(self, key: RowKey) -> None:
        self._rows[key] = self._synthesizer.open_row(self._jobs[key[0]].plan, key[1])

    def _try_step(self, keys: list[RowKey]) -> bool:
        """Step the rows; after running out of memory make room and leave the rows where they were."""
        rows = [self._rows[key] for key in keys]
        if self._fits(lambda: self._synthesizer.step(rows)):
            self._short_steps = 0
            self._scheduler.note_fit()
            return True
        self._relieve(keys)
        return False

    def _relieve(self, tried: list[RowKey]) -> None:
        """Make room after a step of `tried` ran out of memory, or give the first of them up.

        Rows that have taken no step yet are let go, to be opened again in their turn; then steps get
        smaller; then the others may go on and end.
        """
        self._short_steps += 1
        freed = self._let_go(tried)
        smaller = len(tried) > 1 and self._shrink(len(tried))
        others = any(key not in tried for key in self._rows)
        if not (smaller or freed or (others and self._short_steps < SHORT_STEPS)):
            self._give_up(tried[0])

    def _let_go(self, kept: list[RowKey]) -> bool:
        """Close the rows that have taken no step, but for `kept`; return whether there were any."""
        fresh = [key for key, row in self._rows.items() if key not in kept and not row.steps_done]
        for key in fresh:
            del self._rows[key]
        return bool(fresh)

    def _shrink(self, rows: int) -> bool:
        """Make steps smaller; return False when they cannot be."""
        smaller = self._scheduler.halve_budget()
        if smaller:
            line = "out of memory with %d rows; steps hold %d frames from now on"
            _log.warning(line, rows, self._scheduler.budget_frames)
        return smaller

    def _fits(self, action: Callable[[], None]) -> bool:
        """Do something that changes nothing unless it succeeds; return False when memory ran out."""
        from f5d.model.memory import is_out_of_memory, release_cached

        try:
            action()
        except Exception as error:
            if not is_out_of_memory(error):
                raise
        else:
            return True
        release_cached()  # after the error, whose traceback holds the step's tensors
        return False

    def _give_up(self, key: RowKey) -> None:
        """Fail the job of a row that alone is too much for the memory."""
        job, index = key
        frames = self._jobs[job].plan.segments[index].total_frames
        self._fail(job, "synthesis_failed", f"a segment of {frames} frames does not fit into memory")

    def _vocode(self, keys: list[RowKey]) -> None:
        """Turn finished rows into waves and deliver them; one by one where memory is short."""
        started_s = time.monotonic()
        finished = [(self._jobs[key[0]].plan, self._rows[key]) for key in keys]
        waves: list[Wave] = []
        if not self._fits(lambda: waves.extend(self._synthesizer.vocode(finished))):
            freed = self._let_go(keys)
            if len(keys) == 1 and not freed:
                self._give_up(keys[0])
                return
            for key in keys:
                if key in self._rows:  # another segment of its job may just have failed
                    self._vocode([key])
            return
        for job, _ in keys:
            self._jobs[job].synthesis_s += (time.monotonic() - started_s) / len(keys)
        for key, wave in zip(keys, waves, strict=True):
            if key in self._rows:  # another segment of its job may just have failed
                self._take(key[0], self._deliver, (key, wave))

    def _deliver(self, finished: tuple[RowKey, Wave]) -> None:
        """Hand over a finished segment, and those that waited for it, in the order of the text."""
        from f5d.engine.audio import to_pcm
        from f5d.engine.joins import Joiner

        key, wave = finished
        name, index = key
        job = self._jobs[name]
        job.waves[index] = self._synthesizer.finish_wave(job.plan, index, self._rows.pop(key), wave)
        self._scheduler.finish(key)
        joiner = Joiner(job.plan.parameters, job.plan.edges, job.carry)
        while job.next_index in job.waves:
            index = job.next_index
            joined, start = joiner.push(index, job.waves.pop(index))
            job.carry = joiner.carry
            self._send(types.Segment(name, index, to_pcm(joined), job.carry, job.synthesis_s, start))
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
        waited = self._preparation.cancel(job) or self._encoder.cancel(job)
        self._scheduler.drop(job)
        for key in [key for key in self._rows if key[0] == job]:
            del self._rows[key]
        return self._jobs.pop(job, None) is not None or waited

    def _send(self, message: types.FromEngine) -> None:
        self._socket.send(types.pack(message))


def memory_bytes(device: str) -> int:
    """Return the memory of an engine on `device`: reserved there if it is a GPU, else resident."""
    import torch

    if device.startswith("cuda"):
        return int(torch.cuda.memory_reserved(device))
    if not sys.platform.startswith("linux"):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS
    with open("/proc/self/statm", encoding="ascii") as statm:  # noqa: PTH123 - a pseudo-file, read each second
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
