"""What f5d does to texts and recordings so that the bundled model meets what it was trained on."""

from __future__ import annotations

from pathlib import Path

import pytest

from f5d.catalog.hub import LocalModel
from f5d.catalog.voices import Reference
from f5d.engine.synthesizer import Synthesizer
from f5d.engine.transcriber import Transcriber
from f5d.engine.types import Parameters
from f5d.model.load import LoadedModel


@pytest.fixture
def reference(starter_files: LocalModel) -> Reference:
    voices = Path(starter_files.checkpoint).parent / "voices"
    text = (voices / "rms_0.txt").read_text().strip()
    return Reference(audio=(voices / "rms_0.wav").read_bytes(), text=text, prepared=True)


@pytest.fixture
def synthesizer(starter: LoadedModel) -> Synthesizer:
    return Synthesizer(starter, Transcriber("", "cpu"))


def test_reference_and_text_get_whole_frames_per_character(
    synthesizer: Synthesizer, reference: Reference
) -> None:
    """Even a transcript that does not fit its recording is spread over a whole number of frames each."""
    for text in (reference.text, f"{reference.text} and more"):
        changed = Reference(audio=reference.audio, text=text, prepared=True)
        plan = synthesizer.plan("We have several things in common.", changed, Parameters())
        size = len(plan.reference.text) + len("We have several things in common.")
        assert plan.segments[0].total_frames == 6 * size
        assert len(plan.reference.mel) == plan.reference.frames + 1


def test_digits_are_read_and_unknown_letters_reported(synthesizer: Synthesizer, reference: Reference) -> None:
    """Nothing is skipped in silence: numbers become words, a foreign letter becomes a warning."""
    plan = synthesizer.plan("Chapter 42.", reference, Parameters(language="en"))
    assert plan.segments[0].text == "Chapter forty-two."
    assert not plan.warnings
    plan = synthesizer.plan("A ☃ in Århus.", reference, Parameters())
    assert plan.warnings == ("model starter cannot read and skips: Å ☃",)
