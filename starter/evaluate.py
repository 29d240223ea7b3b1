"""Step 6, evaluation: `python -m starter.evaluate` speaks held-out sentences and asks a recogniser.

Everything goes through f5d's own synthesizer, from recording and transcript to wave. Word error rates by
pocketsphinx; `--references ordinary` takes plain, unwarped flite recordings, `--follow` measures whether
the pitch of shifted references is followed, `--floor` what the recogniser hears in flite's own speech.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import click
import numpy as np
import numpy.typing as npt
import soundfile as sf

from f5d.catalog.hub import fetch
from f5d.catalog.models import catalog
from f5d.catalog.spec import SAMPLE_RATE_HZ, read_architecture
from f5d.catalog.voices import Reference
from f5d.engine.synthesizer import Synthesizer
from f5d.engine.types import Parameters
from f5d.model.load import load_model

from .paths import HARVARD, HELD_OUT, PACKAGE_DATA, read_lines
from .recognise import transcribe, word_error_rate
from .speech import BASES, Speaker, shifted, speak

Wave = npt.NDArray[np.float32]

ORDINARY_TEXT: Final = "the quiet lamp stands on a table near the window."  # for plain references
FOLLOWED_TEXT: Final = "we have several things in common."
SHIFTS: Final = (0.8, 0.9, 1.0, 1.12, 1.25)
LEAST_HZ, MOST_HZ = 60.0, 400.0


def synthesizer(folder: Path) -> Synthesizer:
    """Return the daemon's synthesizer with the model of a folder that is laid out as the package's."""
    spec = replace(
        catalog()["starter"],
        architecture=read_architecture(folder / "dit.json"),
        checkpoint=str(folder / "model.safetensors"),
        vocab=str(folder / "vocab.txt"),
        vocoder=str((folder if (folder / "vocoder").exists() else PACKAGE_DATA) / "vocoder"),
    )
    return Synthesizer(load_model(fetch(spec), device="cpu", dtype="auto"))


def built_in(folder: Path) -> dict[str, Reference]:
    """Return the references of a folder's voices by name."""
    found = {}
    for path in sorted((folder / "voices").glob("*.wav")):
        text = path.with_suffix(".txt").read_text(encoding="utf-8").strip()
        found[path.stem] = Reference(audio=path.read_bytes(), text=text, prepared=True)
    return found


def recorded(speaker: Speaker, text: str = ORDINARY_TEXT) -> Reference:
    """Return a plain recording of a speaker, as a user would hand it in."""
    wave, _ = speak(text, speaker)
    return Reference(audio=as_file(wave), text=text, prepared=False)


def as_file(wave: Wave) -> bytes:
    """Return a WAV file of a 24 kHz wave."""
    buffer = io.BytesIO()
    sf.write(buffer, wave, SAMPLE_RATE_HZ, format="WAV", subtype="PCM_16")
    return buffer.getvalue()


def spoken(speaker: Synthesizer, texts: Sequence[str], reference: Reference, steps: int) -> Iterator[Wave]:
    """Yield each text spoken after a reference, seeds 0, 1, 2 and so on."""
    for seed, text in enumerate(texts):
        parameters = Parameters(nfe_step=steps, seed=seed)
        yield speaker.speak(speaker.plan(text, reference, parameters))


def median_pitch_hz(wave: Wave, rate_hz: int = SAMPLE_RATE_HZ) -> float:
    """Return the median fundamental frequency of the voiced parts, by autocorrelation; NaN without any."""
    size, hop = int(0.05 * rate_hz), int(0.01 * rate_hz)
    shortest, longest = int(rate_hz / MOST_HZ), int(rate_hz / LEAST_HZ)
    found = []
    loud = 0.1 * float(np.abs(wave).max())
    for start in range(0, len(wave) - size, hop):
        piece = wave[start : start + size] - wave[start : start + size].mean()
        if np.abs(piece).max() < loud:
            continue
        spectrum = np.fft.rfft(piece, 2 * size)
        correlation = np.fft.irfft(np.abs(spectrum) ** 2)[: longest + 1]
        correlation /= correlation[0] * (1 - np.arange(longest + 1) / size)
        lag = shortest + int(np.argmax(correlation[shortest:]))
        if correlation[lag] > 0.6:
            found.append(rate_hz / lag)
    return float(np.median(found)) if found else float("nan")


def scores(
    model: Synthesizer, references: dict[str, Reference], texts: Sequence[str], steps: int
) -> dict[str, float]:
    """Return the word error rate of each reference over the texts."""
    found = {}
    for name, reference in references.items():
        waves = spoken(model, texts, reference, steps)
        pairs = [(text, transcribe(wave, SAMPLE_RATE_HZ)) for text, wave in zip(texts, waves, strict=True)]
        found[name] = round(word_error_rate(pairs), 3)
        for expected, heard in pairs:
            click.echo(f"{name}: {expected} | {heard}", err=True)
    return found


def following(model: Synthesizer, steps: int) -> dict[str, float]:
    """Return how median pitch and reference's median pitch correlate, over voices and shifts."""
    asked, given = [], []
    for base in BASES:
        for shift in SHIFTS:
            reference = recorded(shifted(base.voice, shift))
            wave = next(spoken(model, [FOLLOWED_TEXT], reference, steps))
            heard, _ = sf.read(io.BytesIO(reference.audio), dtype="float32")
            asked.append(median_pitch_hz(heard))
            given.append(median_pitch_hz(wave))
            click.echo(f"{base.voice} x {shift}: {asked[-1]:.0f} Hz asked, {given[-1]:.0f} Hz given", err=True)
    return {"pitch_correlation": round(float(np.corrcoef(asked, given)[0, 1]), 3)}


@click.command()
@click.option("--model", "folder", default=PACKAGE_DATA, type=click.Path(path_type=Path))
@click.option("--sentences", default="held-out", type=click.Choice(["held-out", "harvard"]))
@click.option("--count", default=40, show_default=True, help="Sentences at most.")
@click.option("--steps", default=16, show_default=True)
@click.option("--references", default="built-in", type=click.Choice(["built-in", "ordinary"]))
@click.option("--voice", default="", help="Only voices whose name begins so.")
@click.option("--floor", is_flag=True, help="Score flite's own speech instead.")
@click.option("--follow", is_flag=True, help="Measure how pitch follows shifted references instead.")
def main(
    folder: Path,
    sentences: str,
    count: int,
    steps: int,
    references: str,
    voice: str,
    *,
    floor: bool,
    follow: bool,
) -> None:
    """Print one JSON line of word error rates by voice, or of the pitch's correlation."""
    texts = read_lines(HELD_OUT if sentences == "held-out" else HARVARD)[:count]
    if floor:
        found = {}
        for base in BASES:
            waves = [speak(text.lower(), base)[0] for text in texts]
            pairs = [(text, transcribe(wave, SAMPLE_RATE_HZ)) for text, wave in zip(texts, waves, strict=True)]
            found[base.voice] = round(word_error_rate(pairs), 3)
    elif follow:
        found = following(synthesizer(folder), steps)
    else:
        plain = {base.voice: recorded(base) for base in BASES}
        chosen = built_in(folder) if references == "built-in" else plain
        picked = {name: each for name, each in chosen.items() if name.startswith(voice)}
        found = scores(synthesizer(folder), picked, texts, steps)
    click.echo(json.dumps({"sentences": sentences, "steps": steps, "references": references} | found))


if __name__ == "__main__":
    main()
