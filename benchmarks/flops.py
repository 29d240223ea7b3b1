"""How much arithmetic a step is: the floor under its time is this over the machine's rate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from f5d.catalog.shapes import POSITION_KERNEL_FRAMES
from f5d.catalog.spec import MEL_CHANNELS, POSITION_GROUPS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from f5d.catalog.spec import Architecture


def step_flops(architecture: Architecture, lengths: Sequence[int]) -> int:
    """Return the floating-point operations of one step over copies of `lengths` frames.

    Counts matrix products and convolutions, a multiplication and an addition each; a guided row is two
    copies. Left out: what is computed once a row (text, reference) or once a grid of times, and
    operations on single elements, which cost memory traffic rather than arithmetic.
    """
    dim, inner = architecture.dim, architecture.heads * architecture.dim_head
    hidden = int(dim * architecture.ff_mult)
    block = 3 * dim * inner + inner * dim + 2 * dim * hidden
    convolutions = 2 * POSITION_KERNEL_FRAMES * dim * (dim // POSITION_GROUPS)
    skip = 2 * dim * dim if architecture.long_skip_connection else 0
    products_per_frame = 2 * MEL_CHANNELS * dim + convolutions + skip + architecture.depth * block
    attention = 2 * inner * architecture.depth * sum(length * length for length in lengths)
    return 2 * (products_per_frame * sum(lengths) + attention)
