"""Which engine runs and which job it gets, without any process."""

from __future__ import annotations

from f5d.broker.fleet import (
    BLAMED_KILLS,
    MAX_IN_FLIGHT,
    NEWCOMERS_IN_FLIGHT,
    OVERTAKE_S,
    SUSPECT_KILLS,
    Dispatch,
    Fleet,
    Retire,
    Slot,
    Start,
    Verdict,
)
from f5d.broker.jobs import Client, Job, JobTable
from f5d.broker.peers import Peer
from f5d.engine.types import Loaded

LOADED = Loaded("cpu", "float32", 1, 1, "hash", 0.1)
CLIENT = Client(1, Peer(1000, 1, (1000, 1, 1)))


class Yard:
    """A fleet and its jobs; does what the fleet says and writes it down."""

    def __init__(self, limit: int = 1, keep_alive_s: float | None = None) -> None:
        self.fleet = Fleet(limit, keep_alive_s)
        self.table = JobTable(1000)
        self.done: list[str] = []

    def job(self, model: str, client: Client = CLIENT) -> Job:
        """Add a waiting job for a model."""
        number = len(self.table)
        return self.table.admit(client, f"{number}", kind="say", model=model, now=0.0)

    def pump(self, now: float = 0.0) -> list[str]:
        """Return what was done, such as `start A`, `1 to A`, `retire A`."""
        lines = []
        while action := self.fleet.next_action(self.table.waiting, now):
            if isinstance(action, Start):
                self.fleet.begin(action.slot)
                lines.append(f"start {action.slot.model}")
            elif isinstance(action, Retire):
                action.slot.state = "stopping"
                lines.append(f"retire {action.slot.model}")
            elif isinstance(action, Dispatch):
                self.fleet.hand_over(action.job, action.slot)
                action.job.enter("running", now)
                lines.append(f"{action.job.id} to {action.slot.model}")
        return lines

    def ready(self, model: str, now: float = 0.0) -> Slot:
        """Report that a model's engine has loaded."""
        slot = self.fleet.slots[model]
        self.fleet.ready(slot, LOADED, now)
        return slot

    def finish(self, job: Job, now: float = 0.0) -> None:
        """End a job as done."""
        self.fleet.slots[job.model].release(job.id, now)
        self.table.remove(job, "done", now)

    def die(self, model: str, now: float = 0.0, *, from_outside: bool = False) -> Verdict:
        """Report that a model's engine is gone."""
        slot = self.fleet.slots[model]
        return self.fleet.engine_gone(
            slot, "signal SIGKILL", self.table.waiting, now, from_outside=from_outside
        )

    def again(self, model: str) -> list[str]:
        """Report that another engine for the model was started and has loaded; return what it got."""
        self.fleet.begin(self.fleet.slots[model])
        self.ready(model)
        return self.pump()


def test_jobs_go_to_the_engine_as_soon_as_it_is_ready() -> None:
    """One start for many jobs, then all of them at once, up to the bound."""
    yard = Yard()
    jobs = [yard.job("A") for _ in range(MAX_IN_FLIGHT + 2)]
    assert yard.pump() == ["start A"]
    yard.ready("A")
    assert len(yard.pump()) == MAX_IN_FLIGHT
    yard.finish(jobs[0])
    assert yard.pump() == [f"{MAX_IN_FLIGHT + 1} to A"]


def test_an_idle_engine_makes_room_and_a_busy_one_does_not() -> None:
    """Another model waits until the loaded one is idle; the one unused longest goes first."""
    yard = Yard(limit=2)
    a, b = yard.job("A"), yard.job("B")
    assert yard.pump() == ["start A", "start B"]
    yard.ready("A")
    yard.ready("B")
    yard.pump()
    yard.job("C")
    assert yard.pump() == []
    yard.finish(b, now=1.0)
    yard.finish(a, now=2.0)
    assert yard.pump(3.0) == ["retire B"]
    assert yard.pump(3.0) == []
    yard.die("B")
    assert yard.pump(3.0) == ["start C"]


def test_the_head_of_the_queue_does_not_starve() -> None:
    """Jobs for the loaded model pass a waiting one for a while, not for ever."""
    yard = Yard()
    first = yard.job("A")
    yard.pump()
    yard.ready("A")
    yard.pump()
    yard.job("B")
    yard.job("A")
    assert yard.pump(0.0) == ["3 to A"]
    assert yard.fleet.next_due(yard.table.waiting, 0.0) == OVERTAKE_S
    late = yard.job("A")
    assert yard.pump(OVERTAKE_S) == []
    yard.finish(first, OVERTAKE_S)
    assert yard.pump(OVERTAKE_S) == []
    third = yard.table.get("3")
    assert third is not None
    yard.finish(third, OVERTAKE_S)
    assert yard.pump(OVERTAKE_S) == ["retire A"]
    yard.die("A")
    assert yard.pump(OVERTAKE_S) == ["start B"]
    assert not late.in_engine


def test_keep_alive_ends_an_idle_engine() -> None:
    """An engine is retired keep_alive seconds after its last job, and not while it works."""
    yard = Yard(keep_alive_s=10.0)
    job = yard.job("A")
    yard.pump()
    yard.ready("A")
    yard.pump()
    assert yard.pump(100.0) == []
    yard.finish(job, 100.0)
    assert yard.pump(109.9) == []
    assert yard.fleet.next_due([], 109.9) == 110.0
    assert yard.pump(110.0) == ["retire A"]


def test_suspects_go_alone() -> None:
    """After a death each job that was there is tried alone; a delivery lets the others in."""
    yard = Yard()
    one, two = yard.job("A"), yard.job("A")
    yard.pump()
    yard.ready("A")
    yard.pump()
    three = yard.job("A")
    verdict = yard.die("A")
    assert verdict.restart
    assert not verdict.convicted
    assert yard.again("A") == ["1 to A"]
    one.suspect = False  # it delivered
    assert yard.pump() == []
    yard.finish(one)
    assert yard.pump() == ["2 to A"]
    two.suspect = False
    assert yard.pump() == ["3 to A"]
    assert not three.suspect


def test_two_lonely_deaths_convict() -> None:
    """A job whose engine died twice with nobody else there is the one that fails."""
    yard = Yard()
    job = yard.job("A")
    yard.pump()
    yard.ready("A")
    yard.pump()
    assert yard.die("A").restart
    yard.again("A")
    verdict = yard.die("A")
    assert verdict.convicted == [job]
    assert not verdict.restart
    assert "signal SIGKILL" in verdict.reason


def test_kills_from_outside_have_to_be_many() -> None:
    """Jobs share engines up to the sixth kill, then go alone, and fail at the twelfth."""
    yard = Yard()
    yard.job("A")
    two = yard.job("A")
    yard.pump()
    yard.ready("A")
    assert yard.pump() == ["1 to A", "2 to A"]
    for _ in range(SUSPECT_KILLS):
        assert not yard.die("A", from_outside=True).convicted
        assert yard.again("A") == ["1 to A", "2 to A"]
    for _ in range(BLAMED_KILLS - SUSPECT_KILLS + 1):
        assert not yard.die("A", from_outside=True).convicted
        assert yard.again("A") == ["1 to A"]
    verdict = yard.die("A", from_outside=True)
    assert [job.id for job in verdict.convicted] == ["1"]
    assert "died under this job 12 times" in verdict.reason
    assert two.kills == SUSPECT_KILLS + 1


def test_an_idle_engine_is_restarted_once() -> None:
    """An engine that dies idle is warmed again, but not for ever."""
    yard = Yard()
    job = yard.job("A")
    yard.pump()
    yard.ready("A")
    yard.pump()
    yard.finish(job)
    assert yard.die("A").restart
    yard.fleet.begin(yard.fleet.slots["A"])
    yard.ready("A")
    assert not yard.die("A").restart
    assert yard.fleet.slots == {}


def test_unload_lets_older_jobs_in_and_keeps_younger_ones_out() -> None:
    """Only jobs from before the unload get into a retiring engine."""
    yard = Yard()
    old = yard.job("A")
    yard.pump()
    slot = yard.ready("A")
    slot.retire_before = 2
    yard.job("A")
    assert yard.pump() == ["1 to A"]
    yard.finish(old)
    assert yard.pump() == ["retire A"]
    yard.die("A")
    assert yard.pump() == ["start A"]


def test_a_cancelled_job_keeps_its_engine_busy_until_confirmed() -> None:
    """An engine is idle only when it has confirmed what was cancelled."""
    yard = Yard(keep_alive_s=0.0)
    job = yard.job("A")
    yard.pump()
    slot = yard.ready("A")
    yard.pump()
    slot.cancel(job)
    yard.table.remove(job, "cancelled", 0.0)
    assert slot.is_busy
    assert yard.pump(5.0) == []
    slot.release(job.id, 5.0)
    assert yard.pump(5.0) == ["retire A"]


def test_places_in_an_engine_are_kept_for_newcomers() -> None:
    """Beyond 32 jobs there are eight for process groups with none in the engine, for terminals, for users."""
    yard = Yard()
    count = 0

    def fill(*clients: Client) -> int:
        """Return how many more jobs of these clients get in."""
        nonlocal count
        for one in clients:
            yard.job("a", one)
        yard.pump()
        before, count = count, len(yard.fleet.slots["a"].jobs)
        return count - before

    def crowd(uid: int, session: int | None) -> list[Client]:
        return [Client(n, Peer(uid, 1, (uid, session or n, n))) for n in range(100, 150)]

    yard.job("a")
    yard.pump()
    yard.ready("a")
    assert fill(*[CLIENT] * 40) == MAX_IN_FLIGHT
    assert fill(*crowd(1000, 1)) == NEWCOMERS_IN_FLIGHT
    assert fill(*crowd(1000, None)) == NEWCOMERS_IN_FLIGHT
    assert fill(*[Client(n, Peer(n, 1, (n, n, n))) for n in range(2000, 2050)]) == NEWCOMERS_IN_FLIGHT
