"""Between the live jobs and the engines: hands jobs over, relays what engines say, ends jobs.

`Dispatcher` does what `Fleet` decides, through `Supervisor`, and is the only place where a job
ends: every path to a terminal message goes through `_conclude`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Container
from typing import Final

from f5ctl.errors import SYNTHESIS_CODES, F5Error, SynthesisError, TryAgainError, error_from_wire
from f5ctl.protocol import Audio, Cancelled, Done, Failed, Reply
from f5d.broker.answers import file_tag, load_result, prediction, receipt
from f5d.broker.engine_process import EngineProcess
from f5d.broker.fleet import Dispatch, Fleet, Retire, Slot, Start
from f5d.broker.jobs import MAX_HELD_PCM_BYTES, Job, JobTable, Outcome
from f5d.broker.outbox import Outbox
from f5d.broker.reserve import Reserve
from f5d.broker.supervisor import Supervisor
from f5d.engine import types as engine_types
from f5d.engine.types import Configure, Encode, FromEngine, Predict, Synthesize

AUDIO_PIECE_BYTES: Final = 48_000  # one second of speech

log = logging.getLogger(__name__)


class Dispatcher:
    """Owns the pairing of jobs, slots and engine processes."""

    def __init__(
        self,
        jobs: JobTable,
        fleet: Fleet,
        supervisor: Supervisor,
        outbox: Outbox,
        configure: Callable[[str], Configure],
        *,
        keep_spare: bool = False,
    ) -> None:
        self.jobs = jobs
        self.fleet = fleet
        self.supervisor = supervisor
        self.outbox = outbox
        self.reserve = Reserve(supervisor, wanted=keep_spare)
        self._configure = configure
        self._started_with: dict[str, Configure] = {}  # by model
        self._unloading: dict[Job, list[Slot]] = {}
        self.engines: dict[str, EngineProcess] = {}  # by model

    # Work that is due.

    def pump(self, now: float) -> None:
        """Start, retire and feed engines until there is nothing more to do now."""
        while action := self.fleet.next_action(self.jobs.in_fair_order, now):
            if isinstance(action, Start):
                self._start(action.slot, now)
            elif isinstance(action, Retire):
                self.retire(action.slot, now)
            elif isinstance(action, Dispatch):
                self._hand_over(action.job, action.slot, now)
        for job in self.jobs.waiting:
            slot = self.fleet.slots.get(job.model)
            loading = slot is not None and slot.state == "starting" and slot.admits(job)
            if job.enter("loading" if loading else "queued", now):
                self._tell_progress(job, now)
        self.reserve.tick(now, busy=bool(self.jobs.work))
        for job, slots in list(self._unloading.items()):
            if not any(self.fleet.slots.get(slot.model) is slot for slot in slots):
                self._conclude(
                    job, Done(job.request_id, {"unloaded": [slot.model for slot in slots]}), "done", now
                )

    def tick(self, now: float) -> None:
        """End the jobs that are past their deadline and tell every other client that its job lives."""
        for job in self.jobs.expired(now):
            line = f"job {job.id} was not finished within timeout_s {job.timeout_s:g}"
            self.fail(job, TryAgainError("deadline_exceeded", line), now)
        for job in self.jobs.silent(now):
            self._tell_progress(job, now)

    def next_due(self, now: float) -> float | None:
        """Return when `pump` or `tick` has something to do by time alone."""
        times = [self.jobs.next_due(), self.reserve.next_due(), self.fleet.next_due(self.jobs.waiting, now)]
        return min((time for time in times if time is not None), default=None)

    def reconfigure(self, configure: Callable[[str], Configure], served: Container[str]) -> None:
        """Start engines by `configure` from now on.

        An engine that would be started otherwise now, or whose model is no longer served, ends after its jobs.
        """
        self._configure = configure
        for slot in self.fleet.slots.values():
            unchanged = slot.model in served and configure(slot.model) == self._started_with.get(slot.model)
            if not unchanged and slot.retire_before is None:
                slot.retire_before = self.jobs.next_number

    def unload(self, job: Job, slots: list[Slot]) -> None:
        """End these slots once the jobs that came before `job` are done; `job` ends with them."""
        for slot in slots:
            slot.retire_before = job.number
        self._unloading[job] = slots

    def retire(self, slot: Slot, now: float, *, hurry: bool = False) -> None:
        """Tell the slot's engine to exit."""
        slot.state = "stopping"
        if engine := self.engines.get(slot.model):
            self.supervisor.stop(engine, now, hurry=hurry)

    # The ends of a job.

    def cancel(self, job: Job, reason: str, now: float) -> None:
        """End a job as cancelled."""
        self._conclude(job, Cancelled(job.request_id, reason), "cancelled", now)

    def fail(self, job: Job, error: F5Error, now: float) -> None:
        """End a job with an error."""
        after_s = getattr(error, "retry_after_s", None)
        reply = Failed(job.request_id, error.code, error.message, error.retryable, after_s)
        self._conclude(job, reply, "failed", now)

    def _conclude(self, job: Job, reply: Reply, outcome: Outcome, now: float) -> None:
        if job not in self.jobs:
            return
        self._unloading.pop(job, None)
        slot = self.fleet.slots.get(job.model)
        if slot is not None and job.id in slot.jobs:
            slot.cancel(job)
            self.engines[slot.model].send(engine_types.Cancel(job.id))
        self.outbox.send(job.client, reply, now)
        self.jobs.remove(job, outcome, now)
        _log_end(job, outcome, reply, now)

    # Engines: start, feed.

    def _start(self, slot: Slot, now: float) -> None:
        self.fleet.begin(slot)
        if slot.retire_before is None or slot.model not in self._started_with:
            self._started_with[slot.model] = self._configure(slot.model)
        try:
            self.engines[slot.model] = self.supervisor.start(self._started_with[slot.model], now)
        except OSError as error:
            del self.fleet.slots[slot.model]
            line = f"the engine for {slot.model} cannot be started: {error}"
            log.error(line)  # noqa: TRY400 - the line says it all
            for job in self.jobs.waiting:
                if job.model == slot.model:
                    self.fail(job, SynthesisError("engine_error", line), now)

    def _hand_over(self, job: Job, slot: Slot, now: float) -> None:
        engine = self.engines[slot.model]
        if not slot.is_busy:
            engine.heard_at = now  # its silence counts from here
        if job.order is None:
            if slot.loaded is not None:
                result = load_result(slot.model, engine.pid, slot.loaded)
                slot.idle_since = now
                self._conclude(job, Done(job.request_id, result), "done", now)
            return
        self.fleet.hand_over(job, slot)
        if job.encoding_now:
            self._encode(job, slot)
        elif job.kind == "plan":
            order = job.order
            engine.send(
                Predict(
                    job.id,
                    order.text,
                    order.reference,
                    order.parameters,
                    priority=order.priority,
                    share=job.share,
                )
            )
        else:
            engine.send(
                Synthesize(
                    job=job.id,
                    text=job.order.text,
                    reference=job.order.reference,
                    parameters=job.order.parameters,
                    first_segment=job.segments_done,
                    carry=job.carry,
                    priority=job.order.priority,
                    share=job.share,
                )
            )
        if job.enter("running", now):
            self._tell_progress(job, now)

    # Engines: what they say.

    def hear(self, engine: EngineProcess, message: FromEngine, now: float) -> None:
        """Act on one message of an engine."""
        if engine.model is None:
            return  # a spare, which has nothing to say
        slot = self.fleet.slots[engine.model]
        if isinstance(message, engine_types.Loaded):
            self.reserve.model_loaded(now)
            engine.beat = engine_types.StepReport(message.memory_bytes)
            if slot.state == "starting":  # else it was retired meanwhile
                self.fleet.ready(slot, message, now)
            line = "engine %d has loaded %s on %s (%s) in %.1f s"
            log.info(line, engine.pid, slot.model, message.device, message.dtype, message.load_s)
        elif isinstance(message, engine_types.LoadFailed):
            self._load_failed(slot, message, now)
        elif not isinstance(message, engine_types.StepReport):
            job = slot.jobs.get(message.job)
            if job is not None:
                self._hear_of(job, slot, message, now)
            elif not isinstance(message, engine_types.Planned | engine_types.Segment):
                slot.release(message.job, now)

    def _load_failed(self, slot: Slot, message: engine_types.LoadFailed, now: float) -> None:
        log.error("model %s cannot be loaded: %s", slot.model, message.message)
        for job in self.jobs.waiting:
            if job.model == slot.model:
                self.fail(job, error_from_wire(message.code, message.message), now)
        self.retire(slot, now)

    def _hear_of(self, job: Job, slot: Slot, message: FromEngine, now: float) -> None:
        match message:
            case engine_types.Planned():
                job.segments, job.ref_text = message.segments, message.ref_text
                job.voice_hash, job.warnings, job.texts = message.voice_hash, message.warnings, message.texts
                self._tell_progress(job, now)
            case engine_types.Predicted():
                slot.release(job.id, now)
                job.ref_text, job.voice_hash = message.ref_text, message.voice_hash
                if slot.loaded is not None:
                    result = prediction(job, slot.loaded, message, self.jobs.wait_s(job))
                    self._conclude(job, Done(job.request_id, result), "done", now)
            case engine_types.Segment():
                self._take_segment(job, message, now)
            case engine_types.Finished():
                self._finished(job, slot, now)
            case engine_types.Encoded():
                slot.release(job.id, now)
                self._send_audio(job, message.data, now)
                self._done(job, slot, now)
            case engine_types.Failed():
                slot.release(job.id, now)
                self.fail(job, error_from_wire(message.code, message.message), now)
            case engine_types.Cancelled():
                slot.release(job.id, now)
                self.cancel(job, "cancelled by the engine", now)

    def _take_segment(self, job: Job, segment: engine_types.Segment, now: float) -> None:
        if segment.index != job.segments_done:
            log.warning("job %s: segment %d came instead of %d", job.id, segment.index, job.segments_done)
            return
        job.take(segment, now)
        if job.order is not None and job.order.encoding == "pcm":
            self._send_audio(job, segment.pcm, now)
        else:
            job.pcm.append(segment.pcm)
            job.pcm_bytes += len(segment.pcm)
            if self.jobs.held_pcm_bytes > MAX_HELD_PCM_BYTES:
                line = f"speech that waits to become files is at its limit of {MAX_HELD_PCM_BYTES} bytes"
                self.fail(job, TryAgainError("overloaded", line, retry_after_s=self.jobs.retry_after_s), now)
                return
        self._tell_progress(job, now)

    def _finished(self, job: Job, slot: Slot, now: float) -> None:
        if job.order is not None and job.order.encoding != "pcm":
            job.encoding_now = True
            job.pcm = [b"".join(job.pcm)]
            self._encode(job, slot)
            return
        slot.release(job.id, now)
        self._done(job, slot, now)

    def _encode(self, job: Job, slot: Slot) -> None:
        if job.order is not None and slot.loaded is not None:
            tag = file_tag(job, job.order, slot.loaded)
            self.engines[slot.model].send(Encode(job.id, job.order.encoding, b"".join(job.pcm), tag))

    def _done(self, job: Job, slot: Slot, now: float) -> None:
        if slot.loaded is not None:
            self._conclude(job, Done(job.request_id, receipt(job, slot.loaded, now)), "done", now)

    def _send_audio(self, job: Job, data: bytes, now: float) -> None:
        for start in range(0, len(data), AUDIO_PIECE_BYTES):
            piece = data[start : start + AUDIO_PIECE_BYTES]
            self.outbox.send(job.client, Audio(job.request_id, job.seq, piece), now)
            job.seq += 1

    def _tell_progress(self, job: Job, now: float) -> None:
        self.outbox.send(job.client, self.jobs.progress(job, now), now)

    # Engines: their end.

    def bury(self, engine: EngineProcess, now: float) -> None:
        """Settle the jobs of an engine that is gone, and start it again when it still has work."""
        if engine.model is None:
            log.info("the spare engine process %d has ended: %s", engine.pid, engine.cause)
            return
        slot = self.fleet.slots[engine.model]
        del self.engines[engine.model]
        expected = slot.state == "stopping"
        verdict = self.fleet.engine_gone(
            slot, engine.cause, self.jobs.waiting, now, from_outside=engine.killed_from_outside
        )
        if not expected:
            log.warning("engine %d for %s died: %s", engine.pid, slot.model, engine.cause)
        else:
            log.info("engine %d for %s has ended", engine.pid, slot.model)
        for job in verdict.convicted:
            self.fail(job, SynthesisError("engine_error", verdict.reason), now)
        if verdict.restart:
            self.jobs.counters.engine_restarts += 1
            self._start(slot, now)


def _log_end(job: Job, outcome: Outcome, reply: Reply, now: float) -> None:
    level = _level(reply)
    if job.order is None:
        log.log(level, "job %s %s: %s model=%s", job.id, outcome, job.kind, job.model)
        return
    first_s = "-" if job.first_audio_at is None else f"{job.first_audio_at - job.accepted_at:.3f}"
    log.log(
        level,
        "job %s %s: model=%s voice=%s characters=%d audio_s=%.2f first_audio_s=%s rtf=%s total_s=%.3f %s%s",
        job.id,
        outcome,
        job.model,
        job.order.voice or "(own)",
        len(job.order.text),
        job.duration_s,
        first_s,
        "-" if job.rtf is None else job.rtf,
        now - job.accepted_at,
        job.client.peer,
        f" code={reply.code}" if isinstance(reply, Failed) else "",
    )


def _level(reply: Reply) -> int:
    """Return how loud the end of a job is: the engine's faults are errors, the client's are warnings."""
    if not isinstance(reply, Failed):
        return logging.INFO
    return logging.ERROR if reply.code in SYNTHESIS_CODES else logging.WARNING
