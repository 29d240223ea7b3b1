"""From spoken sentences to rows for the trainer: prompt and text joined exactly as f5d joins them.

A row is a prompt (one sentence with its own timing, often noise, room or level) and one or more target
sentences of the same speaker, re-timed by a fixed share, `L` frames in all. Sentences are joined by one
blank; the last one has none. Most rows have a whole number of frames per character, because upstream's
average upsampling is even only then; f5d re-times a reference so that this holds when it speaks too.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from f5d.catalog.spec import FFT_SAMPLES, MEL_CHANNELS, SAMPLE_RATE_HZ
from f5d.model.torchaudio_compat import import_torchaudio

from .speech import BASES, PHONES, Clip, Speaker
from .timing import Array, labels_at, retimed_centres

LETTERS: Final = " abcdefghijklmnopqrstuvwxyz',.?!"
SHAPES: Final = ((252, 16), (420, 10), (420, 10), (630, 6))  # frames of a row, rows of a batch
RATES: Final = (5, 6, 7)  # frames per character: about +-15% around six
USUAL_RATE: Final = 6  # what f5d asks of this model
USUAL_SHARE: Final = 0.6  # of the rows have it whatever the speaker's own rate
EVENNESS: Final = 0.6  # of targets, towards an even rate; always the same, so that the text tells the timing
MAX_PROMPT_CHARACTERS: Final = 46
DITHER: Final = 1e-4
_FLOOR: Final = 1e-5
_TRIES: Final = 200


@dataclass(frozen=True, slots=True)
class RowPlan:
    """Which clips a row joins (the first is the prompt) and its frames per character."""

    clips: tuple[int, ...]
    frames: int
    rate: float


@dataclass(frozen=True, slots=True)
class Row:
    """mel [frames, 100] float32, token rows [characters] (1 is the blank), phones [frames], boundary."""

    mel: Tensor
    tokens: Tensor
    phones: Tensor
    prompt_frames: int


class Framer:
    """Upstream's mel of a wave at any centres, as f5d.model.mel computes it at every 256th sample."""

    def __init__(self) -> None:
        self._window = torch.hann_window(FFT_SAMPLES)
        self.filters = import_torchaudio().functional.melscale_fbanks(
            n_freqs=FFT_SAMPLES // 2 + 1,
            f_min=0.0,
            f_max=SAMPLE_RATE_HZ / 2,
            n_mels=MEL_CHANNELS,
            sample_rate=SAMPLE_RATE_HZ,
            norm=None,
            mel_scale="htk",
        )

    def __call__(self, wave: Tensor, centres: Tensor) -> Tensor:
        """Return [frames, 100] of a wave [samples] at sample positions `centres` [frames] int64."""
        half = FFT_SAMPLES // 2
        padded = F.pad(wave[None, None], (half, half), mode="reflect")[0, 0]
        pieces = padded.unfold(0, FFT_SAMPLES, 1)[centres.clamp(0, len(wave))] * self._window
        mel: Tensor = (torch.fft.rfft(pieces).abs() @ self.filters).clamp(min=_FLOOR).log()
        return mel


@dataclass
class Library:
    """Every clip in memory maps, and which clips a speaker has of which length; owned by the trainer."""

    clips: list[Clip] = field(default_factory=list)
    waves: list[npt.NDArray[np.int16]] = field(default_factory=list)
    by_speaker: dict[Speaker, dict[int, list[int]]] = field(default_factory=dict)
    natural_rate: dict[Speaker, float] = field(default_factory=dict)
    focus: float = 0.0  # share of the shifted speakers' rows that go to the plain voices instead

    def add(self, wave: npt.NDArray[np.int16], clips: Sequence[Clip]) -> None:
        """Take in one shard."""
        for clip in clips:
            lengths = self.by_speaker.setdefault(clip.speaker, {})
            lengths.setdefault(len(clip.text), []).append(len(self.clips))
            self.clips.append(clip)
            self.waves.append(wave[clip.start : clip.start + clip.samples])

    def close(self) -> None:
        """Measure each speaker's usual frames per character; call after the last shard."""
        for speaker, lengths in self.by_speaker.items():
            indices = [index for alike in lengths.values() for index in alike]
            samples = sum(self.clips[index].samples for index in indices)
            characters = sum(len(self.clips[index].text) + 1 for index in indices)
            self.natural_rate[speaker] = samples / 256 / characters

    def plan(self, rng: random.Random, frames: int, *, fractional: float = 0.08) -> RowPlan:
        """Return a random row of `frames` frames; a share `fractional` has any rate of characters."""
        for _ in range(_TRIES):
            prompt = rng.randrange(len(self.clips))
            clip = self.clips[prompt]
            if clip.speaker not in BASES and rng.random() < self.focus:
                continue
            if not clip.text.endswith(".") or len(clip.text) > min(MAX_PROMPT_CHARACTERS, frames // 9):
                continue
            usual = rng.random() < USUAL_SHARE
            wished = USUAL_RATE if usual else self.natural_rate[clip.speaker] * rng.uniform(0.86, 1.16)
            if rng.random() < fractional:
                characters = round(frames / min(max(wished, RATES[0] - 0.3), RATES[-1] + 0.3))
            else:
                rate = min(max(round(wished), RATES[0]), RATES[-1])
                if frames % rate:
                    continue
                characters = frames // rate
            targets = self._fill(rng, clip.speaker, characters - len(clip.text) - 1, avoid=prompt)
            if targets:
                return RowPlan((prompt, *targets), frames, frames / characters)
        raise ValueError(f"no sentences found that fill {frames} frames")

    def _fill(self, rng: random.Random, speaker: Speaker, characters: int, *, avoid: int) -> list[int]:
        """Return clips whose texts, joined by blanks, have exactly so many characters; none if none do."""
        lengths = self.by_speaker[speaker]
        chosen: list[int] = []
        while characters > 0:
            exact = lengths.get(characters)
            if exact and (characters <= 50 or rng.random() < 0.5):
                pick = rng.choice(exact)
                return [*chosen, pick] if pick != avoid else []
            shorter = [length for length in lengths if 12 <= length <= characters - 13]
            if not shorter:
                return []
            pick = rng.choice(lengths[rng.choice(shorter)])
            chosen.append(pick)
            characters -= len(self.clips[pick].text) + 1
        return []


class RowMaker:
    """Turns plans into rows; owned by the trainer."""

    def __init__(self, library: Library, *, evenness: float = EVENNESS) -> None:
        self.library = library
        self._framer = Framer()
        self.evenness = evenness

    def make(self, plan: RowPlan, rng: random.Random) -> Row:
        """Return the row of a plan, with the prompt and the level varied."""
        gain = 10 ** (rng.gauss(0, 2.0) / 20)
        mels, phones, bounds = [], [], []
        for number, (clip, centres_s) in enumerate(self._placed(plan)):
            wave = torch.from_numpy(self.library.waves[plan.clips[number]].astype(np.float32) / 32768)
            if number == 0:
                wave = spoiled(wave, rng)
            wave = gain * wave + DITHER * torch.randn(len(wave))
            centres = torch.from_numpy((centres_s * SAMPLE_RATE_HZ).round().astype(np.int64))
            mels.append(self._framer(wave, centres))
            phones.append(_phones_at(clip, centres_s))
            bounds.append(len(centres_s))
        return Row(torch.cat(mels), self._tokens(plan), torch.cat(phones), bounds[0])

    def spell(self, plan: RowPlan) -> tuple[Tensor, Tensor]:
        """Return the token rows of a plan and the phone of each of its frames; much cheaper than `make`."""
        phones = [_phones_at(clip, centres_s) for clip, centres_s in self._placed(plan)]
        return self._tokens(plan), torch.cat(phones)

    def _placed(self, plan: RowPlan) -> Iterator[tuple[Clip, Array]]:
        """Yield each clip of a plan with the time of each of its frames, in seconds."""
        clips = [self.library.clips[index] for index in plan.clips]
        ends = list(accumulate(len(clip.text) + (clip is not clips[-1]) for clip in clips))
        bounds = [0, *(round(end * plan.frames / ends[-1]) for end in ends)]
        for number, clip in enumerate(clips):
            even = self.evenness if number else 0.0  # f5d re-times references, but not their words
            characters = [*clip.characters[:-1], len(clip.text) + (clip is not clips[-1])]
            frames = bounds[number + 1] - bounds[number]
            yield clip, retimed_centres(characters, clip.times_s, frames, evenness=even)

    def _tokens(self, plan: RowPlan) -> Tensor:
        return encode(" ".join(self.library.clips[index].text for index in plan.clips))


def _phones_at(clip: Clip, times_s: Array) -> Tensor:
    return torch.from_numpy(np.asarray(clip.phones)[labels_at(times_s, clip.phone_ends_s)])


def encode(text: str) -> Tensor:
    """Return the token rows of a text: the embedding's row 0 is "no token"."""
    return torch.tensor([LETTERS.index(character) + 1 for character in text])


def spoiled(wave: Tensor, rng: random.Random) -> Tensor:
    """Return a prompt as somebody's recording: at times another level, some noise, a small room."""
    if rng.random() < 0.25:
        decay_s = rng.uniform(0.05, 0.25)
        times_s = torch.arange(int(1.5 * decay_s * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
        room = torch.randn(len(times_s)) * torch.exp(-6.9 * times_s / decay_s)
        room *= rng.uniform(0.05, 0.35) / room.norm()
        room[0] = 1.0
        size = len(wave) + len(room)
        wave = torch.fft.irfft(torch.fft.rfft(wave, size) * torch.fft.rfft(room, size), size)[: len(wave)]
    if rng.random() < 0.35:
        wave = wave + 10 ** rng.uniform(-3.5, -2.2) * torch.randn(len(wave))
    if rng.random() < 0.3:
        wave = wave * 10 ** (rng.uniform(-4, 4) / 20)
    return wave


PHONE_COUNT: Final = len(PHONES)
