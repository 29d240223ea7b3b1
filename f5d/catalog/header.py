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

_TYPES: Final = {8: "F64 I64 U64", 4: "F32 I32 U32", 2: "F16 BF16 I16 U16", 1: "I8 U8 BOOL F8_E5M2 F8_E4M3"}
_SIZES: Final = {name: each for each, names in _TYPES.items() for name in names.split()}  # bytes of a number
_MOST_DIMENSIONS: Final = 16
_MOST: Final = 2**48
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
            if not 2 <= length <= size - LENGTH_BYTES:
                raise _not_one(path, f"its header is cut off: {FETCH_AGAIN}")
            if length > MAX_HEADER_BYTES:
                raise _not_one(path, f"its header is {length} bytes; the limit is {MAX_HEADER_BYTES}")
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
    """Return a tensor whose shape and bytes agree."""
    start, end = (data_start + _whole(offset) for offset in value["data_offsets"])
    shape = tuple(map(_whole, value["shape"]))
    found = TensorInfo(str(value["dtype"]), shape, start, end)
    each = _SIZES.get(found.dtype)
    agrees = found.count * each == end - start if each else found.count <= 8 * (end - start)
    if len(shape) > _MOST_DIMENSIONS or start > end or not agrees:
        raise ValueError("shape and place do not agree")
    return found


def _whole(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= _MOST:
        raise ValueError("no length of a tensor")
    return value


def _not_one(path: Path, why: str) -> SynthesisError:
    return SynthesisError("model_error", f"{path} is not a complete safetensors file: {why}")
