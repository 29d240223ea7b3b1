from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from f5d.model.buckets import MOST_COPIES
from f5d.model.dit import DiT
from f5d.model.dit_backend import DiTBackend
from f5d.model.fused import CONVOLUTION, GELU, NORM, PARTS, ROTARY, FusedForward
from f5d.model.layers import GAP_FRAMES, NORM_EPSILON
from f5d.model.selfcheck import check_paths, choose_paths
from f5d.model.static_step import RecordedSteps, StepBuffers

from .support import relative_error, row_spec
from .test_static_step import (
    BUFFER_FRAMES,
    TOLERANCE,
    DeviceDiT,
    Record,
    Refuser,
    Repeater,
    run_together,
    tiny_dit,
)

SPECS = [
    row_spec(nfe_step=7),
    row_spec(total_frames=113, nfe_step=8, seed=2),
    row_spec(cfg_strength=0.0, seed=3),
]
JOINS = [0, 1, 3]


class TorchKernels:
    """The fused operations in torch: what Triton's compute, for tests on a CPU."""

    def rotate(self, qkv: Tensor, cos: Tensor, sin: Tensor, rotated: int) -> None:
        """Rotate queries and keys in place."""
        turned = qkv[:, :2, :rotated]
        first, second = turned.float().chunk(2, dim=-1)
        turned.copy_(torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1))

    def norm(
        self,
        hidden: Tensor,
        modulation: tuple[Tensor, Tensor],
        stretches: Tensor,
        dtype: torch.dtype,
        added: tuple[Tensor, Tensor] | None = None,
    ) -> Tensor:
        """Add gate * branch to `hidden` in place and return its modulated norm."""
        frames = stretches.repeat_interleave(len(hidden) // len(stretches))
        if added is not None:
            hidden += added[0][frames] * added[1].float()
        shift, scale = (part[frames] for part in modulation)
        normed = nn.functional.layer_norm(hidden, hidden.shape[-1:], eps=NORM_EPSILON)
        return (normed * scale + shift).to(dtype)

    def convolve(
        self, packed: Tensor, weight: Tensor, bias: Tensor, gapped: Tensor, residual: Tensor | None = None
    ) -> Tensor:
        """Return mish of a grouped convolution inside each row, plus `residual`."""
        groups, taps, group, _ = weight.shape
        most_gaps = GAP_FRAMES * 2 * MOST_COPIES  # nothing may be read from the device here
        spread = packed.new_zeros(len(packed) + most_gaps, packed.shape[1])
        spread[gapped] = packed
        kernel = weight.permute(0, 3, 2, 1).reshape(groups * group, group, taps)
        convolved = nn.functional.mish(
            nn.functional.conv1d(spread.T[None], kernel, bias, padding=taps // 2, groups=groups)[0].T
        )[gapped]
        return convolved if residual is None else residual + convolved


class ForgetsTheBranch(TorchKernels):
    """Adds nothing."""

    def norm(self, *arguments: Any) -> Tensor:
        """Leave out what is to be added."""
        return super().norm(*arguments[:4])


class TurnsKeysAlone(TorchKernels):
    """Rotates the keys, and leaves the queries."""

    def rotate(self, qkv: Tensor, cos: Tensor, sin: Tensor, rotated: int) -> None:
        """Put the queries back."""
        queries = qkv[:, 0].clone()
        super().rotate(qkv, cos, sin, rotated)
        qkv[:, 0] = queries


class SeesNeighbours(TorchKernels):
    """Takes all rows for one."""

    def convolve(
        self, packed: Tensor, weight: Tensor, bias: Tensor, gapped: Tensor, residual: Tensor | None = None
    ) -> Tensor:
        """Let no frame be the last of its row."""
        return super().convolve(packed, weight, bias, torch.arange(len(gapped)), residual)


class HasNoCompiler(TorchKernels):
    """Cannot be launched, as Triton without a C compiler."""

    def norm(self, *_: Any) -> Tensor:
        """Fail as Triton does."""
        raise RuntimeError("Failed to find C compiler. Please specify via CC environment variable.\nmore lines")


class Disagrees(TorchKernels):
    """Right by each part alone, and wrong where two of them meet."""

    def __init__(self) -> None:
        self.rotated = False

    def rotate(self, qkv: Tensor, cos: Tensor, sin: Tensor, rotated: int) -> None:
        """Remember it."""
        super().rotate(qkv, cos, sin, rotated)
        self.rotated = True

    def norm(self, *arguments: Any) -> Tensor:
        """Spoil what follows a rotation of the same step."""
        self.rotated = self.rotated and arguments[4] is not None
        return super().norm(*arguments) * (1 + self.rotated)


class Stale:
    """A recorder that keeps what it computed while recording."""

    def record(self, compute: Record) -> Record:
        """Return a replay that reads nothing."""
        compute()
        return lambda: None


def tried(kernels: Any, recorder: Any = None, dtype: torch.dtype = torch.float32, **changes: Any) -> DiT:
    """A model in buckets after its check."""
    dit = tiny_dit(DeviceDiT, **changes)
    dit.to_compute_type(dtype)
    check_paths(dit, recorder, kernels)
    return dit


def parts(dit: DiT) -> frozenset[str]:
    return dit.fused.parts if isinstance(dit.fused, FusedForward) else frozenset()


def spoken(dit: DiT) -> list[Tensor]:
    """Rows that join one after the other, recorded where a shape comes again."""
    recorded = RecordedSteps(StepBuffers(dit, BUFFER_FRAMES, copies=16), Repeater(), 8)
    return run_together(DiTBackend(dit, "float32", recorded), SPECS, JOINS)


def assert_speaks_right(dit: DiT, **changes: Any) -> None:
    wanted = run_together(DiTBackend(tiny_dit(DiT, **changes), "float32"), SPECS, JOINS)
    for got, mel in zip(spoken(dit), wanted, strict=True):
        assert relative_error(got, mel) <= TOLERANCE


@pytest.fixture(autouse=True)
def warnings_alone(caplog: pytest.LogCaptureFixture) -> None:
    """What a test before has set the log to changes nothing here."""
    caplog.set_level("WARNING", "f5d.model.selfcheck")


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"qk_norm": "rms_norm"},
        {"pe_attn_head": 1, "long_skip_connection": True, "text_mask_padding": False},
    ],
)
def test_a_fused_step_is_the_plain_step(changes: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    """With everything fused, rows at different times come out as without, whatever the model has."""
    dit = tried(TorchKernels(), Repeater(), **changes)
    assert parts(dit) == set(PARTS)
    assert not caplog.records
    assert_speaks_right(dit, **changes)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_rounding_is_no_fault(dtype: torch.dtype, caplog: pytest.LogCaptureFixture) -> None:
    """In half precision, where roundings differ, everything right is used."""
    dit = tried(TorchKernels(), Repeater(), dtype)
    assert parts(dit) == set(PARTS)
    assert not caplog.records


@pytest.mark.parametrize(
    ("kernels", "off", "reason"),
    [
        (ForgetsTheBranch(), NORM, "dB from the plain step"),
        (TurnsKeysAlone(), ROTARY, "dB from the plain step"),
        (SeesNeighbours(), CONVOLUTION, "dB from the plain step"),
        (
            HasNoCompiler(),
            NORM,
            "RuntimeError: Failed to find C compiler. Please specify via CC environment variable.",
        ),
    ],
)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_wrong_kernel_is_not_used(
    kernels: TorchKernels, off: str, reason: str, dtype: torch.dtype, caplog: pytest.LogCaptureFixture
) -> None:
    """A kernel that computes something else, or cannot run, is left out with one line in the log."""
    assert parts(tried(kernels, Repeater(), dtype)) == set(PARTS) - {off}
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert record.getMessage().startswith(f"not used on cpu, so speech is slower: {off} (")
    assert record.getMessage().endswith(f"{reason})")


@pytest.mark.parametrize("kernels", [ForgetsTheBranch(), TurnsKeysAlone(), SeesNeighbours(), HasNoCompiler()])
def test_with_a_wrong_kernel_speech_is_right(kernels: TorchKernels) -> None:
    """Whatever kernel is wrong, what is spoken is what the plain model speaks."""
    assert_speaks_right(tried(kernels, Repeater()))


def test_parts_that_disagree_together_are_all_off(caplog: pytest.LogCaptureFixture) -> None:
    """What is right by itself and wrong in company is not used at all."""
    dit = tried(Disagrees())
    assert dit.fused is None
    assert all(part in caplog.messages[0] for part in PARTS)
    assert_speaks_right(dit)


def test_without_kernels_gelu_alone_is_fused(caplog: pytest.LogCaptureFixture) -> None:
    """Where Triton is missing, what torch itself can fuse still is, and the log says why no more."""
    dit = tiny_dit(DeviceDiT)
    assert check_paths(dit, None, None, lacking="ModuleNotFoundError: No module named 'triton'")
    assert parts(dit) == {GELU}
    (line,) = caplog.messages
    assert line.endswith(": rotary, norm, convolution (ModuleNotFoundError: No module named 'triton')")
    assert_speaks_right(dit)


@pytest.mark.parametrize(
    ("recorder", "reason"),
    [(Stale(), "nan dB from the plain step"), (Refuser(), "operation not permitted when stream is capturing")],
)
def test_a_wrong_recording_is_not_used(recorder: Any, reason: str, caplog: pytest.LogCaptureFixture) -> None:
    """A replay that does not read its inputs, or a recording that fails, ends recording; fusing goes on."""
    dit = tiny_dit(DeviceDiT)
    assert not check_paths(dit, recorder, TorchKernels())
    assert parts(dit) == set(PARTS)
    assert caplog.messages[0].startswith("not used on cpu, so speech is slower: recording (")
    assert reason in caplog.messages[0]


def test_how_near_each_path_is_stands_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """One line tells the decibels of all that is used: what a report from untried hardware should hold."""
    caplog.set_level("INFO", "f5d.model.selfcheck")
    tried(ForgetsTheBranch(), Repeater(), torch.float16)
    told, _warning = caplog.messages
    start, _, rest = told.partition(": ")
    assert start == "dB between the plain step and others on cpu"
    near = {name: float(found) for name, found in (part.rsplit(" ", 1) for part in rest.split(", "))}
    assert set(near) == {ROTARY, CONVOLUTION, GELU, "together", "recording"}
    assert min(near.values()) >= 50


def test_on_a_cpu_nothing_is_tried() -> None:
    """A model on a CPU is the plain one."""
    dit = tiny_dit(DiT)
    dit.to_compute_type(torch.bfloat16)
    assert choose_paths(dit, record=True)
    assert dit.fused is None


def test_without_numbers_nothing_is_compared(caplog: pytest.LogCaptureFixture) -> None:
    """A model that makes no numbers in its type stays plain, and the fault is not laid on the kernels."""
    dit = tiny_dit(DeviceDiT)
    dit.proj_out.bias.fill_(torch.nan)
    check_paths(dit, Repeater(), TorchKernels())
    assert dit.fused is None
    assert not caplog.records


def test_a_cpu_never_imports_triton() -> None:
    """Loading a model on a CPU imports neither Triton nor the kernels."""
    code = (
        "import sys; from f5d.catalog.hub import fetch; from f5d.catalog.models import catalog\n"
        "from f5d.model.load import load_model\n"
        "load_model(fetch(catalog()['starter']), device='cpu', dtype='float32')\n"
        "print(sorted({'triton', 'f5d.model.kernels'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"
