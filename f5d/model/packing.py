"""How the copies of a step's rows lie in one packed sequence, and how velocities come back to the rows.

A guided row has two copies, conditional and unconditional. A Packing depends on the rows' lengths alone,
so it is made once for as long as the same rows are stepped; its tensors stay on the device.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

import torch

from f5d.model.buckets import ALIGN_FRAMES, Bucket, aligned, bucket_rows
from f5d.model.layers import PackedLayout, pack_layout, upload

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from f5d.model.dit import DiT


@dataclass(frozen=True, slots=True)
class RowShape:
    """Frames of a row, and whether it has an unconditional copy."""

    frames: int
    guided: bool


@dataclass(frozen=True, slots=True)
class Packing:
    """Where everything is: a state has `sum of the rows' frames` frames, a packed tensor `total`.

    source [total]: the state's frame under each packed frame; 0 in dummy rows.
    conditional, unconditional [state frames]: packed frames of a row's copies, the same where unguided.
    row [state frames]: index of the row. copy [stretches]: index of the copy of each stretch of packed
    frames; a stretch is one frame, or 16 in a bucket.
    """

    shapes: tuple[RowShape, ...]
    layout: PackedLayout
    starts: tuple[int, ...]  # of each copy, in packed frames
    source: Tensor
    conditional: Tensor
    unconditional: Tensor
    row: Tensor
    copy: Tensor

    @property
    def guided(self) -> bool:
        """Whether any row is."""
        return any(shape.guided for shape in self.shapes)


def copy_lengths(shapes: Sequence[RowShape]) -> list[int]:
    """Return the frames of every copy, in order."""
    return [shape.frames for shape in shapes for _ in range(1 + shape.guided)]


def pack(shapes: tuple[RowShape, ...], dit: DiT, bucket: Bucket | None = None) -> Packing:
    """Return the packing of rows end to end, or in a bucket that has room for them."""
    lengths = copy_lengths(shapes)
    dim_head, device, varlen = dit.architecture.dim_head, dit.device, dit.varlen
    if bucket is None:
        layout = pack_layout(lengths, dim_head, device, varlen)
        slots, stretch = lengths, 1
        total = sum(lengths)
    else:
        layout = pack_layout(bucket_rows(lengths, bucket), dim_head, device, varlen, bucket.longest)
        slots, stretch = [aligned(length) for length in lengths], ALIGN_FRAMES
        total = bucket.frames
    starts = tuple(accumulate(slots, initial=0))[:-1]
    source, conditional, unconditional = _indices(shapes, starts, total)
    copies = torch.arange(len(slots)).repeat_interleave(torch.tensor(slots) // stretch)
    free = total // stretch - len(copies)
    frames = torch.tensor([shape.frames for shape in shapes])
    return Packing(
        shapes=shapes,
        layout=layout,
        starts=starts,
        source=upload(source, device),
        conditional=upload(conditional, device),
        unconditional=upload(unconditional, device),
        row=upload(torch.arange(len(shapes)).repeat_interleave(frames), device),
        copy=upload(torch.cat([copies, copies.new_zeros(free)]), device),
    )


def euler(
    packing: Packing, state: Tensor, velocity: Tensor, spans: Sequence[float], cfg: Sequence[float]
) -> Tensor:
    """Return the rows' state after one guided Euler step, [state frames, 100] float32.

    velocity [total, 100] of all copies; one span of time and one CFG strength a row.
    """
    device = state.device
    guided = velocity.index_select(0, packing.conditional)
    if packing.guided:
        strength = upload(torch.tensor(cfg), device).index_select(0, packing.row)[:, None]
        guided = torch.addcmul(guided, guided - velocity.index_select(0, packing.unconditional), strength)
    if len(spans) == 1:
        return torch.add(state, guided, alpha=spans[0])
    return torch.addcmul(
        state, guided, upload(torch.tensor(spans), device).index_select(0, packing.row)[:, None]
    )


def _indices(shapes: Sequence[RowShape], starts: Sequence[int], total: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return source, conditional and unconditional on the CPU."""
    source = torch.zeros(total, dtype=torch.long)
    conditional, unconditional = [], []
    place, copy = 0, 0
    for shape in shapes:
        own = range(copy, copy + 1 + shape.guided)
        for index in own:
            source[starts[index] : starts[index] + shape.frames] = torch.arange(place, place + shape.frames)
        conditional.append(torch.arange(shape.frames) + starts[own[0]])
        unconditional.append(torch.arange(shape.frames) + starts[own[-1]])
        place += shape.frames
        copy = own.stop
    return source, torch.cat(conditional), torch.cat(unconditional)
