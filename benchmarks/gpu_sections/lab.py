"""What the sections share: a model with random weights, rows, clocks, and how differences are told.

Speed does not depend on the values of weights. Models are put together as f5d/model/load.py does it: the paths
that are measured are those that the engine takes.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from f5d.catalog.spec import FRAMES_PER_SECOND, MEL_CHANNELS, Architecture
from f5d.model.dit import DiT
from f5d.model.dit_backend import DiTBackend
from f5d.model.sampler import Row, RowSpec
from f5d.model.selfcheck import choose_paths
from f5d.model.static_step import CudaGraphs, RecordedSteps, Recorder, StepBuffers
from f5d.model.vocos import Vocos, VocosShape

BUDGET_FRAMES = 8_192  # f5d.engine.synthesizer.GPU_BUDGET_FRAMES, whose import would load the audio front end
BASE = Architecture.from_mapping(  # F5TTS_v1_Base, of which f5-tts has the file
    {"dim": 1_024, "depth": 22, "heads": 16, "ff_mult": 2, "text_dim": 512, "conv_layers": 4}
)
TINY = Architecture.from_mapping(
    {"dim": 64, "depth": 2, "heads": 2, "dim_head": 32, "ff_mult": 2, "text_dim": 32, "conv_layers": 2}
)
VOCODER = VocosShape(dim=512, intermediate_dim=1_536, num_layers=8, padding="center")  # vocos-mel-24khz
MATRIX = 8_192
TINY_VOCODER = VocosShape(dim=32, intermediate_dim=64, num_layers=2, padding="center")

Weights = dict[str, Tensor]


@dataclass(frozen=True)
class Lab:
    """A device, and the size of what is computed there. A request is 10 s of speech after a 5 s reference."""

    dry: bool
    began_s: float  # of the process, by time.perf_counter
    device: torch.device
    architecture: Architecture
    half: torch.dtype
    tokens: int
    reference_frames: int
    speech_frames: int
    text_tokens: int
    nfe_step: int
    budget_frames: int

    @classmethod
    def of(cls, *, dry: bool, began_s: float) -> Lab:
        """Return the full size on the first CUDA device, or a tiny one on the CPU."""
        if dry:
            torch.set_num_threads(1)
            return cls(True, began_s, torch.device("cpu"), TINY, torch.float32, 100, 20, 40, 12, 6, 512)
        torch.cuda.set_device(0)
        torch.backends.cudnn.allow_tf32 = False  # as the engine sets these
        torch.backends.cuda.matmul.allow_fp16_reduced_precision_reduction = False
        torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = False
        reference, speech = int(5 * FRAMES_PER_SECOND), int(10 * FRAMES_PER_SECOND)
        device = torch.device("cuda:0")
        return cls(
            False, began_s, device, BASE, torch.float16, 2_545, reference, speech, 225, 16, BUDGET_FRAMES
        )

    @property
    def frames(self) -> int:
        """Frames of a request."""
        return self.reference_frames + self.speech_frames

    def weights(self, architecture: Architecture | None = None) -> Weights:
        """Return float32 weights of useful size on the CPU: outputs neither vanish nor grow with the depth."""
        torch.manual_seed(0)
        with torch.device("meta"):
            shapes = {
                key: value.shape
                for key, value in DiT(architecture or self.architecture, self.tokens).state_dict().items()
            }
        weights = {}
        for key, shape in shapes.items():
            noise = torch.randn(shape, device=self.device)
            if len(shape) == 1:
                noise = 0.1 * noise + (0.0 if key.endswith("bias") else 1.0)
            else:
                noise /= shape[1:].numel() ** 0.5
            weights[key] = noise.cpu()
        return weights

    def dit(
        self, weights: Weights, dtype: torch.dtype | None = None, architecture: Architecture | None = None
    ) -> DiT:
        """Return a model on the device, none of whose fast paths is chosen yet."""
        with torch.device("meta"):
            dit = (OnTheCpu if self.dry else DiT)(architecture or self.architecture, self.tokens)
        dit.load_state_dict({key: value.clone() for key, value in weights.items()}, assign=True)
        dit.eval().requires_grad_(False).to_compute_type(dtype or self.half)
        dit.to_device(str(self.device))
        return dit

    def backend(self, dit: DiT, *, record: bool = True) -> Counted:
        """Return what steps rows through `dit`, by the paths that it was given (see `choose`)."""
        return Counted(dit, self.recorder() if record and dit.varlen is not None else None)

    def chosen(self, weights: Weights, dtype: torch.dtype | None = None) -> DiT:
        """Return a model that takes the paths which the engine would choose on this device."""
        dit = self.dit(weights, dtype)
        choose_paths(dit, record=True)
        return dit

    def recorder(self) -> Recorder:
        """Return what records steps here."""
        return Repeats() if self.dry else CudaGraphs(self.device)

    def kernels(self) -> tuple[Any, str]:
        """Return the fused operations in Triton, or None and why there are none."""
        if self.dry:
            return None, "no GPU"
        try:
            return import_module("f5d.model.kernels"), ""
        except Exception as error:  # noqa: BLE001 - a broken Triton raises more than ImportError
            return None, fault(error)

    def vocoder(self) -> Vocos:
        """Return a vocoder with random weights."""
        vocoder = Vocos(TINY_VOCODER if self.dry else VOCODER)
        return vocoder.eval().requires_grad_(False).to(self.device)

    def spec(
        self, seed: int, frames: int | None = None, *, nfe_step: int | None = None, cfg: float = 2.0
    ) -> RowSpec:
        """Return a row with a random reference and random text."""
        frames = frames or self.frames
        generator = torch.Generator().manual_seed(seed)
        reference = torch.randn(min(self.reference_frames, frames // 3), MEL_CHANNELS, generator=generator)
        count = min(self.text_tokens, frames // 6)
        tokens = torch.randint(0, self.tokens, (count,), generator=generator)
        return RowSpec(reference, tuple(tokens.tolist()), frames, nfe_step or self.nfe_step, cfg, -1.0, seed)

    def wait(self) -> None:
        """Return once the device has done all that it was given. Raises what it reports."""
        if not self.dry:
            torch.cuda.synchronize()

    def median_ms(self, action: Callable[[], object], repeats: int = 5) -> float:
        """Return the median wall time of an action, the device having nothing else to do, after one run."""
        took_s = []
        for _ in range(repeats + 1):
            self.wait()
            began_s = time.perf_counter()
            action()
            self.wait()
            took_s.append(time.perf_counter() - began_s)
        return 1e3 * statistics.median(took_s[1:])

    def device_us(self, action: Callable[[], object], calls: int = 10, rounds: int = 5) -> float:
        """Return the device's time for one call without the host's: calls in a graph, which is replayed.

        Raises RuntimeError where the action cannot be recorded.
        """
        if self.dry:
            return 1e3 * self.median_ms(action, 2)
        replay = CudaGraphs(self.device).record(lambda: _repeated(action, calls))
        replay()
        took_ms = []
        for _ in range(rounds):
            begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
            begin.record()
            replay()
            end.record()
            self.wait()
            took_ms.append(begin.elapsed_time(end) / calls)
        return 1e3 * float(statistics.median(took_ms))

    def matrix_rate(self, dtype: torch.dtype | None = None) -> float:
        """Return the rate of a large matrix product in FLOP/s, of the model's half type by default."""
        size = 64 if self.dry else MATRIX
        left, right = (torch.randn(size, size, device=self.device).to(dtype or self.half) for _ in range(2))
        return 2e6 * float(size) ** 3 / self.device_us(lambda: left @ right, 4)

    def used_mib(self) -> float:
        """Return the device's memory in use, by whomever."""
        if self.dry:
            return 0.0
        free, total = torch.cuda.mem_get_info()
        return (total - free) / 2**20


class OnTheCpu(DiT):
    """A DiT whose attention reads the rows' lengths from a tensor, so that a CPU takes the path of buckets."""

    @property
    def varlen(self) -> Callable[..., Tensor] | None:
        """Attention row by row."""
        return _row_by_row


def _row_by_row(queries: Tensor, keys: Tensor, values: Tensor, cumulative: Tensor, *_: Tensor | int) -> Tensor:
    out = torch.empty_like(queries)
    for start, end in pairwise(cumulative.tolist()):
        if end > start:
            query, key, value = (part[start:end].transpose(0, 1) for part in (queries, keys, values))
            out[start:end] = torch.nn.functional.scaled_dot_product_attention(query, key, value).transpose(0, 1)
    return out


class Repeats:
    """A recorder for the CPU, which computes again."""

    def record(self, compute: Callable[[], None]) -> Callable[[], None]:
        """Return the computation itself."""
        return compute


class Counted(DiTBackend):
    """A backend that knows how many of its steps were replays."""

    def __init__(self, dit: DiT, recorder: Recorder | None) -> None:
        self.steps = self.replays = 0
        self.recordings_s: list[float] = []
        own = self if recorder is not None else None
        self._recorder = recorder
        super().__init__(dit, "", RecordedSteps(StepBuffers(dit), own))

    def record(self, compute: Callable[[], None]) -> Callable[[], None]:
        """Record, and count what is replayed."""
        assert self._recorder is not None
        began_s = time.perf_counter()
        replay = self._recorder.record(compute)
        self.recordings_s.append(time.perf_counter() - began_s)

        def counted() -> None:
            self.replays += 1
            replay()

        return counted

    def step(self, rows: Sequence[Row]) -> None:
        """Step, and count."""
        self.steps += 1
        super().step(rows)

    def begin_count(self) -> None:
        """Forget what was counted."""
        self.steps = self.replays = 0

    @property
    def replayed(self) -> float:
        """The share of the steps that were replays."""
        return self.replays / self.steps if self.steps else 0.0


def mels(backend: DiTBackend, specs: Sequence[RowSpec], joins: Sequence[int] | None = None) -> list[Tensor]:
    """Return the mels of rows that join at their own steps; all at once without `joins`."""
    rows = [backend.open_row(spec) for spec in specs]
    joins = joins or [0] * len(rows)
    step = 0
    while not all(row.finished for row in rows):
        now = [row for row, join in zip(rows, joins, strict=True) if join <= step and not row.finished]
        if now:
            backend.step(now)
        step += 1
    return [row.mel for row in rows]


def decibels(got: Tensor, wanted: Tensor) -> float:
    """Return how far what was wanted stands above the difference; infinite where there is none."""
    difference = float((got.float() - wanted.float()).norm())
    if difference == 0:
        return math.inf
    ratio = float(wanted.float().norm()) / difference
    return 20 * math.log10(ratio) if ratio > 0 else ratio


def share_of(values: Sequence[float], share: float) -> float:
    """Return the value that so large a share of them does not exceed."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def attempt(what: str, action: Callable[[], object], lacks: str = "not measured:") -> None:
    """Print a line of a list with what an action returns, or `lacks` and how it fails; the section goes on."""
    try:
        found = action()
    except Exception as error:  # noqa: BLE001 - told, whatever it is
        found = f"{lacks} {fault(error)}"
    print(f"- {what}: {found}")


def fault(error: BaseException) -> str:
    """Return an error in one line."""
    first = (str(error).strip().splitlines() or [""])[0]
    return f"{type(error).__module__}.{type(error).__name__}: {first[:160]}"


def row(*cells: object) -> None:
    """Print a line of a table."""
    print(f"| {' | '.join(map(str, cells))} |")


def header(*names: str) -> None:
    """Print the head of a table."""
    print()
    row(*names)
    row(*["---"] * len(names))


def _repeated(action: Callable[[], object], calls: int) -> None:
    for _ in range(calls):
        action()
