"""How often steps are replayed under load: the real scheduler, buckets and rules of recording."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from f5d.engine.planning import MAX_SEGMENT_FRAMES
from f5d.engine.scheduler import RECOVERY_STEPS, RowKey, Scheduler
from f5d.engine.synthesizer import GPU_BUDGET_FRAMES
from f5d.model.buckets import MOST_FRAMES, Bucket, aligned, bucket_for
from f5d.model.static_step import RecordedSteps

STEPS = 2_500
WARMED_UP = 500  # a minute under load
NFE_STEPS = (7, 16, 32)


class CountedBuffers:
    """Buffers without tensors that count what is computed in them operation by operation."""

    def __init__(self) -> None:
        self.computed = 0

    def compute(self, _: Bucket, __: tuple[int, ...] = ()) -> None:
        """Count."""
        self.computed += 1


class NoWork:
    """A recorder of nothing."""

    def record(self, _: Callable[[], None]) -> Callable[[], None]:
        """Return a replay that does nothing."""
        return lambda: None


@dataclass
class Crowd:
    """Clients that speak texts of several segments, one after the other, in voices of their own."""

    clients: int
    shortest: int
    longest: int
    chance: random.Random = field(default_factory=lambda: random.Random(7))
    scheduler: Scheduler = field(default_factory=lambda: Scheduler(GPU_BUDGET_FRAMES))
    frames: dict[RowKey, int] = field(default_factory=dict)
    left: dict[RowKey, int] = field(default_factory=dict)
    said: int = 0

    def ask(self, client: int) -> None:
        """Let a client send its next text."""
        job, self.said = f"{client}:{self.said}", self.said + 1
        lengths = [self.chance.randint(self.shortest, self.longest) for _ in range(self.chance.randint(1, 3))]
        steps = self.chance.choice(NFE_STEPS)
        for index, length in enumerate(lengths):
            self.frames[job, index], self.left[job, index] = length, steps
        self.scheduler.add(job, 0, lengths, share=(client,))

    def step(self) -> list[int]:
        """Take a step; return the frames of its copies."""
        keys = self.scheduler.pick()
        copies = [self.frames[key] for key in keys for _ in range(2)]
        for key in keys:
            self.left[key] -= 1
            if not self.left[key]:
                self.scheduler.finish(key)
                del self.left[key]
                if not any(job == key[0] for job, _ in self.left):
                    self.ask(int(key[0].split(":")[0]))
        return copies


@pytest.mark.parametrize("clients", [1, 2, 4, 8, 16, 32])
@pytest.mark.parametrize("lengths", [(300, 900), (600, 1_500)])
def test_most_steps_are_replayed(clients: int, lengths: tuple[int, int]) -> None:
    """With 1 to 32 clients of mixed lengths, at least nine of ten steps are replayed, and every one fits."""
    buffers = CountedBuffers()
    recorded = RecordedSteps(buffers, NoWork())  # type: ignore[arg-type]
    crowd = Crowd(clients, *lengths)
    for client in range(clients):
        crowd.ask(client)
    for step in range(STEPS):
        if step == WARMED_UP:
            buffers.computed = 0
        bucket = bucket_for(crowd.step())
        assert bucket is not None
        recorded.run(bucket)
        if clients == 1 and step % 16 == 0 and (seen := recorded.seen()):
            recorded.record(seen)  # between two texts
    assert buffers.computed <= 0.1 * (STEPS - WARMED_UP)


def test_steps_grow_again_when_memory_is_back() -> None:
    """Another program's passing use of the card costs some hundred steps, not the engine's life."""
    scheduler = Scheduler(1_024)
    assert scheduler.halve_budget()
    assert scheduler.halve_budget()
    budgets = []
    for _ in range(3 * RECOVERY_STEPS):
        budgets.append(scheduler.budget_frames)
        scheduler.note_fit()
    assert budgets[:RECOVERY_STEPS] == [256] * RECOVERY_STEPS
    assert budgets[RECOVERY_STEPS : 2 * RECOVERY_STEPS] == [512] * RECOVERY_STEPS
    assert budgets[-1] == scheduler.budget_frames == 1_024


def test_a_full_step_fits_the_largest_bucket() -> None:
    """Neither the alignment of many rows nor the longest segment is too much for it."""
    assert bucket_for([MAX_SEGMENT_FRAMES] * 2) is not None
    rows = [257] * (GPU_BUDGET_FRAMES // 257)
    assert bucket_for([length for length in rows for _ in range(2)]) is not None
    assert 2 * sum(aligned(length) for length in rows) <= MOST_FRAMES
