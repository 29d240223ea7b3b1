from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from f5d.catalog.spec import Architecture
from f5d.model.buckets import MOST_FRAMES, Bucket, bucket_for, bucket_rows
from f5d.model.dit import DiT, ModulationPicks
from f5d.model.dit_backend import DiTBackend, recorded_steps
from f5d.model.packing import RowShape, pack
from f5d.model.sampler import RowSpec
from f5d.model.static_step import RecordedSteps, StepBuffers

from .support import THREADS, TINY_DIT, TOKENS, fill, relative_error, row_spec

TOLERANCE = 1e-5  # float32, after every step of a row
BUFFER_FRAMES = 4_096

Record = Callable[[], None]


def packed_attention(
    queries: Tensor, keys: Tensor, values: Tensor, cumulative: Tensor, _: Tensor, longest: int, __: int
) -> Tensor:
    """Attend as CUDA's kernel for packed rows does: only the tensor of lengths says where rows are."""
    ends = cumulative.tolist()
    assert ends[-1] == len(queries)
    out = torch.full_like(queries, torch.nan)
    for start, end in pairwise(ends):
        assert 0 <= end - start <= longest
        if end > start:
            query, key, value = (part[start:end].transpose(0, 1) for part in (queries, keys, values))
            out[start:end] = nn.functional.scaled_dot_product_attention(query, key, value).transpose(0, 1)
    return out


class DeviceDiT(DiT):
    """A DiT whose attention reads lengths from the device, as on CUDA."""

    @property
    def varlen(self) -> Callable[..., Tensor] | None:
        """The stand-in for the kernel."""
        return packed_attention


class Repeater:
    """A recorder that repeats the computation as it stood when it was recorded."""

    def __init__(self) -> None:
        self.recorded = 0

    def record(self, compute: Record) -> Record:
        """Return the computation itself."""
        self.recorded += 1
        return compute


class Refuser:
    """A recorder that cannot record."""

    def record(self, _: Record) -> Record:
        """Fail as a capture does."""
        raise RuntimeError("operation not permitted when stream is capturing\nmore lines")


def tiny_dit(kind: type[DiT], **changes: Any) -> DiT:
    torch.set_num_threads(THREADS)
    dit = kind(Architecture.from_mapping({**TINY_DIT, **changes}), TOKENS)
    fill(dit)
    return dit.eval().requires_grad_(False)


def plain(**changes: Any) -> DiTBackend:
    return DiTBackend(tiny_dit(DiT, **changes), "float32")


def recording(recorder: Any, limit: int = 8, **changes: Any) -> tuple[DiTBackend, RecordedSteps]:
    dit = tiny_dit(DeviceDiT, **changes)
    recorded = RecordedSteps(StepBuffers(dit, BUFFER_FRAMES, copies=16), recorder, limit)
    return DiTBackend(dit, "float32", recorded), recorded


def run_together(backend: DiTBackend, specs: list[RowSpec], joins: list[int]) -> list[Tensor]:
    """Step rows that join at their own steps until all are finished."""
    rows = [backend.open_row(spec) for spec in specs]
    step = 0
    while not all(row.finished for row in rows):
        now = [row for row, join in zip(rows, joins, strict=True) if join <= step and not row.finished]
        backend.step(now)
        step += 1
    return [row.mel for row in rows]


@st.composite
def mixed(draw: st.DrawFn) -> tuple[list[RowSpec], list[int]]:
    """Up to five rows of any length, guidance, grid and time of arrival."""
    specs = [
        row_spec(
            reference_mel=torch.full((draw(st.integers(1, 20)), 100), 0.3),
            total_frames=draw(st.integers(21, 200)),
            token_ids=tuple(draw(st.lists(st.integers(0, TOKENS - 1), min_size=1, max_size=12))),
            nfe_step=draw(st.integers(4, 7)),
            cfg_strength=draw(st.sampled_from([0.0, 2.0, 3.5])),
            seed=index,
        )
        for index in range(draw(st.integers(1, 5)))
    ]
    return specs, [draw(st.integers(0, 2)) if index else 0 for index in range(len(specs))]


@settings(max_examples=15)
@given(mixed())
def test_a_recorded_step_is_the_plain_step(batch: tuple[list[RowSpec], list[int]]) -> None:
    """Padded into a bucket and replayed, rows of any mix come out as packed end to end."""
    specs, joins = batch
    backend, _ = recording(Repeater())
    for got, wanted in zip(
        run_together(backend, specs, joins), run_together(plain(), specs, joins), strict=True
    ):
        assert relative_error(got, wanted) <= TOLERANCE


@pytest.mark.parametrize(
    "changes",
    [
        {"qk_norm": "rms_norm", "text_embedding_average_upsampling": True},
        {"text_mask_padding": False, "pe_attn_head": 1, "long_skip_connection": True, "qk_norm": "rms_norm"},
    ],
)
def test_every_shape_of_model_is_recorded_alike(changes: dict[str, Any]) -> None:
    """What a model's architecture adds is recorded with it."""
    specs = [row_spec(nfe_step=6), row_spec(total_frames=113, nfe_step=7, seed=2)]
    backend, _ = recording(Repeater(), **changes)
    got = run_together(backend, specs, [0, 1])
    for mel, wanted in zip(got, run_together(plain(**changes), specs, [0, 1]), strict=True):
        assert relative_error(mel, wanted) <= TOLERANCE


def test_a_recording_serves_other_batches_of_its_bucket() -> None:
    """A step recorded for one batch computes another batch of its shape: nothing of the first is in it."""
    recorder = Repeater()
    backend, _ = recording(recorder)
    first = [row_spec(total_frames=70), row_spec(total_frames=40, seed=3)]
    second = [row_spec(total_frames=50, seed=4), row_spec(total_frames=61, cfg_strength=0.0, seed=5)]
    run_together(backend, first, [0, 0])
    assert recorder.recorded == 1
    got = run_together(backend, second, [0, 0])
    assert recorder.recorded == 1
    for mel, wanted in zip(got, run_together(plain(), second, [0, 0]), strict=True):
        assert relative_error(mel, wanted) <= TOLERANCE


def test_two_rows_of_one_length_take_turns() -> None:
    """Rows of one shape that are stepped in turn keep their own inputs in the shared buffers."""
    backend, _ = recording(Repeater())
    specs = [row_spec(nfe_step=6), row_spec(nfe_step=6, token_ids=(1, 2, 3), seed=8)]
    rows = [backend.open_row(spec) for spec in specs]
    while not rows[0].finished:
        for row in rows:
            backend.step([row])
    for row, spec in zip(rows, specs, strict=True):
        assert relative_error(row.mel, run_together(plain(), [spec], [0])[0]) <= TOLERANCE


def test_without_the_kernel_a_bucket_computes_the_same() -> None:
    """In a bucket, but with attention that is told the lengths, one step gives the same velocities."""
    dit = tiny_dit(DiT)
    shapes = (RowShape(70, guided=True), RowShape(33, guided=False))
    lengths = [70, 70, 33]
    bucket = bucket_for(lengths)
    assert bucket is not None
    table = dit.modulation_table(torch.tensor([0.1, 0.4]))
    generator = torch.Generator().manual_seed(0)
    states = [torch.randn(shape.frames, 100, generator=generator) for shape in shapes]
    inputs = [torch.randn(length, dit.architecture.dim, generator=generator) for length in lengths]
    picks = ModulationPicks.of([(table, 0), (table, 0), (table, 1)])
    packing = pack(shapes, dit, bucket)
    buffers = StepBuffers(dit, BUFFER_FRAMES, copies=4)
    with torch.inference_mode():
        buffers.fill(packing, states, inputs, picks)
        buffers.compute(bucket, packing.layout.lengths)
        with_kernel = StepBuffers(tiny_dit(DeviceDiT), BUFFER_FRAMES, copies=4)
        with_kernel.fill(packing, states, inputs, picks)
        with_kernel.compute(bucket)
    used = torch.cat([packing.conditional, packing.unconditional])
    assert relative_error(buffers.velocity[used], with_kernel.velocity[used]) <= TOLERANCE


def test_a_step_that_cannot_be_recorded_is_computed(caplog: pytest.LogCaptureFixture) -> None:
    """Where recording fails the rows go on unrecorded, and the log says so once."""
    backend, _ = recording(Refuser())
    specs = [row_spec(nfe_step=6), row_spec(total_frames=200, nfe_step=12, seed=2)]
    got = run_together(backend, specs, [0, 0])
    for mel, wanted in zip(got, run_together(plain(), specs, [0, 0]), strict=True):
        assert relative_error(mel, wanted) <= TOLERANCE
    (record,) = caplog.records
    assert record.getMessage() == (
        "steps of Bucket(frames=768, copies=4, longest=512) are not recorded: "
        "operation not permitted when stream is capturing"
    )


def test_a_shape_is_recorded_when_it_comes_again() -> None:
    """Two steps of a shape are computed plainly, the third records it, later ones replay it."""
    recorder = Repeater()
    backend, _ = recording(recorder)
    rows = [backend.open_row(row_spec(nfe_step=7, seed=seed)) for seed in (1, 2)]
    counts = []
    while not rows[0].finished:
        backend.step(rows)
        counts.append(recorder.recorded)
    assert counts == [0, 0, 1, 1, 1, 1, 1]


def test_a_row_alone_does_not_wait_for_a_recording() -> None:
    """Steps of a single row are recorded when nobody waits: that shape first, then the common ones."""
    recorder = Repeater()
    backend, recorded = recording(recorder)
    shape = bucket_for([70, 70]) or Bucket(0, 0, 0)
    run_together(backend, [row_spec(nfe_step=7)], [0])
    assert not recorded.has(shape)
    assert backend.warm_up_next()
    assert recorder.recorded == 1
    assert recorded.has(shape)


def test_the_number_of_recordings_is_bounded() -> None:
    """The shape that was not used for longest is dropped, and recorded again when it comes back."""
    recorder = Repeater()
    backend, recorded = recording(recorder, limit=1)
    for frames in (70, 300, 70):
        run_together(backend, [row_spec(total_frames=frames, nfe_step=4, seed=seed) for seed in (1, 2)], [0, 0])
    assert recorder.recorded == 3
    shape = bucket_for([70] * 4) or Bucket(0, 0, 0)
    assert recorded.has(shape)
    recorded.clear()
    assert not recorded.has(shape)


def test_common_shapes_are_recorded_while_idle() -> None:
    """Warming up records one shape at a time until none is left, between the steps of a row as well."""
    recorder = Repeater()
    backend, _ = recording(recorder, limit=20)
    spec = row_spec(nfe_step=7)
    row = backend.open_row(spec)
    for _ in range(2):
        backend.step([row])
        assert backend.warm_up_next()
    assert recorder.recorded == 2
    while backend.warm_up_next():
        pass
    assert recorder.recorded >= 8
    while not row.finished:
        backend.step([row])
    assert relative_error(row.mel, run_together(plain(), [spec], [0])[0]) <= TOLERANCE


def test_on_the_cpu_nothing_is_recorded() -> None:
    """Without CUDA there is nothing to warm up and no buffer is held."""
    backend = plain()
    assert not backend.warm_up_next()
    assert recorded_steps(tiny_dit(DiT)) is None


@given(st.lists(st.integers(1, 3_000), min_size=1, max_size=70))
def test_a_bucket_has_room_for_its_copies(lengths: list[int]) -> None:
    """Every copy lies in its bucket at a multiple of 16 frames, and little of the bucket stays free."""
    bucket = bucket_for(lengths)
    if bucket is None:
        assert len(lengths) > 64 or sum(lengths) + 15 * len(lengths) > MOST_FRAMES
        return
    rows = bucket_rows(lengths, bucket)
    assert len(rows) == bucket.rows
    assert sum(rows) == bucket.frames
    assert min(rows) >= 0
    assert max(rows) <= bucket.longest
    assert rows[: 2 * len(lengths) : 2] == lengths
    assert all((length + rest) % 16 == 0 for length, rest in zip(rows[:-1:2], rows[1:-1:2], strict=True))
    assert bucket.frames - sum(lengths) < 256 + 15 * len(lengths) + bucket.frames // 8


def test_a_batch_too_large_for_a_bucket_has_none() -> None:
    """Very long or very many rows are computed as they are."""
    assert bucket_for([]) is None
    assert bucket_for([MOST_FRAMES + 1]) is None
    assert bucket_for([10] * 65) is None
