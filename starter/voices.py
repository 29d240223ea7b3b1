"""Step 5b, voices: `python -m starter.voices` cuts the built-in references from the training speech.

Each is one of the self-made sentences without a pause in a plain flite voice, the one whose own rate lies
nearest to six frames per character, so that f5d hardly has to re-time it; its transcript lies beside it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click
import numpy as np
import soundfile as sf

from f5d.catalog.spec import HOP_SAMPLES, SAMPLE_RATE_HZ

from .everyday import everyday_sentences
from .paths import PACKAGE_DATA, SPEECH
from .rows import USUAL_RATE
from .speech import BASES, Clip, Speaker, read_shards

EVERYDAY: Final = 2_500  # as many as the corpus has
CHARACTERS: Final = (32, 40)  # about two seconds
NOTE: Final = """\
The recordings in this folder are synthetic speech: sentences of the training text, spoken by the voices
rms, slt and awb of CMU Flite 2.2 (Debian package flite1-dev), which were made from recordings of the CMU
ARCTIC databases. Both are free for any purpose under this notice:

  Copyright (c) 1999-2005 Language Technologies Institute, Carnegie Mellon University.
  Permission is hereby granted, free of charge, to use and distribute this software and its documentation
  without restriction, including without limitation the rights to use, copy, modify, merge, publish,
  distribute, sublicense, and/or sell copies of this work, and to permit persons to whom this work is
  furnished to do so, subject to the following conditions: the code must retain the above copyright
  notice, this list of conditions and the following disclaimer; any modifications must be clearly marked
  as such; original authors' names are not deleted; the authors' names are not used to endorse or promote
  products derived from this software without specific prior written permission.
  Carnegie Mellon University and the contributors to this work disclaim all warranties with regard to
  this software.

The sentences are this project's own. Modified: cut, resampled from 16 to 24 kHz, levelled.
"""


def misfit(clip: Clip) -> float:
    """Return how far a clip's frames per character, with the blank that follows, are from the usual rate."""
    return abs(clip.samples / HOP_SAMPLES / (len(clip.text) + 1) - USUAL_RATE)


def reference(speaker: Speaker) -> tuple[str, np.ndarray]:
    """Return text and wave (float32, 24 kHz) of the best sentence of a speaker."""
    least, most = CHARACTERS
    own = set(everyday_sentences(EVERYDAY))
    found = [
        (misfit(clip), clip, waves)
        for waves, clips in read_shards(SPEECH)
        for clip in clips
        if clip.speaker == speaker
        and clip.text in own
        and clip.text[-1] == "."
        and "," not in clip.text
        and least <= len(clip.text) <= most
    ]
    _, clip, waves = min(found, key=lambda each: each[0])
    return clip.text, waves[clip.start : clip.start + clip.samples].astype(np.float32) / 32768


@click.command()
@click.option("--to", "folder", default=PACKAGE_DATA, type=click.Path(path_type=Path), show_default=True)
def main(folder: Path) -> None:
    """Write voices/NAME.wav, voices/NAME.txt and the licence note."""
    target = folder / "voices"
    target.mkdir(parents=True, exist_ok=True)
    for speaker in BASES:
        text, wave = reference(speaker)
        sf.write(target / f"{speaker.voice}_0.wav", wave, SAMPLE_RATE_HZ, subtype="PCM_16")
        (target / f"{speaker.voice}_0.txt").write_text(text + "\n", encoding="utf-8")
        click.echo(f"{speaker.voice}: {text}")
    (target / "LICENSE.txt").write_text(NOTE, encoding="utf-8")


if __name__ == "__main__":
    main()
