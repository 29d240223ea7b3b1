"""The live jobs, by the clock of the test."""

from __future__ import annotations

import itertools

import pytest

from f5ctl.errors import BadRequestError, TryAgainError
from f5d.broker.admission import Order
from f5d.broker.jobs import MAX_HELD_REFERENCE_BYTES, Client, Job, JobTable
from f5d.broker.peers import Peer
from f5d.catalog.voices import Reference
from f5d.engine.types import Parameters, Segment

NUMBERS = itertools.count(1)


def client(uid: int, session: int = 1, group: int = 1) -> Client:
    """Return another connection each time, with what its jobs count by."""
    return Client(next(NUMBERS), Peer(uid, 1, (uid, session, group)))


ALICE = client(1001)
BOB = client(1002)


def order(audio: bytes = b"RIFF") -> Order:
    return Order("hello", None, Reference(audio, "x"), Parameters(), "pcm")


def admit(table: JobTable, name: str, client: Client = ALICE, now: float = 0.0, **options: float) -> Job:
    return table.admit(client, name, kind="say", model="m", now=now, order=order(), **options)


def test_positions_count_who_waits_ahead() -> None:
    """A position is the number of jobs that wait ahead; a running one is at 0."""
    table = JobTable(9)
    first, second, third = (admit(table, name) for name in "abc")
    assert [table.position(job) for job in (first, second, third)] == [0, 1, 2]
    first.enter("running", 1.0)
    assert [table.position(job) for job in (first, second, third)] == [0, 0, 1]


def test_an_id_belongs_to_its_connection() -> None:
    """Two connections may use the same id; one connection may not while the job lives."""
    table = JobTable(9)
    job = admit(table, "a")
    table.check_id(BOB, "a")
    with pytest.raises(BadRequestError, match="id 'a' is in use by job 1, which goes on"):
        table.check_id(ALICE, "a")
    table.remove(job, "done", 1.0)
    table.check_id(ALICE, "a")
    assert table.by_request(ALICE, "a") is None


def test_the_queue_is_bounded() -> None:
    """At the limit, further jobs are refused; an unload that waits is one."""
    table = JobTable(2)
    admit(table, "a")
    table.check_room(0)
    table.admit(ALICE, "u", kind="unload", model="m", now=0.0)
    with pytest.raises(TryAgainError, match="2 jobs are waiting or running; the limit is 2") as caught:
        table.check_room(0)
    assert caught.value.retry_after_s == 5.0


def test_places_are_kept_for_newcomers() -> None:
    """An eighth beyond the limit for process groups without a job, another for terminals, another for users."""
    table = JobTable(8)
    for number in range(8):
        admit(table, f"{number}", client(1, session=1, group=1))
    for newcomer in (client(1, 1, 2), client(1, 2, 1), client(2, 1, 1)):
        with pytest.raises(TryAgainError, match="the limit is 8"):
            table.check_room(0, client(1, 1, 1).share)
        table.check_room(0, newcomer.share)
        admit(table, "n", newcomer)
        with pytest.raises(TryAgainError, match="the limit is 8"):
            table.check_room(0, newcomer.share)


def test_users_take_turns_in_the_queue() -> None:
    """A user's jobs in an engine are turns that he has had; a crowd of shells is one user."""
    table = JobTable(99)
    crowd = [admit(table, f"{number}", client(1, number, number)) for number in range(40)]
    for job in crowd[:2]:
        job.enter("running", 0.0)
    other = [admit(table, name, client(2)) for name in "abc"]
    assert table.in_fair_order[:5] == [*other[:2], crowd[2], other[2], crowd[3]]


def test_recordings_in_the_queue_are_bounded() -> None:
    """The memory of clients' recordings is bounded whatever max_jobs is."""
    table = JobTable(9)
    admit(table, "a")
    with pytest.raises(TryAgainError, match=f"the limit is {MAX_HELD_REFERENCE_BYTES}"):
        table.check_room(MAX_HELD_REFERENCE_BYTES)


def test_the_estimate_follows_the_jobs() -> None:
    """retry_after_s learns from finished jobs and stays between a second and a minute."""
    table = JobTable(9)
    for n in range(30):
        job = admit(table, f"a{n}")
        job.enter("running", 0.0)
        table.remove(job, "done", 500.0)
    assert table.retry_after_s == 60.0
    for n in range(60):
        job = admit(table, f"b{n}")
        job.enter("running", 0.0)
        table.remove(job, "done", 0.1)
    assert table.retry_after_s == 1.0


def test_time_is_split_by_state() -> None:
    """Waiting, loading and running each get their share of a job's life."""
    table = JobTable(9)
    job = admit(table, "a", now=10.0)
    assert job.enter("loading", 12.0)
    assert not job.enter("loading", 13.0)
    assert job.enter("running", 15.0)
    table.remove(job, "done", 19.0)
    assert job.spent_s == {"queued": 2.0, "loading": 3.0, "running": 4.0}


def test_deadlines_and_progress_are_due_in_time() -> None:
    """next_due is the earliest of deadlines and progress messages."""
    table = JobTable(9)
    job = admit(table, "a", timeout_s=2.0)
    assert table.next_due() == 0.8
    assert table.silent(0.5) == []
    assert table.silent(0.8) == [job]
    assert table.progress(job, 1.5).elapsed_s == 1.5
    assert table.next_due() == 2.0
    assert table.expired(1.9) == []
    assert table.expired(2.0) == [job]
    table.remove(job, "failed", 2.0)
    assert table.next_due() is None
    assert table.counters.failed == 1


def test_the_timeline_says_where_a_segment_is_heard() -> None:
    """A segment may begin in what is held back of it; none begins before the one that precedes it."""
    table = JobTable(9)
    job = admit(table, "a")
    job.texts = ("one", "two", "three")
    for index, start in enumerate((0, 7_200, -1_200)):
        job.take(Segment("1", index, bytes(4_800), b"", 0.1, start), 2.0)
    assert [entry["start_s"] for entry in job.timeline] == [0.0, 0.4, 0.4]


def test_a_delivered_segment_clears_a_suspect() -> None:
    """Delivering proves innocence; dying alone without delivering does not."""
    table = JobTable(9)
    job = admit(table, "a")
    job.back_to_queue(1.0, alone=True)
    assert (job.suspect, job.lonely_deaths) == (True, 1)
    job.take(Segment("1", 0, b"\0" * 4800, b"carry", 0.5), 2.0)
    assert (job.suspect, job.lonely_deaths, job.segments_done, job.carry) == (False, 0, 1, b"carry")
    assert (job.duration_s, job.rtf) == (0.1, 5.0)
    job.back_to_queue(3.0, alone=True)
    assert job.lonely_deaths == 0, "it had delivered in this engine"
    job.back_to_queue(4.0, alone=False)
    assert job.lonely_deaths == 0, "others were there too"
