"""Step 2, speech: `python -m starter.speech` speaks every training sentence, in shards of 500.

Each sentence is spoken by one speaker: a flite voice at some pitch and some size of the vocal tract
(a resampling that moves the formants; flite's pitch factor makes up for the pitch it moves). Waves are
24 kHz int16 at one level. A shard that exists is kept, so an interrupted run goes on where it stopped.
"""

from __future__ import annotations

import json
import multiprocessing
import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Final

import click
import numpy as np
import numpy.typing as npt

from f5d.catalog.spec import SAMPLE_RATE_HZ

from .flite import say
from .paths import SENTENCES, SPEECH, read_lines
from .timing import cut

SHARD_SENTENCES: Final = 500
LEVEL_RMS: Final = 0.1  # of speech, as f5d levels its references
PHONES: Final = [
    "pau",
    "aa",
    "ae",
    "ah",
    "ao",
    "aw",
    "ax",
    "ay",
    "b",
    "ch",
    "d",
    "dh",
    "eh",
    "er",
    "ey",
    "f",
    "g",
    "hh",
    "ih",
    "iy",
    "jh",
    "k",
    "l",
    "m",
    "n",
    "ng",
    "ow",
    "oy",
    "p",
    "r",
    "s",
    "sh",
    "t",
    "th",
    "uh",
    "uw",
    "v",
    "w",
    "y",
    "z",
    "zh",
]


@dataclass(frozen=True, slots=True)
class Speaker:
    """A flite voice, its pitch factor and the factor of its formants."""

    voice: str
    pitch: float = 1.0
    formants: float = 1.0


BASES: Final = (Speaker("rms"), Speaker("slt"), Speaker("awb"))
_BASE_SHARES: Final = (0.24, 0.24, 0.17)  # the rest is shared by the variants
_FACTORS: Final = (  # of pitch and formants
    (0.82, 1.0), (0.9, 0.94), (1.12, 1.0), (1.28, 1.0), (1.0, 1.08), (1.15, 1.12), (0.88, 0.9), (1.4, 1.1)
)  # fmt: skip
_TIED: Final = (0.86, 0.9, 0.94, 1.06, 1.1, 1.14, 1.2, 1.28)  # rms takes no pitch factor: both move together
VARIANTS: Final = (
    *(Speaker(voice, pitch, formants) for voice in ("slt", "awb") for pitch, formants in _FACTORS),
    *(Speaker("rms", factor, factor) for factor in _TIED),
)


@dataclass(frozen=True, slots=True)
class Clip:
    """A spoken sentence inside its shard: samples from `start` on, anchors and phones in seconds."""

    text: str
    speaker: Speaker
    start: int
    samples: int
    characters: list[int]
    times_s: list[float]
    phones: list[int]
    phone_ends_s: list[float]


def shifted(voice: str, factor: float) -> Speaker:
    """Return a voice at another pitch: by flite's pitch factor, or by resampling for rms, which ignores it."""
    return Speaker(voice, factor, factor if voice == "rms" else 1.0)


def speaker_of(rng: random.Random) -> Speaker:
    """Return a speaker; the three plain voices are the most frequent."""
    draw = rng.random()
    for speaker, share in zip(BASES, _BASE_SHARES, strict=True):
        draw -= share
        if draw < 0:
            return speaker
    return rng.choice(VARIANTS)


def speak(text: str, speaker: Speaker) -> tuple[npt.NDArray[np.float32], Clip]:
    """Return the spoken part of `text` at 24 kHz, levelled, and its clip (starting at 0).

    Raises ValueError when flite does not speak the text word for word.
    """
    import torch

    from f5d.model.mel import resample

    utterance = say(text, speaker.voice, pitch=speaker.pitch / speaker.formants)
    part = cut(text, utterance.phones)
    rate_hz = utterance.rate_hz
    kept = utterance.samples[int(part.start_s * rate_hz) : int(part.end_s * rate_hz)].astype(np.float32) / 32768
    ratio = Fraction(SAMPLE_RATE_HZ, rate_hz) / Fraction(str(speaker.formants))
    wave = resample(torch.from_numpy(kept), ratio.denominator, ratio.numerator).numpy()
    wave *= LEVEL_RMS / max(float(np.sqrt(np.mean(np.square(wave)))), 1e-4)
    shrink = 1 / speaker.formants
    return wave, Clip(
        text=text,
        speaker=speaker,
        start=0,
        samples=len(wave),
        characters=list(part.characters),
        times_s=[round(time_s * shrink, 5) for time_s in part.times_s],
        phones=[PHONES.index(phone.name) if phone.name in PHONES else 0 for phone in utterance.phones],
        phone_ends_s=[round((phone.end_s - part.start_s) * shrink, 5) for phone in utterance.phones],
    )


def write_shard(number: int, sentences: list[str], folder: Path) -> int:
    """Speak a shard's sentences and return how many flite spoke word for word; an existing one stays."""
    index = folder / f"{number:03}.json"
    if index.exists():
        return len(json.loads(index.read_text()))
    rng = random.Random(number)
    waves: list[npt.NDArray[np.int16]] = []
    clips: list[Clip] = []
    position = 0
    for text in sentences:
        speaker = speaker_of(rng)
        try:
            wave, clip = speak(text, speaker)
        except ValueError:
            continue  # an abbreviation that flite reads as several words, say
        waves.append((np.clip(wave, -1, 1) * 32767).round().astype(np.int16))
        clips.append(replace(clip, start=position))
        position += len(wave)
    np.save(folder / f"{number:03}.npy", np.concatenate(waves))
    partial = index.with_suffix(".part")
    partial.write_text(json.dumps([asdict(clip) for clip in clips]))
    partial.rename(index)
    return len(clips)


def read_shards(folder: Path) -> Iterator[tuple[npt.NDArray[np.int16], list[Clip]]]:
    """Yield the waves (mapped, not read) and clips of every finished shard."""
    for index in sorted(folder.glob("*.json")):
        rows = json.loads(index.read_text())
        clips = [Clip(**{**row, "speaker": Speaker(**row["speaker"])}) for row in rows]
        yield np.load(index.with_suffix(".npy"), mmap_mode="r"), clips


def _work(task: tuple[int, list[str], Path]) -> tuple[int, int]:
    import torch

    torch.set_num_threads(1)
    return task[0], write_shard(*task)


@click.command()
@click.option("--processes", default=2, show_default=True)
def main(processes: int) -> None:
    """Speak every sentence of the corpus."""
    sentences = read_lines(SENTENCES)
    SPEECH.mkdir(parents=True, exist_ok=True)
    count = max(1, len(sentences) // SHARD_SENTENCES)  # the last shard takes the remainder: it validates
    tasks = []
    for number in range(count):
        end = None if number + 1 == count else (number + 1) * SHARD_SENTENCES
        tasks.append((number, sentences[number * SHARD_SENTENCES : end], SPEECH))
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        for number, spoken in pool.imap_unordered(_work, tasks):
            click.echo(f"shard {number:03}: {spoken} of {len(tasks[number][1])} sentences")


if __name__ == "__main__":
    main()
