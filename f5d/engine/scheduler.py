"""Which rows take the next ODE step. Pure: no clock, no sockets, no torch.

A row is one segment of one job. Before every step the engine asks `pick()` for the rows of that
step, so a row that arrives waits for one step at most, and a cancelled one costs none. The order:

1. rows that bring a job its first audio, in order of arrival;
2. all others, by how little work their job has received so far, so that jobs share the engine;
   within a job in the order of the text.

Rows are taken in that order until the frame budget is full; the first is always taken. After
`PATIENCE_STEPS` steps that held first rows only, the best of the others goes before them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

RowKey: TypeAlias = tuple[str, int]  # job, segment index

MIN_BUDGET_FRAMES: Final = 256
PATIENCE_STEPS: Final = 8

_FIRST, _LATER = 0, 1


@dataclass(slots=True)
class _Job:
    arrival: int
    work_frames: int  # frames times steps, in the same coin as `Scheduler._floor`
    rows: dict[int, int] = field(default_factory=dict)  # segment index -> frames
    first_index: int = 0


class Scheduler:
    """Owns the queue of rows; the engine owns what the rows hold."""

    def __init__(self, budget_frames: int) -> None:
        self._budget_frames = max(budget_frames, MIN_BUDGET_FRAMES)
        self._jobs: dict[str, _Job] = {}
        self._arrivals = 0
        self._steps_without_later = 0

    def __bool__(self) -> bool:
        """Whether any row waits for a step."""
        return bool(self._jobs)

    @property
    def budget_frames(self) -> int:
        """Most frames that one step may hold, unless a single row is longer."""
        return self._budget_frames

    def halve_budget(self) -> None:
        """Make steps smaller after the device ran out of memory."""
        self._budget_frames = max(self._budget_frames // 2, MIN_BUDGET_FRAMES)

    def add(self, job: str, first_index: int, frames: Sequence[int]) -> None:
        """Queue a job's rows: segment `first_index` has `frames[0]` frames, and so on.

        A new job starts level with the job that has received least, so it neither waits for
        the others' past nor holds its own absence against them.
        """
        if not frames:
            return
        floor = min((other.work_frames for other in self._jobs.values()), default=0)
        rows = dict(enumerate(frames, start=first_index))
        self._jobs[job] = _Job(self._arrivals, floor, rows, first_index)
        self._arrivals += 1

    def drop(self, job: str) -> None:
        """Forget a job's rows; unknown jobs are forgotten already."""
        self._jobs.pop(job, None)

    def finish(self, key: RowKey) -> None:
        """Forget a row that took its last step."""
        job, index = key
        state = self._jobs[job]
        del state.rows[index]
        if not state.rows:
            del self._jobs[job]

    def pick(self) -> list[RowKey]:
        """Return the rows of the next step and charge their jobs for it."""
        candidates = sorted(self._candidates())
        later = next((row for row in candidates if row[0][0] == _LATER), None)
        if later is not None and self._steps_without_later >= PATIENCE_STEPS:
            candidates.remove(later)
            candidates.insert(0, later)
        picked: list[RowKey] = []
        free = self._budget_frames
        for _, key, frames in candidates:
            if picked and frames > free:
                break
            picked.append(key)
            free -= frames
        for job, index in picked:
            self._jobs[job].work_frames += self._jobs[job].rows[index]
        served = later is None or later[1] in picked
        self._steps_without_later = 0 if served else self._steps_without_later + 1
        return picked

    def _candidates(self) -> list[tuple[tuple[int, int, int, int], RowKey, int]]:
        candidates = []
        for name, job in self._jobs.items():
            ahead = 0  # frames of the job's earlier rows: its later rows count as if those had run
            for index, frames in sorted(job.rows.items()):
                if ahead > self._budget_frames:
                    break
                if index == job.first_index:
                    order = (_FIRST, job.arrival, 0, index)
                else:
                    order = (_LATER, job.work_frames + ahead, job.arrival, index)
                candidates.append((order, (name, index), frames))
                ahead += frames
        return candidates
