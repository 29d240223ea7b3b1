"""The few shapes in which a GPU computes steps, and how rows fill one. Pure: no torch, no device.

A recorded step has fixed shapes, so a batch is laid into the next larger bucket. Every copy begins at a
multiple of `ALIGN_FRAMES`: one AdaLN value then serves 16 neighbouring frames, which a graphics card
reads from its cache, where a value a frame would cost as much memory traffic as half of the model. What
is left after a copy and at the bucket's end are dummy rows of their own, which no real row sees.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

ALIGN_FRAMES: Final = 16
MOST_FRAMES: Final = 17_408  # a full step of the engine on a GPU, its copies aligned
FEWEST_COPIES: Final = 2  # conditional and unconditional of one row
MOST_COPIES: Final = 64

_FINE_MOST, _FINE_STEP = 4_096, 256
_MIDDLE_MOST, _MIDDLE_STEP = 8_192, 512
_COARSE_STEP = 1_024
_SHORTEST_LONGEST = 512
_COMMON_FRAMES_MOST = 4_096  # 20 s of reference and speech, guided


@dataclass(frozen=True, slots=True)
class Bucket:
    """A shape: so many frames, so many copies at most, none of them longer than `longest`."""

    frames: int
    copies: int
    longest: int

    @property
    def rows(self) -> int:
        """Rows of the packed sequence: each copy and what follows it, and the free end."""
        return 2 * self.copies + 1

    @property
    def stretches(self) -> int:
        """Groups of `ALIGN_FRAMES` frames."""
        return self.frames // ALIGN_FRAMES


def bucket_for(lengths: Sequence[int]) -> Bucket | None:
    """Return the smallest bucket for copies of `lengths` frames; None where a batch is better off as it is."""
    used = sum(aligned(length) for length in lengths)
    if not lengths or used > MOST_FRAMES or len(lengths) > MOST_COPIES:
        return None
    frames = _rounded_frames(used)
    return Bucket(
        frames=frames,
        copies=_power_of_two(len(lengths), least=FEWEST_COPIES),
        longest=_power_of_two(max(*lengths, frames - used), least=_SHORTEST_LONGEST),
    )


def bucket_rows(lengths: Sequence[int], bucket: Bucket) -> list[int]:
    """Return the `bucket.rows` row lengths of copies in a bucket: copy, rest, copy, rest, ..., free end."""
    rows = [part for length in lengths for part in (length, aligned(length) - length)]
    rows += [0] * (2 * bucket.copies - len(rows))
    return [*rows, bucket.frames - sum(rows)]


def aligned(length: int) -> int:
    """Return `length` raised to a multiple of `ALIGN_FRAMES`."""
    return _raised(length, ALIGN_FRAMES)


def common_lengths() -> list[tuple[int, int]]:
    """Return copies' lengths that fill the buckets of a single guided row, the most usual first."""
    sizes = range(_FINE_STEP, _COMMON_FRAMES_MOST + 1, _FINE_STEP)
    usual = 2_816  # 5 s of reference and 10 s of speech, guided
    return [(size // 2, size // 2) for size in sorted(sizes, key=lambda size: abs(size - usual))]


def _rounded_frames(frames: int) -> int:
    if frames <= _FINE_MOST:
        return _raised(frames, _FINE_STEP)
    return _raised(frames, _MIDDLE_STEP if frames <= _MIDDLE_MOST else _COARSE_STEP)


def _raised(value: int, step: int) -> int:
    return -(-value // step) * step


def _power_of_two(value: int, *, least: int) -> int:
    return max(least, 1 << (value - 1).bit_length())
