"""Named voices."""

from __future__ import annotations

from pathlib import Path

import pytest

from f5ctl.errors import BadRequestError
from f5ctl.protocol import MAX_REF_AUDIO_BYTES
from f5ctl.voicebox import Store, StoredVoice
from f5d.catalog.voices import Voice, VoiceTable, find_voice


def test_built_in_voices_are_there() -> None:
    """Two bundled voices and the f5-tts package's two examples can be used at once."""
    table = VoiceTable()
    assert set(table) == {"rms", "slt", "awb", "basic_en", "basic_zh"}
    for voice in table.values():
        reference = voice.reference()
        assert reference.audio[:4] == b"RIFF"
        assert reference.text
        assert reference.prepared == (voice.name in {"rms", "slt", "awb"})


def test_a_configured_voice_wins(tmp_path: Path) -> None:
    """A voice of the configuration takes the place of a built-in one of that name."""
    mine = Voice("rms", tmp_path / "a.wav", None, source="config")
    assert VoiceTable([mine])["rms"] is mine


def test_an_unknown_name_lists_the_known() -> None:
    """The names that exist are in the line; a path is just an unknown name."""
    with pytest.raises(
        BadRequestError, match=r"unknown voice '/etc/passwd'; known voices: awb, basic_en, basic_zh, rms"
    ):
        find_voice("/etc/passwd", VoiceTable())
    with pytest.raises(BadRequestError, match=r"known voices: .* \(did you mean rms\?\)"):
        find_voice("RSM", VoiceTable())


def test_a_voice_whose_file_is_gone_says_so(tmp_path: Path) -> None:
    """A recording that vanished or grew too large fails the request, not the daemon."""
    voice = Voice("a", tmp_path / "a.wav", "x")
    with pytest.raises(BadRequestError, match="voice a cannot be read: No such file") as caught:
        voice.reference()
    assert caught.value.code == "unknown_voice"
    voice.audio.write_bytes(bytes(MAX_REF_AUDIO_BYTES + 1))
    with pytest.raises(BadRequestError, match="the limit is 16777216"):
        voice.reference()


def test_stored_voices_are_seen_at_once(tmp_path: Path) -> None:
    """One that is added, replaced or removed while the daemon runs counts from the next request on."""
    own, shared = Store(str(tmp_path / "own"), "private"), Store(str(tmp_path / "shared"), "shared")
    configured = Voice("anna", tmp_path / "a.wav", "config", source="config")
    table = VoiceTable([configured], own=own, shared=shared)
    shared.write(
        "house", StoredVoice(b"audio", "Shared.", None, {"speed": 0.8, "model": "m", "language": "pt"})
    )
    house = table["house"]
    assert (house.source, house.text, house.model, house.language) == ("shared", "Shared.", "m", "pt")
    assert house.parameters == {"speed": 0.8}
    assert house.reference().audio == b"audio"
    assert "house" in list(table)
    shared.write("house", StoredVoice(b"other!", "Anew."), force=True)
    assert (table["house"].text, table["house"].reference().audio) == ("Anew.", b"other!")
    shared.remove("house")
    assert "house" not in table


def test_which_of_two_voices_counts(tmp_path: Path) -> None:
    """Private before configured before shared before built-in."""
    own, shared = Store(str(tmp_path / "own"), "private"), Store(str(tmp_path / "shared"), "shared")
    table = VoiceTable([Voice("rms", tmp_path / "a.wav", None, source="config")], own=own, shared=shared)
    for name in ("rms", "slt"):
        shared.write(name, StoredVoice(b"audio", "Shared."))
    assert (table["rms"].source, table["slt"].source, table["basic_en"].source) == (
        "config",
        "shared",
        "built-in",
    )
    own.write("rms", StoredVoice(b"audio", "Own."))
    assert table["rms"].source == "private"
    assert len(table) == len(set(table)) == 5


def test_a_damaged_voice_harms_no_other(tmp_path: Path) -> None:
    """The listing leaves it out; asking for it says what is wrong."""
    own = Store(str(tmp_path), "private")
    own.write("good", StoredVoice(b"audio", "x"))
    (tmp_path / "bad.voice").write_bytes(b"nonsense")
    table = VoiceTable(own=own, shared=Store(str(tmp_path / "none"), "shared"))
    assert "bad" not in list(table)
    assert "good" in list(table)
    with pytest.raises(BadRequestError, match="is no voice of f5d"):
        find_voice("bad", table)
