"""Which engine runs, which job it gets, who is to blame when it dies.

Pure: no sockets, no processes; time is an argument. A `Slot` is one model's place among the loaded
ones and outlives the processes that fill it. `Fleet` owns the slots.

Jobs that were in an engine when it died are suspects: each goes alone until it delivers a segment. One that
is alone in two that die is convicted. A kill from outside makes no suspect before the sixth, no culprit
before the twelfth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from f5d.broker.jobs import Job
from f5d.engine.turns import new_levels
from f5d.engine.types import Loaded

MAX_IN_FLIGHT: Final = 32  # jobs in one engine; it interleaves them itself
NEWCOMERS_IN_FLIGHT: Final = (
    32  # beyond that, of process groups that have none there; again for sessions, users
)
OVERTAKE_S: Final = 5.0  # how long jobs for loaded models may pass one that waits for a place
MAX_LOADING_DEATHS: Final = 2
MAX_LONELY_DEATHS: Final = 2
MAX_IDLE_RESTARTS: Final = 1
SUSPECT_KILLS: Final = 5  # from outside, without a delivery in between; more make a job go alone
BLAMED_KILLS: Final = 10  # more count as lonely deaths of whoever was alone

SlotState = Literal["starting", "ready", "stopping"]


@dataclass(slots=True, eq=False)
class Slot:
    """One model's engine, through all its restarts."""

    model: str
    state: SlotState = "starting"
    loaded: Loaded | None = None
    loaded_at: float | None = None
    jobs: dict[str, Job] = field(default_factory=dict)  # in the engine now
    cancelling: set[str] = field(default_factory=set)  # the engine has not yet confirmed
    idle_since: float = 0.0
    restarts: int = 0
    loading_deaths: int = 0  # in a row
    kills: int = 0  # from outside, since the model was last loaded
    idle_deaths: int = 0  # since a job was finished
    retire_before: int | None = None  # unload: only jobs with a smaller number still get in

    @property
    def is_busy(self) -> bool:
        """True while the engine has anything to do."""
        return bool(self.jobs or self.cancelling)

    def admits(self, job: Job) -> bool:
        """Return True when the job may be one of this engine's, now or later."""
        return self.state != "stopping" and (self.retire_before is None or job.number < self.retire_before)

    def can_take(self, job: Job) -> bool:
        """Return True when the job may be handed over now."""
        if self.state != "ready" or not self.admits(job):
            return False
        if job.kind == "load":
            return True
        if job.suspect:
            return not self.is_busy
        others = self.jobs.values()
        if any(other.suspect for other in others):
            return False
        excess = len(others) - MAX_IN_FLIGHT
        shares = [other.share for other in others]
        return excess < 0 or excess < NEWCOMERS_IN_FLIGHT * new_levels(job.share, shares)

    def release(self, job_id: str, now: float) -> None:
        """Forget a job that the engine has finished or dropped."""
        self.jobs.pop(job_id, None)
        self.cancelling.discard(job_id)
        self.idle_deaths = 0
        if not self.is_busy:
            self.idle_since = now

    def cancel(self, job: Job) -> None:
        """Note that the engine has been told to drop the job."""
        if self.jobs.pop(job.id, None) is not None:
            self.cancelling.add(job.id)


@dataclass(frozen=True, slots=True)
class Start:
    """Start an engine for this slot."""

    slot: Slot


@dataclass(frozen=True, slots=True)
class Retire:
    """End this slot's engine."""

    slot: Slot


@dataclass(frozen=True, slots=True)
class Dispatch:
    """Hand the job to this slot's engine."""

    job: Job
    slot: Slot


Action: TypeAlias = Start | Retire | Dispatch


@dataclass(frozen=True, slots=True)
class Verdict:
    """What follows from an engine's death: jobs that fail, with the reason, and a restart or not."""

    convicted: Sequence[Job]
    reason: str
    restart: bool


class Fleet:
    """The slots by model name; at most `limit` engines exist, stopping ones included."""

    def __init__(self, limit: int, keep_alive_s: float | None) -> None:
        self.limit = limit
        self.keep_alive_s = keep_alive_s
        self.slots: dict[str, Slot] = {}

    def next_action(self, waiting: Sequence[Job], now: float) -> Action | None:
        """Return one thing to do now, None when nothing is left; the caller does it and asks again."""
        freeing = sum(1 for slot in self.slots.values() if slot.state == "stopping")
        ahead: set[str] = set()  # models that an earlier job waits for
        pending: set[str] = set()  # models without a slot that have been dealt with
        held: set[str] = set()  # engines that a suspect must get empty
        barrier = False
        for job in waiting:
            slot = self.slots.get(job.model)
            if slot is None and job.model not in pending:
                pending.add(job.model)
                if action := self._make_room(job, ahead, freeing):
                    return action
                freeing -= 1
                job.blocked_since = now if job.blocked_since is None else job.blocked_since
                barrier = barrier or now - job.blocked_since >= OVERTAKE_S
            elif slot is not None and not barrier and job.model not in held:
                if slot.can_take(job):
                    return Dispatch(job, slot)
                if job.suspect:
                    held.add(job.model)
            if slot is None or slot.admits(job):
                ahead.add(job.model)
        return self._next_to_retire(ahead, now)

    def next_due(self, waiting: Sequence[Job], now: float) -> float | None:
        """Return when `next_action` may have something new by time alone."""
        times = [
            job.blocked_since + OVERTAKE_S
            for job in waiting
            if job.blocked_since is not None and job.model not in self.slots
        ]
        if self.keep_alive_s is not None:
            times += [
                slot.idle_since + self.keep_alive_s
                for slot in self.slots.values()
                if slot.state == "ready" and not slot.is_busy
            ]
        return min((time for time in times if time > now), default=None)

    def begin(self, slot: Slot) -> None:
        """Note that an engine was started for the slot."""
        self.slots[slot.model] = slot
        slot.state = "starting"
        slot.loaded = None
        slot.loaded_at = None

    def ready(self, slot: Slot, loaded: Loaded, now: float) -> None:
        """Note that the slot's engine has its model."""
        slot.state = "ready"
        slot.loaded = loaded
        slot.loaded_at = now
        slot.loading_deaths = slot.kills = 0
        slot.idle_since = now

    def hand_over(self, job: Job, slot: Slot) -> None:
        """Note that the engine has the job."""
        job.blocked_since = None
        job.delivered = False
        slot.jobs[job.id] = job

    def engine_gone(
        self, slot: Slot, cause: str, waiting: Sequence[Job], now: float, *, from_outside: bool = False
    ) -> Verdict:
        """Settle an engine's end; its unfinished jobs are waiting again afterwards.

        `waiting` are the jobs for any model that were in no engine. An engine that was killed
        `from_outside` makes nobody a suspect, until that has happened too often: a guard of the
        machine's memory kills from outside too, and a job may be what provokes it.
        """
        in_engine = _empty(slot, now, from_outside=from_outside)
        queued = [job for job in waiting if job.model == slot.model and slot.admits(job)]
        convicted, reason = _blame(slot, cause, in_engine, queued, from_outside=from_outside)
        wanted = [job for job in [*in_engine, *queued] if job not in convicted]
        restart = _is_worth_a_restart(slot, wanted, was_idle=not in_engine and not queued)
        if restart:
            slot.restarts += 1
        else:
            del self.slots[slot.model]
        return Verdict(convicted, reason, restart)

    def _make_room(self, job: Job, ahead: set[str], freeing: int) -> Action | None:
        if len(self.slots) < self.limit:
            return Start(Slot(job.model))
        if freeing > 0:
            return None
        idle = [
            slot
            for slot in self.slots.values()
            if slot.state != "stopping" and not slot.is_busy and slot.model not in ahead
        ]
        return Retire(min(idle, key=lambda slot: slot.idle_since)) if idle else None

    def _next_to_retire(self, ahead: set[str], now: float) -> Action | None:
        for slot in self.slots.values():
            if slot.state == "stopping" or slot.is_busy or slot.model in ahead:
                continue
            expired = (
                self.keep_alive_s is not None
                and slot.state == "ready"
                and slot.idle_since + self.keep_alive_s <= now
            )
            if expired or slot.retire_before is not None:
                return Retire(slot)
        return None


def _empty(slot: Slot, now: float, *, from_outside: bool) -> list[Job]:
    """Return the jobs of a dead engine, which wait again; those that were there may be suspects from now on."""
    alone = len(slot.jobs) == 1 and not slot.cancelling
    jobs = list(slot.jobs.values())
    slot.jobs.clear()
    slot.cancelling.clear()
    for job in jobs:
        job.kills += from_outside
        blamed = not from_outside or job.kills > BLAMED_KILLS
        job.back_to_queue(now, alone=alone and blamed, suspect=not from_outside or job.kills > SUSPECT_KILLS)
    return jobs


def _blame(
    slot: Slot, cause: str, in_engine: Sequence[Job], queued: Sequence[Job], *, from_outside: bool
) -> tuple[Sequence[Job], str]:
    """Return the jobs that fail with the engine, and why: the culprit, or all that a model cannot load for."""
    if slot.state == "starting":
        slot.kills += from_outside
        slot.loading_deaths += not from_outside or slot.kills > BLAMED_KILLS
        if slot.loading_deaths >= MAX_LOADING_DEATHS:
            times = max(slot.kills, MAX_LOADING_DEATHS)
            return queued, f"the engine for {slot.model} died {times} times while loading: {cause}"
    culprits = [job for job in in_engine if job.lonely_deaths >= MAX_LONELY_DEATHS]
    times = max([MAX_LONELY_DEATHS, *(job.kills for job in culprits)])
    return culprits, f"the engine died under this job {times} times: {cause}"


def _is_worth_a_restart(slot: Slot, wanted: Sequence[Job], *, was_idle: bool) -> bool:
    """Return True when jobs still want the model, or it had nothing to do and has not died so too often."""
    if slot.state == "ready" and was_idle and slot.retire_before is None:
        slot.idle_deaths += 1
        return slot.idle_deaths <= MAX_IDLE_RESTARTS
    return bool(wanted) and slot.state != "stopping"
