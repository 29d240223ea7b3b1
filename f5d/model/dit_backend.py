"""The backend of F5-TTS's DiT: any set of rows, one packed forward a step.

On CUDA a step is computed in the bucket that has room for it, replayed where that is recorded
(static_step.py), on a CPU the copies are computed side by side (workers.py); elsewhere, and for more
frames than any bucket has, the rows are packed end to end.
"""

from __future__ import annotations

from collections import deque
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import torch

from f5d.model.buckets import Bucket, bucket_for, common_lengths
from f5d.model.dit import BatchModulation, DiT, ModulationPicks, ModulationTable
from f5d.model.layers import upload
from f5d.model.memory import is_out_of_memory
from f5d.model.packing import Packing, RowShape, copy_lengths, euler, pack
from f5d.model.sampler import Row, RowSpec, StepFence, own_rows, time_grid
from f5d.model.static_step import CudaGraphs, RecordedSteps, StepBuffers
from f5d.model.workers import CopyWorkers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

_TABLES_KEPT: Final = 8  # 16 steps of F5TTS_v1_Base are 8.7 MB
_PACKINGS_KEPT: Final = 8


class DiTRow(Row):
    """A row of DiTBackend with what its segment adds to every step."""

    def __init__(self, spec: RowSpec, dit: DiT, table: ModulationTable) -> None:
        super().__init__(spec, dit.device)
        self.table = table
        reference = upload(spec.reference_mel.float(), dit.device)
        token_ids = upload(torch.tensor(spec.token_ids, dtype=torch.long), dit.device)
        drops = (False, True) if spec.guided else (False,)
        self.static_inputs = [
            dit.static_input(reference, token_ids, spec.frames, dropped=dropped) for dropped in drops
        ]

    def accept(self, state: Tensor) -> None:
        """Take `state` [frames, 100] float32 for where the next step leads."""
        super().accept(state)
        if self.finished:
            self.static_inputs = []  # the largest part of a row; its mel may be held for longer


class DiTBackend:
    """Steps rows through our DiT, all of them packed into one forward. Owned by the engine.

    `recorded` computes steps in buckets and `workers` computes copies side by side, where given.
    """

    def __init__(
        self,
        dit: DiT,
        dtype: str,
        recorded: RecordedSteps | None = None,
        workers: CopyWorkers | None = None,
    ) -> None:
        self.device = str(dit.device)
        self.dtype = dtype
        self._dit = dit
        self._recorded = recorded
        self._workers = workers
        self._to_warm = deque(common_lengths())
        self._fence = StepFence(dit.device)

        @lru_cache(_TABLES_KEPT)
        def table(nfe_step: int, sway_sampling_coef: float | None) -> ModulationTable:
            return dit.modulation_table(time_grid(nfe_step, sway_sampling_coef)[:-1])

        @lru_cache(_PACKINGS_KEPT)
        def packing(shapes: tuple[RowShape, ...], bucket: Bucket | None) -> Packing:
            return pack(shapes, dit, bucket)

        self._table, self._packing = table, packing

    @torch.inference_mode()
    def open_row(self, spec: RowSpec) -> Row:
        """Return a row at its noise."""
        return DiTRow(spec, self._dit, self._table(spec.nfe_step, spec.sway_sampling_coef))

    @torch.inference_mode()
    def step(self, rows: Sequence[Row]) -> None:
        """Advance every row by one step of its own grid. Raises ValueError for a finished row."""
        own = own_rows(rows, DiTRow)
        if not own:
            return
        try:
            packing, velocity = self._velocity(own)
            state = euler(
                packing,
                torch.cat([row.state for row in own]),
                velocity,
                spans=[row.span for row in own],
                cfg=[row.spec.cfg_strength for row in own],
            )
        except Exception as error:
            if self._recorded is not None and is_out_of_memory(error):
                self._recorded.clear()  # the caller goes on with smaller steps and needs the memory
            raise
        for row, part in zip(own, torch.split(state, [row.spec.frames for row in own]), strict=True):
            row.accept(part)
        self._fence.queued()

    @torch.inference_mode()
    def warm_up_next(self) -> bool:
        """Record one common shape that is not recorded yet; return whether more are left.

        Takes a fraction of a second on CUDA; False at once where steps are not recorded.
        """
        if self._recorded is None:
            return False
        bucket = self._recorded.seen() or self._next_common(self._recorded)
        if bucket is None:
            return False
        self._fill_idly(self._recorded.buffers, bucket)
        self._recorded.record(bucket)
        return True

    def _next_common(self, recorded: RecordedSteps) -> Bucket | None:
        """Return a usual shape that is not recorded, each once: one that was dropped is not usual here."""
        while self._to_warm:
            bucket = _bucket_of(self._to_warm.popleft())
            if not recorded.has(bucket):
                return bucket
        return None

    def _fill_idly(self, buffers: StepBuffers, bucket: Bucket) -> None:
        """Give the buffers what a step in `bucket` can be computed from: rows of zeros."""
        count = max(1, min(bucket.copies, bucket.frames // bucket.longest))
        shape = RowShape(min(bucket.frames, bucket.longest), guided=False)
        state = torch.zeros(shape.frames, buffers.state.shape[1], device=self._dit.device)
        static = state.new_zeros(shape.frames, self._dit.architecture.dim)
        packing = pack((shape,) * count, self._dit, bucket)
        picks = ModulationPicks.of([(self._table(1, None), 0)] * count)
        buffers.fill(packing, [state] * count, [static] * count, picks)

    def _velocity(self, rows: Sequence[DiTRow]) -> tuple[Packing, Tensor]:
        """Return the velocities of all copies, and where each is."""
        shapes = tuple(RowShape(row.spec.frames, row.spec.guided) for row in rows)
        states = [row.state for row in rows]
        inputs = [static for row in rows for static in row.static_inputs]
        picks = ModulationPicks.of([(row.table, row.steps_done) for row in rows for _ in row.static_inputs])
        bucket = bucket_for(copy_lengths(shapes)) if self._recorded is not None else None
        if bucket is not None and self._recorded is not None:
            packing = self._packing(shapes, bucket)
            self._recorded.buffers.fill(packing, states, inputs, picks)
            self._recorded.run(bucket, packing.layout.lengths)
            return packing, self._recorded.buffers.velocity
        packing = self._packing(shapes, None)
        noisy = self._dit.noisy_input(torch.cat(states)).index_select(0, packing.source)
        hidden = noisy.add_(torch.cat(inputs))
        if self._workers is not None:
            return packing, self._workers.velocity(hidden, copy_lengths(shapes), picks)
        return packing, self._dit(hidden, _modulation(picks, packing), packing.layout)


def recorded_steps(dit: DiT, *, record: bool = True) -> RecordedSteps | None:
    """Return what computes a DiT's steps on CUDA, None elsewhere.

    They are recorded if asked for and where attention takes the rows' lengths from the device.
    """
    if dit.device.type != "cuda":
        return None
    recordable = record and dit.varlen is not None
    return RecordedSteps(StepBuffers(dit), CudaGraphs(dit.device) if recordable else None)


def _bucket_of(lengths: Sequence[int]) -> Bucket:
    bucket = bucket_for(lengths)
    if bucket is None:
        raise ValueError(f"copies of {lengths} frames fit no bucket")
    return bucket


def _modulation(picks: ModulationPicks, packing: Packing) -> BatchModulation:
    """Return the modulation of rows packed end to end: one value where they share a time, else one a frame."""
    blocks = torch.stack([table.blocks[index] for table, index in picks.distinct])
    final = torch.stack([table.final[index] for table, index in picks.distinct])
    if len(picks.distinct) == 1:
        return BatchModulation(blocks, final, None)
    places = upload(torch.tensor(picks.places), blocks.device)
    return BatchModulation(blocks, final, places.index_select(0, packing.copy))
