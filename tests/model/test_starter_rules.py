"""What f5d does to texts and recordings so that the bundled model meets what it was trained on."""

from __future__ import annotations

from pathlib import Path

import pytest

from f5ctl.errors import BadRequestError
from f5d.catalog.hub import LocalModel
from f5d.catalog.voices import Reference
from f5d.engine.synthesizer import Synthesizer
from f5d.engine.types import Parameters
from f5d.model.load import LoadedModel


@pytest.fixture
def reference(starter_files: LocalModel) -> Reference:
    voices = Path(starter_files.checkpoint).parent / "voices"
    text = (voices / "rms_0.txt").read_text().strip()
    return Reference(audio=(voices / "rms_0.wav").read_bytes(), text=text, prepared=True)


@pytest.fixture
def synthesizer(starter: LoadedModel) -> Synthesizer:
    return Synthesizer(starter)


def test_reference_and_text_get_whole_frames_per_character(
    synthesizer: Synthesizer, reference: Reference
) -> None:
    """Even a transcript that does not fit its recording is spread over a whole number of frames each."""
    for text in (reference.text, f"{reference.text} and more"):
        changed = Reference(audio=reference.audio, text=text, prepared=True)
        plan = synthesizer.plan("We have several things in common.", changed, Parameters())
        size = len(plan.reference.text) + len("We have several things in common.")
        assert plan.segments[0].total_frames == 6 * size
        assert len(plan.mel) == plan.reference.frames + 1


def test_digits_are_read_and_unknown_letters_reported(synthesizer: Synthesizer, reference: Reference) -> None:
    """Nothing is skipped in silence: numbers become words, a sign that has none becomes a warning."""
    plan = synthesizer.plan("Chapter 42.", reference, Parameters(language="en"))
    assert plan.segments[0].text == "Chapter forty-two."
    assert not plan.warnings
    plan = synthesizer.plan("A ☃ in Århus.", reference, Parameters())
    assert plan.segments[0].text == "A ☃ in Århus."
    assert plan.warnings == (
        "model starter lacks Å; it is read as A",
        "model starter cannot read and skips: ☃",
    )


@pytest.mark.parametrize(
    ("written", "read", "told"),
    [
        ("café", "cafe", "é; it is read as e"),
        ("coração", "coracao", "ã ç; they are read as a c"),
        ("straße, Øre and łódź", "strasse, Ore and lodz", "Ø ß ó ł ź; they are read as O ss o l z"),
    ],
)
def test_accents_fall_away_with_one_warning(
    synthesizer: Synthesizer, reference: Reference, written: str, read: str, told: str
) -> None:
    """The model reads the base letter, however often it comes, which is told once; what is shown keeps it."""
    plan = synthesizer.plan(f"{written}, {written}.", reference, Parameters(language="none"))
    plain = synthesizer.plan(f"{read}, {read}.", reference, Parameters(language="none"))
    assert plan.segments[0].text == f"{written}, {written}."
    assert plan.segments[0].token_ids == plain.segments[0].token_ids
    assert plan.segments[0].total_frames == plain.segments[0].total_frames
    assert plan.warnings == (f"model starter lacks {told}",)


def test_signs_of_the_page_are_no_warning(synthesizer: Synthesizer, reference: Reference) -> None:
    """Quotation marks, joiners and bold marks that the model lacks are not worth a line."""
    plan = synthesizer.plan("«So» is **it**,\u200c„well“ – and_so on…", reference, Parameters())
    assert not plan.warnings


def test_a_voice_of_one_s_own_is_told_that_it_is_not_cloned(
    synthesizer: Synthesizer, reference: Reference
) -> None:
    """The bundled model takes pitch and brightness of a recording; who expects more is told."""
    own = Reference(audio=reference.audio, text=reference.text)
    (warning,) = synthesizer.plan("Hello.", own, Parameters()).warnings
    assert warning.startswith("model starter does not clone voices")
    assert not synthesizer.plan("Hello.", reference, Parameters()).warnings


def test_a_text_of_which_nothing_is_left_is_refused(synthesizer: Synthesizer, reference: Reference) -> None:
    """Control sequences hold letters that nobody says."""
    with pytest.raises(BadRequestError, match="there is nothing to speak"):
        synthesizer.plan("\x1b[31m", reference, Parameters())
