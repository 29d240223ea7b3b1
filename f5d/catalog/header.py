"""What a checkpoint holds, read from its header alone: names, types and shapes, no weights, no torch.

A .safetensors file begins with the length of a JSON table (8 bytes, little-endian) and that table; the
standard library reads it in a millisecond, whatever the size of the file.
"""

from __future__ import annotations

import json
import math
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from f5ctl.errors import SynthesisError
from f5d.catalog.checkpoint_files import FETCH_AGAIN, LENGTH_BYTES, MAX_HEADER_BYTES

if TYPE_CHECKING:
    from pathlib import Path

_NUMBERS: Final = {"I64": "<q", "I32": "<i", "F32": "<f", "F64": "<d"}


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """A tensor's type as safetensors names it (F32, BF16, ...), its shape and its bytes in the file."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int

    @property
    def count(self) -> int:
        """How many numbers it holds."""
        return math.prod(self.shape)


def read_header(path: Path) -> dict[str, TensorInfo]:
    """Return every tensor of a .safetensors file.

    Raises SynthesisError (model_error) with one line for a file that is missing, truncated or no safetensors.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(LENGTH_BYTES)
            length = struct.unpack("<Q", head)[0] if len(head) == LENGTH_BYTES else 0
            if not 2 <= length <= min(MAX_HEADER_BYTES, size - LENGTH_BYTES):
                raise _not_one(path, f"its header is cut off: {FETCH_AGAIN}")
            table = json.loads(file.read(length))
    except OSError as error:
        raise SynthesisError("model_error", f"checkpoint {path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise _not_one(path, "its header is not JSON") from None
    data_start = LENGTH_BYTES + length
    try:
        tensors = {name: _tensor(value, data_start) for name, value in table.items() if name != "__metadata__"}
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError):
        raise _not_one(path, "its header is damaged") from None
    expected = max((tensor.end for tensor in tensors.values()), default=data_start)
    if expected != size:
        why = f"it has {size} bytes, its header speaks of {expected}"
        raise _not_one(path, f"{why}: {FETCH_AGAIN}" if size < expected else why)
    return tensors


def read_number(path: Path, tensor: TensorInfo) -> int | None:
    """Return the value of a counter that holds one number, None for anything else."""
    form = _NUMBERS.get(tensor.dtype)
    if form is None or tensor.count != 1 or tensor.end - tensor.start != struct.calcsize(form):
        return None
    with path.open("rb") as file:
        file.seek(tensor.start)
        (number,) = struct.unpack(form, file.read(tensor.end - tensor.start))
    return int(number) if math.isfinite(number) else None


def _tensor(value: dict[str, Any], data_start: int) -> TensorInfo:
    start, end = (int(offset) for offset in value["data_offsets"])
    if not 0 <= start <= end:
        raise ValueError(start)
    shape = tuple(int(size) for size in value["shape"])
    return TensorInfo(str(value["dtype"]), shape, data_start + start, data_start + end)


def _not_one(path: Path, why: str) -> SynthesisError:
    return SynthesisError("model_error", f"{path} is not a complete safetensors file: {why}")
