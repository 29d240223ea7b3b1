"""The live jobs: who asked for what, where each stands, when something is due.

Pure: no sockets, no processes; time is an argument. `JobTable` owns every `Job` from its admission
to its one terminal message; `fleet` decides which engine gets it, `dispatcher` speaks to the client.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from f5ctl.errors import BadRequestError, TryAgainError
from f5ctl.protocol import SAMPLE_BYTES, SAMPLE_RATE_HZ, JobState, Progress
from f5d.broker.admission import Order
from f5d.broker.histogram import Histogram
from f5d.broker.peers import Peer
from f5d.engine.turns import Share, groups_of, in_turns, new_levels
from f5d.engine.types import Segment

PROGRESS_EVERY_S: Final = 0.8  # the protocol promises one a second
MAX_HELD_REFERENCE_BYTES: Final = 256 * 2**20
MAX_HELD_PCM_BYTES: Final = 512 * 2**20  # speech that waits to become files
NEWCOMERS: Final = 8  # one in so many places beyond the limit is for process groups that have no job
FIRST_GUESS_S: Final = 5.0  # retry_after_s before any job has been measured
LONGEST_GUESS_S: Final = 60.0
FIRST_AUDIO_BOUNDS_S: Final = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
RTF_BOUNDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)

Kind = Literal["say", "plan", "load", "unload"]
Outcome = Literal["done", "failed", "cancelled"]


@dataclass(frozen=True, slots=True)
class Client:
    """Where replies go: a connection's number, of which no other connection ever has the same.

    `delimited` messages (of REQ sockets) get an empty frame before each reply.
    """

    connection: int
    peer: Peer
    delimited: bool = False

    @property
    def share(self) -> Share:
        """What the queue's shares are counted by."""
        return self.peer.share


@dataclass(slots=True, eq=False)
class Job:
    """One live request that takes time. `order` is None for `load` and `unload`."""

    number: int
    client: Client
    request_id: str
    kind: Kind
    model: str
    accepted_at: float
    order: Order | None = None
    deadline: float | None = None
    timeout_s: float | None = None
    state: JobState = "queued"
    progress_at: float = 0.0
    first_audio_at: float | None = None
    spent_s: dict[JobState, float] = field(default_factory=dict)
    entered_at: float = 0.0

    segments: int = 0
    texts: tuple[str, ...] = ()  # of the segments
    starts: list[int] = field(default_factory=list)  # where each delivered segment begins, in samples
    segments_done: int = 0  # also the segment that a new engine begins with
    carry: bytes = b""
    pcm: list[bytes] = field(default_factory=list)  # held back for encodings other than pcm
    pcm_bytes: int = 0  # in it
    samples: int = 0
    audio_digest: Any = field(default_factory=hashlib.sha256)  # of the samples so far
    synthesis_s: float = 0.0  # the engine's time, shared steps counted by share
    seq: int = 0
    encoding_now: bool = False  # every segment is here, the engine makes the file
    ref_text: str = ""
    voice_hash: str = ""
    warnings: tuple[str, ...] = ()

    suspect: bool = False  # was in an engine that died; goes alone until it delivers
    lonely_deaths: int = 0
    kills: int = 0  # of its engines, from outside, since it last delivered
    delivered: bool = False  # a segment, by the engine that has the job now
    blocked_since: float | None = None  # its model waits for a place

    @property
    def id(self) -> str:
        """The job's name on the wire."""
        return str(self.number)

    @property
    def share(self) -> Share:
        """What its client counts by: jobs of one share are one client's."""
        return self.client.share

    @property
    def in_engine(self) -> bool:
        """True while an engine has the job."""
        return self.state == "running"

    @property
    def duration_s(self) -> float:
        """Seconds of audio so far."""
        return self.samples / SAMPLE_RATE_HZ

    @property
    def rtf(self) -> float | None:
        """Seconds of engine time for a second of audio."""
        return round(self.synthesis_s / self.duration_s, 4) if self.samples else None

    @property
    def timeline(self) -> list[dict[str, str | float]]:
        """What is said when: the text of each segment and where it begins, in seconds."""
        pairs = zip(self.texts, self.starts, strict=False)  # both grow; a job that failed has fewer starts
        return [{"text": text, "start_s": round(start / SAMPLE_RATE_HZ, 3)} for text, start in pairs]

    def enter(self, state: JobState, now: float) -> bool:
        """Account for the time in the old state; return True when the state is a new one."""
        self.spent_s[self.state] = self.spent_s.get(self.state, 0.0) + now - self.entered_at
        self.entered_at = now
        changed = state != self.state
        self.state = state
        return changed

    def take(self, segment: Segment, now: float) -> None:
        """Record one more delivered segment."""
        self.segments_done += 1
        self.starts.append(max([self.samples + segment.start, *self.starts[-1:]]))
        self.carry = segment.carry
        self.samples += len(segment.pcm) // SAMPLE_BYTES
        self.audio_digest.update(segment.pcm)
        self.synthesis_s += segment.synthesis_s
        self.suspect = False
        self.delivered = True
        self.lonely_deaths = self.kills = 0
        if self.first_audio_at is None and segment.pcm:
            self.first_audio_at = now

    def back_to_queue(self, now: float, *, alone: bool, suspect: bool = True) -> None:
        """Note that the engine died under the job, by a fault that is surely its own if it was `alone`."""
        if alone and not self.delivered:
            self.lonely_deaths += 1
        self.suspect = self.suspect or suspect
        self.delivered = False
        self.enter("queued", now)


@dataclass(slots=True)
class Counters:
    """What the daemon has done since it started."""

    done: int = 0
    failed: int = 0
    cancelled: int = 0
    refused: int = 0
    audio_s: float = 0.0
    engine_restarts: int = 0
    first_audio_s: Histogram = field(default_factory=lambda: Histogram(FIRST_AUDIO_BOUNDS_S))
    rtf: Histogram = field(default_factory=lambda: Histogram(RTF_BOUNDS))

    @property
    def ended(self) -> int:
        """How many jobs have had their end."""
        return self.done + self.failed + self.cancelled


class JobTable:
    """Every live job in the order of acceptance; at most `limit` of them wait or speak."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.counters = Counters()
        self._jobs: dict[str, Job] = {}
        self._requests: dict[tuple[int, str], Job] = {}  # by connection and id
        self._last_number = 0
        self._typical_s = FIRST_GUESS_S

    def __len__(self) -> int:
        return len(self._jobs)

    def __iter__(self) -> Iterator[Job]:
        return iter(list(self._jobs.values()))

    def __contains__(self, job: Job) -> bool:
        return self._jobs.get(job.id) is job

    def get(self, job_id: str) -> Job | None:
        """Return the live job of that id."""
        return self._jobs.get(job_id)

    def by_request(self, client: Client, request_id: str) -> Job | None:
        """Return the live job that this connection started under `request_id`."""
        return self._requests.get((client.connection, request_id))

    def of_connection(self, number: int) -> list[Job]:
        """Return the live jobs of a connection."""
        return [job for job in self._jobs.values() if job.client.connection == number]

    @property
    def work(self) -> list[Job]:
        """The jobs that need an engine, oldest first."""
        return [job for job in self._jobs.values() if job.kind != "unload"]

    @property
    def waiting(self) -> list[Job]:
        """The jobs that need an engine and are in none, oldest first."""
        return [job for job in self.work if not job.in_engine]

    @property
    def in_fair_order(self) -> list[Job]:
        """The waiting jobs, in turns: every user's first, then every user's next, and so on (turns.py).

        A user's first job is passed only by older ones, and jobs in an engine end, so nobody waits for ever.
        """
        taken = Counter(group for job in self.work if job.in_engine for group in groups_of(job.share))
        return in_turns(self.waiting, lambda job: job.share, taken)

    @property
    def held_pcm_bytes(self) -> int:
        """Speech of all jobs that waits to become files."""
        return sum(job.pcm_bytes for job in self._jobs.values())

    def check_id(self, client: Client, request_id: str) -> None:
        """Refuse an id that is in use; the live job keeps it."""
        if job := self.by_request(client, request_id):
            line = f"id {request_id!r} is in use by job {job.id}, which goes on; take an id of its own"
            raise BadRequestError("bad_message", line)

    def check_room(self, reference_bytes: int, share: Share = ()) -> None:
        """Refuse a job beyond the limits of the queue (TryAgainError, overloaded).

        Some places beyond the limit are kept for a `share` that has no job yet, more for a session that has
        none, and more again for a user.
        """
        count = len(self)
        newness = new_levels(share, [job.share for job in self])
        if count >= self.limit + newness * max(1, self.limit // NEWCOMERS):
            line = f"{count} jobs are waiting or running; the limit is {self.limit}"
            raise TryAgainError("overloaded", line, retry_after_s=self.retry_after_s)
        held = sum(len(job.order.reference.audio) for job in self.work if job.order) + reference_bytes
        if held > MAX_HELD_REFERENCE_BYTES:
            line = f"the queue's recordings would be {held} bytes; the limit is {MAX_HELD_REFERENCE_BYTES}"
            raise TryAgainError("overloaded", line, retry_after_s=self.retry_after_s)

    @property
    def next_number(self) -> int:
        """The number that the next admitted job gets."""
        return self._last_number + 1

    def admit(
        self,
        client: Client,
        request_id: str,
        *,
        kind: Kind,
        model: str,
        now: float,
        order: Order | None = None,
        timeout_s: float | None = None,
    ) -> Job:
        """Return a new live job, the last of the queue."""
        self._last_number += 1
        job = Job(
            number=self._last_number,
            client=client,
            request_id=request_id,
            kind=kind,
            model=model,
            accepted_at=now,
            order=order,
            deadline=None if timeout_s is None else now + timeout_s,
            timeout_s=timeout_s,
            progress_at=now + PROGRESS_EVERY_S,
            entered_at=now,
        )
        self._jobs[job.id] = job
        self._requests[(client.connection, request_id)] = job
        return job

    def remove(self, job: Job, outcome: Outcome, now: float) -> None:
        """Take a job out of the table; its client has been told."""
        del self._jobs[job.id]
        del self._requests[(job.client.connection, job.request_id)]
        job.enter(job.state, now)
        setattr(self.counters, outcome, getattr(self.counters, outcome) + 1)
        self.counters.audio_s += job.duration_s
        if outcome == "done" and job.kind == "say":
            spoken_s = job.spent_s.get("running", 0.0)
            self._typical_s += 0.2 * (spoken_s - self._typical_s)
            if job.first_audio_at is not None:
                self.counters.first_audio_s.add(job.first_audio_at - job.accepted_at)
            if job.rtf is not None:
                self.counters.rtf.add(job.rtf)

    def wait_s(self, job: Job) -> float:
        """Return a guess of how long the jobs that wait for its model will take: a typical one each."""
        waiting = [other for other in self.waiting if other.model == job.model and other.kind == "say"]
        return len(waiting) * self._typical_s

    @property
    def retry_after_s(self) -> float:
        """A guess of when the next job ends: a typical job's time, from 1 s to a minute."""
        return round(min(max(self._typical_s, 1.0), LONGEST_GUESS_S), 1)

    def position(self, job: Job) -> int:
        """Return how many jobs wait ahead of `job`; 0 for one that no longer waits."""
        if job.in_engine or job.kind == "unload":
            return 0
        return sum(1 for other in self.waiting if other.number < job.number)

    def progress(self, job: Job, now: float) -> Progress:
        """Return what the client is told now; the next line is due `PROGRESS_EVERY_S` later."""
        job.progress_at = now + PROGRESS_EVERY_S
        return Progress(
            id=job.request_id,
            job=job.id,
            state=job.state,
            model=job.model,
            position=self.position(job),
            segments_done=job.segments_done,
            segments=job.segments,
            elapsed_s=round(now - job.accepted_at, 3),
        )

    def expired(self, now: float) -> list[Job]:
        """Return the jobs whose deadline has passed."""
        return [job for job in self._jobs.values() if job.deadline is not None and job.deadline <= now]

    def silent(self, now: float) -> list[Job]:
        """Return the jobs whose client is due a progress message."""
        return [job for job in self._jobs.values() if job.progress_at <= now]

    def next_due(self) -> float | None:
        """Return when `expired` or `silent` will next have something, None without jobs."""
        times = [job.progress_at for job in self._jobs.values()]
        times += [job.deadline for job in self._jobs.values() if job.deadline is not None]
        return min(times, default=None)
