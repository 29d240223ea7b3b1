"""Steps in buckets: fixed buffers that a step reads and writes, and recordings of steps in them.

Everything that differs between two batches of one bucket lies in `StepBuffers`, on the device. A step
recorded for one batch therefore computes any other batch of its bucket after `fill`. The same code
runs without recording on any device, which is how it is tested.
"""

from __future__ import annotations

import logging
import weakref
from collections import Counter, OrderedDict
from typing import TYPE_CHECKING, Final, Protocol

import torch

from f5d.catalog.spec import MEL_CHANNELS
from f5d.model.buckets import ALIGN_FRAMES, MOST_COPIES, MOST_FRAMES
from f5d.model.dit import BatchModulation
from f5d.model.layers import GAP_FRAMES, PackedLayout, upload
from f5d.model.memory import is_device_error

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from f5d.model.buckets import Bucket
    from f5d.model.dit import DiT, ModulationPicks
    from f5d.model.packing import Packing

RECORDINGS_KEPT: Final = 48
_RECORD_ON_USE: Final = 3  # a shape that comes once or twice is not worth the pause
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
        kernel for packed rows needs to be told the `lengths`.
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
        self.velocity[:frames].copy_(self._dit(noisy + self.static[:frames], modulation, layout))

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
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._pool = torch.cuda.graph_pool_handle()

    def record(self, compute: Callable[[], None]) -> Callable[[], None]:
        """Return the replay of a graph. Raises RuntimeError when capture fails."""
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.device(self._device):
            current = torch.cuda.current_stream()
            self._stream.wait_stream(current)
            with torch.cuda.stream(self._stream):  # the stream of the capture, whose workspaces it will use
                for _ in range(_WARM_UPS):
                    compute()
            with torch.cuda.graph(
                graph, pool=self._pool, stream=self._stream, capture_error_mode="thread_local"
            ):
                compute()
            current.wait_stream(self._stream)
        return graph.replay


class RecordedSteps:
    """Owns the buffers and the recordings; the least recently used ones beyond the limit are dropped."""

    def __init__(self, buffers: StepBuffers, recorder: Recorder, limit: int = RECORDINGS_KEPT) -> None:
        self.buffers = buffers
        self._recorder = recorder
        self._limit = limit
        self._replays: OrderedDict[Bucket, Callable[[], None]] = OrderedDict()
        self._uses: Counter[Bucket] = Counter()
        self._failed: set[Bucket] = set()

    def wants(self, bucket: Bucket) -> bool:
        """Count a use; return whether steps in this bucket are recorded, or now worth recording."""
        self._uses[bucket] += 1
        return bucket in self._replays or (bucket not in self._failed and self._uses[bucket] >= _RECORD_ON_USE)

    def run(self, bucket: Bucket) -> bool:
        """Compute what was filled in, recording it first if need be; return whether that went well."""
        replay = self._replays.pop(bucket, None) or self._record(bucket)
        if replay is None:
            return False
        self._replays[bucket] = replay
        while len(self._replays) > self._limit:
            self._replays.popitem(last=False)
        replay()
        return True

    def clear(self) -> None:
        """Drop every recording and give back its memory."""
        self._replays.clear()
        self._uses.clear()

    def has(self, bucket: Bucket) -> bool:
        """Whether this bucket is recorded or cannot be."""
        return bucket in self._replays or bucket in self._failed

    def _record(self, bucket: Bucket) -> Callable[[], None] | None:
        try:
            return self._recorder.record(lambda: self.buffers.compute(bucket))
        except RuntimeError as error:  # out of memory is one too; the step then runs unrecorded
            if is_device_error(error):
                raise
            if not self._failed:
                _log.warning("steps of %s are not recorded: %s", bucket, str(error).split("\n", 1)[0])
            self._failed.add(bucket)
            return None
