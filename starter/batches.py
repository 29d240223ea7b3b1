"""Batches of rows: what is masked, what is dropped, at which time each row stands. Seeded by the step."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from .network import SLOTS, Texts
from .rows import SHAPES, Row, RowMaker

AUDIO_DROP: Final = 0.05  # of the rows see no prompt
ALL_DROP: Final = 0.12  # of the rows see neither prompt nor text
SPAN_SHARE: Final = 0.04  # of the rows hide a random span instead of exactly what follows the prompt


@dataclass(frozen=True, slots=True)
class Batch:
    """mel [n, frames, 100], masked [n, frames] bool, phones [n, frames], times [n], noise as mel."""

    mel: Tensor
    noise: Tensor
    times: Tensor
    masked: Tensor
    phones: Tensor
    texts: Texts
    audio_dropped: Tensor
    text_dropped: Tensor


def rows_of(step: int, maker: RowMaker, seed: int, *, rank: int = 0, size: int = 1) -> list[Row]:
    """Return a team member's rows of a step, the same ones whenever that step is made."""
    rng = random.Random(f"{seed} {step}")
    frames, count = rng.choice(SHAPES)
    rng = random.Random(f"{seed} {step} {rank}")
    torch.manual_seed(rng.getrandbits(40))
    return [maker.make(maker.library.plan(rng, frames), rng) for _ in range(count // size)]


def collate(rows: Sequence[Row]) -> Batch:
    """Return a batch of rows of one length, with random masks, times and drops (torch's generator)."""
    count, frames = len(rows), rows[0].mel.shape[0]
    mel = torch.stack([row.mel for row in rows])
    text_dropped = torch.rand(count) < ALL_DROP
    audio_dropped = text_dropped | (torch.rand(count) < AUDIO_DROP)
    starts = torch.tensor([row.prompt_frames for row in rows])
    ends = torch.full_like(starts, frames)
    spans = torch.rand(count) < SPAN_SHARE
    lengths = (frames * (0.7 + 0.3 * torch.rand(count))).long()
    offsets = ((frames - lengths + 1) * torch.rand(count)).long()
    starts = torch.where(spans, offsets, starts).masked_fill(audio_dropped, 0)
    ends = torch.where(spans, offsets + lengths, ends).masked_fill(audio_dropped, frames)
    places = torch.arange(frames)[None, :]
    return Batch(
        mel=mel,
        noise=torch.randn_like(mel),
        times=(torch.randperm(count) + torch.rand(count)) / count,
        masked=(places >= starts[:, None]) & (places < ends[:, None]),
        phones=torch.stack([row.phones for row in rows]),
        texts=texts_of([row.tokens for row in rows]),
        audio_dropped=audio_dropped,
        text_dropped=text_dropped,
    )


def texts_of(tokens: Sequence[Tensor]) -> Texts:
    """Return token rows of different lengths as one table."""
    lengths = torch.tensor([len(each) for each in tokens])
    return Texts(pad_sequence(list(tokens), batch_first=True), lengths)


def slot_phones(phones: Tensor, lengths: Tensor, width: int) -> Tensor:
    """Return the phone in each third of each character, [n, width, SLOTS]; -100 beyond a text.

    phones [n, frames] of texts of `lengths` characters spread evenly over the frames.
    """
    frames = phones.shape[1]
    slots = (torch.arange(width * SLOTS) + 0.5) / SLOTS
    places = (slots[None, :] * frames / lengths[:, None]).long()
    found = phones.gather(1, places.clamp(max=frames - 1)).view(len(phones), width, SLOTS)
    beyond = torch.arange(width)[None, :] >= lengths[:, None]
    return found.masked_fill(beyond[..., None], -100)
