"""What a GPU's libraries say when something is wrong, and what is made of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from f5d.model.dit_backend import DiTBackend
from f5d.model.memory import is_device_error, is_out_of_memory
from f5d.model.static_step import RecordedSteps, StepBuffers

from .support import row_spec
from .test_static_step import BUFFER_FRAMES, DeviceDiT, Repeater, tiny_dit

ILLEGAL = (
    "CUDA error: an illegal memory access was encountered\nCUDA kernel errors might be asynchronously reported"
)
WANT_OF_MEMORY = (
    "CUDA out of memory. Tried to allocate 2.00 GiB",
    "CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported at some other API call",
    "CUDA driver error: out of memory",
    "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
    "CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`",
    "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
    "cuDNN error: CUDNN_STATUS_NOT_INITIALIZED",
    "cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
    "cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED",
    "cuFFT error: CUFFT_ALLOC_FAILED",
    "Triton Error [CUDA]: out of memory",
    "HIP error: out of memory",
    "MPS backend out of memory (MPS allocated: 1.00 GB, other allocations: 2.00 GB)",
)
FAILED = (
    ILLEGAL,
    "CUDA error: unspecified launch failure",
    "CUDA error: device-side assert triggered",
    "CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasSgemm(...)`",
    "cuDNN error: CUDNN_STATUS_EXECUTION_FAILED",
    "cuFFT error: CUFFT_EXEC_FAILED",
    "Triton Error [CUDA]: misaligned address",
    "HIP error: an illegal memory access was encountered",
)
OF_A_CAPTURE = (
    "CUDA error: operation not permitted when stream is capturing",
    "CUDA error: operation failed due to a previous error during capture",
)
OTHERS = (
    "mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)",
    "could not create a primitive descriptor for the matmul primitive",
    "beginAllocateToPool: already recording to mempool_id",
)


def raised_as(message: str) -> list[RuntimeError]:
    """Return the errors that carry a message: torch's own type is there from 2.8 on."""
    types = [RuntimeError, getattr(torch, "AcceleratorError", RuntimeError)]
    return [type_(message) for type_ in dict.fromkeys(types)]


@pytest.mark.parametrize("message", WANT_OF_MEMORY)
def test_every_library_of_a_gpu_may_lack_memory(message: str) -> None:
    """CUDA, its libraries, HIP and MPS each have their words for it; none means that the device has failed."""
    for error in raised_as(message):
        assert is_out_of_memory(error)
        assert not is_device_error(error)


@pytest.mark.parametrize("message", FAILED)
def test_a_failed_device_is_known(message: str) -> None:
    """What the device itself reports is told from want of memory."""
    for error in raised_as(message):
        assert is_device_error(error)
        assert not is_out_of_memory(error)


@pytest.mark.parametrize("message", OF_A_CAPTURE)
def test_an_operation_that_a_recording_forbids_is_no_failure(message: str) -> None:
    """A capture that ends with an error leaves a device that works."""
    assert not any(is_device_error(error) or is_out_of_memory(error) for error in raised_as(message))


@pytest.mark.parametrize("message", OTHERS)
def test_other_errors_are_neither(message: str) -> None:
    """A wrong shape is nobody's memory and nobody's device."""
    assert not is_device_error(RuntimeError(message))
    assert not is_out_of_memory(RuntimeError(message))


def to_end(backend: DiTBackend) -> None:
    rows = [backend.open_row(row_spec(nfe_step=7, seed=seed)) for seed in (1, 2)]
    while not rows[0].finished:
        backend.step(rows)


class Raiser:
    """A recorder that fails with one error."""

    def __init__(self, error: RuntimeError) -> None:
        self._error = error

    def record(self, _: Callable[[], None]) -> Callable[[], None]:
        """Raise the error."""
        raise self._error


@pytest.mark.parametrize("error", raised_as(ILLEGAL))
def test_a_device_that_fails_while_a_step_is_recorded_ends_the_step(error: RuntimeError) -> None:
    """The error is not taken for a step that cannot be recorded: what follows would fail one by one."""
    dit = tiny_dit(DeviceDiT)
    backend = DiTBackend(
        dit, "float32", RecordedSteps(StepBuffers(dit, BUFFER_FRAMES, copies=4), Raiser(error))
    )
    with pytest.raises(RuntimeError, match="illegal memory access"):
        to_end(backend)


class FullCard(StepBuffers):
    """Buffers on a card that other programs have filled."""

    full = False

    def fill(self, *inputs: object) -> None:
        """Fail as cuBLAS does for want of memory."""
        if self.full:
            raise RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`")
        super().fill(*inputs)  # type: ignore[arg-type]


def test_any_want_of_memory_gives_the_recordings_memory_back() -> None:
    """Whoever says that memory is short, the recordings make room for smaller steps."""
    dit = tiny_dit(DeviceDiT)
    buffers = FullCard(dit, BUFFER_FRAMES, copies=4)
    recorded = RecordedSteps(buffers, recorder := Repeater())
    backend = DiTBackend(dit, "float32", recorded)
    to_end(backend)
    assert recorder.recorded == 1
    buffers.full = True
    with pytest.raises(RuntimeError, match="ALLOC_FAILED"):
        to_end(backend)
    buffers.full = False
    to_end(backend)
    assert recorder.recorded == 2
