"""The fast paths of a GPU against the plain one, before anything is spoken.

A step of two short rows at different times is computed plainly, with each fused part, and from a recording.
What raises or comes out otherwise is not used: on hardware that nobody has tried, speech is right first.
"""

from __future__ import annotations

import logging
import math
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Final

import torch

from f5d.catalog.spec import MEL_CHANNELS
from f5d.model.buckets import bucket_for
from f5d.model.dit import ModulationPicks
from f5d.model.fused import CONVOLUTION, GELU, PARTS, FusedForward
from f5d.model.layers import upload
from f5d.model.packing import RowShape, copy_lengths, pack
from f5d.model.static_step import CudaGraphs, StepBuffers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from torch import Tensor

    from f5d.model.dit import DiT
    from f5d.model.fused import Kernels
    from f5d.model.static_step import Recorder

LEAST_DB: Final = {torch.float16: 50.0, torch.bfloat16: 32.0}  # 3 bits less; its own rounding leaves 46
RECORDING: Final = "recording"
_CONVOLUTION_CUDA_MAJOR: Final = 8  # Ampere; for older ones Triton multiplies without tensor cores
_SHAPES: Final = (RowShape(61, guided=True), RowShape(40, guided=False))
_TIMES: Final = (0.1, 0.6)  # of the rows
_TOKENS, _REFERENCE_FRAMES = 8, 20
_LEAST_NORM: Final = 1e-30

_log = logging.getLogger(__name__)


def choose_paths(dit: DiT, *, record: bool) -> bool:
    """Give a DiT on CUDA in half precision the fused parts that work there; return whether to record.

    That is `record`, unless a recording was tried and disagrees. Logs how near each is to the plain step, and
    one warning that names what is switched off. Raises what a GPU that has failed raises.
    """
    if dit.device.type != "cuda" or dit.input_embed.conv_pos_embed.dtype not in LEAST_DB:
        return record
    recorder = CudaGraphs(dit.device) if record and dit.varlen is not None else None
    parts = PARTS
    if torch.cuda.get_device_capability(dit.device)[0] < _CONVOLUTION_CUDA_MAJOR:
        parts = tuple(part for part in PARTS if part != CONVOLUTION)
    try:
        kernels: Kernels = import_module("f5d.model.kernels")
    except Exception as error:  # noqa: BLE001 - a broken Triton raises more than ImportError
        return check_paths(dit, recorder, None, parts, lacking=_first_line(error)) and record
    return check_paths(dit, recorder, kernels, parts) and record


@torch.inference_mode()
def check_paths(
    dit: DiT,
    recorder: Recorder | None,
    kernels: Kernels | None,
    parts: Sequence[str] = PARTS,
    lacking: str = "no kernels",
) -> bool:
    """Set `dit.fused` to those of `parts` that agree with the plain step; return False if a recording does not.

    Nothing is tried where the plain step is no numbers. `lacking` says why there are no kernels. Raises what a
    GPU that has failed raises.
    """
    step = _TinyStep(dit)
    wanted = step.computed(None)
    if not bool(wanted.isfinite().all()):
        return True
    least_db = LEAST_DB.get(dit.input_embed.conv_pos_embed.dtype, max(LEAST_DB.values()))
    off: dict[str, str] = {}
    near: dict[str, float] = {}  # decibels by what was tried

    def keep(names: Iterable[str], compute: Callable[[], Tensor], tried: str) -> None:
        found = _decibels(compute, wanted)
        if isinstance(found, str):
            off.update(dict.fromkeys(names, found))
        elif not found >= least_db:  # also where it is no number
            off.update(dict.fromkeys(names, f"{found:.0f} dB from the plain step"))
        else:
            near[tried] = found

    for part in parts:
        if kernels is None and part != GELU:
            off[part] = lacking
        else:
            keep([part], partial(step.computed, FusedForward(dit, kernels, frozenset({part}))), part)
    kept = frozenset(parts) - off.keys()
    keep(kept, partial(step.computed, FusedForward(dit, kernels, kept)), "together")
    kept -= off.keys()
    dit.fused = FusedForward(dit, kernels, kept) if kept else None
    if recorder is not None:
        keep([RECORDING], partial(step.replayed, recorder), RECORDING)
    _log.info(
        "dB between the plain step and others on %s: %s",
        dit.device,
        ", ".join(f"{tried} {found:.0f}" for tried, found in near.items()) or "none agrees",
    )
    if off:
        _log.warning("not used on %s, so speech is slower: %s", dit.device, _grouped(off))
    return RECORDING not in off


class _TinyStep:
    """A step of two rows, three copies, in buffers of its own."""

    def __init__(self, dit: DiT) -> None:
        lengths = copy_lengths(_SHAPES)
        bucket = bucket_for(lengths)
        if bucket is None:
            raise ValueError(f"copies of {lengths} frames fit no bucket")
        self._dit, self._bucket = dit, bucket
        self._packing = pack(_SHAPES, dit, bucket)
        self._buffers = StepBuffers(dit, bucket.frames, bucket.copies)
        table = dit.modulation_table(torch.tensor(_TIMES))
        self._picks = ModulationPicks.of(
            [(table, row) for row, shape in enumerate(_SHAPES) for _ in range(1 + shape.guided)]
        )
        self._states = [_noise(shape.frames, dit.device) for shape in _SHAPES]
        tokens = torch.zeros(_TOKENS, dtype=torch.long, device=dit.device)
        reference = _noise(_REFERENCE_FRAMES, dit.device)
        self._inputs = [
            dit.static_input(reference, tokens, shape.frames, dropped=dropped)
            for shape in _SHAPES
            for dropped in (False, True)[: 1 + shape.guided]
        ]

    def computed(self, fused: FusedForward | None) -> Tensor:
        """Return the velocities of all copies, computed operation by operation."""
        self._dit.fused = fused
        self._fill()
        self._buffers.compute(self._bucket, self._packing.layout.lengths)
        return self._velocity()

    def replayed(self, recorder: Recorder) -> Tensor:
        """Return the velocities from a recording that was made with other states."""
        self._buffers.state.zero_()
        replay = recorder.record(lambda: self._buffers.compute(self._bucket))
        self._fill()
        replay()
        return self._velocity()

    def _fill(self) -> None:
        self._buffers.fill(self._packing, self._states, self._inputs, self._picks)
        self._buffers.velocity.fill_(math.nan)

    def _velocity(self) -> Tensor:
        used = torch.cat((self._packing.conditional, self._packing.unconditional))
        return self._buffers.velocity.index_select(0, used).cpu()


def _decibels(compute: Callable[[], Tensor], wanted: Tensor) -> float | str:
    """Return how far `wanted` stands above its difference from what is computed, or why nothing is."""
    try:
        found = compute()
    except Exception as error:  # noqa: BLE001 - compilers, drivers and caches on a disk raise all kinds
        if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
            torch.cuda.synchronize()  # a GPU that has failed says so here: no path is left on it
        return _first_line(error)
    ratio = float(wanted.norm() / (found - wanted).norm().clamp_min(_LEAST_NORM))
    return 20 * math.log10(ratio) if ratio > 0 else ratio


def _noise(frames: int, device: torch.device) -> Tensor:
    return upload(torch.randn(frames, MEL_CHANNELS, generator=torch.Generator().manual_seed(frames)), device)


def _grouped(off: dict[str, str]) -> str:
    """Return the names of what is off, those with one reason together."""
    names: dict[str, list[str]] = {}
    for name, reason in off.items():
        names.setdefault(reason, []).append(name)
    return "; ".join(f"{', '.join(group)} ({reason})" for reason, group in names.items())


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]
