"""Running out of memory, however the library at work says so."""

from __future__ import annotations

import re
from typing import Final

import torch

# How torch's allocator for the CPU, C++ and oneDNN say it in a plain RuntimeError.
_SAID: Final = re.compile(
    r"DefaultCPUAllocator: (can't allocate|not enough) memory|bad_alloc"
    r"|could not (create|execute) a primitive(?! descriptor)|could not create a memory object"
)


def is_out_of_memory(error: BaseException) -> bool:
    """Return True when `error` means that an allocation failed, on a GPU or on the CPU."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and _SAID.search(str(error)) is not None


def release_cached() -> None:
    """Give the GPU memory back that torch keeps for later; nothing where there is no GPU in use."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
