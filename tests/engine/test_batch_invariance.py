"""A request's audio does not depend on what else the engine is doing."""

from __future__ import annotations

import msgspec
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from f5d.catalog.models import catalog, fetch
from f5d.engine.synthesizer import Plan, Synthesizer
from f5d.engine.types import Parameters
from f5d.model.cpu import has_fast_bf16
from f5d.model.load import load_model
from f5d.model.sampler import Row

from .conftest import REFERENCE

SENTENCES = (
    "He stood.",
    "She went to the door.",
    "He was the best player.",
    "We will meet you at the station.",
)
OTHERS = 15

request = st.builds(
    lambda text, steps, cfg, seed: (text, Parameters(nfe_step=steps, cfg_strength=cfg, seed=seed)),
    st.sampled_from(SENTENCES),
    st.sampled_from([1, 2, 4]),
    st.sampled_from([0.0, 1.0, 2.0]),
    st.integers(0, 2**32),
)


@pytest.fixture(scope="module", params=["float32", "int8", *(["bfloat16"] if has_fast_bf16() else [])])
def synthesizer(request: pytest.FixtureRequest) -> Synthesizer:
    """The bundled model in each type that this CPU is fast in."""
    model = load_model(fetch(catalog()["starter"]), device="cpu", dtype=request.param, threads=2)
    return Synthesizer(model)


def alone(synthesizer: Synthesizer, plan: Plan) -> Tensor:
    row = synthesizer.open_row(plan, 0)
    while not row.finished:
        synthesizer.step([row])
    return row.mel


def among(synthesizer: Synthesizer, plan: Plan, others: list[Plan], joins_at: int) -> Tensor:
    """Return the mel of a row that joins a running batch whose rows come and go."""
    batch = [synthesizer.open_row(other, 0) for other in others]
    row: Row | None = None
    for step in range(100):
        if step == joins_at:
            row = synthesizer.open_row(plan, 0)
            batch.insert(len(batch) // 2, row)
        batch = [member for member in batch if not member.finished]
        if row is not None and row.finished:
            return row.mel
        if batch:
            synthesizer.step(batch)
    raise AssertionError("the row never finished")


@pytest.mark.slow
@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(mine=request, others=st.lists(request, min_size=OTHERS, max_size=OTHERS), joins_at=st.integers(0, 2))
def test_a_row_sounds_the_same_in_any_company(
    synthesizer: Synthesizer,
    mine: tuple[str, Parameters],
    others: list[tuple[str, Parameters]],
    joins_at: int,
) -> None:
    """Alone or among 15 others that come and go: 1e-4 in float32, 40 dB in the fast types."""
    plan, *plans = [synthesizer.plan(text, REFERENCE, parameters) for text, parameters in (mine, *others)]
    expected = alone(synthesizer, plan)
    error = (among(synthesizer, plan, plans, joins_at) - expected).norm() / expected.norm()
    assert error <= (1e-4 if synthesizer.dtype == "float32" else 1e-2)


def test_the_references_of_others_leave_no_trace(synthesizer: Synthesizer) -> None:
    """Interleaving voices does not change either of them."""
    plan = synthesizer.plan(SENTENCES[1], REFERENCE, Parameters(nfe_step=2, seed=1))
    louder = msgspec.structs.replace(plan, mel=plan.mel + 1.0)
    rows = [synthesizer.open_row(plan, 0), synthesizer.open_row(louder, 0)]
    while not rows[0].finished:
        synthesizer.step(rows)
    expected = alone(synthesizer, plan)
    assert torch.linalg.norm(rows[0].mel - expected) / torch.linalg.norm(expected) <= 1e-2
    assert torch.linalg.norm(rows[1].mel - expected) / torch.linalg.norm(expected) > 0.1


def test_on_a_cpu_company_changes_no_bit(synthesizer: Synthesizer) -> None:
    """Rows of one length, stepped and vocoded together by at most two threads, are what each is alone."""
    texts = ("He stood on the hill.", "He stood by the lake.", "She went to the door.")
    plans = [
        synthesizer.plan(words, REFERENCE, Parameters(nfe_step=2, seed=seed))
        for seed, words in enumerate(texts)
    ]
    rows = [synthesizer.open_row(plan, 0) for plan in plans]
    assert len({row.spec.frames for row in rows}) == 1
    while not rows[0].finished:
        synthesizer.step(rows)
    together = synthesizer.vocode(list(zip(plans, rows, strict=True)))
    for plan, wave in zip(plans, together, strict=True):
        row = synthesizer.open_row(plan, 0)
        while not row.finished:
            synthesizer.step([row])
        (alone,) = synthesizer.vocode([(plan, row)])
        assert wave.tobytes() == alone.tobytes()
