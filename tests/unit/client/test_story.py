"""Upstream's TOML files."""

from __future__ import annotations

import importlib.util
import wave
from pathlib import Path

import pytest

from f5ctl.errors import BadRequestError
from f5ctl.speech.story import read_story

EXAMPLES = Path(importlib.util.find_spec("f5_tts").submodule_search_locations[0]) / "infer" / "examples"  # type: ignore[union-attr, index]


@pytest.fixture
def voice(tmp_path: Path) -> Path:
    with wave.open(str(tmp_path / "me.wav"), "wb") as file:
        file.setparams((1, 2, 24_000, 0, "NONE", ""))
        file.writeframes(b"\1\0" * 24_000)
    return tmp_path / "me.wav"


def test_upstream_s_own_story(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The multi example of the installed package is read as it is, wherever one stands."""
    monkeypatch.chdir(tmp_path)
    story = read_story(str(EXAMPLES / "multi" / "story.toml"))
    assert story.model == "F5TTS_v1_Base"
    assert story.output == "tests/infer_cli_story.wav"
    assert story.remove_silence
    assert story.warnings == ()
    assert set(story.voices) == {"main", "town", "country"}
    assert story.voices["town"].ref_audio == (EXAMPLES / "multi" / "town.flac").read_bytes()
    assert story.voices["town"].speed == 0.8
    assert (story.text or "").startswith("A Town Mouse and a Country Mouse were acquaintances,")


def test_the_recordings_of_the_story_need_no_recogniser() -> None:
    """Upstream leaves them without a text; it is known."""
    story = read_story(str(EXAMPLES / "multi" / "story.toml"))
    assert (story.voices["main"].ref_text or "").startswith("Six spoons of fresh snow peas")
    assert (story.voices["town"].ref_text or "").startswith("The difference in the rainbow")


def test_upstream_s_basic_example() -> None:
    """A file with one voice and its text in gen_text."""
    story = read_story(str(EXAMPLES / "basic" / "basic.toml"))
    assert list(story.voices) == ["main"]
    assert story.voices["main"].ref_text == "Some call me nature, others call me mother nature."
    assert (story.text or "").startswith("I don't really care what you call me.")


def test_parameters_and_files_beside_it(tmp_path: Path, voice: Path) -> None:
    """Numbers are taken over, files are also looked for beside the story, what means nothing is named."""
    (tmp_path / "text.txt").write_text("\ufeffHello there.\n", encoding="utf-8")
    (tmp_path / "s.toml").write_text(
        f'ref_audio = "{voice.name}"\nref_text = "I am."\ngen_file = "text.txt"\n'
        "nfe_step = 7\ncfg_strength = 0\n"
        'device = "cuda"\nmoodiness = 3\nvocoder_name = "vocos"\n',
        encoding="utf-8",
    )
    story = read_story(str(tmp_path / "s.toml"))
    assert story.text == "Hello there."
    assert dict(story.parameters) == {"nfe_step": 7, "cfg_strength": 0}
    assert story.output is None
    assert [warning.rpartition(": ")[2] for warning in story.warnings] == [
        "device is ignored",
        "moodiness is ignored",
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("speed = 3", "speed is 3; the limit is 0.5 to 2"),
        ('speed = "fast"', "speed is 'fast'; it must be a number"),
        ("nfe_step = 7.5", "nfe_step is 7.5; it must be a whole number"),
        ("ref_text = 4", "ref_text is 4; it must be a text"),
        ("remove_silence = 1", "remove_silence is 1; it must be true or false"),
        ('ckpt_file = "m.pt"', "ckpt_file is for the daemon: a [models.NAME] table of f5d.toml, then -m NAME"),
        ('vocoder_name = "bigvgan"', "vocoder_name is 'bigvgan'; only vocos is served"),
        ("[voices.a]\nref_text = 'x'", "voices.a.ref_audio is missing"),
        (
            "[voices.a]\nref_audio = 'x.wav'\npitch = 2",
            "voices.a.pitch is 2; known are ref_audio, ref_text, speed",
        ),
        ("[voices.a]\nref_audio = 'missing.wav'", "cannot read missing.wav: No such file or directory"),
        ("gen_file = 'missing.txt'", "cannot read missing.txt: No such file or directory"),
        ("voices = 3", "voices must be tables such as [voices.town]"),
        ("= 3", "is not TOML"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, line: str, message: str) -> None:
    """A wrong value ends in one line with the key, the value and what is possible."""
    path = tmp_path / "s.toml"
    path.write_text(line, encoding="utf-8")
    with pytest.raises(BadRequestError) as raised:
        read_story(str(path))
    assert message in raised.value.message
    assert "\n" not in raised.value.message.strip()


def test_a_story_of_subtitles(tmp_path: Path, voice: Path) -> None:
    """gen_file may be subtitles in a guessed encoding; the guess is among the warnings."""
    (tmp_path / "a.srt").write_bytes("1\n00:01 --> 00:02\nVocê.\n".encode("cp1252"))
    (tmp_path / "s.toml").write_text(f'ref_audio = "{voice.name}"\ngen_file = "a.srt"\n', encoding="utf-8")
    story = read_story(str(tmp_path / "s.toml"))
    assert story.text == "1\n00:01 --> 00:02\nVocê."
    assert ["Windows-1252" in line for line in story.warnings] == [True]
