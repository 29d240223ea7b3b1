"""The text side of the DiT: token ids to one vector a mel frame, computed once per segment.

Always float32 and always at the row's exact length: the blocks' response norm spans the whole
sequence, so a padded length would change every value. Source: f5_tts/model/backbones/dit.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from f5d.catalog.shapes import TEXT_KERNEL_FRAMES
from f5d.model.layers import NORM_EPSILON, table_frames, upload

if TYPE_CHECKING:
    from f5d.catalog.spec import Architecture

_FILLER = 0  # the embedding row of "no token"; token i is row i + 1


class GlobalResponseNorm(nn.Module):
    """Scales each channel by its share of the sequence's energy (ConvNeXt-V2)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(1, 1, dim))
        self.beta = nn.Parameter(torch.zeros(1, 1, dim))

    def forward(self, sequence: Tensor) -> Tensor:
        """[1, frames, dim] -> [1, frames, dim]."""
        energy = torch.linalg.vector_norm(sequence, dim=1, keepdim=True)
        share = energy / (energy.mean(dim=-1, keepdim=True) + 1e-6)
        normed: Tensor = self.gamma * (sequence * share) + self.beta + sequence
        return normed


class TextBlock(nn.Module):
    """A ConvNeXt-V2 block over frames."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv1d(dim, dim, TEXT_KERNEL_FRAMES, padding=TEXT_KERNEL_FRAMES // 2, groups=dim)
        self.norm = nn.LayerNorm(dim, eps=NORM_EPSILON)
        self.pwconv1 = nn.Linear(dim, 2 * dim)
        self.grn = GlobalResponseNorm(2 * dim)
        self.pwconv2 = nn.Linear(2 * dim, dim)

    def forward(self, sequence: Tensor) -> Tensor:
        """[1, frames, dim] -> [1, frames, dim]."""
        mixed = self.dwconv(sequence.transpose(1, 2)).transpose(1, 2)
        refined: Tensor = self.pwconv2(self.grn(F.gelu(self.pwconv1(self.norm(mixed)))))
        return sequence + refined


class TokenRows(nn.Module):
    """An embedding table without initial values.

    nn.Embedding draws normal ones, which on the meta device imports torch._dynamo: 1.5 s for nothing.
    """

    def __init__(self, rows: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(rows, width))

    def forward(self, rows: Tensor) -> Tensor:
        """[n] -> [n, width]."""
        return F.embedding(rows, self.weight)


class TextEmbedding(nn.Module):
    """Token ids to one vector a frame, with the text present or dropped for guidance."""

    def __init__(self, architecture: Architecture, vocabulary_size: int) -> None:
        super().__init__()
        width = architecture.text_width
        self.text_embed = TokenRows(vocabulary_size + 1, width)
        self.text_blocks = nn.Sequential(*(TextBlock(width) for _ in range(architecture.conv_layers)))
        self.mask_padding = architecture.text_mask_padding
        self.average_upsampling = architecture.text_embedding_average_upsampling
        self._table: Tensor | None = None

    def forward(self, token_ids: Tensor, frames: int, *, drop_text: bool) -> Tensor:
        """token_ids [tokens] -> [frames, width]; tokens beyond `frames` are cut off.

        With `drop_text` every token reads as filler, but the padding mask is still the text's.
        """
        tokens = token_ids[:frames] + 1
        text_frames = tokens.shape[0]
        rows = F.pad(
            torch.zeros_like(tokens) if drop_text else tokens, (0, frames - text_frames), value=_FILLER
        )
        sequence: Tensor = self.text_embed(rows)[None]  # [1, frames, width]
        if len(self.text_blocks) > 0:
            sequence = sequence + self._positions(frames, sequence)
            sequence = self._mask(sequence, text_frames)
            for block in self.text_blocks:
                sequence = self._mask(block(sequence), text_frames)
        if self.average_upsampling:
            return _stretch(sequence[0, :text_frames], frames)
        return sequence[0]

    def _positions(self, frames: int, like: Tensor) -> Tensor:
        """Return the first rows of a table that is made once: sines are slow, and the device would wait."""
        table = self._table
        if table is None or len(table) < frames or table.device != like.device:
            table = self._table = _positions(table_frames(frames), like.shape[-1], like.device)
        return table[:frames]

    def _mask(self, sequence: Tensor, text_frames: int) -> Tensor:
        if self.mask_padding:
            sequence[:, text_frames:] = 0.0
        return sequence


def _positions(frames: int, width: int, device: torch.device) -> Tensor:
    """Return [frames, width]: cosines of each position in the first half, sines in the second."""
    rates = 1.0 / (10_000.0 ** (torch.arange(0, width, 2)[: width // 2].float() / width))
    angles = torch.outer(torch.arange(frames).float(), rates)
    return upload(torch.cat((angles.cos(), angles.sin()), dim=-1), device)


def _stretch(text: Tensor, frames: int) -> Tensor:
    """Spread [tokens, width] evenly over [frames, width]; the last tokens take the remainder."""
    tokens = text.shape[0]
    if tokens == 0:
        return text.new_zeros(frames, text.shape[1])
    share, remainder = divmod(frames, tokens)
    repeats = torch.full((tokens,), share, device=text.device)
    repeats[tokens - remainder :] += 1
    return text.repeat_interleave(repeats, dim=0, output_size=frames)
