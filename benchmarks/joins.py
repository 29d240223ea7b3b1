"""Forty sentences in one text against the same sentences alone: what a recogniser hears, the pauses, the level.

    python benchmarks/joins.py [--whisper FOLDER] [--takes N] [--cross-fade 0.15] [--raw] [VOICE]...

The bundled model speaks in this process, with its defaults. A text is heard in pieces that begin where its
segments do, so that the recogniser has as much context as with a sentence alone. It is pocketsphinx, or with
--whisper the Whisper model in FOLDER (in CTranslate2's format; `pip install faster-whisper`). A sentence
alone gets the seed that it has in the text. One take's errors are chance as much as anything: --takes sums
those of several seeds. --cross-fade and --raw measure what upstream does.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from _support import head, table
from msgspec.structs import replace

from f5ctl.parameters import PARAMETERS
from f5ctl.pauses import pause_s
from f5d.catalog.hub import fetch
from f5d.catalog.models import catalog
from f5d.catalog.voices import VoiceTable
from f5d.engine.joins import Joiner
from f5d.engine.loudness import loudness_lufs, true_peaks
from f5d.engine.silence import Wave, find_speech, levels_db
from f5d.engine.synthesizer import Plan, Synthesizer
from f5d.engine.types import Parameters
from f5d.model.load import load_model

RATE_HZ = 24_000
FIRST_SEED = 1
SEEDS_APART = 1_000  # of takes; a text's segments have seeds one apart
QUIET_DB = -45.0  # what is counted as a pause
VOICES = ("rms", "slt", "awb")
SENTENCES = (
    "The baker opens his shop before the sun is up.",
    "This is the road that leads to the old mill.",
    "She keeps her letters in a small wooden box.",
    "Nobody knew who had left the door open.",
    "When the rain stopped, the children ran into the garden.",
    "Three of the boats came back late in the evening.",
    "He asked for a glass of water and sat down.",
    "The train to the north leaves at noon.",
    "There is a letter on the table for you.",
    "They had walked for hours before they saw a house.",
    "Her brother works in a hospital near the river.",
    "The cat slept on the warm stones by the wall.",
    "How far is it to the next village?",
    "I have never seen so many stars in the sky.",
    "The teacher wrote a long word on the board.",
    "After dinner, we played cards and told each other stories.",
    "Please bring me the blue coat from the hall.",
    "That was the best summer of my life.",
    "The wind took his hat and carried it over the field.",
    "Some people never say what they really think.",
    "A new bridge was built across the valley last year.",
    "The old man smiled and shook his head.",
    "You can leave your bags behind the counter.",
    "Snow fell all night and covered the road.",
    "The farmer sold two horses at the market.",
    "What did you say to her?",
    "We should go home before it gets dark.",
    "His hands were cold, but his voice was calm.",
    "The kitchen smelled of bread and coffee.",
    "Every morning she reads the paper on the bus.",
    "The ship was already far out at sea.",
    "It took them a week to paint the house.",
    "Both of my sisters live in the city.",
    "The doctor said that he should rest for a few days.",
    "Far away, a dog began to bark.",
    "If you look closely, you can see the marks of the tools.",
    "Money was never very important to him.",
    "The last page of the book was missing.",
    "Do you still have the key to the cellar?",
    "In the end they all agreed to wait until spring.",
)
Hear = Callable[[Wave], str]


def words_of(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())


def word_errors(expected: list[str], heard: list[str]) -> int:
    """Return the least number of words to insert, delete or replace to get from one to the other."""
    row = list(range(len(heard) + 1))
    for count, word in enumerate(expected, 1):
        previous, row[0] = row[0], count
        for column, other in enumerate(heard, 1):
            changed = previous + (word != other)
            previous, row[column] = row[column], min(changed, row[column] + 1, row[column - 1] + 1)
    return row[-1]


def errors(texts: list[str], waves: list[Wave], hear: Hear) -> tuple[int, int]:
    """Return the word errors of waves, and at how many of them the first word was not heard."""
    heard = [words_of(hear(wave)) for wave in waves]
    expected = [words_of(text) for text in texts]
    wrong = sum(word_errors(*pair) for pair in zip(expected, heard, strict=True))
    first = sum(said[0] not in got[:2] for said, got in zip(expected, heard, strict=True))
    return wrong, first


def sphinx() -> Hear:
    from pocketsphinx import Decoder

    decoder = Decoder(samprate=16_000, loglevel="FATAL")

    def hear(wave: Wave) -> str:
        padded = np.pad(at_16_khz(wave), 3_200)
        decoder.start_utt()
        decoder.process_raw((np.clip(padded, -1, 1) * 32_767).astype("<i2").tobytes(), full_utt=True)
        decoder.end_utt()
        found = decoder.hyp()
        return "" if found is None else str(found.hypstr)

    return hear


def whisper(folder: str) -> Hear:
    from faster_whisper import WhisperModel

    model = WhisperModel(folder, device="cpu", compute_type="int8")

    def hear(wave: Wave) -> str:
        found, _ = model.transcribe(at_16_khz(wave), language="en", beam_size=1, temperature=0)
        return " ".join(segment.text for segment in found)

    return hear


def at_16_khz(wave: Wave) -> Wave:
    import torch

    from f5d.model.mel import resample

    return np.asarray(resample(torch.from_numpy(np.ascontiguousarray(wave)), RATE_HZ, 16_000), np.float32)


def spoken(synthesizer: Synthesizer, plan: Plan) -> tuple[Wave, list[int]]:
    """Return a plan's audio, and where its segments begin."""
    joiner, pieces, starts, length = Joiner(plan.parameters, plan.edges), [], [], 0
    for index in range(len(plan.segments)):
        row = synthesizer.open_row(plan, index)
        while not row.finished:
            synthesizer.step([row])
        (wave,) = synthesizer.vocode([(plan, row)])
        piece, start = joiner.push(index, synthesizer.finish_wave(plan, index, row, wave))
        starts.append(length + start)
        pieces.append(piece)
        length += len(piece)
    return np.concatenate(pieces), starts


def pauses_s(wave: Wave, starts: list[int]) -> list[float]:
    """Return how long it is quiet around the beginning of each segment but the first."""
    quiet = np.concatenate([[False], levels_db(wave, RATE_HZ) < QUIET_DB, [False]])
    found = []
    for start in starts[1:]:
        begin = end = start // 240 + 1
        while quiet[begin - 1]:
            begin -= 1
        while quiet[end]:
            end += 1
        found.append(max(0, end - begin) / 100)
    return found


def segments_of(sentences: Sequence[str], segments: Sequence[str]) -> list[int]:
    """Return for each sentence the segment that it begins in: with that one's seed it is the same take."""
    begins = np.cumsum([0, *(len("".join(text.split())) for text in segments)])
    at = np.cumsum([0, *(len("".join(text.split())) for text in sentences)])[:-1]
    return [int(index) for index in np.searchsorted(begins, at, side="right") - 1]


def level(wave: Wave) -> float:
    found = find_speech(wave, RATE_HZ)
    return loudness_lufs(wave[found.start : found.end])


def measure(
    synthesizer: Synthesizer, name: str, parameters: Parameters, hear: Hear, takes: int
) -> tuple[object, ...]:
    """Return the row of a voice."""
    reference = VoiceTable()[name].reference()
    alone, whole, off, levels, peak = np.zeros(2, int), np.zeros(2, int), [], [], 0.0
    for take in range(takes):
        seed = FIRST_SEED + take * SEEDS_APART
        plan = synthesizer.plan(" ".join(SENTENCES), reference, replace(parameters, seed=seed))
        texts = [segment.text for segment in plan.segments]
        wave, starts = spoken(synthesizer, plan)
        lone = [
            spoken(synthesizer, synthesizer.plan(text, reference, replace(parameters, seed=seed + index)))[0]
            for text, index in zip(SENTENCES, segments_of(SENTENCES, texts), strict=True)
        ]
        alone += errors(list(SENTENCES), lone, hear)
        whole += errors(texts, np.split(wave, starts[1:]), hear)
        wanted = [pause_s(one, float(PARAMETERS["sentence_pause"].default or 0)) for one in plan.between]
        off += [abs(got - want) / want for got, want in zip(pauses_s(wave, starts), wanted, strict=True)]
        levels += [level(one) for one in lone]
        peak = max(peak, true_peaks(wave).max())
    return (
        name,
        f"{alone[0]} ({alone[1]})",
        f"{whole[0]} ({whole[1]})",
        f"{whole[0] / alone[0]:.2f}",
        f"{sum(one <= 0.2 for one in off)} of {len(off)}",
        f"{np.mean(levels):.1f} ± {np.std(levels):.1f}",
        f"{20 * np.log10(peak):.1f}",
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--whisper", metavar="FOLDER")
    parser.add_argument("--takes", type=int, default=3, metavar="N")
    parser.add_argument("--cross-fade", type=float, metavar="S")
    parser.add_argument("--raw", action="store_true")
    parser.add_argument("voices", nargs="*", default=VOICES)
    given = parser.parse_args()
    hear = whisper(given.whisper) if given.whisper else sphinx()
    spec = catalog()["starter"]
    settings: dict[str, Any] = {"nfe_step": spec.nfe_step, "language": spec.language}
    if given.cross_fade is not None:
        settings |= {"cross_fade_duration": given.cross_fade, "sentence_pause": None}
    parameters = Parameters(**settings, loudness=not given.raw)
    print(head(), flush=True)
    synthesizer = Synthesizer(load_model(fetch(spec), device="cpu", dtype="auto"))
    count = sum(len(words_of(text)) for text in SENTENCES)
    told = "in brackets: first words that were not heard"
    print(f"{len(SENTENCES)} sentences of {count} words, {given.takes} takes; {told}\n")
    rows = [measure(synthesizer, name, parameters, hear, given.takes) for name in given.voices]
    columns = ["voice", "errors alone", "in one text", "ratio", "pauses within 20 %", "LUFS", "dBTP"]
    print(table(columns, rows))


if __name__ == "__main__":
    main()
