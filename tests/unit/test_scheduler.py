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


def test_first_audio_has_only_the_company_that_costs_it_nothing() -> None:
    """Beside a first row others join as far as the caller says; first rows join each other."""
    scheduler = Scheduler(1_000)
    scheduler.add("book", 0, [200] * 9)
    scheduler.finish(("book", 0))
    for name in "ab":
        scheduler.add(name, 0, [150])
    asked: list[int] = []

    def company(frames: int) -> int:
        asked.append(frames)
        return 250

    firsts = [("a", 0), ("b", 0)]
    assert scheduler.pick(lambda _: 0) == firsts
    assert scheduler.pick(company) == [*firsts, ("book", 1)]
    assert asked == [300]
    assert scheduler.pick() == [*firsts, ("book", 1), ("book", 2), ("book", 3)]
    scheduler.drop("a")
    scheduler.drop("b")
    assert len(scheduler.pick(lambda _: 0)) == 5  # nobody waits for a first sound


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


def test_priority_goes_before_arrival_and_before_shares() -> None:
    """Of several first words those of the highest priority come first; of long jobs likewise."""
    scheduler = Scheduler(400)
    for priority in (-1, 0, 1):
        scheduler.add(f"job{priority}", 0, [400, 400], priority)
    order = []
    while scheduler:
        (key,) = scheduler.pick()
        order.append(key)
        scheduler.finish(key)
    firsts, laters = [[(f"job{priority}", index) for priority in (1, 0, -1)] for index in (0, 1)]
    assert order == firsts + laters


class Crowd:
    """Jobs that come, get two steps for each of their rows, and go; at most `alive` of them at once."""

    def __init__(self, budget: int, alive: int, kinds: list[tuple[int, list[int]]]) -> None:
        self.scheduler = Scheduler(budget)
        self._alive = alive
        self._kinds = kinds
        self._came = 0
        self._taken: dict[RowKey, int] = {}
        self._left: dict[str, int] = {}

    def add(self, job: str, frames: list[int], priority: int) -> None:
        """Let a job come."""
        self.scheduler.add(job, 0, frames, priority)
        self._left[job] = len(frames)

    def step(self) -> list[RowKey]:
        """Let others come until the room is full, then take a step."""
        while len(self._left) < self._alive:
            priority, frames = self._kinds[self._came % len(self._kinds)]
            self.add(f"other{self._came}", frames, priority)
            self._came += 1
        picked = self.scheduler.pick()
        for key in picked:
            self._taken[key] = self._taken.get(key, 0) + 1
            if self._taken[key] == 2:
                self.scheduler.finish(key)
                self._left[key[0]] -= 1
                if not self._left[key[0]]:
                    del self._left[key[0]]
        return picked


others = st.lists(st.integers(200, 400), min_size=1, max_size=3)


@given(
    kinds=st.lists(st.tuples(st.integers(0, 1), others), min_size=1, max_size=5),
    alive=st.integers(2, 6),
    budget=st.integers(256, 900),
)
def test_low_priority_is_slow_but_not_for_ever(
    kinds: list[tuple[int, list[int]]], alive: int, budget: int
) -> None:
    """While jobs of higher priority keep coming, a low one takes a step every PATIENCE_STEPS + 6 steps."""
    crowd = Crowd(budget, alive, kinds)
    for _ in range(20):
        crowd.step()
    crowd.add("low", [400, 400], -1)
    waits = [0]
    while ("low", 1) not in crowd._taken or crowd._taken["low", 1] < 2:
        waits[-1] += 1
        if any(job == "low" for job, _ in crowd.step()):
            waits.append(0)
        assert waits[-1] <= PATIENCE_STEPS + 6


@given(
    kinds=st.lists(st.tuples(st.integers(-1, 1), others), min_size=1, max_size=5),
    alive=st.integers(2, 6),
    priority=st.integers(-1, 1),
)
def test_nobody_is_overtaken_for_ever(kinds: list[tuple[int, list[int]]], alive: int, priority: int) -> None:
    """Whoever keeps coming, of whatever priority, a long job takes its steps in bounded time."""
    crowd = Crowd(400, alive, kinds)
    crowd.add("book", [400] * 4, priority)
    wait = steps = 0
    while steps < 8:
        wait += 1
        if any(job == "book" for job, _ in crowd.step()):
            wait, steps = 0, steps + 1
        # three steps of 200 frames catch up with one of 400
        assert wait <= (PATIENCE_STEPS + 6) * (1 + 3 * (alive - 1))


def test_the_budget_never_falls_below_one_short_row() -> None:
    """Halving after running out of memory stops at a floor."""
    scheduler = Scheduler(1_000)
    assert [scheduler.halve_budget() for _ in range(4)] == [True, True, False, False]
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


def test_a_newcomer_goes_before_another_client_s_second_job() -> None:
    """Of thirty jobs of one client only the oldest goes before the first one of another."""
    scheduler = Scheduler(256)
    for number in range(30):
        scheduler.add(f"x{number}", 0, [256], share=(1000, 1, 1))
    scheduler.add("y", 0, [256], share=(1000, 1, 2))
    order = []
    while scheduler:
        (key,) = scheduler.pick()
        scheduler.finish(key)
        order.append(key[0])
    assert order[:3] == ["x0", "y", "x1"]
    assert len(order) == 31


def test_a_crowd_of_shells_does_not_keep_another_user_waiting() -> None:
    """Thirty process groups of one user count as thirty only among each other, also if another came later."""
    scheduler = Scheduler(256)
    for number in range(30):
        scheduler.add(f"x{number}", 0, [256], share=(1000, number // 10, number))
    order = []
    for _ in range(3):
        (key,) = scheduler.pick()
        scheduler.finish(key)
        order.append(key[0])
    for number in range(3):
        scheduler.add(f"y{number}", 0, [256], share=(2000, 1, 1))
    while scheduler:
        (key,) = scheduler.pick()
        scheduler.finish(key)
        order.append(key[0])
    assert order[:3] == ["x0", "x10", "x20"], "its sessions take turns as well"
    assert order[3:9] == ["x1", "y0", "x11", "y1", "x21", "y2"]


def in_order(scheduler: Scheduler, steps: dict[str, int], until: str) -> list[str]:
    """Return the jobs of one row each whose row ends, up to and with `until`."""
    order: list[str] = []
    while until not in order:
        for job, index in scheduler.pick():
            steps[job] -= 1
            if not steps[job]:
                scheduler.finish((job, index))
                order.append(job)
    return order


def test_a_short_newcomer_does_not_wait_for_forty_long_first_rows() -> None:
    """In one session, where all process groups are equal: it goes before those it would end before anyway."""
    scheduler = Scheduler(800)
    steps = {f"x{number}": 32 for number in range(40)}
    for number in range(40):
        scheduler.add(f"x{number}", 0, [800], share=(1000, 1, 0, number), steps=32)
    done = in_order(scheduler, steps, "x9")
    assert done == [f"x{number}" for number in range(10)]
    scheduler.add("short", 0, [400], share=(1000, 1, 0, 99), steps=7)
    assert len(in_order(scheduler, steps | {"short": 7}, "short")) < 6


def test_short_newcomers_do_not_keep_a_long_first_row_for_ever() -> None:
    """However many come, it has its turn once an equal share would have ended it."""
    scheduler = Scheduler(800)
    steps = {"long": 32}
    scheduler.add("waits", 0, [400], share=(1, 1, 0, 1), steps=7)
    scheduler.add("long", 0, [800], share=(1, 1, 0, 2), steps=32)
    work = 0
    for number in range(1_000):
        name = f"new{number}"
        steps[name] = 1
        scheduler.add(name, 0, [800], share=(1, 1, 0, 10 + number), steps=1)
        for job, index in scheduler.pick():
            work += 800 if job != "waits" else 400
            steps[job] = steps.get(job, 7) - 1
            if not steps[job]:
                scheduler.finish((job, index))
        if not steps["long"]:
            break
    assert not steps["long"]
    assert work <= 4 * 800 * 32


def test_one_client_s_jobs_keep_their_order() -> None:
    """A short part of a text is not spoken before the long one that it follows."""
    scheduler = Scheduler(800)
    steps = {"first": 32, "second": 7}
    scheduler.add("first", 0, [800], share=(1, 1, 0, 1), steps=32)
    scheduler.add("second", 0, [400], share=(1, 1, 0, 1), steps=7)
    assert in_order(scheduler, steps, "second") == ["first", "second"]
