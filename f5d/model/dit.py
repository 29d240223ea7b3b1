"""Our DiT: one forward over rows packed into one sequence, each row at its own time.

Knows nothing of the ODE or of guidance: a conditional and an unconditional copy are two rows.
Everything that depends on the time alone is a ModulationTable; everything that depends on the segment
alone is its static input. Source: f5_tts/model/backbones/dit.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from f5d.catalog.spec import MEL_CHANNELS
from f5d.model.layers import (
    DiTBlock,
    ModulationLinear,
    PackedLayout,
    PositionConvolution,
    TimeEmbedding,
    modulate,
    upload,
    varlen_kernel,
)
from f5d.model.text_embedding import TextEmbedding

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from f5d.catalog.spec import Architecture

_QKV: Final = ("to_q", "to_k", "to_v")


@dataclass(frozen=True, slots=True)
class ModulationTable:
    """Every AdaLN output of the model for each time of a grid, float32, scales stored as 1 + scale.

    blocks [times, depth, 6, dim]: shift, scale, gate of attention, then of the feed-forward.
    final [times, 2, dim]: shift, scale.
    """

    blocks: Tensor
    final: Tensor


@dataclass(frozen=True, slots=True)
class ModulationPicks:
    """The times that a step's copies take: the distinct ones, and which of them each copy has."""

    distinct: list[tuple[ModulationTable, int]]
    places: list[int]  # one a copy

    @classmethod
    def of(cls, picks: Sequence[tuple[ModulationTable, int]]) -> ModulationPicks:
        """Return the picks of copies at (table, time index)."""
        keys = [(id(table), index) for table, index in picks]
        distinct = dict(zip(keys, picks, strict=True))
        order = {key: place for place, key in enumerate(distinct)}
        return cls(list(distinct.values()), [order[key] for key in keys])


@dataclass(frozen=True, slots=True)
class BatchModulation:
    """The AdaLN values of one step: per distinct time, and which of them each stretch of frames takes."""

    blocks: Tensor  # [distinct, depth, 6, dim]
    final: Tensor  # [distinct, 2, dim]
    stretches: Tensor | None  # [n], each total / n frames; None where all rows share one time

    def block(self, index: int) -> Tensor:
        """[1 or n, 6, dim] of block `index`."""
        return self._spread(self.blocks[:, index])

    def last(self) -> Tensor:
        """[1 or n, 2, dim] of the final norm."""
        return self._spread(self.final)

    def _spread(self, values: Tensor) -> Tensor:
        return values if self.stretches is None else values.index_select(0, self.stretches)


class InputEmbedding(nn.Module):
    """Noisy mel, reference mel and text to the residual stream."""

    def __init__(self, text_width: int, dim: int) -> None:
        super().__init__()
        self.proj = nn.Linear(2 * MEL_CHANNELS + text_width, dim)
        self.conv_pos_embed = PositionConvolution(dim)


class DiT(nn.Module):
    """The diffusion transformer of F5-TTS, for inference on packed rows.

    Block and convolution weights may be half precision (`to_compute_type`), the linear ones of the
    blocks 8 bits wide (`quantize`); the rest stays float32. Steps in buckets are computed by `fused`,
    where there is one (selfcheck.py).
    """

    def __init__(self, architecture: Architecture, vocabulary_size: int) -> None:
        super().__init__()
        dim = architecture.dim
        self.architecture = architecture
        self._blocks = [
            DiTBlock(architecture) for _ in range(architecture.depth)
        ]  # a plain list keeps its type
        self.time_embed = TimeEmbedding(dim)
        self.text_embed = TextEmbedding(architecture, vocabulary_size)
        self.input_embed = InputEmbedding(architecture.text_width, dim)
        self.transformer_blocks = nn.ModuleList(self._blocks)
        self.long_skip_connection = (
            nn.Linear(2 * dim, dim, bias=False) if architecture.long_skip_connection else None
        )
        self.norm_out = ModulationLinear(dim, 2)
        self.proj_out = nn.Linear(dim, MEL_CHANNELS)
        self.fused: Callable[[DiT, Tensor, BatchModulation, PackedLayout], Tensor] | None = None

    @property
    def blocks(self) -> Sequence[DiTBlock]:
        """The transformer's blocks, in order."""
        return self._blocks

    @property
    def device(self) -> torch.device:
        """Where steps are computed."""
        return self.proj_out.weight.device

    def to_compute_type(self, dtype: torch.dtype) -> None:
        """Cast the weights of the costly layers; text, time, norms, input and output stay float32."""
        self.input_embed.conv_pos_embed.to(dtype)
        for block in self._blocks:
            block.compute_type = dtype
            for costly in (block.attn.to_qkv, block.attn.to_out, block.ff):
                costly.to(dtype)

    def to_device(self, device: str) -> None:
        """Move what steps need. What projects the time stays in host memory, float32: 41 % of the weights.

        A grid of times goes through it once, and only what comes out (`modulation_table`) is moved.
        """
        for part in (self.input_embed, self.text_embed, self.long_skip_connection, self.proj_out):
            if part is not None:
                part.to(device)
        for block in self._blocks:
            block.attn.to(device)
            block.ff.to(device)

    def quantize(self, layer: Callable[[nn.Linear], nn.Module], between: torch.dtype | None = None) -> None:
        """Turn the linear layers of the blocks into 8-bit ones.

        Attention keeps its type, and so does what else lies between them unless `between` is given.
        """
        for block in self._blocks:
            block.attn.compute_type = block.compute_type
            block.compute_type = between or block.compute_type
            _replace_linears(block.attn, layer)
            _replace_linears(block.ff, layer)

    @property
    def varlen(self) -> Callable[..., Tensor] | None:
        """Attention over packed rows that reads their lengths on the device, where there is one."""
        costly = self.input_embed.conv_pos_embed.dtype
        return varlen_kernel(self.device, costly, self.architecture.dim_head)

    def modulation_table(self, times: Tensor) -> ModulationTable:
        """Return the AdaLN values at `times` [n] float32."""
        dim = self.architecture.dim
        embedded = F.silu(self.time_embed(times.to(self.norm_out.linear.weight.device)))
        blocks = torch.stack(
            [block.attn_norm.linear(embedded).view(-1, 6, dim) for block in self._blocks], dim=1
        )
        blocks[:, :, 1::3] += 1.0
        final = self.norm_out.linear(embedded).view(-1, 2, dim).flip(1).contiguous()  # stored scale first
        final[:, 1] += 1.0
        return ModulationTable(upload(blocks, self.device), upload(final, self.device))

    def static_input(self, reference_mel: Tensor, token_ids: Tensor, frames: int, *, dropped: bool) -> Tensor:
        """Return what reference and text add to a row's input at every step: [frames, dim] float32.

        reference_mel [reference frames, 100], token_ids [tokens]. `dropped` is the unconditional copy:
        no reference, no text.
        """
        text = self.text_embed(token_ids, frames, drop_text=dropped)
        weight = self.input_embed.proj.weight  # columns: noisy mel, reference mel, text
        static = F.linear(text, weight[:, 2 * MEL_CHANNELS :], self.input_embed.proj.bias)
        if not dropped:
            reference = weight[:, MEL_CHANNELS : 2 * MEL_CHANNELS]
            static[: reference_mel.shape[0]] += F.linear(reference_mel, reference)
        return static

    def noisy_input(self, noisy_mel: Tensor) -> Tensor:
        """Return what the noisy mel adds to the input: [frames, 100] -> [frames, dim] float32."""
        return F.linear(noisy_mel, self.input_embed.proj.weight[:, :MEL_CHANNELS])

    def forward(self, hidden: Tensor, modulation: BatchModulation, layout: PackedLayout) -> Tensor:
        """Packed inputs [total, dim] float32 -> velocities [total, 100] float32."""
        positions = self.input_embed.conv_pos_embed
        hidden = hidden + positions(hidden.to(positions.dtype), layout)
        entered = hidden
        for index, block in enumerate(self._blocks):
            hidden = block(hidden, modulation.block(index), layout)
        if self.long_skip_connection is not None:
            hidden = self.long_skip_connection(torch.cat((hidden, entered), dim=-1))
        shift, scale = modulation.last().unbind(1)
        velocity: Tensor = self.proj_out(modulate(hidden, shift, scale, torch.float32))
        return velocity

    def in_bucket(self, hidden: Tensor, modulation: BatchModulation, layout: PackedLayout) -> Tensor:
        """Do the same in a bucket, fused where that was found to agree."""
        if self.fused is None:
            return self.forward(hidden, modulation, layout)
        return self.fused(self, hidden, modulation, layout)


def upstream_shapes(dit: DiT) -> dict[str, tuple[int, ...]]:
    """Return the name and shape of every weight that upstream's checkpoint of this DiT has."""
    shapes: dict[str, tuple[int, ...]] = {}
    for key, value in dit.state_dict().items():
        shape = tuple(value.shape)
        if "to_qkv" not in key:
            shapes[key] = shape
            continue
        for part in _QKV:
            shapes[key.replace("to_qkv", part)] = (shape[0] // 3, *shape[1:])
    return shapes


def fuse_weights(state: dict[str, Tensor], architecture: Architecture) -> dict[str, Tensor]:
    """Return upstream's weights in our layout, float32: queries, keys and values in one matrix.

    The channels of queries and keys are reordered per head from rotary pairs (0, 1), (2, 3), ... to
    halves (0, 2, ...), (1, 3, ...): the same permutation on both sides leaves their products alone.
    """
    fused: dict[str, Tensor] = {}
    for key, value in state.items():
        if ".to_k." in key or ".to_v." in key:
            continue
        if ".to_q." in key:
            parts = [state[key.replace("to_q", part)].float() for part in _QKV]
            halves = [_pairs_to_halves(part, architecture.dim_head) for part in parts[:2]]
            fused[key.replace("to_q", "to_qkv")] = torch.cat([*halves, parts[2]])
        elif key.endswith((".q_norm.weight", ".k_norm.weight")):
            fused[key] = _pairs_to_halves(value.float(), architecture.dim_head)
        else:
            fused[key] = value.to(torch.float32, copy=True)  # the file may be mapped; never keep its pages
    return fused


def _replace_linears(module: nn.Module, layer: Callable[[nn.Linear], nn.Module]) -> None:
    for name, child in module.named_children():
        if isinstance(child, nn.Linear):
            setattr(module, name, layer(child))
        else:
            _replace_linears(child, layer)


def _pairs_to_halves(value: Tensor, dim_head: int) -> Tensor:
    """Reorder the first dimension inside each head: even channels, then odd ones."""
    paired = value.view(-1, dim_head // 2, 2, *value.shape[1:])
    return paired.transpose(1, 2).flatten(0, 2)
