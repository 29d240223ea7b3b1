"""The CUDA path on emulated devices: every operation where it belongs, recorded, against the CPU."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from f5d.catalog.spec import Architecture
from f5d.model import layers
from f5d.model.buckets import bucket_for
from f5d.model.dit import DiT
from f5d.model.dit_backend import DiTBackend, recorded_steps
from f5d.model.sampler import RowSpec
from f5d.model.static_step import RecordedSteps, StepBuffers

from .emulated_cuda import CudaTensor, EmulatedCuda, emulate, install_guard
from .support import THREADS, TINY_DIT, TOKENS, fill, relative_error, row_spec

# After every step of a row, against float32 on the CPU: 10, 7 and 23 bits of a product's factors.
TOLERANCES = {torch.float16: 2e-3, torch.bfloat16: 1.5e-2, torch.float32: 2e-6}
FLASH = "_flash_attention_forward"
SHAPES: dict[str, dict[str, Any]] = {
    "v1": {},
    "v0": {"pe_attn_head": 1, "text_mask_padding": False},
    "normed": {"qk_norm": "rms_norm", "long_skip_connection": True, "text_embedding_average_upsampling": True},
}


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> Iterator[EmulatedCuda]:
    """An emulated machine with two GPUs of capability 9.0."""
    if reason := install_guard():
        pytest.skip(reason)
    layers._flash_runs.cache_clear()
    layers._rotary_table.cache_clear()
    world = EmulatedCuda()
    emulate(monkeypatch, world)
    torch.__future__.set_overwrite_module_params_on_conversion(True)  # so that modules keep wrapped tensors
    with world:
        yield world
    torch.__future__.set_overwrite_module_params_on_conversion(False)
    layers._flash_runs.cache_clear()
    layers._rotary_table.cache_clear()


def tiny(device: str, dtype: torch.dtype, **changes: Any) -> DiT:
    torch.set_num_threads(THREADS)
    dit = DiT(Architecture.from_mapping({**TINY_DIT, "depth": 2, **changes}), TOKENS)
    fill(dit)
    dit.eval().requires_grad_(False).to_compute_type(dtype)
    with torch.inference_mode():  # wrapped tensors have to be inference tensors before they are viewed
        dit.to_device(device)
    return dit


def run(backend: DiTBackend, specs: list[RowSpec], joins: list[int]) -> list[Tensor]:
    rows = [backend.open_row(spec) for spec in specs]
    step = 0
    while not all(row.finished for row in rows):
        now = [row for row, join in zip(rows, joins, strict=True) if join <= step and not row.finished]
        if now:
            backend.step(now)
        step += 1
    return [row.mel.cpu() for row in rows]


def mixes(count: int) -> list[tuple[list[RowSpec], list[int]]]:
    """Return batches of random lengths, grids, guidance and arrivals."""
    chance = random.Random(3)
    batches = []
    for _ in range(count):
        specs = [
            row_spec(
                total_frames=chance.randint(31, 260),
                nfe_step=chance.choice([4, 5]),
                cfg_strength=chance.choice([0.0, 2.0, 3.5]),
                seed=chance.randint(0, 9_999),
            )
            for _ in range(chance.randint(1, 3))
        ]
        batches.append((specs, [chance.randint(0, 2) if index else 0 for index in range(len(specs))]))
    return batches


def recording(dit: DiT, limit: int = 4) -> tuple[DiTBackend, RecordedSteps]:
    """Return a backend on emulated CUDA whose buffers begin with what is not a number."""
    recorded = recorded_steps(dit)
    assert recorded is not None
    buffers = recorded.buffers = StepBuffers(dit, 4_096, 16)
    for part in (buffers.state, buffers.static, buffers.velocity, buffers.blocks, buffers.final):
        assert isinstance(part, CudaTensor)
        with torch.inference_mode():
            part.numbers.fill_(torch.nan)
    recorded._limit = limit
    return DiTBackend(dit, "float16", recorded), recorded


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_steps_on_cuda_are_those_of_the_cpu(cuda: EmulatedCuda, dtype: torch.dtype) -> None:
    """Whatever the mix of rows, recorded or not, nothing of another batch or of unused memory is in a mel."""
    backend, _ = recording(tiny("cuda", dtype))
    plain = DiTBackend(tiny("cpu", torch.float32), "plain")
    for specs, joins in mixes(2):
        for got, wanted in zip(run(backend, specs, joins), run(plain, specs, joins), strict=True):
            assert relative_error(got, wanted) <= TOLERANCES[dtype]
        backend.warm_up_next()
    assert bool(cuda.captured) == (dtype != torch.float32)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("capability", [(7, 5), (8, 0), (9, 0), (10, 0)])
def test_every_model_runs_on_every_gpu(cuda: EmulatedCuda, capability: tuple[int, int], shape: str) -> None:
    """On the second of two GPUs nothing touches the first; attention takes the kernel where there is one."""
    cuda.capability = capability
    backend, _ = recording(tiny("cuda:1", torch.float16, **SHAPES[shape]))
    plain = DiTBackend(tiny("cpu", torch.float32, **SHAPES[shape]), "plain")
    specs = [row_spec(nfe_step=4), row_spec(total_frames=113, cfg_strength=0.0, nfe_step=5, seed=2)]
    for got, wanted in zip(run(backend, specs, [0, 1]), run(plain, specs, [0, 1]), strict=True):
        assert relative_error(got, wanted) <= TOLERANCES[torch.float16]
    assert {device for _, device, _ in cuda.operations} == {"cuda:1"}
    used = {(name, kind) for name, _, kinds in cuda.operations for kind in kinds}
    assert torch.float64 not in {kind for _, kind in used}
    assert {kind for name, kind in used if name == "convolution"} == {
        torch.float16,
        torch.float32,
    }  # steps, text
    assert ("addcmul", torch.float32) in used  # the residual stream
    assert {kind for name, kind in used if name == FLASH} <= {torch.float16, torch.int32}
    assert any(name == FLASH for name, *_ in cuda.operations) == (capability >= (8, 0))


def test_a_build_without_the_kernel_attends_row_by_row(cuda: EmulatedCuda) -> None:
    """A torch that only says when called that it has no flash attention speaks all the same, unrecorded."""
    cuda.flash_built = False
    backend, _ = recording(tiny("cuda", torch.float16))
    plain = DiTBackend(tiny("cpu", torch.float32), "plain")
    specs = [row_spec(nfe_step=4), row_spec(total_frames=113, nfe_step=4, seed=2)]
    for got, wanted in zip(run(backend, specs, [0, 0]), run(plain, specs, [0, 0]), strict=True):
        assert relative_error(got, wanted) <= TOLERANCES[torch.float16]
    assert not backend.warm_up_next()
    assert not cuda.captured


def test_what_projects_the_time_stays_in_host_memory(cuda: EmulatedCuda) -> None:
    """Half of the weights serve once a time grid; what comes of them alone is on the GPU."""
    dit = tiny("cuda", torch.float16)
    there = {
        name.split(".")[0] if "transformer" not in name else name.split(".")[2]
        for name, value in dit.named_parameters()
        if value.device.type == "cuda"
    }
    assert there == {"input_embed", "text_embed", "proj_out", "attn", "ff"}
    cuda.log.clear()
    with torch.inference_mode():
        table = dit.modulation_table(torch.tensor([0.0, 0.5]))
    assert {table.blocks.device.type, table.final.device.type} == {"cuda"}
    assert "copy" not in cuda.log


def test_a_request_alone_is_the_same_every_time(cuda: EmulatedCuda) -> None:
    """Before its shape is recorded and after, among others in between: to the last bit."""
    backend, recorded = recording(tiny("cuda", torch.float16), limit=8)
    spec = row_spec(total_frames=90, nfe_step=5)
    first = run(backend, [spec], [0])[0]
    run(backend, [row_spec(seed=seed, nfe_step=4) for seed in (2, 3)], [0, 1])
    assert backend.warm_up_next()
    assert recorded.has(bucket_for([90, 90]) or pytest.fail("no bucket"))
    assert cuda.captured
    assert torch.equal(run(backend, [spec], [0])[0], first)


def test_opening_and_stepping_rows_never_wait(cuda: EmulatedCuda) -> None:
    """All that goes to the GPU goes through pinned memory; the host reads nothing back before the mel."""
    backend, _ = recording(tiny("cuda", torch.float16))
    run(backend, [row_spec(nfe_step=4)], [0])  # makes the tables
    cuda.log.clear()
    rows = [backend.open_row(row_spec(nfe_step=4, total_frames=70 + seed, seed=seed)) for seed in (1, 2)]
    backend.step(rows[:1])
    for _ in range(3):
        backend.step(rows)
    assert "copy" not in cuda.log
    assert "sync" not in cuda.log


def test_no_more_than_one_step_is_in_flight(cuda: EmulatedCuda) -> None:
    """Before a step returns, the one before it is over: who comes meanwhile waits for no more."""
    backend, _ = recording(tiny("cuda", torch.float16))
    row = backend.open_row(row_spec(nfe_step=4))
    cuda.log.clear()
    while not row.finished:
        backend.step([row])
    marks = [line for line in cuda.log if line.startswith(("event", "wait"))]
    assert marks == ["event", "event", "wait 0", "event", "wait 1", "event", "wait 2"]


def test_recording_goes_on_after_a_failed_capture(cuda: EmulatedCuda, caplog: pytest.LogCaptureFixture) -> None:
    """Memory that was short for a moment costs one shape for a while; others are recorded, on a fresh pool."""
    backend, recorded = recording(tiny("cuda", torch.float16), limit=8)
    pairs = [[row_spec(total_frames=frames, nfe_step=4, seed=seed) for seed in (1, 2)] for frames in (70, 200)]
    cuda.capture_fault = RuntimeError("CUDA error: out of memory")
    run(backend, pairs[0], [0, 0])
    assert cuda.current is cuda.default
    assert not cuda.captured
    cuda.capture_fault = None
    run(backend, pairs[1], [0, 0])
    assert len(cuda.captured) == 1
    assert recorded.has(bucket_for([70] * 4) or pytest.fail("no bucket"))  # not tried again at once
    assert len(caplog.records) == 1


def test_recording_is_given_up_where_nothing_can_be_recorded(
    cuda: EmulatedCuda, caplog: pytest.LogCaptureFixture
) -> None:
    """A library that no capture allows is tried with three shapes, and the log says each once."""
    backend, _ = recording(tiny("cuda", torch.float16), limit=8)
    cuda.capture_fault = RuntimeError("CUDA error: operation not permitted when stream is capturing")
    for frames in (70, 200, 330, 460):
        rows = [backend.open_row(row_spec(total_frames=frames, nfe_step=5, seed=seed)) for seed in (1, 2)]
        while not rows[0].finished:
            backend.step(rows)
    assert [record.getMessage().split(":")[0].split("(")[0] for record in caplog.records] == [
        *["steps of Bucket"] * 3,
        "no steps are recorded any more",
    ]
    assert not backend.warm_up_next()


def test_a_failed_device_ends_a_step(cuda: EmulatedCuda) -> None:
    """An error of the device comes out of the step, whatever it was doing."""
    backend, _ = recording(tiny("cuda", torch.float16))
    row = backend.open_row(row_spec(nfe_step=4))
    backend.step([row])
    cuda.fault = RuntimeError("CUDA error: an illegal memory access was encountered")
    with pytest.raises(RuntimeError, match="illegal memory access"):
        backend.step([row])
    with pytest.raises(RuntimeError, match="illegal memory access"):
        backend.warm_up_next()
