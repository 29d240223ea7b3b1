"""Texts and recordings on their way to a plan: processes that hang, crash or take too much; turns."""

from __future__ import annotations

import io
import os
import resource
import select
import signal
import time
import wave
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest

from f5ctl.errors import BadRequestError, TryAgainError
from f5d.catalog.models import catalog, fetch
from f5d.catalog.voices import Reference
from f5d.engine.plan import Ready
from f5d.engine.preparation import Forker, Made, Preparation
from f5d.engine.recogniser import Recogniser
from f5d.engine.synthesizer import Synthesizer
from f5d.engine.types import Parameters, Synthesize
from f5d.model.load import load_model

from .conftest import REFERENCE

LONG = "The door is open. " * 300


@pytest.fixture(scope="module")
def synthesizer() -> Synthesizer:
    return Synthesizer(load_model(fetch(catalog()["starter"]), device="cpu", dtype="float32", threads=1))


class Bench:
    """A `Preparation` with real processes, and what it has said so far, by job."""

    def __init__(
        self, synthesizer: Synthesizer, most_s: float = 60.0, start_s: float = 60.0, **limits: int
    ) -> None:
        self.synthesizer = synthesizer
        self.forker = Forker()
        self.forker.configure(msgspec.structs.replace(synthesizer.settings, **limits))
        self.preparation = Preparation(
            self.forker, Recogniser("/nonexistent/whisper", "cpu"), synthesizer.task, most_s, start_s
        )
        self.made: dict[str, Made] = {}

    def submit(self, job: str, text: str = "Hello.", reference: Reference = REFERENCE, user: int = 1) -> None:
        """Hand a job in."""
        self.preparation.submit(Synthesize(job, text, reference, Parameters(), share=(user, 0, 0)))

    def until(self, *jobs: str, most_s: float = 30.0) -> None:
        """Take in what is finished, as the engine's loop does, until these jobs are."""
        ends_at = time.monotonic() + most_s
        while not set(jobs) <= set(self.made):
            assert time.monotonic() < ends_at, f"only {list(self.made)} are finished"
            self.take_in()

    def take_in(self) -> None:
        """Wait a moment for something to finish, and note it."""
        wait_ms = self.preparation.wait_ms
        wait_s = 0.2 if wait_ms < 0 else min(0.2, wait_ms / 1000)
        select.select([self.preparation.descriptor], [], [], wait_s)
        for message, made in self.preparation.finished():
            self.made[message.job] = made
            if isinstance(made, tuple):
                self.synthesizer.adopt(*made)

    def error(self, job: str) -> BadRequestError:
        """What is wrong with a job."""
        made = self.made[job]
        assert isinstance(made, BadRequestError)
        return made

    def is_ready(self, job: str) -> bool:
        """Whether it has its plan."""
        made = self.made[job]
        return isinstance(made, tuple) and isinstance(made[1], Ready)

    def preparers(self) -> list[int]:
        """The process ids of the preparers, all three of which are there."""
        self.submit("known")
        self.until("known")
        for user in (1, 2):
            self.submit(f"long{user}", LONG, user=user)
        self.submit("brief", user=3)
        self.until("long1", "long2", "brief")
        self.made.clear()
        children = Path(f"/proc/{self.forker.pid}/task/{self.forker.pid}/children").read_text()
        pids = [pid for pid in map(int, children.split()) if state(pid) != "Z"]
        assert len(pids) == 3
        return pids


@pytest.fixture
def bench(synthesizer: Synthesizer) -> Iterator[Callable[..., Bench]]:
    made: list[Bench] = []

    def make(*arguments: float, **limits: int) -> Bench:
        made.append(Bench(synthesizer, *arguments, **limits))
        return made[-1]

    yield make
    for one in made:
        one.preparation.close()


def wav(rate_hz: int, seconds: float) -> Reference:
    """A tone as a WAV file of any rate, and what it says."""
    samples = 9_000 * np.sin(np.arange(int(rate_hz * seconds)) * 2 * np.pi * 220 / rate_hz)
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(samples.astype("<i2").tobytes())
    return Reference(buffer.getvalue(), "the woman found a door.")


def test_it_gives_what_planning_here_gives(bench: Callable[..., Bench], synthesizer: Synthesizer) -> None:
    """Text, lengths, tokens and mel are those of a plan that is made in this process."""
    running = bench()
    fresh = Reference(REFERENCE.audio, "Something else is said here.", prepared=False)
    for job, text, reference in (("a", "Hello there.", REFERENCE), ("b", LONG, REFERENCE), ("c", "Hi.", fresh)):
        running.submit(job, text, reference)
        running.until(job)
        made = running.made[job]
        assert isinstance(made, tuple)
        got, expected = synthesizer.adopt(*made), synthesizer.plan(text, reference, Parameters())
        assert msgspec.structs.replace(got, mel=None) == msgspec.structs.replace(expected, mel=None)
        assert np.array_equal(got.mel, expected.mel)


@pytest.mark.parametrize("rate_hz", [4_001, 44_101, 96_001, 191_999])
def test_a_recording_of_any_rate_takes_no_more_than_others(bench: Callable[..., Bench], rate_hz: int) -> None:
    """A rate that shares no factor with the model's needed a filter of gigabytes."""
    running = bench(memory_bytes=2**29)
    running.submit("odd", reference=wav(rate_hz, 1.5))
    running.until("odd")
    assert running.is_ready("odd")


def test_a_process_that_hangs_is_killed_and_replaced(bench: Callable[..., Bench]) -> None:
    """Its job fails with one line; the next one is prepared."""
    running = bench(2.0)
    for pid in running.preparers():
        os.kill(pid, signal.SIGSTOP)
    running.submit("stuck")
    running.until("stuck")
    assert running.error("stuck").message == "text or recording was not prepared within 2 s; shorten it"
    running.submit("next")
    running.until("next")
    assert running.is_ready("next")


def test_a_process_that_is_killed_costs_no_job(bench: Callable[..., Bench]) -> None:
    """Idle or with a job: another one takes it over."""
    running = bench()
    pids = running.preparers()
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    running.submit("a")
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    running.until("a")
    assert running.is_ready("a")


def test_a_job_under_which_its_process_ends_twice_fails(bench: Callable[..., Bench]) -> None:
    """What crashes a decoder is not tried for ever."""
    running = bench(memory_bytes=1)  # too little even to read what is to be prepared
    running.submit("bad", reference=wav(96_000, 50.0))
    running.until("bad")
    assert running.error("bad").message == "text or recording cannot be read: its reader crashes"


def test_the_processors_time_and_memory_are_bounded(bench: Callable[..., Bench]) -> None:
    """The job fails with the bound in its line, and others go on."""
    slow = bench(cpu_s=1)
    # The kernel counts whole seconds of a process: how fast it is decides which of these ends one.
    for take in range(50):
        job = f"slow {take}"
        slow.submit(job, reference=Reference(wav(150_001, 59.0 - take / 10).audio, None))
        slow.until(job)
        if "whisper" not in slow.error(job).message:
            break
    assert slow.error(job).message.endswith("takes over 1 s to prepare; shorten it")
    small = bench(memory_bytes=2**28)
    small.submit("big", reference=wav(96_000, 50.0))
    small.until("big")
    assert small.error("big").message.endswith("takes over 256 MiB of memory to prepare; shorten it")
    for running in (slow, small):
        running.submit("other")
        running.until("other")
        assert running.is_ready("other")


def test_a_brief_text_does_not_wait_for_long_ones(bench: Callable[..., Bench]) -> None:
    """However many long texts and new recordings wait, a brief text in a known voice is next."""
    running = bench()
    running.submit("known")
    running.until("known")
    for number in range(6):
        running.submit(f"long{number}", LONG * 10, user=number)
    running.submit("brief", user=9)
    running.until("brief", *(f"long{number}" for number in range(6)))
    assert list(running.made)[1] == "brief"


def test_one_users_long_texts_do_not_stop_anothers(bench: Callable[..., Bench]) -> None:
    """A user has one of the two processes for long texts, and turns go round."""
    running = bench()
    running.preparers()  # so that no text waits for its process to be forked
    running.submit("known")
    running.until("known")
    for number in range(5):
        running.submit(f"mine{number}", LONG * 10, user=1)
    running.submit("yours", LONG, user=2)
    running.until("yours", "mine4")
    assert list(running.made).index("yours") == 1


def test_a_recording_is_prepared_once_for_all_that_wait_for_it(bench: Callable[..., Bench]) -> None:
    """Thirty requests with one new voice come at once: the first one decodes it."""
    running = bench()
    reference = wav(24_000, 5.0)
    for number in range(30):
        running.submit(str(number), reference=reference, user=number % 3)
    running.until(*map(str, range(30)))
    made = [made for made in running.made.values() if isinstance(made, tuple)]
    assert sum(1 for _key, ready, _known in made if ready.wave) == 1
    assert len(made) == 30


def test_a_cancelled_job_is_heard_of_no_more(bench: Callable[..., Bench]) -> None:
    """Whether it waits or is under way; its place is free at once."""
    running = bench()
    for pid in running.preparers():
        os.kill(pid, signal.SIGSTOP)
    for job in ("a", "b", "c"):
        running.submit(job, LONG)
    running.take_in()
    assert [running.preparation.cancel(job) for job in ("a", "c", "a")] == [True, True, False]
    running.until("b")
    assert list(running.made) == ["b"]
    assert not running.preparation


def test_a_missing_recogniser_is_one_line_and_asked_once(bench: Callable[..., Bench]) -> None:
    """All who wait for it are told; for a minute nobody else waits."""
    running = bench()
    for number in range(3):
        running.submit(str(number), reference=Reference(wav(24_000, 2.0 + number).audio, None), user=number)
    running.until("0", "1", "2", most_s=120.0)
    lines = {running.error(job).message for job in ("0", "1", "2")}
    assert len(lines) == 1
    assert "/nonexistent/whisper cannot be loaded" in lines.pop()
    running.submit("3", reference=Reference(wav(24_000, 1.0).audio, None))
    running.until("3")
    assert running.error("3").code == "transcription_unavailable"


def test_all_processes_end_with_the_engine(synthesizer: Synthesizer) -> None:
    """Closing the preparation leaves nothing behind, not even what hangs."""
    running = Bench(synthesizer)
    pids = running.preparers()
    os.kill(pids[0], signal.SIGSTOP)
    running.preparation.close()
    assert not [pid for pid in pids if Path(f"/proc/{pid}/status").exists() and "Z" not in state(pid)]


def test_a_process_that_forks_no_more_ends_the_engine(bench: Callable[..., Bench]) -> None:
    """One that is stopped, and one that is killed."""
    for signal_number in (signal.SIGSTOP, signal.SIGKILL):
        running = bench(60.0, 0.5)
        os.kill(running.forker.pid, signal_number)
        running.submit("a")
        with pytest.raises(SystemExit, match="has ended or hangs"):
            running.until("a")


def test_nothing_outlives_the_process_that_forks(bench: Callable[..., Bench]) -> None:
    """Preparers end with it although they are stopped and could not notice."""
    running = bench()
    pids = running.preparers()
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    os.kill(running.forker.pid, signal.SIGKILL)
    ends_at = time.monotonic() + 5
    while any(state(pid) != "Z" for pid in pids):
        assert time.monotonic() < ends_at, [state(pid) for pid in pids]
        time.sleep(0.01)


def test_a_lack_of_descriptors_is_that_jobs_alone(bench: Callable[..., Bench]) -> None:
    """It may be tried again; what comes later is served."""
    running = bench()
    running.submit("first")
    running.until("first")
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    held = [os.open(os.devnull, os.O_RDONLY)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (held[0], limits[1]))
    try:
        running.submit("short")
        running.submit("long", LONG)
        running.until("short", "long")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        os.close(held[0])
    for job in ("short", "long"):
        made = running.made[job]
        assert isinstance(made, TryAgainError)
        assert made.message == "the engine cannot prepare it now: Too many open files"
    running.submit("next")
    running.submit("next long", LONG)
    running.until("next", "next long")
    assert running.is_ready("next")
    assert running.is_ready("next long")


def test_a_storm_of_cancelled_jobs_leaves_nothing_behind(bench: Callable[..., Bench]) -> None:
    """Hundreds come and go, at every stage; the next one is prepared, and three processes are left."""
    running = bench()
    for number in range(300):
        running.submit(str(number), LONG * 12, user=number % 3)
        if number % 3:
            for message, _made in running.preparation.finished():
                assert int(message.job) < number
        assert running.preparation.cancel(str(number))
    running.submit("next")
    running.until("next")
    assert list(running.made) == ["next"]
    assert not running.preparation
    assert len(running.preparers()) == 3


def state(pid: int) -> str:
    """The state of a process, one letter; Z for one that is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"
