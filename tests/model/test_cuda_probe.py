"""What is found out about a GPU before anybody relies on it, on emulated devices."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import torch

from f5ctl.errors import ConfigError, SynthesisError
from f5d.catalog.hub import LocalModel
from f5d.engine import process, types
from f5d.engine.synthesizer import GPU_BUDGET_FRAMES, Synthesizer
from f5d.helpers import machine
from f5d.model import load
from f5d.model.load import LoadedModel, load_model, pick_device

from .emulated_cuda import NO_KERNELS, EmulatedCuda
from .support import THREADS, row_spec
from .test_cuda_steps import cuda

__all__ = ["cuda"]  # a fixture


@pytest.fixture(autouse=True)
def afresh() -> Iterator[None]:
    """Each test asks its devices anew."""
    load._best_device.cache_clear()
    yield
    load._best_device.cache_clear()


def loaded(files: LocalModel, device: str, dtype: str = "auto") -> LoadedModel:
    with torch.inference_mode():  # wrapped tensors have to be inference tensors before they are viewed
        return load_model(files, device=device, dtype=dtype, threads=THREADS)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_model_is_loaded_onto_a_gpu(cuda: EmulatedCuda, starter_files: LocalModel) -> None:
    """The short row passes, and nothing of it, mel and vocoder included, is on another device."""
    model = loaded(starter_files, "cuda:1")
    assert (model.device, model.dtype) == ("cuda:1", "float16")
    assert {device for _, device, _ in cuda.operations} == {"cuda:1"}


def test_a_step_that_ends_no_row_makes_no_wave(cuda: EmulatedCuda, starter_files: LocalModel) -> None:
    """An engine asks after each step for the waves of what ended with it: often nothing did."""
    assert Synthesizer(loaded(starter_files, "cuda")).vocode([]) == []
    assert cuda.operations


@pytest.mark.parametrize("fault", [NO_KERNELS, "CUDA error: all CUDA-capable devices are busy or unavailable"])
def test_a_gpu_that_cannot_compute_is_left_out(
    cuda: EmulatedCuda, starter_files: LocalModel, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    """Too old for this torch, or in exclusive use: `auto` says so in a line a card, and takes the CPU."""
    cuda.fault = RuntimeError(fault)
    model = loaded(starter_files, "auto")
    assert model.device == "cpu"
    assert warnings(caplog) == [
        f"{name} cannot compute ({fault}) and is left out" for name in ("cuda", "cuda:1")
    ]
    with pytest.raises(
        ConfigError, match=r'device cuda cannot compute: CUDA error: .*; use another, or device = "cpu"'
    ):
        pick_device("cuda")


def test_a_gpu_of_another_build_is_left_out(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Torch may name a device that its build cannot use: here the CPU's build is told of one."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert pick_device("auto") == "cpu"
    assert len(warnings(caplog)) == 1
    with pytest.raises(ConfigError, match="device cuda cannot compute"):
        pick_device("cuda")


def test_a_gpu_that_is_too_full_for_the_model_is_left_to_others(
    cuda: EmulatedCuda, starter_files: LocalModel, caplog: pytest.LogCaptureFixture
) -> None:
    """`auto` then takes the CPU; a device that was asked for says that memory does not suffice."""
    cuda.row_fault = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
    assert loaded(starter_files, "auto").device == "cpu"
    assert warnings(caplog) == [
        "cuda cannot compute (CUDA out of memory. Tried to allocate 2 GiB); the CPU does"
    ]
    with pytest.raises(torch.OutOfMemoryError):
        loaded(starter_files, "cuda")


def test_a_gpu_on_which_the_row_fails_is_a_clear_error(cuda: EmulatedCuda, starter_files: LocalModel) -> None:
    """What the first request would have met is said when the model is loaded."""
    cuda.row_fault = RuntimeError("cuDNN error: CUDNN_STATUS_NOT_SUPPORTED")
    with pytest.raises(
        ConfigError, match="device cuda cannot compute: cuDNN error: CUDNN_STATUS_NOT_SUPPORTED"
    ):
        loaded(starter_files, "cuda")


def test_halves_that_come_to_nothing_are_not_used(
    cuda: EmulatedCuda, starter_files: LocalModel, caplog: pytest.LogCaptureFixture
) -> None:
    """On a card as GTX 16 ones, `auto` means float32; float16 that was asked for is refused with the remedy."""
    cuda.capability, cuda.nan_halves = (7, 5), True
    assert loaded(starter_files, "cuda").dtype == "float32"
    assert warnings(caplog) == [
        "dtype float16 gives NaN or infinite values on cuda (Emulated); float32 is used"
    ]
    with pytest.raises(ConfigError, match=r'use dtype = "float32"'):
        loaded(starter_files, "cuda", "float16")


def test_weights_that_are_no_numbers_are_the_models_fault(
    cuda: EmulatedCuda, starter_files: LocalModel
) -> None:
    """Where float32 gives no numbers either, the message does not blame the type."""
    cuda.nan_halves = cuda.nan_singles = True
    with pytest.raises(SynthesisError, match="model starter gives NaN or infinite values on cuda"):
        loaded(starter_files, "cuda")


def test_a_users_own_process_records_nothing(cuda: EmulatedCuda, starter_files: LocalModel) -> None:
    """Recording takes pauses and memory; only the engine's process asks for it."""
    model = loaded(starter_files, "cuda")
    assert not model.backend.warm_up_next()
    assert not cuda.captured


def test_an_engine_keeps_to_its_own_gpu(cuda: EmulatedCuda, starter_files: LocalModel) -> None:
    """Its device is current, its memory is that device's, halves are summed in float32, steps are recorded."""
    matmul = torch.backends.cuda.matmul
    before = matmul.allow_fp16_reduced_precision_reduction
    configure = types.Configure(starter_files.spec, "cuda:1", "auto", THREADS, "", 0)
    try:
        with torch.inference_mode():
            synthesizer, told = process._load(configure, 0.0)
        assert not matmul.allow_fp16_reduced_precision_reduction
        assert not matmul.allow_bf16_reduced_precision_reduction
    finally:
        matmul.allow_fp16_reduced_precision_reduction = before
        matmul.allow_bf16_reduced_precision_reduction = before
    assert (told.device, told.dtype, told.memory_bytes) == ("cuda:1", "float16", 2 * 2**20)
    assert cuda.device_index == 1
    assert synthesizer.budget_frames == GPU_BUDGET_FRAMES
    rows = [synthesizer._model.backend.open_row(row_spec(nfe_step=4, seed=seed)) for seed in (1, 2)]
    while not rows[0].finished:
        synthesizer.step(rows)
    assert cuda.captured


def test_doctor_runs_the_same_row(cuda: EmulatedCuda) -> None:
    """What `auto` would find is what is reported: the type that works, and each card that does not."""
    cuda.capability, cuda.nan_halves = (7, 5), True
    with torch.inference_mode():
        found = machine._torch()
    assert (found["device"], found["dtype"], found["gpu_faults"]) == ("cuda:0", "float32", [])
    load._best_device.cache_clear()
    cuda.fault = RuntimeError(NO_KERNELS)
    found = machine._torch()
    assert found["device"] == "cpu"
    assert found["gpu_faults"] == [f"cuda:{index}: {NO_KERNELS}" for index in range(2)]
