"""The copies of a step side by side on a CPU: one thread a copy, each with its share of the cores.

Copies need nothing of each other, so a thread that computes one alone never waits for another, while
operators that are split over the cores meet after each of some forty a block. What a copy comes to does
not depend on its neighbours either: a row's audio is the same in every batch to the last bit.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import torch

from f5d.catalog.spec import MEL_CHANNELS
from f5d.model.dit import BatchModulation, DiT, ModulationPicks
from f5d.model.layers import PackedLayout, pack_layout

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

_LAYOUTS_KEPT: Final = 16


class CopyWorkers:
    """Owns the threads; they end when it is dropped."""

    def __init__(self, dit: DiT) -> None:
        self._dit = dit
        self._pool = ThreadPoolExecutor(torch.get_num_threads(), thread_name_prefix="f5d-step")
        self._layout = lru_cache(_LAYOUTS_KEPT)(self._new_layout)

    def velocity(self, hidden: Tensor, lengths: Sequence[int], picks: ModulationPicks) -> Tensor:
        """Return the velocities [total, 100] float32 of copies of `lengths` frames, end to end in `hidden`.

        Uses as many cores as torch is set to for the calling thread.
        """
        cores = torch.get_num_threads()
        share = cores // max(count for count in range(1, min(cores, len(lengths)) + 1) if cores % count == 0)
        velocity = hidden.new_empty(hidden.shape[0], MEL_CHANNELS)
        parts, outputs = torch.split(hidden, list(lengths)), torch.split(velocity, list(lengths))
        copies = list(zip(parts, outputs, picks.places, strict=True))
        copies.sort(key=lambda copy: copy[0].shape[0], reverse=True)  # the short ones fill the gaps at the end
        try:
            running: list[Future[None]] = [
                self._pool.submit(self._compute, part, output, picks, place, share)
                for part, output, place in copies
            ]
            wait(running)
        finally:
            torch.set_num_threads(cores)  # a part of the setting is the process's, not the thread's
        for future in running:
            future.result()
        return velocity

    @torch.inference_mode()
    def _compute(self, part: Tensor, output: Tensor, picks: ModulationPicks, place: int, cores: int) -> None:
        torch.set_num_threads(cores)
        table, index = picks.distinct[place]
        modulation = BatchModulation(table.blocks[index, None], table.final[index, None], None)
        output.copy_(self._dit(part, modulation, self._layout(part.shape[0])))

    def _new_layout(self, length: int) -> PackedLayout:
        return pack_layout([length], self._dit.architecture.dim_head, self._dit.device)
