"""Which rows take the next ODE step. Pure: no clock, no sockets, no torch.

A row is one segment of one job. Before every step the engine asks `pick()` for the rows of that
step, so a row that arrives waits for one step at most, and a cancelled one costs none. The order:

1. rows that bring a job its first audio, by priority, then in turns (turns.py): one of each user's, then
   another of each; of one turn, the one that would end first if all that wait shared the engine equally;
2. all others, by priority, then by how little work their job has received so far, so that jobs
   share the engine; within a job in the order of the text.

Rows are taken in that order until the frame budget is full; the first is always taken. Beside rows that bring
first audio others are taken only as far as they make the step hardly longer, which its caller knows.

A short first row so goes before long ones that have waited a little longer, never before one that could have
been done by then. The jobs of one client keep their order.

Nobody starves. The rows of one kind (1 or 2) and priority are a lane; a lane whose head was passed
over for `PATIENCE_STEPS` steps goes first once, so with L lanes every head takes a step at least once
in PATIENCE_STEPS + L steps. Inside a lane, newcomers join behind: a first row waits for
the rows of its turn that came before it and for earlier turns, a later one until each of the others
has caught up with its job, never for more.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from f5d.engine.turns import Share, Turns, in_turns

RowKey: TypeAlias = tuple[str, int]  # job, segment index

MIN_BUDGET_FRAMES: Final = 256
PATIENCE_STEPS: Final = 8
RECOVERY_STEPS: Final = 500  # that fitted, after which a budget that memory was short for may grow

_FIRST, _LATER = 0, 1

_Lane: TypeAlias = tuple[int, int]  # kind, negated priority
_Order: TypeAlias = tuple[_Lane, int, int, int]


@dataclass(slots=True)
class _Job:
    arrival: int
    priority: int
    work_frames: int  # frames times steps
    due: int  # the engine's work, frames times steps, at which its first row would end in an equal share
    rows: dict[int, int] = field(default_factory=dict)  # segment index -> frames
    first_index: int = 0
    share: Share = ()  # with its priority before it

    @property
    def waits_for_audio(self) -> bool:
        """True until its first row is finished."""
        return self.first_index in self.rows


class Scheduler:
    """Owns the queue of rows; the engine owns what the rows hold."""

    def __init__(self, budget_frames: int) -> None:
        self._budget_frames = self._most_frames = max(budget_frames, MIN_BUDGET_FRAMES)
        self._fitted = 0  # steps since the budget last changed
        self._jobs: dict[str, _Job] = {}
        self._arrivals = 0
        self._work_frames = 0  # of all steps so far
        self._turns = Turns()
        self._passed_over: dict[_Lane, int] = {}  # steps in a row that each lane's head was left out of

    def __bool__(self) -> bool:
        """Whether any row waits for a step."""
        return bool(self._jobs)

    @property
    def budget_frames(self) -> int:
        """Most frames that one step may hold, unless a single row is longer."""
        return self._budget_frames

    def halve_budget(self) -> bool:
        """Make steps smaller after memory ran out; return False at the floor."""
        before = self._budget_frames
        self._budget_frames = max(before // 2, MIN_BUDGET_FRAMES)
        self._fitted = 0
        return self._budget_frames < before

    def note_fit(self) -> None:
        """Count a step that memory sufficed for; after many of them steps grow to what they were."""
        self._fitted += 1
        if self._fitted >= RECOVERY_STEPS and self._budget_frames < self._most_frames:
            self._budget_frames = min(2 * self._budget_frames, self._most_frames)
            self._fitted = 0

    def add(
        self,
        job: str,
        first_index: int,
        frames: Sequence[int],
        priority: int = 0,
        share: Share = (),
        *,
        steps: int = 1,
    ) -> None:
        """Queue a job's rows: segment `first_index` has `frames[0]` frames and takes `steps`, and so on.

        `share` is what its client counts by; () is one of its own.

        A new job starts level with the one of its priority that has received most: it does not
        wait for the others' past, and a stream of new jobs cannot overtake one for ever.
        """
        if not frames:
            return
        peers = [other for other in self._jobs.values() if other.priority == priority]
        rows = dict(enumerate(frames, start=first_index))
        whose = (priority, *(share or (-1 - self._arrivals,)))
        waiting = [other for other in peers if other.waits_for_audio]
        due = self._work_frames + (len(waiting) + 1) * frames[0] * steps
        self._jobs[job] = _Job(
            self._arrivals,
            priority,
            max((other.work_frames for other in peers), default=0),
            max([due, *(other.due for other in waiting if other.share == whose)]),
            rows,
            first_index,
            whose,
        )
        self._turns.join(self._jobs[job].share)
        self._arrivals += 1

    def drop(self, job: str) -> None:
        """Forget a job's rows; unknown jobs are forgotten already."""
        state = self._jobs.pop(job, None)
        if state is not None and state.waits_for_audio:
            self._turns.leave(state.share, served=False)

    def finish(self, key: RowKey) -> None:
        """Forget a row that took its last step."""
        job, index = key
        state = self._jobs[job]
        if index == state.first_index:
            self._turns.leave(state.share, served=True)
        del state.rows[index]
        if not state.rows:
            del self._jobs[job]

    def pick(self, company: Callable[[int], int] = lambda _frames: sys.maxsize) -> list[RowKey]:
        """Return the rows of the next step and charge their jobs for it.

        `company` says how many frames more a step over so many may hold without taking noticeably longer.
        """
        candidates = sorted(self._candidates())
        heads: dict[_Lane, tuple[_Order, RowKey, int]] = {}
        for candidate in candidates:
            heads.setdefault(candidate[0][0], candidate)
        passed_over = {lane: self._passed_over.get(lane, 0) for lane in heads}
        if heads:
            longest = max(heads, key=lambda lane: passed_over[lane])
            if passed_over[longest] >= PATIENCE_STEPS:
                candidates.remove(heads[longest])
                candidates.insert(0, heads[longest])
        picked = self._fill(candidates, company)
        for job, index in picked:
            self._jobs[job].work_frames += self._jobs[job].rows[index]
            self._work_frames += self._jobs[job].rows[index]
        self._passed_over = {
            lane: 0 if key in picked else passed_over[lane] + 1 for lane, (_, key, _) in heads.items()
        }
        return picked

    def _fill(
        self, candidates: Sequence[tuple[_Order, RowKey, int]], company: Callable[[int], int]
    ) -> list[RowKey]:
        picked: list[RowKey] = []
        free = self._budget_frames
        urgent = 0  # frames of rows that bring first audio
        for (lane, *_), key, frames in candidates:
            if urgent and lane[0] == _LATER:  # all that come now are
                free, urgent = min(free, company(urgent)), 0
            if picked and frames > free:
                break
            picked.append(key)
            free -= frames
            urgent += frames * (lane[0] == _FIRST)
        return picked

    def _candidates(self) -> list[tuple[_Order, RowKey, int]]:
        candidates = []
        waiting = sorted(
            (job for job in self._jobs.values() if job.waits_for_audio), key=lambda job: (job.due, job.arrival)
        )
        in_order = in_turns(waiting, lambda job: job.share, self._turns.taken)
        turns = {job.arrival: turn for turn, job in enumerate(in_order)}
        for name, job in self._jobs.items():
            ahead = 0  # frames of the job's earlier rows: its later rows count as if those had run
            for index, frames in sorted(job.rows.items()):
                if ahead > self._budget_frames:
                    break
                if index == job.first_index:
                    order = ((_FIRST, -job.priority), turns[job.arrival], job.arrival, index)
                else:
                    order = ((_LATER, -job.priority), job.work_frames + ahead, job.arrival, index)
                candidates.append((order, (name, index), frames))
                ahead += frames
        return candidates
