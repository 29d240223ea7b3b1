"""Flow matching one Euler step at a time, for rows that each have their own time, grid and guidance.

A Row is a segment on its way from noise to mel; a Backend opens rows and advances them
(dit_backend.py, reference.py). Knows nothing of requests, text or audio. Source: f5_tts/model/cfm.py, sample.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

import torch

from f5ctl.errors import BadRequestError
from f5d.catalog.spec import MEL_CHANNELS
from f5d.model.layers import upload

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

MAX_FRAMES: Final = 65_536  # upstream's max_duration, 11.6 minutes
NO_GUIDANCE: Final = 1e-5  # below it the unconditional pass is dropped, as upstream does

_GRID_UNITS: Final = 32
_EPSS: Final[dict[int, tuple[int, ...]]] = {  # empirically pruned steps, in 1/32 (f5_tts/model/utils.py)
    5: (0, 2, 4, 8, 16, 32),
    6: (0, 2, 4, 6, 8, 16, 32),
    7: (0, 2, 4, 6, 8, 16, 24, 32),
    10: (0, 2, 4, 6, 8, 12, 16, 20, 24, 28, 32),
    12: (0, 2, 4, 6, 8, 10, 12, 14, 16, 20, 24, 28, 32),
    16: (0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32),
}


@dataclass(frozen=True, slots=True)
class RowSpec:
    """Everything that decides a row's mel.

    reference_mel [reference frames, 100] float32; token_ids of reference text, gap and generated text;
    total_frames of reference and generated mel, raised so that something is generated.

    Raises:
        BadRequestError: `bad_parameter`, no mel can come of it.
    """

    reference_mel: Tensor
    token_ids: tuple[int, ...]
    total_frames: int
    nfe_step: int
    cfg_strength: float
    sway_sampling_coef: float | None
    seed: int

    def __post_init__(self) -> None:
        shape = tuple(self.reference_mel.shape)
        if len(shape) != 2 or shape[1] != MEL_CHANNELS:
            line = f"reference mel of shape {shape}; [frames, {MEL_CHANNELS}] is needed"
            raise BadRequestError("bad_parameter", line)
        if self.reference_frames >= MAX_FRAMES:
            line = f"reference of {self.reference_frames} frames; the limit is {MAX_FRAMES - 1}"
            raise BadRequestError("bad_parameter", line)
        if self.nfe_step < 1:
            raise BadRequestError("bad_parameter", f"nfe_step is {self.nfe_step}; it must be at least 1")

    @property
    def reference_frames(self) -> int:
        """Frames of the reference mel."""
        return self.reference_mel.shape[0]

    @property
    def frames(self) -> int:
        """Frames that are computed: total_frames, but more than the text and the reference have."""
        return min(max(self.total_frames, len(self.token_ids) + 1, self.reference_frames + 1), MAX_FRAMES)

    @property
    def guided(self) -> bool:
        """True when an unconditional copy is computed too."""
        return self.cfg_strength >= NO_GUIDANCE


class Row:
    """A segment between its first and its last step; owned by who opened it, advanced by its backend."""

    def __init__(self, spec: RowSpec, device: torch.device) -> None:
        self.spec = spec
        self.times = time_grid(spec.nfe_step, spec.sway_sampling_coef)
        self._spans: list[float] = self.times.diff().tolist()
        self.state = upload(initial_noise(spec), device)  # [frames, 100] float32
        self.steps_done = 0

    @property
    def step_count(self) -> int:
        """Steps from noise to mel."""
        return len(self.times) - 1

    @property
    def finished(self) -> bool:
        """True once the mel is there."""
        return self.steps_done >= self.step_count

    @property
    def mel(self) -> Tensor:
        """The generated mel [frames - reference frames, 100] float32, where it was computed.

        Raises ValueError before the row is finished.
        """
        if not self.finished:
            raise ValueError(f"the row has done {self.steps_done} of {self.step_count} steps")
        return self.state[self.spec.reference_frames :]

    @property
    def span(self) -> float:
        """Time that the next step covers."""
        return self._spans[self.steps_done]

    def advance(self, velocity: Tensor) -> None:
        """Take one Euler step along `velocity` [frames, 100] float32."""
        self.accept(self.state + self.span * velocity)

    def accept(self, state: Tensor) -> None:
        """Take `state` [frames, 100] float32 for where the next step leads."""
        self.state = state
        self.steps_done += 1


class StepFence:
    """Lets the host be one step ahead of a CUDA device, where it could queue all that are left.

    Who comes, goes or measures then waits for one step at most, and the device for none.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._last: torch.cuda.Event | None = None

    def queued(self) -> None:
        """Wait for the step before the one that was just queued. Raises what the device reports."""
        if self._device.type != "cuda":
            return
        event = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]
        event.record(torch.cuda.current_stream(self._device))
        last, self._last = self._last, event
        if last is not None:
            last.synchronize()


_Own = TypeVar("_Own", bound=Row)


class Backend(Protocol):
    """What the scheduler drives: rows in, one ODE step for any set of them."""

    @property
    def device(self) -> str:
        """Where the model computes, as torch writes it."""

    @property
    def dtype(self) -> str:
        """The type of the costly weights, as torch names it."""

    def open_row(self, spec: RowSpec) -> Row:
        """Return a row at its noise."""

    def step(self, rows: Sequence[Row]) -> None:
        """Advance every row by one step of its own grid. Raises ValueError for a finished row."""

    def warm_up_next(self) -> bool:
        """Do one short piece of preparation that later steps gain from; return whether more is left."""


def own_rows(rows: Sequence[Row], kind: type[_Own]) -> list[_Own]:
    """Return the rows that a backend is to step.

    Raises TypeError for a row that another backend opened, ValueError for a finished one.
    """
    own: list[_Own] = []
    for row in rows:
        if not isinstance(row, kind):
            raise TypeError(f"{type(row).__name__} was opened by another backend")
        if row.finished:
            raise ValueError("a finished row cannot be stepped")
        own.append(row)
    return own


def time_grid(nfe_step: int, sway_sampling_coef: float | None) -> Tensor:
    """Return the times of the ODE's steps, [nfe_step + 1] float32 from 0 to 1.

    Pruned tables for 5, 6, 7, 10, 12 and 16 steps, even spacing for the rest, then sway.
    """
    units = _EPSS.get(nfe_step)
    if units is None:
        times = torch.linspace(0, 1, nfe_step + 1, dtype=torch.float32)
    else:
        times = (1 / _GRID_UNITS) * torch.tensor(units, dtype=torch.float32)
    if sway_sampling_coef is not None:
        times = times + sway_sampling_coef * (torch.cos(torch.pi / 2 * times) - 1 + times)
    return times


def initial_noise(spec: RowSpec) -> Tensor:
    """Return the row's noise [frames, 100] float32, the same on every device and in every batch."""
    generator = torch.Generator(device="cpu").manual_seed(spec.seed)
    return torch.randn(spec.frames, MEL_CHANNELS, generator=generator, dtype=torch.float32)
