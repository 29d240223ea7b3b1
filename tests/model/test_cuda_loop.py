"""What the engine's own loop makes of a GPU that fails or is full: the real loop, a model that raises."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
import zmq

from f5d.catalog.voices import Reference
from f5d.engine import types
from f5d.engine.loop import EngineLoop, memory_bytes
from f5d.engine.pace import Pace, cost
from f5d.engine.plan import ReferenceFacts, SegmentPlan
from f5d.engine.scheduler import Scheduler
from f5d.engine.synthesizer import Plan
from f5d.model.sampler import Row, RowSpec

ILLEGAL = "CUDA error: an illegal memory access was encountered"
FULL = "CUDA error: out of memory"
WAIT_MS = 10_000
PLACES = ("adopt", "open_row", "step", "vocode", "finish_wave", "warm_up_next")


class AtOnce:
    """Stands in for the processes that prepare texts: has a plan for whatever it is given, at once."""

    wait_ms = 0

    def __init__(self) -> None:
        self._asked: list[types.Synthesize] = []
        self.descriptor, self._other = os.pipe()

    def __bool__(self) -> bool:
        return bool(self._asked)

    def submit(self, message: types.Synthesize) -> None:
        """Take a job in."""
        self._asked.append(message)

    def cancel(self, _job: str) -> bool:
        """Nothing is kept."""
        return False

    def finished(self) -> list[tuple[types.Synthesize, tuple[str, None, None]]]:
        """Return every job that was taken in."""
        asked, self._asked = self._asked, []
        return [(message, ("key", None, None)) for message in asked]


class Model:
    """Stands in for a synthesizer on a GPU, one of whose doings fails."""

    device = "cpu"  # so that its memory can be told

    def __init__(self, place: str, error: Exception) -> None:
        self._place, self._error = place, error
        self.warmed = 0

    def _at(self, place: str) -> None:
        if place == self._place:
            raise self._error

    def adopt(self, *_: Any) -> Plan:
        """Return a plan of one segment."""
        self._at("adopt")
        facts = ReferenceFacts(10, 10, 0.1, "ref", 1.0, "hash")
        segments = (SegmentPlan("a", (1, 2), 40),)
        return Plan(facts, segments, types.Parameters(nfe_step=2), (), (), torch.zeros(11, 100))

    def open_row(self, plan: Plan, index: int) -> Row:
        """Return a row at its noise."""
        self._at("open_row")
        segment = plan.segments[index]
        spec = RowSpec(plan.mel, segment.token_ids, segment.total_frames, 2, 2.0, None, 1)
        return Row(spec, torch.device("cpu"))

    def step(self, rows: list[Row]) -> None:
        """Advance the rows."""
        self._at("step")
        for row in rows:
            row.advance(torch.zeros_like(row.state))

    def vocode(self, finished: list[tuple[Plan, Row]]) -> list[Any]:
        """Return silence."""
        self._at("vocode")
        return [torch.zeros(256).numpy() for _ in finished]

    def finish_wave(self, *_: Any) -> Any:
        """Fail, here or with what the job is told."""
        self._at("finish_wave")
        raise ValueError("silence")

    def warm_up_next(self) -> bool:
        """Count."""
        self.warmed += 1
        self._at("warm_up_next")
        return False


@contextmanager
def pair(folder: Path) -> Iterator[tuple[zmq.Socket[bytes], zmq.Socket[bytes]]]:
    with zmq.Context() as context, context.socket(zmq.PAIR) as broker, context.socket(zmq.PAIR) as engine:
        address = f"ipc://{folder}/s"
        broker.bind(address)
        engine.connect(address)
        broker.setsockopt(zmq.LINGER, 0)
        engine.setsockopt(zmq.LINGER, 0)
        yield broker, engine


def serve(folder: Path, model: Model, *, jobs: int) -> list[types.Failed]:
    """Let the loop serve jobs one after the other; return how they failed. Raises what ends the loop."""
    ended: list[types.Failed] = []
    with pair(folder) as (broker, engine):
        loop = EngineLoop(engine, model, Scheduler(1_000), AtOnce())  # type: ignore[arg-type]
        for number in range(jobs):
            asked = types.Synthesize(f"job{number}", "text", Reference(b"", "ref"), types.Parameters())
            broker.send(types.pack(asked))
            assert engine.poll(WAIT_MS)
            loop._receive()
            while loop._scheduler:
                loop._step()
            while len(ended) == number:
                assert broker.poll(WAIT_MS)
                message = types.unpack_from_engine(broker.recv())
                if isinstance(message, types.Failed):
                    ended.append(message)
    return ended


def errors(message: str) -> list[RuntimeError]:
    """Return the message as torch raises it before 2.8 and since."""
    return [RuntimeError(message), getattr(torch, "AcceleratorError", RuntimeError)(message)]


@pytest.mark.parametrize("place", PLACES[:-1])
@pytest.mark.parametrize("error", errors(ILLEGAL), ids=["RuntimeError", "AcceleratorError"])
def test_a_device_that_has_failed_ends_the_engine(tmp_path: Path, place: str, error: RuntimeError) -> None:
    """Wherever it is noticed: another engine then gets the jobs, where this one would fail each."""
    with pytest.raises(RuntimeError, match="illegal memory access"):
        serve(tmp_path, Model(place, error), jobs=3)


def test_another_error_is_one_jobs_alone(tmp_path: Path) -> None:
    """What is no fault of the device fails the job, and the engine goes on."""
    failed = serve(tmp_path, Model("open_row", ValueError("odd")), jobs=3)
    assert [message.code for message in failed] == ["internal_error"] * 3


def idle(folder: Path, model: Model) -> None:
    """Let the loop run with nothing to do, until it is told to end."""
    with pair(folder) as (broker, engine):
        loop = EngineLoop(engine, model, Scheduler(1_000), AtOnce())  # type: ignore[arg-type]
        if loop._warming:
            loop._warming = loop._warm_up()
        broker.send(types.pack(types.Shutdown()))
        loop.run()


def test_a_full_card_does_not_end_an_idle_engine(tmp_path: Path) -> None:
    """Preparation that memory does not suffice for is left until something has been spoken."""
    model = Model("warm_up_next", RuntimeError(FULL))
    idle(tmp_path, model)
    assert model.warmed == 1


def test_a_failed_device_ends_an_idle_engine(tmp_path: Path) -> None:
    """The next job then finds an engine that works."""
    with pytest.raises(RuntimeError, match="illegal memory access"):
        idle(tmp_path, Model("warm_up_next", RuntimeError(ILLEGAL)))


def test_memory_is_that_of_the_engines_own_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine on the second GPU reports what it holds there."""
    held = {"cuda:0": 0, "cuda:1": 2 * 2**30}
    monkeypatch.setattr(torch.cuda, "memory_reserved", held.__getitem__)
    assert memory_bytes("cuda:1") == 2 * 2**30
    assert memory_bytes("cpu") > 2**20


class Queue:
    """A row on a device that computes its steps when the result is read."""

    STEP_S = 0.02

    def __init__(self) -> None:
        self.steps_done, self.step_count, self.queued = 0, 4, 0

    @property
    def finished(self) -> bool:
        """True once all steps are queued."""
        return self.steps_done == self.step_count

    @property
    def state(self) -> torch.Tensor:
        """What is there when all that is queued has been computed."""
        time.sleep(self.queued * self.STEP_S)
        self.queued = 0
        return torch.zeros(1, 1)


class QueueModel(Model):
    """A model whose steps return at once."""

    def open_row(self, *_: Any) -> Any:
        """Return the row."""
        return Queue()

    def step(self, rows: Any) -> None:
        """Queue a step."""
        rows[0].steps_done += 1
        rows[0].queued += 1


def test_the_pace_is_that_of_the_device() -> None:
    """What a step is said to take is what the device takes, not what queueing it does."""
    model, pace = QueueModel("", ValueError()), Pace()
    plan = model.adopt()
    pace.measure(model, plan)  # type: ignore[arg-type]
    assert pace.predicted_s(cost(plan, 0, 1)) >= 0.9 * Queue.STEP_S
