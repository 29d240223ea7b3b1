"""Running out of memory, and devices that have failed, however the library at work says so."""

from __future__ import annotations

import re
from typing import Final

import torch

# How it is said in a RuntimeError: by torch's allocator for the CPU, C++ and oneDNN; by drivers; by a GPU's
# libraries, which say NOT_INITIALIZED when a full card has no room for their handle.
_OUT_OF_MEMORY: Final = re.compile(
    r"DefaultCPUAllocator: (can't allocate|not enough) memory|bad_alloc"
    r"|could not (create|execute) a primitive(?! descriptor)|could not create a memory object"
    r"|\b(CUDA|HIP|MPS)\b.{0,20}out of memory"
    r"|[A-Z]_STATUS_(\w*ALLOC(ATION)?_FAILED|NOT_INITIALIZED)|CUFFT_ALLOC_FAILED"
)
_DEVICE_FAILED: Final = re.compile(
    r"^(CUDA|HIP)( driver)? error: |^Triton Error \["
    r"|[A-Z]_STATUS_(EXECUTION_FAILED|MAPPING_ERROR|INTERNAL_ERROR)|CUFFT_(EXEC_FAILED|INTERNAL_ERROR)"
)
_CAPTURE: Final = "captur"  # in every error that only ends the capture of a CUDA graph


def is_out_of_memory(error: BaseException) -> bool:
    """Return True when `error` means that an allocation failed, on a GPU or on the CPU."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and _OUT_OF_MEMORY.search(str(error)) is not None


def is_device_error(error: BaseException) -> bool:
    """Return True when `error` is a GPU's own: whatever this process asks of it next may fail as well.

    Want of memory and operations that a recording does not allow are not: the device works on.
    """
    if not isinstance(error, RuntimeError) or is_out_of_memory(error) or _CAPTURE in str(error):
        return False
    own_type = getattr(torch, "AcceleratorError", None)  # torch 2.8 and newer
    return (own_type is not None and isinstance(error, own_type)) or bool(_DEVICE_FAILED.search(str(error)))


def release_cached() -> None:
    """Give the GPU memory back that torch keeps for later; nothing where there is no GPU in use.

    Raises what a GPU in use reports when it has failed.
    """
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        torch.cuda.synchronize()  # a library's want of memory may be a failed device's
        torch.cuda.empty_cache()
