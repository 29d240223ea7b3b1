"""The bundled voices say sentences that they were never trained on, and a recogniser understands them."""

from __future__ import annotations

import pytest

from f5d.catalog.spec import SAMPLE_RATE_HZ
from f5d.engine.synthesizer import Synthesizer
from starter.evaluate import built_in, spoken, synthesizer
from starter.paths import HELD_OUT, PACKAGE_DATA, read_lines
from starter.recognise import transcribe, word_error_rate

SENTENCES = read_lines(HELD_OUT)[:20]
STEPS = 7  # the default
MOST_ERRORS = 0.4  # of the words: 0.16 to 0.22 (starter/README.md); noise is about 0.1


@pytest.fixture(scope="module")
def model() -> Synthesizer:
    """Return the daemon's synthesizer with the bundled model."""
    return synthesizer(PACKAGE_DATA)


@pytest.mark.slow
@pytest.mark.parametrize("voice", sorted(built_in(PACKAGE_DATA)))
def test_held_out_sentences_are_understood(model: Synthesizer, voice: str) -> None:
    """Twenty fixed sentences a voice come out whole enough for pocketsphinx."""
    reference = built_in(PACKAGE_DATA)[voice]
    waves = list(spoken(model, SENTENCES, reference, STEPS))
    heard = [transcribe(wave, SAMPLE_RATE_HZ) for wave in waves]
    pairs = list(zip(SENTENCES, heard, strict=True))
    assert word_error_rate(pairs) <= MOST_ERRORS, pairs
