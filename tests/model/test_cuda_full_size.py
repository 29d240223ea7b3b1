"""F5TTS_v1_Base on an emulated GPU without numbers: where and in which type every operation of its steps is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from f5d.catalog.models import catalog
from f5d.catalog.spec import Architecture
from f5d.engine.synthesizer import GPU_BUDGET_FRAMES
from f5d.model import layers
from f5d.model.dit import DiT
from f5d.model.dit_backend import DiTBackend, recorded_steps
from f5d.model.fp8 import Fp8Linear
from f5d.model.fused import PARTS, FusedForward
from f5d.model.mel import MelSpectrogram
from f5d.model.sampler import RowSpec
from f5d.model.vocos import Vocos, VocosShape

from .emulated_cuda import CudaTensor, EmulatedCuda, emulate, install_guard
from .support import THREADS

TOKENS = 2_545
DEVICE = "cuda:1"
FLASH = "_flash_attention_forward"
PRODUCTS = {"addmm", "mm", "bmm", "convolution", "_addmm_activation", "_scaled_mm", FLASH}
HALVES = [torch.float16, torch.bfloat16]
BASE = catalog()["F5TTS_v1_Base"].architecture
DEPTH = 2  # where many kinds of it are run


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[EmulatedCuda]:
    """A machine with two GPUs whose memory holds no numbers."""
    if reason := install_guard():
        pytest.skip(reason)
    torch.set_num_threads(THREADS)
    emulated = Observed(memory="meta")
    emulate(monkeypatch, emulated)
    torch.__future__.set_overwrite_module_params_on_conversion(True)  # so that modules keep wrapped tensors
    caches = (layers._flash_runs, layers._rotary_table)
    for cache in caches:
        cache.cache_clear()
    with emulated:
        yield emulated
    for cache in caches:
        cache.cache_clear()
    torch.__future__.set_overwrite_module_params_on_conversion(False)


class Observed(EmulatedCuda):  # type: ignore[no-untyped-call]
    """Counts the products by the types of what is multiplied."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.products: Counter[tuple[str, tuple[torch.dtype, ...]]] = Counter()

    def _compute(self, name: str, func: Any, args: Any, kwargs: Any) -> Any:
        if name in PRODUCTS:
            kinds = {part.dtype for part in args if isinstance(part, Tensor) and part.is_floating_point()}
            self.products[name, tuple(sorted(kinds, key=str))] += 1
        return super()._compute(name, func, args, kwargs)


class ShapeKernels:
    """The fused operations' contracts: what they insist on, and what they return."""

    def rotate(self, qkv: Tensor, cos: Tensor, sin: Tensor, rotated: int) -> None:
        """Rotate in place."""
        total, parts, heads, dim_head = qkv.shape
        assert (parts, qkv.is_contiguous()) == (3, True)
        assert dim_head & (dim_head - 1) == 0
        assert rotated <= heads
        for table in (cos, sin):
            assert table.shape == (total, 1, 1, dim_head // 2)
            assert (table.dtype, table.is_contiguous()) == (torch.float32, True)
        qkv.mul_(1)

    def norm(
        self,
        hidden: Tensor,
        modulation: tuple[Tensor, Tensor],
        stretches: Tensor,
        dtype: torch.dtype,
        added: tuple[Tensor, Tensor] | None = None,
    ) -> Tensor:
        """Return the modulated norm."""
        total, dim = hidden.shape
        assert (hidden.dtype, hidden.is_contiguous()) == (torch.float32, True)
        assert (stretches.dtype, stretches.stride()) == (torch.long, (1,))
        assert total % len(stretches) == 0
        shift, scale = modulation
        assert shift.stride() == scale.stride()
        for values in (*modulation, *(added or ())[:1]):
            assert (values.dtype, values.shape[1], values.stride(1)) == (torch.float32, dim, 1)
        if added is not None:
            assert (added[1].shape, added[1].is_contiguous()) == ((total, dim), True)
        return torch.empty_like(hidden, dtype=dtype)

    def convolve(
        self, packed: Tensor, weight: Tensor, bias: Tensor, gapped: Tensor, residual: Tensor | None = None
    ) -> Tensor:
        """Return the convolution inside each row."""
        total, dim = packed.shape
        groups, _taps, group, outputs = weight.shape
        assert (groups * group, group) == (dim, outputs)
        assert packed.dtype == weight.dtype == bias.dtype
        assert all(part.is_contiguous() for part in (packed, weight, bias, gapped))
        assert (gapped.dtype, gapped.shape) == (torch.long, (total,))
        if residual is not None:
            assert (residual.dtype, residual.shape) == (torch.float32, (total, dim))
            assert residual.is_contiguous()
        return torch.empty_like(packed if residual is None else residual)


def full_size(dtype: torch.dtype, architecture: Architecture = BASE) -> DiT:
    with torch.device("meta"):
        dit = DiT(architecture, TOKENS)
    dit.eval().requires_grad_(False).to_compute_type(dtype)
    with torch.inference_mode():
        dit.to_device(DEVICE)
    return dit


def spec(frames: int, seed: int, cfg_strength: float = 2.0) -> RowSpec:
    """A row after a reference of 5 s."""
    reference = torch.zeros(min(468, frames // 3), 100)
    return RowSpec(reference, tuple(range(frames // 6)), frames, 5, cfg_strength, -1.0, seed)


def speak(backend: DiTBackend, frames: list[int]) -> None:
    """Step rows that join one after the other, one of them unguided."""
    rows = [backend.open_row(spec(length, seed, 2.0 * (seed != 1))) for seed, length in enumerate(frames)]
    for step in range(len(rows) + rows[0].step_count):
        now = [row for index, row in enumerate(rows) if index <= step and not row.finished]
        if now:
            backend.step(now)
    assert {(str(row.mel.device), row.mel.dtype) for row in rows} == {(DEVICE, torch.float32)}


def spoken(dit: DiT) -> DiTBackend:
    """What an engine does: record common shapes, one row, a full step of rows at different times."""
    backend = DiTBackend(dit, "", recorded_steps(dit))
    backend.warm_up_next()
    speak(backend, [1_405])
    speak(backend, [1_405] * (GPU_BUDGET_FRAMES // 1_405))
    return backend


def assert_all_in_place(world: EmulatedCuda) -> None:
    """Nothing is on another GPU, nothing is in double precision."""
    assert {device for _, device, _ in world.operations} == {DEVICE}
    kinds = {kind for *_, kinds in world.operations for kind in kinds}
    assert kinds <= {torch.float32, *HALVES, torch.long, torch.int32, torch.bool}


def of(world: EmulatedCuda, name: str) -> dict[tuple[torch.dtype, ...], int]:
    assert isinstance(world, Observed)
    return {kinds: count for (found, kinds), count in world.products.items() if found == name}


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("dtype", [*HALVES, torch.float32])
@pytest.mark.parametrize("capability", [(7, 5), (8, 0), (9, 0), (10, 0)])
def test_every_operation_is_where_and_what_it_should_be(
    world: EmulatedCuda, capability: tuple[int, int], dtype: torch.dtype, *, fused: bool
) -> None:
    """At full width, on the second GPU, each product is of one type: the model's in blocks, alone there."""
    world.capability = capability
    dit = full_size(dtype, replace(BASE, depth=DEPTH))
    if fused:
        dit.fused = FusedForward(dit, ShapeKernels(), frozenset(PARTS))
    spoken(dit)
    assert_all_in_place(world)
    assert isinstance(world, Observed)
    assert {len(kinds) for _, kinds in world.products} == {1}, "a product of two types is an error on a GPU"
    layers_a_block = 3 if fused else 4  # besides the one that is multiplied with its GELU
    blocks = layers_a_block * DEPTH
    in_blocks = of(world, "addmm").get((dtype,), 0)
    if dtype != torch.float32:  # else text, input and output are among them
        assert in_blocks > 0
        assert in_blocks % blocks == 0
        assert of(world, "_addmm_activation").get((dtype,), 0) == (in_blocks // layers_a_block) * fused
    packed = capability >= (8, 0) and dtype != torch.float32
    assert bool(of(world, FLASH)) == packed
    assert of(world, FLASH).keys() <= {(dtype,)}
    assert bool(world.captured) == packed
    if packed:
        assert of(world, FLASH)[dtype,] > in_blocks // layers_a_block, (
            "one more tells whether there is a kernel"
        )


@pytest.mark.parametrize("dtype", HALVES)
def test_halves_stay_between_the_norms(world: EmulatedCuda, dtype: torch.dtype) -> None:
    """Norms, the residual stream, rotary positions, text and the state of a row are float32."""
    spoken(full_size(dtype))
    touching = {name for name, _, kinds in world.operations if dtype in kinds}
    assert "native_layer_norm" not in touching
    mixed = {name for name, _, kinds in world.operations if {dtype, torch.float32} <= set(kinds)}
    assert mixed == {"add", "addcmul", "mul"}  # the convolution, gates, positions: all into float32


def test_8_bit_floats_are_in_the_blocks_alone(world: EmulatedCuda) -> None:
    """With dtype = "fp8": every linear layer of a block, and nothing else."""
    dit = full_size(torch.bfloat16)
    with torch.inference_mode():
        dit.quantize(Fp8Linear)
    spoken(dit)
    fp8 = torch.float8_e4m3fn
    assert all(fp8 in kinds for kinds in of(world, "_scaled_mm"))
    assert sum(of(world, "_scaled_mm").values()) % (4 * BASE.depth) == 0
    assert (torch.bfloat16,) not in of(world, "addmm")
    assert {device for _, device, _ in world.operations} == {DEVICE}


def test_a_full_step_is_one_capture(world: EmulatedCuda) -> None:
    """The largest step that an engine takes is recorded, and each step of its shape is then a replay."""
    dit = full_size(torch.float16)
    backend = DiTBackend(dit, "", recorded_steps(dit))
    rows = [backend.open_row(spec(GPU_BUDGET_FRAMES // 4, seed)) for seed in range(4)]
    for _ in range(3):
        backend.step(rows)
    assert len(world.captured) == 1
    world.operations.clear()
    backend.step(rows)
    assert "addmm" not in {name for name, *_ in world.operations}


@pytest.mark.parametrize("padding", ["center", "same"])
def test_the_vocoder_and_the_mel_are_on_the_same_gpu(world: EmulatedCuda, padding: Any) -> None:
    """Waves of one length and of others come from the GPU, in float32."""
    vocoder = Vocos(VocosShape(dim=512, intermediate_dim=1_536, num_layers=8, padding=padding))
    with torch.inference_mode():
        vocoder.eval().requires_grad_(False).to(DEVICE)
        made = MelSpectrogram(DEVICE)(torch.zeros(120_000))
        waves = vocoder.decode_batch([made[:400], made[:400], made[:300]])
    for found in (made, *waves):
        assert isinstance(found, CudaTensor)
        assert (str(found.device), found.dtype) == (DEVICE, torch.float32)
    assert {device for _, device, _ in world.operations} == {DEVICE}
