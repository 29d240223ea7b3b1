"""What each request does: admits work, answers questions, begins the end.

`Requests` turns messages from clients into jobs and replies. It owns no socket and no process; the
`Dispatcher` moves the jobs, the `Outbox` carries the replies, `now` is always an argument.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from f5ctl import __version__
from f5ctl.errors import BadRequestError, F5Error, SynthesisError, TryAgainError
from f5ctl.parameters import layered
from f5ctl.protocol import Accepted, Cancel, Done, Failed, Load, Plan, Request, Say, Status, Stop, Unload
from f5ctl.zmtp import Message
from f5d.broker.admission import Order, Refusal, fill_parameters, parse_request
from f5d.broker.answers import DaemonFacts, DaemonState, status_result
from f5d.broker.dispatcher import Dispatcher
from f5d.broker.jobs import Client, Job
from f5d.catalog.models import resolve
from f5d.catalog.spec import ModelSpec
from f5d.catalog.voices import Reference, Voice, find_voice
from f5d.config import Config
from f5d.system.journal import place_of

DRAWN_SEEDS: Final = 2**32  # drawn seeds stay short enough to be typed again
PARTING_CODES: Final = ("unsupported_version", "shutting_down")  # the client may want to know whose they are

log = logging.getLogger(__name__)


class Requests:
    """The daemon's decisions about requests, and its three ways of ending: drain, time out, force."""

    def __init__(
        self,
        config: Config,
        facts: DaemonFacts,
        specs: Mapping[str, ModelSpec],
        voices: Mapping[str, Voice],
        dispatcher: Dispatcher,
    ) -> None:
        self._config = config
        self._outbox = dispatcher.outbox
        self._dispatcher = dispatcher
        self._jobs = dispatcher.jobs
        self._fleet = dispatcher.fleet
        self._state = DaemonState(
            facts, self._jobs, self._fleet, dispatcher.engines, dispatcher.reserve, specs, voices
        )
        self._drain_until: float | None = None
        self._forced = False
        self._seen_ended = 0  # jobs that had ended when `tick` last looked

    def adopt(
        self,
        config: Config,
        specs: Mapping[str, ModelSpec],
        voices: Mapping[str, Voice],
    ) -> None:
        """Go on with another configuration; live jobs keep what they were accepted with."""
        self._config = config
        facts = replace(self._state.facts, model=config.model)
        self._state = replace(self._state, facts=facts, specs=specs, voices=voices)

    # Requests.

    def receive(self, client: Client, message: Message, now: float) -> None:
        """Act on one message of a client; whatever is wrong with it becomes a `failed` reply."""
        if message.frames != 1:
            line = f"a message is one frame, this one has {message.frames}"
            self._refuse(client, "", BadRequestError("bad_message", line), now)
            return
        try:
            request = parse_request(message.body)
        except Refusal as refusal:
            self._refuse(client, refusal.request_id, refusal.error, now)
            return
        try:
            self._jobs.check_id(client, request.id)
        except F5Error as error:  # under that id it would be taken for the live job's end
            self._refuse(client, "", error, now)
            return
        try:
            self._act(client, request, now)
        except F5Error as error:
            self._refuse(client, request.id, error, now)
        except Exception as error:  # noqa: BLE001 - a fault of ours in one request must not end everybody's
            log.error("a %s request failed: %s", type(request).__name__, place_of(error))  # noqa: TRY400
            fault = SynthesisError("internal_error", f"a fault of f5d: {type(error).__name__} (see its log)")
            if job := self._jobs.by_request(client, request.id):
                self._dispatcher.fail(job, fault, now)
            else:
                self._refuse(client, request.id, fault, now)

    def _act(self, client: Client, request: Request, now: float) -> None:
        match request:
            case Say():
                self._say(client, request, now)
            case Status():
                self._status(client, request, now)
            case Load():
                self._load(client, request, now)
            case Unload():
                self._unload(client, request, now)
            case Cancel():
                self._cancel(client, request, now)
            case Stop():
                self._stop(client, request, now)

    def _say(self, client: Client, say: Say, now: float) -> None:
        self._refuse_when_draining()
        self._jobs.check_room(len(say.ref_audio or b""), client.share)
        named = None if say.voice is None else find_voice(say.voice, self._state.voices)
        spec = resolve(say.model or (named and named.model) or self._config.model, self._state.specs)
        defaults = dict(self._config.defaults)
        if say.ref_audio is not None:
            reference, voice, language = Reference(say.ref_audio, say.ref_text), say.label, None
        else:
            found = named or find_voice(spec.default_voice, self._state.voices)
            reference, voice, language = found.reference(), found.name, found.language
            defaults = layered(defaults, found.parameters)
        parameters = fill_parameters(
            say,
            defaults,
            spec,
            language=say.language or language or self._configured_language or spec.language,
            seed=secrets.randbelow(DRAWN_SEEDS),
        )
        job = self._jobs.admit(
            client,
            say.id,
            kind="plan" if isinstance(say, Plan) else "say",
            model=spec.name,
            now=now,
            order=Order(
                say.text,
                voice,
                reference,
                parameters,
                say.encoding,
                say.priority or 0,
                receipt_text=say.receipt_text is not False,
            ),
            timeout_s=say.timeout_s,
        )
        self._accept(job, now)
        log.debug("job %s says %r", job.id, say.text)

    @property
    def _configured_language(self) -> str | None:
        return None if self._config.language == "auto" else self._config.language

    def _load(self, client: Client, load: Load, now: float) -> None:
        self._refuse_when_draining()
        self._jobs.check_room(0, client.share)
        spec = resolve(load.model or self._config.model, self._state.specs)
        self._accept(self._jobs.admit(client, load.id, kind="load", model=spec.name, now=now), now)

    def _unload(self, client: Client, unload: Unload, now: float) -> None:
        wanted = None if unload.model is None else resolve(unload.model, self._state.specs).name
        slots = [slot for slot in self._fleet.slots.values() if wanted in (None, slot.model)]
        if not slots:
            self._outbox.send(client, Done(unload.id, {"unloaded": []}), now)
            return
        self._jobs.check_room(0, client.share)
        model = wanted or ",".join(slot.model for slot in slots)
        job = self._jobs.admit(client, unload.id, kind="unload", model=model, now=now)
        self._accept(job, now)
        self._dispatcher.unload(job, slots)

    def _cancel(self, client: Client, cancel: Cancel, now: float) -> None:
        if cancel.job == "all":
            jobs = self._jobs.work
        else:
            name = cancel.job if cancel.job is not None else cancel.request or ""
            job = self._jobs.get(name) if cancel.job is not None else self._jobs.by_request(client, name)
            if job is None:
                what = "job" if cancel.job is not None else "request"
                raise BadRequestError("unknown_job", f"no live {what} {name!r:.80}")
            jobs = [job]
        for job in jobs:
            self._dispatcher.cancel(job, "cancelled by a client's request", now)
        self._outbox.send(client, Done(cancel.id, {"cancelled": [job.id for job in jobs]}), now)

    def _stop(self, client: Client, stop: Stop, now: float) -> None:
        own = self._jobs.of_connection(client.connection)
        if not stop.alone or all(job in own for job in self._jobs):
            self.drain(now)
            if stop.force or stop.alone:
                self.force(now)
        facts = {"draining": len(self._jobs.work), "stopping": self.draining, "pid": self._state.facts.pid}
        self._outbox.send(client, Done(stop.id, facts), now)

    def _status(self, client: Client, status: Status, now: float) -> None:
        result = status_result(self._state, draining=self.draining, now=now, wall=time.time())
        self._outbox.send(client, Done(status.id, result), now)

    def _accept(self, job: Job, now: float) -> None:
        on_demand = self._state.facts.on_demand or None
        accepted = Accepted(job.request_id, job.id, self._jobs.position(job), __version__, on_demand)
        self._outbox.send(job.client, accepted, now)

    def _refuse(self, client: Client, request_id: str, error: F5Error, now: float) -> None:
        self._jobs.counters.refused += 1
        log.debug("refused: %s: %s", error.code, error.message)
        parting = error.code in PARTING_CODES
        reply = Failed(
            id=request_id,
            code=error.code,
            message=error.message,
            retryable=error.retryable,
            retry_after_s=getattr(error, "retry_after_s", None),
            version=__version__ if parting else None,
            on_demand=(parting and self._state.facts.on_demand) or None,
        )
        self._outbox.send(client, reply, now)

    def _refuse_when_draining(self) -> None:
        if self.draining:
            raise TryAgainError("shutting_down", "the daemon is stopping and takes no new work")

    # Clients that went away.

    def forget(self, lost: Mapping[int, str], now: float) -> None:
        """Cancel the jobs of connections that are gone or do not read."""
        for job in self._jobs:
            if reason := lost.get(job.client.connection):
                log.info("job %s: %s", job.id, reason)
                self._dispatcher.cancel(job, reason, now)

    # The end.

    @property
    def draining(self) -> bool:
        """True once no new work is taken."""
        return self._drain_until is not None

    def patience_s(self, now: float) -> float | None:
        """Return how long the accepted jobs may still take; None while the daemon is not draining."""
        return None if self._drain_until is None else max(0.0, self._drain_until - now)

    def drain(self, now: float) -> None:
        """Take no new work; what is accepted has `drain_timeout_s` to finish."""
        if not self.draining:
            self._drain_until = now + self._config.drain_timeout_s
            log.info("stopping: %d jobs to finish", len(self._jobs.work))

    def force(self, now: float) -> None:
        """Cancel every job and end the engines without patience."""
        self.drain(now)
        self._forced = True
        for job in self._jobs.work:
            self._dispatcher.cancel(job, "the daemon is stopping", now)
        self._end_engines(now)

    def tick(self, now: float) -> None:
        """Do what time asks for: deadlines, progress, engines, the end of draining."""
        self._seen_ended = self._jobs.counters.ended
        self._dispatcher.tick(now)
        if self._drain_until is not None and self._drain_until <= now:
            limit = f"drain_timeout_s {self._config.drain_timeout_s:g}"
            line = f"the daemon stopped before the job was finished ({limit})"
            for job in self._jobs.work:
                self._dispatcher.fail(job, TryAgainError("shutting_down", line), now)
                self._forced = True
        self._dispatcher.pump(now)
        if self.draining and not self._jobs.work:
            self._end_engines(now)

    def next_due(self, now: float) -> float | None:
        """Return when `tick` has something to do by time alone, or because a job has ended since."""
        if self._seen_ended != self._jobs.counters.ended:
            return now
        times = [self._dispatcher.next_due(now)]
        if self._drain_until is not None and self._jobs.work:
            times.append(self._drain_until)
        return min((due for due in times if due is not None), default=None)

    @property
    def finished(self) -> bool:
        """True when the daemon is draining and no job and no engine is left."""
        return self.draining and not len(self._jobs) and not self._dispatcher.engines

    def _end_engines(self, now: float) -> None:
        for slot in list(self._fleet.slots.values()):
            if slot.state != "stopping" or self._forced:
                self._dispatcher.retire(slot, now, hurry=self._forced)
