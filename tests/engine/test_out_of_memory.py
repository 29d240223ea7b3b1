"""A real engine whose address space is bounded while it works: allocations fail, jobs do not."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from f5d.engine import types

from .conftest import REFERENCE, Engine, configure

TEXT = "He stood on the right and she runs around telling everyone of her troubles all day long"
CROWD = 26  # rows, whose inputs alone are more than the bound leaves
MEBIBYTE = 2**20
SPARE_BYTES = 56 * MEBIBYTE


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the engine's log goes."""
    return tmp_path_factory.mktemp("engine") / "log"


@pytest.fixture(scope="module")
def engine(log: Path) -> Iterator[Engine]:
    """An engine that takes any number of rows into a step, as far as memory goes."""
    running = Engine(configure(max_batch_frames=100_000), log)
    try:
        assert isinstance(running.receive(), types.Loaded)
        yield running
    finally:
        running.close()


def memory_bytes(engine: Engine, key: str) -> int:
    for line in Path(f"/proc/{engine.process.pid}/status").read_text().splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1]) * 1024
    raise KeyError(key)


def bound(engine: Engine, size_bytes: int) -> None:
    resource.prlimit(engine.process.pid, resource.RLIMIT_AS, (size_bytes, resource.RLIM_INFINITY))


def speak(engine: Engine, job: str, **parameters: float) -> None:
    chosen = types.Parameters(**({"nfe_step": 2, "seed": 7} | parameters))  # type: ignore[arg-type]
    engine.send(types.Synthesize(job=job, text=TEXT, reference=REFERENCE, parameters=chosen))


def ends(engine: Engine, jobs: set[str]) -> tuple[dict[str, types.FromEngine], dict[str, bytes]]:
    """Return how each job ended and its audio."""
    over: dict[str, types.FromEngine] = {}
    audio = dict.fromkeys(jobs, b"")
    while set(over) != jobs:
        message = engine.receive()
        if isinstance(message, types.Segment):
            audio[message.job] += message.pcm
        elif isinstance(message, types.Finished | types.Failed):
            over[message.job] = message
    return over, audio


@pytest.mark.slow
def test_memory_that_does_not_suffice_for_a_batch_costs_time_only(engine: Engine, log: Path) -> None:
    """Steps get smaller until they fit; every job is spoken, with the audio that it has alone."""
    speak(engine, "calm")
    _over, calm = ends(engine, {"calm"})
    bound(engine, memory_bytes(engine, "VmSize") + SPARE_BYTES)
    try:
        jobs = {f"crowd{number}" for number in range(CROWD)}
        for job in sorted(jobs):
            speak(engine, job)
        over, audio = ends(engine, jobs)
    finally:
        bound(engine, resource.RLIM_INFINITY)
    assert {type(end) for end in over.values()} == {types.Finished}
    assert set(audio.values()) == set(calm.values())
    assert len(calm["calm"]) > 48_000
    assert "out of memory with" in log.read_text()


def test_a_row_that_fits_into_no_memory_fails_alone(engine: Engine) -> None:
    """The job fails with one line; the engine is the same, and speaks when memory is back."""
    bound(engine, memory_bytes(engine, "VmSize"))
    try:
        speak(engine, "large", fix_duration=40.0)
        over, _audio = ends(engine, {"large"})
    finally:
        bound(engine, resource.RLIM_INFINITY)
    failed = over["large"]
    assert isinstance(failed, types.Failed)
    assert failed.code in ("synthesis_failed", "overloaded")
    assert "memory" in failed.message
    speak(engine, "small")
    over, _audio = ends(engine, {"small"})
    assert isinstance(over["small"], types.Finished)
    assert engine.process.poll() is None
