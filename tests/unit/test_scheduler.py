"""Which rows take the next ODE step: the policy, step by step, without a clock."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from f5d.engine.scheduler import MIN_BUDGET_FRAMES, PATIENCE_STEPS, RowKey, Scheduler


def run(
    scheduler: Scheduler, steps_per_row: int, arrivals: dict[int, tuple[str, list[int]]]
) -> list[list[RowKey]]:
    """Step until nothing is left, adding jobs before the steps that `arrivals` names; return every pick."""
    taken: dict[RowKey, int] = {}
    picks: list[list[RowKey]] = []
    while scheduler or any(step >= len(picks) for step in arrivals):
        if len(picks) in arrivals:
            job, frames = arrivals[len(picks)]
            scheduler.add(job, 0, frames)
        picked = scheduler.pick()
        for key in picked:
            taken[key] = taken.get(key, 0) + 1
            if taken[key] == steps_per_row:
                scheduler.finish(key)
        picks.append(picked)
    return picks


def test_a_new_job_waits_for_one_step_at_most() -> None:
    """Whatever is running, the next step after a job's arrival holds its first row."""
    picks = run(Scheduler(400), 16, {0: ("book", [400] * 50), 100: ("word", [120])})
    assert picks[100] == [("word", 0)]


def test_jobs_that_already_speak_share_the_engine_equally() -> None:
    """Two long jobs finish within a row of each other, although one came earlier."""
    picks = run(Scheduler(400), 8, {0: ("a", [400] * 10), 3: ("b", [400] * 10)})
    last = {name: step for step, keys in enumerate(picks) for name, _ in keys}
    assert abs(last["a"] - last["b"]) <= 2 * 8


def test_rows_share_a_step_while_the_budget_lasts() -> None:
    """Short rows of several jobs run together; a row over the budget runs alone."""
    scheduler = Scheduler(1_000)
    for name in "abc":
        scheduler.add(name, 0, [400])
    assert scheduler.pick() == [("a", 0), ("b", 0)]
    scheduler.drop("a")
    scheduler.drop("b")
    scheduler.add("big", 0, [5_000])
    scheduler.drop("c")
    assert scheduler.pick() == [("big", 0)]


def test_a_stream_of_newcomers_starves_nobody() -> None:
    """A job past its first segment gets a step at least every PATIENCE_STEPS + 1 steps."""
    scheduler = Scheduler(400)
    scheduler.add("old", 0, [400, 400])
    scheduler.finish(("old", 0))
    waits, wait = [], 0
    for number in range(100):
        scheduler.add(f"new{number}", 0, [400])
        if scheduler.pick() == [("old", 1)]:
            waits.append(wait)
            wait = 0
        else:
            wait += 1
    assert max([*waits, wait]) <= PATIENCE_STEPS


def test_the_budget_never_falls_below_one_short_row() -> None:
    """Halving after running out of memory stops at a floor."""
    scheduler = Scheduler(1_000)
    for _ in range(20):
        scheduler.halve_budget()
    assert scheduler.budget_frames == MIN_BUDGET_FRAMES


@given(
    jobs=st.lists(st.lists(st.integers(50, 900), min_size=1, max_size=6), min_size=1, max_size=6),
    gaps=st.lists(st.integers(0, 30), min_size=6, max_size=6),
    budget=st.integers(100, 3_000),
)
def test_every_row_gets_exactly_its_steps_within_the_budget(
    jobs: list[list[int]], gaps: list[int], budget: int
) -> None:
    """No row is lost, stepped twice in one pick or stepped on after its end; no pick is empty or too big."""
    arrivals, at = {}, 0
    for number, (frames, gap) in enumerate(zip(jobs, gaps, strict=False)):
        arrivals[at] = (f"j{number}", frames)
        at += gap + 1
    scheduler = Scheduler(budget)
    picks = [keys for keys in run(scheduler, 3, arrivals) if keys]
    counted: dict[RowKey, int] = {}
    sizes = {(f"j{number}", index): size for number, job in enumerate(jobs) for index, size in enumerate(job)}
    for keys in picks:
        assert len(set(keys)) == len(keys)
        assert len(keys) == 1 or sum(sizes[key] for key in keys) <= scheduler.budget_frames
        for key in keys:
            counted[key] = counted.get(key, 0) + 1
    assert counted == dict.fromkeys(sizes, 3)
