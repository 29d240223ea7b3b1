"""Rows meet the trainer as f5d meets the model."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from f5d.model.mel import MelSpectrogram
from starter.batches import collate, slot_phones
from starter.rows import RATES, USUAL_RATE, Framer, Library, RowMaker, RowPlan, encode
from starter.speech import Clip, Speaker

SPEAKER = Speaker("rms")


def clip(text: str, start: int, samples: int) -> Clip:
    """Return a clip whose anchors are its ends and whose first half is phone 1, its second phone 2."""
    seconds = samples / 24_000
    return Clip(text, SPEAKER, start, samples, [0, len(text)], [0.0, seconds], [1, 2], [seconds / 2, seconds])


@pytest.fixture
def library() -> Library:
    """Return noise that says twenty sentences of 13 to 32 characters at six frames a character."""
    found = Library()
    rng = np.random.default_rng(0)
    wave = (rng.standard_normal(20 * 50_000) * 3000).astype(np.int16)
    texts = ["a" * length + "." for length in range(12, 32)]
    clips = [clip(text, 50_000 * n, (len(text) + 1) * 6 * 256) for n, text in enumerate(texts)]
    found.add(wave, clips)
    found.close()
    return found


def test_frames_at_every_hop_are_the_daemons_mel() -> None:
    """The recipe's mel at centres 0, 256, 512 and so on is the one that references get."""
    wave = torch.randn(24_000) * 0.1
    mel = MelSpectrogram()(wave)
    assert torch.allclose(Framer()(wave, torch.arange(len(mel)) * 256), mel, atol=1e-4)


def test_a_row_has_exactly_its_frames_and_whole_frames_per_character(library: Library) -> None:
    """Prompt and targets are joined by one blank, and the boundary falls on the first target's start."""
    rng = random.Random(3)
    plan = library.plan(rng, 252, fractional=0.0)
    row = RowMaker(library).make(plan, rng)
    texts = [library.clips[index].text for index in plan.clips]
    assert row.mel.shape == (252, 100)
    assert torch.equal(row.tokens, encode(" ".join(texts)))
    assert 252 % len(row.tokens) == 0
    assert row.prompt_frames == (len(texts[0]) + 1) * 252 // len(row.tokens)
    assert row.phones[0] == 1


def test_the_text_tells_the_timing_of_targets_and_prompts_keep_theirs() -> None:
    """A prompt's first phone keeps its 80% of the time; a target's is moved 60% of the way to its 50%."""
    frames, characters = 252, 42
    half = characters // 2
    seconds = half * 6 * 256 / 24_000
    uneven = Clip(
        "a" * (half - 1) + ".", SPEAKER, 0, half * 6 * 256,
        [0, half // 2, half - 1], [0.0, 0.8 * seconds, seconds], [1, 2], [0.8 * seconds, seconds],
    )  # fmt: skip
    library = Library()
    library.add((np.random.default_rng(0).standard_normal(uneven.samples) * 3000).astype(np.int16), [uneven])
    plan = RowPlan((0, 0), frames, frames / (2 * half - 1))
    maker = RowMaker(library)
    row, again = maker.make(plan, random.Random(1)), maker.make(plan, random.Random(2))
    assert torch.equal(row.phones, again.phones)
    prompt, target = row.phones[: row.prompt_frames], row.phones[row.prompt_frames :]
    assert (prompt == 1).float().mean() == pytest.approx(0.8, abs=0.02)
    assert (target == 1).float().mean() == pytest.approx(0.4 * 0.8 + 0.6 * 0.5, abs=0.02)


def test_most_rows_have_the_usual_rate(library: Library) -> None:
    """Three fifths are asked for six frames a character, and nine tenths of all have a whole number."""
    rng = random.Random(0)
    rates = [library.plan(rng, 252).rate for _ in range(400)]
    assert sum(rate == USUAL_RATE for rate in rates) > 200
    assert 200 < sum(rate in RATES for rate in rates) < 400


def test_what_is_hidden_is_learned_and_prompts_stay_visible(library: Library) -> None:
    """A row without its prompt is hidden as a whole; times fill the unit interval evenly."""
    torch.manual_seed(0)
    rng = random.Random(1)
    maker = RowMaker(library)
    rows = [maker.make(library.plan(rng, 252, fractional=0.0), rng) for _ in range(16)]
    batch = collate(rows)
    assert batch.masked[batch.audio_dropped].all()
    assert batch.masked.any(dim=1).all()
    assert sorted((batch.times * 16).long().tolist()) == list(range(16))


def test_each_third_of_a_character_names_its_phone() -> None:
    """Phones are read off the frames at even places; what lies beyond a text does not count."""
    phones = torch.arange(12)[None]
    slots = slot_phones(phones, torch.tensor([2]), 3)
    assert slots.tolist() == [[[1, 3, 5], [7, 9, 11], [-100, -100, -100]]]
