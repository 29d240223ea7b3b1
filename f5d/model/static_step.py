"""Steps in buckets: fixed buffers that a step reads and writes, and recordings of steps in them.

Everything that differs between two batches of one bucket lies in `StepBuffers`, on the device. A step
recorded for one batch therefore computes any other batch of its bucket after `fill`. Steps that are not
recorded are computed in the same buffers, so a request comes to the same whether they are or not.
"""

from __future__ import annotations

import logging
import weakref
from collections import Counter, OrderedDict
from typing import TYPE_CHECKING, Final, Protocol

import torch

from f5d.catalog.spec import MEL_CHANNELS
from f5d.model.buckets import ALIGN_FRAMES, FEWEST_COPIES, MOST_COPIES, MOST_FRAMES
from f5d.model.dit import BatchModulation
from f5d.model.layers import GAP_FRAMES, PackedLayout, upload
from f5d.model.memory import is_device_error, is_out_of_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from f5d.model.buckets import Bucket
    from f5d.model.dit import DiT, ModulationPicks
    from f5d.model.packing import Packing

RECORDINGS_KEPT: Final = 48
_RECORD_ON_USE: Final = 3  # a shape that comes once or twice is not worth the pause
_RETRY_AFTER_USES: Final = 500  # what a recording lacked, memory as a rule, may be there by then
_GIVE_UP_AFTER: Final = 3  # shapes that could not be recorded, where none could
_WARM_UPS: Final = 2  # kernels are chosen and loaded, workspaces allocated, before recording

_log = logging.getLogger(__name__)


class StepBuffers:
    """The inputs and the output of a step in any bucket; a bucket uses the first part of each."""

    def __init__(self, dit: DiT, frames: int = MOST_FRAMES, copies: int = MOST_COPIES) -> None:
        self._dit = dit
        shape, device = dit.architecture, dit.device
        with torch.inference_mode(), torch.device(device):
            self.state = torch.zeros(frames, MEL_CHANNELS)
            self.static = torch.zeros(frames, shape.dim)
            self.velocity = torch.zeros(frames, MEL_CHANNELS)
            self.source = torch.zeros(frames, dtype=torch.long)
            self.gapped = torch.zeros(frames, dtype=torch.long)
            self.cos = torch.zeros(frames, 1, 1, shape.dim_head // 2)
            self.sin = torch.zeros_like(self.cos)
            self.cumulative = torch.zeros(2 * copies + 2, dtype=torch.int32)
            self.copy = torch.zeros(frames // ALIGN_FRAMES, dtype=torch.long)
            self.places = torch.zeros(copies, dtype=torch.long)
            self.blocks = torch.zeros(copies, shape.depth, 6, shape.dim)
            self.final = torch.zeros(copies, 2, shape.dim)
        self._packing: Packing | None = None
        self._inputs: list[weakref.ref[Tensor]] = []  # weak: a finished row's memory is free at once

    def fill(
        self, packing: Packing, states: Sequence[Tensor], inputs: Sequence[Tensor], picks: ModulationPicks
    ) -> None:
        """Write a step's inputs: each row's state, each copy's static input and modulation.

        What did not change since the last step of the same rows is not written again.
        """
        torch.cat(list(states), out=self.state[: sum(shape.frames for shape in packing.shapes)])
        if packing is not self._packing or not self._holds(inputs):
            self._packing = None  # until all of it is written
            self._fill_rows(packing, inputs)
            self._packing, self._inputs = packing, [weakref.ref(part) for part in inputs]
        count = len(picks.distinct)
        torch.stack([table.blocks[index] for table, index in picks.distinct], out=self.blocks[:count])
        torch.stack([table.final[index] for table, index in picks.distinct], out=self.final[:count])
        self.places[: len(picks.places)].copy_(upload(torch.tensor(picks.places), self.places.device))

    def compute(self, bucket: Bucket, lengths: tuple[int, ...] = ()) -> None:
        """Compute the velocities of a bucket from what was filled in.

        Reads nothing from the host but the bucket, so it can be recorded; only attention without a
        kernel for packed rows needs to be told the `lengths`, dummy rows included.
        """
        frames = bucket.frames
        layout = PackedLayout(
            lengths=lengths,
            cos=self.cos[:frames],
            sin=self.sin[:frames],
            gapped=self.gapped[:frames],
            gapped_frames=frames + GAP_FRAMES * (bucket.rows - 1),
            cumulative=self.cumulative[: bucket.rows + 1],
            longest=bucket.longest,
            varlen=self._dit.varlen,
        )
        modulation = BatchModulation(
            self.blocks[: bucket.copies],
            self.final[: bucket.copies],
            self.places.index_select(0, self.copy[: bucket.stretches]),
        )
        noisy = self._dit.noisy_input(self.state[:frames].index_select(0, self.source[:frames]))
        self.velocity[:frames].copy_(self._dit.in_bucket(noisy + self.static[:frames], modulation, layout))

    def _holds(self, inputs: Sequence[Tensor]) -> bool:
        return len(inputs) == len(self._inputs) and all(
            part is held() for part, held in zip(inputs, self._inputs, strict=True)
        )

    def _fill_rows(self, packing: Packing, inputs: Sequence[Tensor]) -> None:
        layout = packing.layout
        parts = (
            (self.source, packing.source),
            (self.gapped, layout.gapped),
            (self.cos, layout.cos),
            (self.sin, layout.sin),
            (self.cumulative, layout.cumulative),
            (self.copy, packing.copy),
        )
        for buffer, part in parts:
            if part is not None:
                buffer[: len(part)].copy_(part)
        slots = [
            self.static[start : start + len(part)] for start, part in zip(packing.starts, inputs, strict=True)
        ]
        torch._foreach_copy_(slots, list(inputs))


class Recorder(Protocol):
    """Turns a computation on fixed buffers into something cheaper to repeat."""

    def record(self, compute: Callable[[], None]) -> Callable[[], None]:
        """Return what repeats `compute`. Raises RuntimeError when it cannot be recorded."""


class CudaGraphs:
    """A Recorder of CUDA graphs that share one pool of memory; they never run at the same time."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._renew()

    def record(self, compute: Callable[[], None]) -> Callable[[], None]:
        """Return the replay of a graph. Raises RuntimeError when capture fails; later ones may succeed."""
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.device(self._device):
            current = torch.cuda.current_stream()
            try:
                self._capture(graph, compute, current)
            except RuntimeError:
                torch.cuda.set_stream(current)  # a capture that cannot be ended leaves its own current
                self._renew()  # and its pool taken
                raise
        return graph.replay

    def _capture(
        self, graph: torch.cuda.CUDAGraph, compute: Callable[[], None], current: torch.cuda.Stream
    ) -> None:
        self._stream.wait_stream(current)
        with torch.cuda.stream(self._stream):  # the stream of the capture, whose workspaces it will use
            for _ in range(_WARM_UPS):
                compute()
        with torch.cuda.graph(graph, pool=self._pool, stream=self._stream, capture_error_mode="thread_local"):
            compute()
        current.wait_stream(self._stream)

    def _renew(self) -> None:
        self._stream = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
        self._pool = torch.cuda.graph_pool_handle()


class RecordedSteps:
    """Owns the buffers and the recordings; the least recently used ones beyond the limit are dropped.

    Without a `recorder` every step is computed operation by operation.
    """

    def __init__(self, buffers: StepBuffers, recorder: Recorder | None, limit: int = RECORDINGS_KEPT) -> None:
        self.buffers = buffers
        self._recorder = recorder
        self._limit = limit
        self._replays: OrderedDict[Bucket, Callable[[], None]] = OrderedDict()
        self._uses: Counter[Bucket] = Counter()
        self._retry_at: dict[Bucket, int] = {}  # the use from which a shape that failed may be tried again
        self._failed: set[Bucket] = set()

    def run(self, bucket: Bucket, lengths: tuple[int, ...] = ()) -> None:
        """Compute what was filled in, replayed where the shape is recorded; `lengths` as `compute` has them.

        A shape of several rows is recorded when it comes again. One of a single row is not: somebody may
        wait for just that row, and the engine will soon be idle.
        """
        self._uses[bucket] += 1
        if bucket.copies > FEWEST_COPIES and self._worth_recording(bucket):
            self._record(bucket)
        replay = self._replays.get(bucket)
        if replay is None:
            self.buffers.compute(bucket, lengths)
            return
        self._replays.move_to_end(bucket)
        replay()

    def seen(self) -> Bucket | None:
        """Return a shape that came often enough to be recorded and is not, the most usual first."""
        return next((bucket for bucket, _ in self._uses.most_common() if self._worth_recording(bucket)), None)

    def record(self, bucket: Bucket) -> None:
        """Record a shape whose inputs were filled in, unless it is recorded or cannot be."""
        if not self.has(bucket):
            self._record(bucket)

    def has(self, bucket: Bucket) -> bool:
        """Whether this bucket is recorded or cannot be for now."""
        if self._recorder is None or bucket in self._replays:
            return True
        return self._uses[bucket] < self._retry_at.get(bucket, 0)

    def clear(self) -> None:
        """Drop every recording and give back its memory."""
        self._replays.clear()
        self._uses.clear()
        self._retry_at.clear()

    def _worth_recording(self, bucket: Bucket) -> bool:
        return self._uses[bucket] >= _RECORD_ON_USE and not self.has(bucket)

    def _record(self, bucket: Bucket) -> None:
        if self._recorder is None:
            return
        try:
            self._replays[bucket] = self._recorder.record(lambda: self.buffers.compute(bucket))
        except RuntimeError as error:  # out of memory is one too; the step then runs unrecorded
            if is_device_error(error):
                raise
            self._note_failure(bucket, error)
        while len(self._replays) > self._limit:
            self._replays.popitem(last=False)

    def _note_failure(self, bucket: Bucket, error: RuntimeError) -> None:
        if bucket not in self._failed:
            _log.warning("steps of %s are not recorded: %s", bucket, str(error).split("\n", 1)[0])
        self._retry_at[bucket] = self._uses[bucket] + _RETRY_AFTER_USES
        if is_out_of_memory(error):
            return
        self._failed.add(bucket)
        if len(self._failed) >= _GIVE_UP_AFTER and not self._replays:
            _log.warning("no steps are recorded any more: none of %d shapes could be", len(self._failed))
            self._recorder = None
