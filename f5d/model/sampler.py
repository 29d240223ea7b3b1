"""Flow matching one Euler step at a time, for rows that each have their own time, grid and guidance.

A Row is a segment on its way from noise to mel; a Backend opens rows and advances them. Knows nothing
of requests, text or audio. Source: f5_tts/model/cfm.py, sample.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

import torch

from f5ctl.errors import BadRequestError

from .config import MEL_CHANNELS
from .dit import DiT, ModulationTable

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
_TABLES_KEPT: Final = 8  # 16 steps of F5TTS_v1_Base are 8.7 MB


@dataclass(frozen=True, slots=True)
class RowSpec:
    """Everything that decides a row's mel.

    reference_mel [reference frames, 100] float32; token_ids of reference text, gap and generated text;
    total_frames of reference and generated mel, raised so that something is generated.
    """

    reference_mel: Tensor
    token_ids: tuple[int, ...]
    total_frames: int
    nfe_step: int
    cfg_strength: float
    sway_sampling_coef: float | None
    seed: int

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
        check_spec(spec)
        self.spec = spec
        self.times = time_grid(spec.nfe_step, spec.sway_sampling_coef)
        self.state = initial_noise(spec).to(device)  # [frames, 100] float32
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
        """The generated mel [frames - reference frames, 100] float32 on the CPU.

        Raises ValueError before the row is finished.
        """
        if not self.finished:
            raise ValueError(f"the row has done {self.steps_done} of {self.step_count} steps")
        return self.state[self.spec.reference_frames :].cpu()

    def advance(self, velocity: Tensor) -> None:
        """Take one Euler step along `velocity` [frames, 100] float32."""
        span = (self.times[self.steps_done + 1] - self.times[self.steps_done]).item()
        self.state = self.state + span * velocity
        self.steps_done += 1


class Backend(Protocol):
    """What the scheduler drives: rows in, one ODE step for any set of them."""

    @property
    def device(self) -> str:
        """Where the model computes, as torch writes it."""

    @property
    def dtype(self) -> str:
        """The type of the costly weights, as torch names it."""

    def open_row(self, spec: RowSpec) -> Row:
        """Return a row at its noise. Raises BadRequestError (bad_parameter) for a spec out of range."""

    def step(self, rows: Sequence[Row]) -> None:
        """Advance every row by one step of its own grid. Raises ValueError for a finished row."""


class _DiTRow(Row):
    """A row of DiTBackend with what its segment adds to every step."""

    def __init__(self, spec: RowSpec, dit: DiT, table: ModulationTable) -> None:
        super().__init__(spec, dit.device)
        self.table = table
        reference = spec.reference_mel.to(dit.device, torch.float32)
        token_ids = torch.tensor(spec.token_ids, dtype=torch.long, device=dit.device)
        drops = (False, True) if spec.guided else (False,)
        self.static_inputs = [
            dit.static_input(reference, token_ids, spec.frames, dropped=dropped) for dropped in drops
        ]

    def advance(self, velocity: Tensor) -> None:
        super().advance(velocity)
        if self.finished:
            self.static_inputs = []  # the largest part of a row; its mel may be held for longer


class DiTBackend:
    """Steps rows through our DiT, all of them packed into one forward. Owned by the engine."""

    def __init__(self, dit: DiT, dtype: str) -> None:
        self._dit = dit
        self._dtype = dtype
        self._tables: OrderedDict[tuple[int, float | None], ModulationTable] = OrderedDict()

    @property
    def device(self) -> str:
        """Where the model computes, as torch writes it."""
        return str(self._dit.device)

    @property
    def dtype(self) -> str:
        """The type of the costly weights, as torch names it."""
        return self._dtype

    @torch.inference_mode()
    def open_row(self, spec: RowSpec) -> Row:
        """Return a row at its noise. Raises BadRequestError (bad_parameter) for a spec out of range."""
        check_spec(spec)
        return _DiTRow(spec, self._dit, self._table(spec.nfe_step, spec.sway_sampling_coef))

    @torch.inference_mode()
    def step(self, rows: Sequence[Row]) -> None:
        """Advance every row by one step of its own grid. Raises ValueError for a finished row."""
        own = [_own(row) for row in rows]
        if not own:
            return
        lengths = tuple(row.spec.frames for row in own for _ in row.static_inputs)
        picks = [(row.table, row.steps_done) for row in own for _ in row.static_inputs]
        velocities: Tensor = self._dit(
            self._pack(own), ModulationTable.gather(picks, lengths), self._dit.layout(lengths)
        )
        parts = torch.split(velocities, list(lengths))
        place = 0
        for row in own:
            copies = len(row.static_inputs)
            row.advance(_guide(parts[place : place + copies], row.spec.cfg_strength))
            place += copies

    def _pack(self, rows: Sequence[_DiTRow]) -> Tensor:
        """Return the packed inputs [total, dim]: for each row its conditional, then its unconditional copy."""
        noisy = self._dit.noisy_input(torch.cat([row.state for row in rows]))
        parts = torch.split(noisy, [row.spec.frames for row in rows])
        return torch.cat(
            [part + static for row, part in zip(rows, parts, strict=True) for static in row.static_inputs]
        )

    def _table(self, nfe_step: int, sway_sampling_coef: float | None) -> ModulationTable:
        key = (nfe_step, sway_sampling_coef)
        table = self._tables.pop(key, None)
        if table is None:
            table = self._dit.modulation_table(time_grid(nfe_step, sway_sampling_coef)[:-1])
        self._tables[key] = table
        while len(self._tables) > _TABLES_KEPT:
            self._tables.popitem(last=False)
        return table


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


def check_spec(spec: RowSpec) -> None:
    """Raise BadRequestError (bad_parameter) when no mel can come of `spec`."""
    if spec.reference_mel.ndim != 2 or spec.reference_mel.shape[1] != MEL_CHANNELS:
        shape = tuple(spec.reference_mel.shape)
        raise BadRequestError(
            "bad_parameter", f"reference mel of shape {shape}; [frames, {MEL_CHANNELS}] is needed"
        )
    if spec.reference_frames >= MAX_FRAMES:
        raise BadRequestError(
            "bad_parameter", f"reference of {spec.reference_frames} frames; the limit is {MAX_FRAMES - 1}"
        )
    if spec.nfe_step < 1:
        raise BadRequestError("bad_parameter", f"nfe_step is {spec.nfe_step}; it must be at least 1")


def _own(row: Row) -> _DiTRow:
    if not isinstance(row, _DiTRow):
        raise TypeError(f"{type(row).__name__} was opened by another backend")
    if row.finished:
        raise ValueError("a finished row cannot be stepped")
    return row


def _guide(velocities: Sequence[Tensor], cfg_strength: float) -> Tensor:
    """Return the guided velocity of a conditional and, where present, an unconditional one."""
    conditional = velocities[0]
    if len(velocities) == 1:
        return conditional
    return conditional + (conditional - velocities[1]) * cfg_strength
