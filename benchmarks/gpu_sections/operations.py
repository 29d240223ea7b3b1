"""Each operation of a step by itself, as the model issues it, and what could stand in its place."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from f5d.catalog.shapes import POSITION_KERNEL_FRAMES
from f5d.catalog.spec import MEL_CHANNELS, POSITION_GROUPS
from f5d.model.buckets import ALIGN_FRAMES
from f5d.model.fused import linear_gelu
from f5d.model.layers import (
    GAP_FRAMES,
    Attention,
    PositionConvolution,
    add_gated,
    attend,
    modulate,
    pack_layout,
    varlen_kernel,
)
from gpu_sections.lab import attempt, decibels, fault, header, row

if TYPE_CHECKING:
    from f5d.model.layers import PackedLayout
    from gpu_sections.lab import Lab

SIZES = ((2, 1_408), (11, 1_408))  # copies and their frames: one guided row, and nearly a full step
TINY_SIZES = ((2, 48),)
NEW_LENGTHS = 8


def measure(lab: Lab) -> None:
    """Time them at each size."""
    for copies, frames in TINY_SIZES if lab.dry else SIZES:
        print(f"\n### {copies} copies of {frames} frames\n")
        bench = Bench(lab, copies, frames)
        header("operation", "us", "TFLOP/s", "TB/s")
        with torch.inference_mode():
            for part in (bench.linears, bench.elements, bench.attention, bench.convolution):
                part()
            print()
            bench.agreement()


class Bench:
    """The inputs of one size. The stream is float32 [total, dim], the rest of the model's half type."""

    def __init__(self, lab: Lab, copies: int, frames: int) -> None:
        self.lab, self.copies, self.frames = lab, copies, frames
        self.total = copies * frames
        shape = lab.architecture
        self.dim, self.heads, self.dim_head = shape.dim, shape.heads, shape.dim_head
        self.packed = self._random(self.total, self.dim).to(lab.half)
        self.hidden = self._random(self.total, self.dim)
        self.values = self._random(copies, 6, self.dim)
        self.stretches = torch.arange(copies, device=lab.device).repeat_interleave(frames // ALIGN_FRAMES)
        self.layout = self._layout([frames - 3, 3] * copies)
        self.positions = self._layer(PositionConvolution(self.dim))
        self.kernels, self.lacking = lab.kernels()

    def linears(self) -> None:
        """Time the linear layers of a block, alone and with what follows them."""
        wide = 2 * self.dim
        for outputs, inputs in (
            (3 * self.dim, self.dim),
            (self.dim, self.dim),
            (wide, self.dim),
            (self.dim, wide),
        ):
            layer = self._layer(nn.Linear(inputs, outputs))
            given = self._random(self.total, inputs).to(self.lab.half)
            flops = 2 * self.total * outputs * inputs
            self._show(f"linear {inputs} to {outputs}", partial(layer, given), flops)
            if outputs == wide:
                weight, bias = layer.weight, layer.bias
                plain = partial(_then_gelu, given, weight, bias)
                self._show("- and GELU after it", plain, flops)
                self._show("- and GELU in its epilogue", partial(linear_gelu, given, weight, bias), flops)
        output = nn.Linear(self.dim, MEL_CHANNELS).to(self.lab.device)
        flops = 2 * self.total * self.dim * MEL_CHANNELS
        self._show("the output layer, float32", partial(output, self.hidden), flops)

    def elements(self) -> None:
        """Time what lies between the products, plain and as kernels."""
        shift, scale, gate = (self.values[:, index] for index in range(3))
        spread = [part.index_select(0, self.stretches) for part in (shift, scale, gate)]
        size = self.total * self.dim
        half = self.lab.half
        self._show("AdaLN values to stretches", lambda: self.values.index_select(0, self.stretches))
        self._show(
            "norm and modulation", lambda: modulate(self.hidden, spread[0], spread[1], half), moved=14 * size
        )
        self._show("gate and residual", lambda: add_gated(self.hidden, spread[2], self.packed), moved=10 * size)
        if self.kernels is not None:
            own = self.hidden.clone()
            arguments = (own, (shift, scale), self.stretches, half, (gate, self.packed))
            self._show("- all three in a kernel", lambda: self.kernels.norm(*arguments), moved=12 * size)

    def attention(self) -> None:
        """Time attention and its parts; rotary positions are what the layer takes besides."""
        layer = self._layer(Attention(self.lab.architecture))
        qkv = layer.project(self.packed)
        flops = 4 * self.heads * self.dim_head * self.copies * (self.frames - 3) ** 2
        self._show("attention layer, plain", partial(layer, self.packed, self.layout))
        self._show("- its products alone", lambda: layer.to_out[0](layer.project(self.packed)[:, 0].flatten(1)))
        self._show("- attention alone", partial(attend, qkv, self.layout), flops)
        if self.kernels is not None:
            rotate = partial(self.kernels.rotate, qkv, self.layout.cos, self.layout.sin, self.heads)
            self._show("- rotary positions in a kernel", rotate, moved=8 * self.total * self.dim)
        dense = qkv.view(self.copies, self.frames, 3, self.heads, self.dim_head).permute(2, 0, 3, 1, 4)
        chosen = partial(functional.scaled_dot_product_attention, dense[0], dense[1], dense[2])
        flops = 4 * self.heads * self.dim_head * self.copies * self.frames**2
        self._show("attention of full rows, as torch chooses", chosen, flops)
        from torch.nn.attention import SDPBackend, sdpa_kernel

        def with_cudnn() -> Tensor:
            with sdpa_kernel(SDPBackend.CUDNN_ATTENTION):
                return chosen()

        if not self.lab.dry:
            self._show("- by cuDNN", with_cudnn, flops)

    def convolution(self) -> None:
        """Time the position convolution: as the plain path has it, channels last, and as a kernel."""
        weight, bias = self.positions.conv1d[0].weight, self.positions.conv1d[0].bias
        assert isinstance(weight, Tensor)
        spread = self._random(self.layout.gapped_frames, self.dim).to(self.lab.half)
        flops = 2 * POSITION_KERNEL_FRAMES * self.dim * (self.dim // POSITION_GROUPS) * len(spread)
        self._show(
            "position convolutions with mish, plain",
            partial(self.positions, self.packed, self.layout),
            2 * flops,
        )
        self._show("- one convolution alone", lambda: _channels_first(spread, weight, bias), flops)
        last = weight[:, :, None].contiguous(memory_format=torch.channels_last)
        self._show("- channels last", lambda: _channels_last(spread, last, bias), flops)
        torch.backends.cudnn.benchmark = True
        self._show("- as cuDNN's trials choose", lambda: _channels_first(spread, weight, bias), flops)
        self._show("- channels last, likewise", lambda: _channels_last(spread, last, bias), flops)
        torch.backends.cudnn.benchmark = False
        if self.kernels is not None:
            taps = _by_taps(weight)
            gapped = self.layout.gapped
            self._show(
                "- with mish in a kernel", lambda: self.kernels.convolve(self.packed, taps, bias, gapped), flops
            )

    def agreement(self) -> None:
        """Tell how near what could stand in is to what it would replace."""
        weight, bias = self.positions.conv1d[0].weight, self.positions.conv1d[0].bias
        assert isinstance(weight, Tensor)
        spread = self._random(self.layout.gapped_frames, self.dim).to(self.lab.half)
        last = weight[:, :, None].contiguous(memory_format=torch.channels_last)
        first = _channels_first(spread, weight, bias)
        attempt("channels last, dB", lambda: f"{decibels(_channels_last(spread, last, bias), first):.0f}")
        wide = self._layer(nn.Linear(self.dim, 2 * self.dim))
        plain = _then_gelu(self.packed, wide.weight, wide.bias)
        epilogue = linear_gelu(self.packed, wide.weight, wide.bias)
        attempt("GELU in the epilogue, dB", lambda: f"{decibels(epilogue, plain):.0f}")
        attempt("one convolution's first calls at new lengths, ms", lambda: self._new_lengths(weight, bias))
        if self.kernels is None:
            print(f"- no kernels: {self.lacking}")

    def _new_lengths(self, weight: Tensor, bias: Tensor | None) -> str:
        took_ms = []
        for extra in range(1, NEW_LENGTHS + 1):
            spread = self._random(self.layout.gapped_frames + 17 * extra, self.dim).to(self.lab.half)
            self.lab.wait()
            began_s = time.perf_counter()
            _channels_first(spread, weight, bias)
            self.lab.wait()
            took_ms.append(f"{1e3 * (time.perf_counter() - began_s):.1f}")
        return ", ".join(took_ms)

    def _show(self, what: str, action: Callable[[], object], flops: float = 0, moved: float = 0) -> None:
        try:
            us = self.lab.device_us(action)
        except Exception as error:  # noqa: BLE001 - told, and the others go on
            row(what, fault(error), "", "")
            return
        rates = [
            f"{count / us / 1e6:.{digits}f}" if count else "" for count, digits in ((flops, 0), (moved, 2))
        ]
        row(what, f"{us:.1f}", *rates)

    def _layout(self, lengths: list[int]) -> PackedLayout:
        """Return rows as they lie in a bucket: a copy, then what is left of its last 16 frames."""
        kernel = varlen_kernel(self.lab.device, self.lab.half, self.dim_head)
        layout = pack_layout(lengths, self.dim_head, self.lab.device, kernel)
        assert list(accumulate(lengths))[-1] == self.total
        return layout

    def _layer(self, module: Any) -> Any:
        return module.to(self.lab.device, self.lab.half).eval().requires_grad_(False)

    def _random(self, *shape: int) -> Tensor:
        return torch.randn(*shape, device=self.lab.device)


def _then_gelu(given: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return functional.gelu(functional.linear(given, weight, bias), approximate="tanh")


def _channels_first(spread: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """[frames, dim] -> [frames, dim], as torch lays it out by itself."""
    return functional.conv1d(spread.T[None], weight, bias, padding=GAP_FRAMES, groups=POSITION_GROUPS)[0].T


def _channels_last(spread: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Do the same without a copy into another layout: an image of one line."""
    image = spread.view(1, 1, *spread.shape).permute(0, 3, 1, 2)
    return functional.conv2d(image, weight, bias, padding=(0, GAP_FRAMES), groups=POSITION_GROUPS)[0, :, 0].T


def _by_taps(weight: Tensor) -> Tensor:
    _, group, taps = weight.shape
    return weight.view(-1, group, group, taps).permute(0, 3, 2, 1).contiguous()
