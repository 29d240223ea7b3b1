"""Named voices."""

from __future__ import annotations

from pathlib import Path

import pytest

from f5ctl.errors import BadRequestError
from f5ctl.protocol import MAX_REF_AUDIO_BYTES
from f5d.voices import Voice, find_voice, voice_table


def test_built_in_voices_are_there() -> None:
    """Two bundled voices and the f5-tts package's two examples can be used at once."""
    table = voice_table()
    assert set(table) == {"rms", "slt", "awb", "basic_en", "basic_zh"}
    for voice in table.values():
        reference = voice.reference()
        assert reference.audio[:4] == b"RIFF"
        assert reference.text
        assert reference.prepared == (voice.name in {"rms", "slt", "awb"})


def test_a_configured_voice_wins(tmp_path: Path) -> None:
    """A voice of the configuration takes the place of a built-in one of that name."""
    mine = Voice("rms", tmp_path / "a.wav", None, source="config")
    assert voice_table([mine])["rms"] is mine


def test_an_unknown_name_lists_the_known() -> None:
    """The names that exist are in the line; a path is just an unknown name."""
    with pytest.raises(
        BadRequestError, match=r"unknown voice '/etc/passwd'; known voices: awb, basic_en, basic_zh, rms"
    ):
        find_voice("/etc/passwd", voice_table())


def test_a_voice_whose_file_is_gone_says_so(tmp_path: Path) -> None:
    """A recording that vanished or grew too large fails the request, not the daemon."""
    voice = Voice("a", tmp_path / "a.wav", "x")
    with pytest.raises(BadRequestError, match="voice a cannot be read: No such file") as caught:
        voice.reference()
    assert caught.value.code == "unknown_voice"
    voice.audio.write_bytes(bytes(MAX_REF_AUDIO_BYTES + 1))
    with pytest.raises(BadRequestError, match="the limit is 16777216"):
        voice.reference()
