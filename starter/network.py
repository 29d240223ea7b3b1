"""The DiT of F5-TTS for training: rows of one length, upstream's names for every weight.

Equal to upstream's f5_tts/model/backbones/dit.py (and to f5d.model.dit) in what it computes, for
average upsampling, rms-normed queries and keys, all heads rotated. Two classifiers of phones help it to
learn what to say when; they are not exported.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from f5d.catalog.spec import MEL_CHANNELS, Architecture
from f5d.model.layers import NORM_EPSILON, PositionConvolution, TimeEmbedding

ARCHITECTURE = Architecture(
    backbone="DiT",
    dim=256,
    depth=8,
    heads=4,
    ff_mult=2,
    text_dim=192,
    conv_layers=6,
    qk_norm="rms_norm",
    text_embedding_average_upsampling=True,
)
_TEXT_MARGIN = 4  # positions after a text until its convolutions see only padding
SLOTS = 3  # phones that the text side names per character


@dataclass(frozen=True, slots=True)
class Texts:
    """The texts of a batch: token rows [n, most] (0 beyond a text's end) and their lengths [n]."""

    rows: Tensor
    lengths: Tensor


def upsampling_index(lengths: Tensor, frames: int) -> Tensor:
    """Return [n, frames]: which character each frame reads; the last characters take the remainder."""
    share = frames // lengths
    plain = lengths - frames % lengths  # characters that get `share` frames
    places = torch.arange(frames)[None, :]
    early = places // share[:, None]
    late = plain[:, None] + (places - (plain * share)[:, None]) // (share + 1)[:, None]
    return torch.where(early < plain[:, None], early, late)


class GlobalResponseNorm(nn.Module):
    """As in ConvNeXt-V2, over a sequence of `frames` positions whose tail repeats its last value."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(1, 1, dim))
        self.beta = nn.Parameter(torch.zeros(1, 1, dim))

    def forward(self, sequence: Tensor, frames: int) -> Tensor:
        """[n, width, dim] -> [n, width, dim]."""
        sequence = sequence.float()
        unseen = frames - sequence.shape[1]
        squares = sequence.square().sum(dim=1, keepdim=True) + unseen * sequence[:, -1:].square()
        energy = (squares + 1e-12).sqrt()
        share = energy / (energy.mean(dim=-1, keepdim=True) + 1e-6)
        normed: Tensor = self.gamma * (sequence * share) + self.beta + sequence
        return normed


class TextBlock(nn.Module):
    """A ConvNeXt-V2 block over characters."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv1d(dim, dim, 7, padding=3, groups=dim)
        self.norm = nn.LayerNorm(dim, eps=NORM_EPSILON)
        self.pwconv1 = nn.Linear(dim, 2 * dim)
        self.grn = GlobalResponseNorm(2 * dim)
        self.pwconv2 = nn.Linear(2 * dim, dim)

    def forward(self, sequence: Tensor, frames: int) -> Tensor:
        """[n, width, dim] -> [n, width, dim]."""
        mixed = self.dwconv(sequence.transpose(1, 2)).transpose(1, 2)
        refined: Tensor = self.pwconv2(self.grn(F.gelu(self.pwconv1(self.norm(mixed))), frames))
        return sequence + refined


class TextEmbedding(nn.Module):
    """Characters to one vector each, as upstream computes them at the row's full length."""

    def __init__(self, dim: int, layers: int, vocabulary_size: int) -> None:
        super().__init__()
        self.text_embed = nn.Embedding(vocabulary_size + 1, dim)
        nn.init.normal_(self.text_embed.weight, std=0.5)
        self.text_blocks = nn.ModuleList(TextBlock(dim) for _ in range(layers))

    def forward(self, texts: Texts, frames: int, dropped: Tensor) -> Tensor:
        """Return [n, width, dim]; rows where `dropped` [n] is true read as no text."""
        rows = torch.where(dropped[:, None], 0, texts.rows)
        rows = F.pad(rows, (0, _TEXT_MARGIN))
        width = rows.shape[1]
        inside = (torch.arange(width)[None, :] < texts.lengths[:, None])[..., None]
        sequence: Tensor = (self.text_embed(rows) + _positions(width, self.text_embed.embedding_dim)) * inside
        for block in self.text_blocks:
            sequence = block(sequence, frames) * inside
        return sequence


class Attention(nn.Module):
    """Self-attention over a row."""

    def __init__(self, dim: int, heads: int, dim_head: int) -> None:
        super().__init__()
        self.heads = heads
        inner = heads * dim_head
        self.to_q, self.to_k, self.to_v = (nn.Linear(dim, inner) for _ in range(3))
        self.q_norm, self.k_norm = (nn.RMSNorm(dim_head, eps=NORM_EPSILON) for _ in range(2))
        self.to_out = nn.ModuleList([nn.Linear(inner, dim)])

    def forward(self, hidden: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """[n, frames, dim] -> [n, frames, dim]."""
        split = (*hidden.shape[:2], self.heads, -1)
        query = rotate(self.q_norm(self.to_q(hidden).view(split).float()), cos, sin).transpose(1, 2)
        key = rotate(self.k_norm(self.to_k(hidden).view(split).float()), cos, sin).transpose(1, 2)
        value = self.to_v(hidden).view(split).transpose(1, 2)
        mixed = attend(query.to(value.dtype), key.to(value.dtype), value)
        out: Tensor = self.to_out[0](mixed.transpose(1, 2).flatten(2))
        return out


def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Return full attention [n, heads, frames, dim_head] by plain products, in the values' type.

    A fifth cheaper per training step on a CPU with bfloat16 products than torch's fused kernel.
    """
    shape = query.shape
    query, key, value = (part.reshape(-1, *shape[2:]) for part in (query * shape[-1] ** -0.5, key, value))
    with torch.autocast("cpu", enabled=False):
        return torch.bmm(torch.bmm(query, key.mT).softmax(-1), value).view(shape)


class FeedForward(nn.Module):
    """Two linear layers with a GELU between them."""

    def __init__(self, dim: int, inner: int) -> None:
        super().__init__()
        inside = nn.Sequential(nn.Linear(dim, inner), nn.GELU(approximate="tanh"))
        self.ff = nn.Sequential(inside, nn.Identity(), nn.Linear(inner, dim))


class Modulation(nn.Module):
    """The projection of an AdaLN."""

    def __init__(self, dim: int, parts: int) -> None:
        super().__init__()
        self.linear = nn.Linear(dim, parts * dim)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)


class Block(nn.Module):
    """A transformer block modulated by the time."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        dim = architecture.dim
        self.attn_norm = Modulation(dim, 6)
        self.attn = Attention(dim, architecture.heads, architecture.dim_head)
        self.ff = FeedForward(dim, int(dim * architecture.ff_mult))

    def forward(self, hidden: Tensor, time: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """[n, frames, dim] float32, activated time [n, dim] -> [n, frames, dim] float32."""
        parts = self.attn_norm.linear(time)[:, None].chunk(6, dim=-1)
        hidden = hidden + parts[2] * self.attn(_modulated(hidden, parts[0], parts[1]), cos, sin)
        fed: Tensor = self.ff.ff(_modulated(hidden, parts[3], parts[4]))
        out: Tensor = hidden + parts[5] * fed
        return out


class InputEmbedding(nn.Module):
    """Noisy mel, reference mel and text to the residual stream."""

    def __init__(self, text_dim: int, dim: int) -> None:
        super().__init__()
        self.proj = nn.Linear(2 * MEL_CHANNELS + text_dim, dim)
        self.conv_pos_embed = PositionConvolution(dim)


class Network(nn.Module):
    """The model in training."""

    def __init__(self, architecture: Architecture, vocabulary_size: int, phones: int) -> None:
        super().__init__()
        dim, text_dim = architecture.dim, architecture.text_width
        self.architecture = architecture
        self.time_embed = TimeEmbedding(dim)
        self.text_embed = TextEmbedding(text_dim, architecture.conv_layers, vocabulary_size)
        self.input_embed = InputEmbedding(text_dim, dim)
        self.transformer_blocks = nn.ModuleList(Block(architecture) for _ in range(architecture.depth))
        self.norm_out = Modulation(dim, 2)
        self.proj_out = nn.Linear(dim, MEL_CHANNELS)
        nn.init.zeros_(self.proj_out.weight)
        nn.init.zeros_(self.proj_out.bias)
        self.aux_text = nn.Linear(text_dim, SLOTS * phones)  # aux_*: only in training
        self.aux_frames = nn.Linear(dim, phones)

    def forward(
        self, noisy: Tensor, reference: Tensor, texts: Texts, times: Tensor, dropped: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return velocity [n, frames, 100], phone scores [n, frames, phones], text [n, width, text_dim].

        noisy and reference [n, frames, 100], times [n], `dropped` [n]: rows that see no text.
        """
        frames = noisy.shape[1]
        text = self.text_embed(texts, frames, dropped)
        index = upsampling_index(texts.lengths, frames)[..., None].expand(-1, -1, text.shape[-1])
        spread = text.gather(1, index)
        hidden = self.input_embed.proj(torch.cat((noisy, reference, spread), dim=-1)).float()
        hidden = hidden + self._positions(hidden)
        cos, sin = rotations(frames, self.architecture.dim_head)
        time = F.silu(self.time_embed(times))
        scores = hidden
        middle = len(self.transformer_blocks) // 2
        for number, block in enumerate(self.transformer_blocks, 1):
            hidden = block(hidden, time, cos, sin)
            if number == middle:
                scores = self.aux_frames(F.layer_norm(hidden, hidden.shape[-1:]))
        scale, shift = self.norm_out.linear(time)[:, None].chunk(2, dim=-1)  # upstream's order here
        return self.proj_out(_modulated(hidden, shift, scale)).float(), scores, text

    def _positions(self, hidden: Tensor) -> Tensor:
        mixed = hidden.transpose(1, 2)
        for layer in self.input_embed.conv_pos_embed.conv1d:
            mixed = layer(mixed)
        return mixed.transpose(1, 2)


def rotations(frames: int, dim_head: int) -> tuple[Tensor, Tensor]:
    """Return cosines and sines [frames, 1, dim_head / 2] of the rotary positions."""
    rates = 1.0 / (10_000 ** (torch.arange(0, dim_head, 2).float() / dim_head))
    angles = torch.outer(torch.arange(frames).float(), rates)[:, None]
    return angles.cos(), angles.sin()


def rotate(heads: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate neighbouring channels of [n, frames, heads, dim_head] by their position."""
    first, second = heads.float().view(*heads.shape[:-1], -1, 2).unbind(-1)
    return torch.stack((first * cos - second * sin, first * sin + second * cos), dim=-1).flatten(-2)


def _modulated(hidden: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    return F.layer_norm(hidden, hidden.shape[-1:], eps=NORM_EPSILON) * (1 + scale) + shift


def _positions(width: int, dim: int) -> Tensor:
    rates = 1.0 / (10_000.0 ** (torch.arange(0, dim, 2)[: dim // 2].float() / dim))
    angles = torch.outer(torch.arange(width).float(), rates)
    return torch.cat((angles.cos(), angles.sin()), dim=-1)
