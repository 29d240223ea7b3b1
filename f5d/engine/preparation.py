"""Jobs of one engine whose texts and recordings are on their way to becoming plans, in other processes.

The engine's loop hands a job in and hears of its plan, or of what is wrong with it; nothing here waits. Brief
texts in known voices have a process of their own, since theirs is a matter of milliseconds. Long texts and new
recordings share two others, of which no user has both. What takes too long is killed.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from f5ctl.errors import BadRequestError, F5Error, TryAgainError, error_from_wire
from f5d.catalog.voices import Reference
from f5d.engine import channel
from f5d.engine.plan import Ready, Settings, Task, reference_key
from f5d.engine.preparer import HERE, Kill, Outcome, Refused, Start, outcomes
from f5d.engine.recogniser import Answer, Heard, Recogniser
from f5d.engine.turns import Share, Turns, in_turns
from f5d.engine.types import Parameters, Predict, Synthesize

if TYPE_CHECKING:
    from f5d.engine.synthesizer import PreparedReference

BRIEF_BYTES: Final = 4_096
BRIEF_AT_ONCE: Final = 8
LONG_NICE: Final = 5
MAX_TIME_S: Final = 60.0  # by the clock; f5d/engine/preparer.py counts the processor's
START_S: Final = 30.0  # for a process that is to be forked, which takes milliseconds
END_S: Final = 2.0
MOST_TRIES: Final = 2  # of a job under which the process ends by itself

Message: TypeAlias = Synthesize | Predict
Made: TypeAlias = tuple[str, Ready, "PreparedReference | None"] | F5Error  # as `Synthesizer.adopt` takes it

_FORKER_GONE: Final = "the process that starts those which prepare texts and recordings has ended or hangs"

_log = logging.getLogger("f5d.engine")


class Forker:
    """The process that preparers are forked from; it imports what they need while the model loads."""

    def __init__(self) -> None:
        self.control, theirs = channel.pair()
        self.control.settimeout(START_S)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "f5d.engine.preparer", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},  # threads do not survive a fork
            )
        self._numbers = 0

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def configure(self, settings: Settings) -> None:
        """Say which model is planned for."""
        channel.send(self.control, msgspec.msgpack.encode(settings))

    def start(self, nice: int) -> tuple[int, socket.socket]:
        """Return the number of a new preparer and the end of its channel, which it listens to in a moment."""
        self._numbers += 1
        ours, theirs = channel.pair()
        with theirs:
            self._order(Start(self._numbers, nice), theirs.fileno())
        return self._numbers, ours

    def kill(self, number: int) -> None:
        """End a preparer and what it has started."""
        self._order(Kill(number))

    def _order(self, order: Start | Kill, *descriptors: int) -> None:
        try:
            socket.send_fds(self.control, [msgspec.msgpack.encode(order)], descriptors)
        except (TimeoutError, ConnectionError):
            raise SystemExit(_FORKER_GONE) from None

    def close(self) -> None:
        """End them all."""
        self.control.close()
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:  # somebody has stopped it; the others end with it
            self._process.kill()
            self._process.wait()


@dataclass(slots=True, eq=False)
class _Job:
    message: Message
    key: str
    is_brief: bool  # its text
    transcript: str = ""
    tries: int = 0
    is_dropped: bool = False  # what is said of it is not passed on
    known: PreparedReference | None = None  # when it was handed to a preparer

    @property
    def share(self) -> Share:
        return self.message.share

    @property
    def priority(self) -> int:
        return self.message.priority


@dataclass(slots=True, eq=False)
class _Preparer:
    """A place for jobs, oldest first; its process is started for the first, and again after its end.

    Brief jobs come a few at a time, so that one step of the engine does not part each from the next.
    """

    brief: bool
    number: int = 0
    end: socket.socket | None = None  # None: no process
    is_here: bool = False  # it has said so
    jobs: deque[_Job] = field(default_factory=deque)
    ends_at: float = 0.0  # for the first of them

    @property
    def has_room(self) -> bool:
        return len(self.jobs) < (BRIEF_AT_ONCE if self.brief else 1)


class Preparation:
    """Owns the jobs that have no plan yet, and the processes that make plans.

    `task_of` returns what is to be prepared for a text, reference, parameters and the reference's key, and that
    reference if it is known by now. A preparer that has had a job for `most_s` seconds is killed.
    If one is not there `start_s` seconds after it was asked for, none will be, and the engine ends: SystemExit.
    """

    def __init__(
        self,
        forker: Forker,
        recogniser: Recogniser[_Job],
        task_of: Callable[[str, Reference, Parameters, str], tuple[Task, PreparedReference | None]],
        most_s: float = MAX_TIME_S,
        start_s: float = START_S,
    ) -> None:
        self._most_s = most_s
        self._start_s = start_s
        self._forker = forker
        self._task_of = task_of
        self._recogniser = recogniser
        self._waiting: list[_Job] = []  # oldest first
        self._turns = Turns()
        self._epoll = select.epoll()
        self._epoll.register(forker.control, select.EPOLLIN)
        self._preparers = [_Preparer(brief) for brief in (True, False, False)]

    def __bool__(self) -> bool:
        """Return whether any job is here."""
        busy = any(preparer.jobs for preparer in self._preparers)
        return bool(busy or self._waiting or self._recogniser.tokens)

    @property
    def descriptor(self) -> int:
        """What becomes readable when `finished` has something to do."""
        return self._epoll.fileno()

    @property
    def wait_ms(self) -> int:
        """How long `finished` need not be called while its descriptor is silent; -1 for ever."""
        ends = [preparer.ends_at for preparer in self._preparers if preparer.jobs]
        ends += [self._recogniser.ends_at] if self._recogniser.ends_at is not None else []
        return max(0, int((min(ends) - time.monotonic()) * 1000) + 1) if ends else -1

    def submit(self, message: Message) -> None:
        """Take a job in."""
        self._turns.join(message.share)
        key = reference_key(message.reference, message.parameters)
        self._waiting.append(_Job(message, key, len(message.text.encode()) <= BRIEF_BYTES))

    def cancel(self, job: str) -> bool:
        """Drop a job, with what is done for it; return whether it was here."""
        for waiting in self._waiting:
            if waiting.message.job == job:
                self._waiting.remove(waiting)
                self._turns.leave(waiting.share, served=False)
                return True
        for preparer in self._preparers:
            for given in preparer.jobs:
                if given.message.job == job and not given.is_dropped:
                    given.is_dropped = True
                    if not preparer.brief:
                        self._end(preparer)
                    return True
        return any(
            self._recogniser.drop(token) for token in self._recogniser.tokens if token.message.job == job
        )

    def finished(self) -> Iterator[tuple[Message, Made]]:
        """Yield the jobs that have their plan by now, or will never have one."""
        for _ in range(BRIEF_AT_ONCE):
            events = self._epoll.poll(0)
            if not events:
                break
            yield from self._take_in(descriptor for descriptor, _event in events)
        yield from self._end_overdue()
        yield from self._hand_out()

    def _take_in(self, descriptors: Iterable[int]) -> Iterator[tuple[Message, Made]]:
        """Act on one message of each process that has said something."""
        for descriptor in descriptors:
            speaking = [one for one in self._preparers if one.end and one.end.fileno() == descriptor]
            if speaking:
                yield from self._receive(speaking[0])
            elif descriptor == self._recogniser.descriptor:
                yield from self._hear()
            elif descriptor == self._forker.control.fileno():
                raise SystemExit(_FORKER_GONE)

    def _receive(self, preparer: _Preparer) -> Iterator[tuple[Message, Made]]:
        try:
            message = channel.receive(preparer.end) if preparer.end else None
        except (OSError, MemoryError) as error:
            if job := self._end(preparer):
                yield job.message, _lack(error)
            return
        if message is None:
            if job := self._end(preparer):
                yield from self._try_again(job)
            return
        if message == HERE:
            preparer.is_here, preparer.ends_at = True, time.monotonic() + self._most_s
            return
        job = preparer.jobs.popleft()
        preparer.ends_at = time.monotonic() + self._most_s
        if job.is_dropped:
            return
        outcome: Outcome = outcomes.decode(message)
        if isinstance(outcome, Ready):
            yield job.message, (job.key, outcome, job.known)
        elif isinstance(outcome, Refused):
            yield job.message, error_from_wire(outcome.code, outcome.message)
        elif fault := self._recogniser.ask(job, outcome.wave, outcome.rate_hz, job.share):
            yield from self._transcribed(job, fault)
        else:
            self._watch_recogniser()

    def _try_again(self, job: _Job) -> Iterator[tuple[Message, Made]]:
        """Give a job whose preparer has ended another one, but not for ever."""
        job.tries += 1
        if job.tries < MOST_TRIES:
            self._again(job)
            return
        _log.error("job %s ended the processes that prepared it", job.message.job)
        yield job.message, BadRequestError("bad_audio", "text or recording cannot be read: its reader crashes")

    def _again(self, job: _Job) -> None:
        self._turns.join(job.share)
        self._waiting.insert(0, job)

    def _end_overdue(self) -> Iterator[tuple[Message, Made]]:
        now = time.monotonic()
        for preparer in self._preparers:
            if preparer.jobs and now >= preparer.ends_at:
                if not preparer.is_here:
                    raise SystemExit(_FORKER_GONE)
                if job := self._end(preparer):
                    line = f"text or recording was not prepared within {self._most_s:.0f} s; shorten it"
                    yield job.message, BadRequestError("bad_text", line)
        if self._recogniser.ends_at is not None and now >= self._recogniser.ends_at:
            yield from self._hear()

    # Handing out.

    def _hand_out(self) -> Iterator[tuple[Message, Made]]:
        """Give the preparers the jobs whose turn it is; yield those that cannot be given to any."""
        for preparer in self._preparers:
            while preparer.has_room and (job := self._next(brief=preparer.brief)):
                self._waiting.remove(job)
                self._turns.leave(job.share, served=True)
                try:
                    self._give(preparer, job)
                except (OSError, MemoryError) as error:
                    if job in preparer.jobs:
                        preparer.jobs.remove(job)
                    if first := self._end(preparer):
                        self._again(first)
                    yield job.message, _lack(error)

    def _next(self, *, brief: bool) -> _Job | None:
        busy = [job for preparer in self._preparers for job in preparer.jobs]
        unknown = {job.key for job in busy if job.known is None} | {job.key for job in self._recogniser.tokens}
        users = {job.share[:1] for one in self._preparers for job in one.jobs if not one.brief}
        fit = [
            job
            for job in self._waiting
            if job.key not in unknown  # what another job finds out of its reference is known in a moment
            and self._is_brief(job) == brief
            and (brief or job.share[:1] not in users)
        ]
        first = max((job.priority for job in fit), default=0)
        fit = [job for job in fit if job.priority == first]
        return in_turns(fit, lambda job: job.share, self._turns.taken)[0] if fit else None

    def _task(self, job: _Job) -> tuple[Task, PreparedReference | None]:
        message = job.message
        return self._task_of(message.text, message.reference, message.parameters, job.key)

    def _is_brief(self, job: _Job) -> bool:
        return job.is_brief and self._task(job)[1] is not None

    def _give(self, preparer: _Preparer, job: _Job) -> None:
        task, job.known = self._task(job)
        if job.transcript:
            task = msgspec.structs.replace(task, transcript=job.transcript)
        if preparer.end is None:
            preparer.number, preparer.end = self._forker.start(0 if preparer.brief else LONG_NICE)
            preparer.is_here = False
            self._epoll.register(preparer.end, select.EPOLLIN)
        if not preparer.jobs:
            preparer.ends_at = time.monotonic() + (self._most_s if preparer.is_here else self._start_s)
        preparer.jobs.append(job)
        with contextlib.suppress(ConnectionError):  # it has just died; its end is readable
            channel.send(preparer.end, msgspec.msgpack.encode(task))

    def _end(self, preparer: _Preparer) -> _Job | None:
        """End a preparer's process and return its first job, unless that was dropped; the others wait again."""
        if preparer.end is not None:
            self._forker.kill(preparer.number)
            preparer.end.close()
            preparer.end = None
        first = preparer.jobs.popleft() if preparer.jobs else None
        while preparer.jobs:
            job = preparer.jobs.pop()
            if not job.is_dropped:
                self._again(job)
        return None if first is None or first.is_dropped else first

    # Recordings that somebody has to listen to.

    def _hear(self) -> Iterator[tuple[Message, Made]]:
        for job, answer in self._recogniser.answers():
            yield from self._transcribed(job, answer)
        self._watch_recogniser()

    def _transcribed(self, job: _Job, answer: Answer) -> Iterator[tuple[Message, Made]]:
        if isinstance(answer, Heard):
            job.transcript = answer.text
            self._again(job)
        else:
            yield job.message, BadRequestError("transcription_unavailable", answer.message)

    def _watch_recogniser(self) -> None:
        """Have the recogniser's answers noticed; it may have another process than before."""
        if self._recogniser.descriptor is not None:
            with contextlib.suppress(FileExistsError):
                self._epoll.register(self._recogniser.descriptor, select.EPOLLIN)

    def close(self) -> None:
        """End every process."""
        self._recogniser.close()
        self._forker.close()


def _lack(error: OSError | MemoryError) -> TryAgainError:
    """Return what a job is told that the engine has no descriptor or memory for."""
    reason = error.strerror if isinstance(error, OSError) else "no memory left"
    return TryAgainError("overloaded", f"the engine cannot prepare it now: {reason}")
