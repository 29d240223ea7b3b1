"""Voices in their folder."""

from __future__ import annotations

import os
import stat
import struct
from pathlib import Path
from typing import Any

import msgpack
import pytest

from f5ctl.cli.voices_files import _samples
from f5ctl.errors import BadRequestError, OutputError
from f5ctl.protocol import Say
from f5ctl.speech.sinks import wav_header
from f5ctl.voicebox import Store, StoredVoice, is_name, pack, unpack, with_private_voice

VOICE = StoredVoice(b"RIFF....", "What she says.", b"preview", {"speed": 0.9, "model": "mine"})


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "voices"), "private")


def test_a_voice_comes_back_as_it_was_put(store: Store) -> None:
    """Recording, transcript, preview and defaults survive; nobody else can read them."""
    store.write("anna", VOICE)
    assert store.read("anna") == VOICE
    assert store.names() == ["anna"]
    assert stat.S_IMODE(Path(store.path("anna")).stat().st_mode) == 0o600
    assert stat.S_IMODE(Path(store.folder).stat().st_mode) == 0o700
    assert [path.name for path in Path(store.folder).iterdir()] == ["anna.voice"]


def test_a_shared_voice_is_for_everybody(tmp_path: Path) -> None:
    """Whatever the administrator's umask, others can read it."""
    shared = Store(str(tmp_path / "shared"), "shared")
    before = os.umask(0o077)
    try:
        shared.write("house", VOICE)
    finally:
        os.umask(before)
    assert stat.S_IMODE(Path(shared.path("house")).stat().st_mode) == 0o644


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../a", "a/b", "/etc/passwd", "-a", ".a", "a b", "a\0b", "ä" * 65]
)
def test_names_that_cannot_be(store: Store, name: str) -> None:
    """A name never leaves the folder: what is no plain word is refused before any file is touched."""
    assert not store.has(name)
    for act in (store.read, store.remove, store.path):
        with pytest.raises(BadRequestError, match="cannot be a voice's name") as caught:
            act(name)
        assert caught.value.code == "bad_parameter"
    with pytest.raises(BadRequestError):
        store.write(name, VOICE)
    with pytest.raises(BadRequestError):
        store.rename("anna", name)
    assert not Path(store.folder).exists()


def test_names_of_any_language() -> None:
    """Letters are letters in every script."""
    assert all(is_name(name) for name in ("joão", "小明", "anna.v2", "a-b_c", "7"))


def test_nobody_s_place_is_taken_by_accident(store: Store) -> None:
    """Adding and renaming refuse a name that is taken; force replaces the whole voice."""
    store.write("anna", VOICE)
    with pytest.raises(BadRequestError, match="already a private voice anna"):
        store.write("anna", StoredVoice(b"other", "x"))
    store.write("bea", StoredVoice(b"other", "x"))
    with pytest.raises(BadRequestError, match="already"):
        store.rename("bea", "anna")
    assert store.read("anna") == VOICE
    store.write("anna", StoredVoice(b"other", "x"), force=True)
    assert store.read("anna").audio == b"other"
    store.rename("anna", "eve")
    assert store.names() == ["bea", "eve"]


def test_what_is_not_there(store: Store) -> None:
    """Reading, renaming or removing a missing voice is one line."""
    for act in (lambda: store.read("anna"), lambda: store.remove("anna"), lambda: store.rename("anna", "b")):
        with pytest.raises(BadRequestError, match="there is no private voice 'anna'"):
            act()
    assert store.names() == []


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """A place where nothing can be created is error 74, and nothing is left."""
    (tmp_path / "file").write_text("")
    store = Store(str(tmp_path / "file" / "voices"), "private")
    with pytest.raises(OutputError, match="cannot write") as caught:
        store.write("anna", VOICE)
    assert caught.value.exit_status == 74
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


GOOD: dict[str, Any] = msgpack.unpackb(pack(VOICE))


@pytest.mark.parametrize(
    ("body", "line"),
    [
        (b"hello", "is no voice of f5d"),
        (pack(VOICE)[:-3], "is no voice of f5d"),
        ({"f5d_voice": 9}, "voice format 9; this version reads format 1"),
        (GOOD | {"audio": b""}, "its audio is missing"),
        (GOOD | {"text": ""}, "its text is missing"),
        (GOOD | {"text": 5}, "its text is missing"),
        (GOOD | {"preview": "x"}, "its preview is missing"),
        (GOOD | {"defaults": []}, "its defaults is missing"),
        (GOOD | {"defaults": {"speed": 9}}, "its default speed is 9; the limit is 0.5 to 2"),
        (GOOD | {"defaults": {"speed": True}}, "its default speed is True; it must be a number"),
        (GOOD | {"defaults": {"nfe_step": 1.5}}, "its default nfe_step is 1.5; it must be a whole number"),
        (GOOD | {"defaults": {"timeout_s": 1}}, "its default timeout_s is no parameter of a voice"),
        (GOOD | {"defaults": {"language": "../x"}}, "its default language is '../x'; it can be en or pt"),
    ],
)
def test_a_file_that_is_no_good_voice(body: bytes | dict[str, Any], line: str) -> None:
    """Whatever is wrong with a file from somebody else is one line that names it."""
    data = body if isinstance(body, bytes) else msgpack.packb(body)
    with pytest.raises(BadRequestError, match=line) as caught:
        unpack(data, "x.voice")
    assert caught.value.code == "bad_audio"


def test_a_private_voice_travels_with_the_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The request gets the recording, and the voice's defaults where it says nothing itself."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    Store(str(tmp_path / "f5d" / "voices"), "private").write("anna", VOICE)
    made = with_private_voice(Say("1", "Hi.", voice="anna"))
    assert (made.voice, made.label, made.ref_audio) == (None, "anna", VOICE.audio)
    assert (made.ref_text, made.speed, made.model) == (VOICE.text, 0.9, "mine")
    assert with_private_voice(Say("1", "Hi.", voice="anna", speed=1.5)).speed == 1.5
    faded = StoredVoice(VOICE.audio, VOICE.text, defaults={"cross_fade_duration": 0.1})
    Store(str(tmp_path / "f5d" / "voices"), "private").write("faded", faded)
    assert with_private_voice(Say("1", "Hi.", voice="faded")).cross_fade_duration == 0.1
    assert with_private_voice(Say("1", "Hi.", voice="faded", sentence_pause=0.3)).cross_fade_duration is None
    for name in ("bea", "../anna", None):
        request = Say("1", "Hi.", voice=name)
        assert with_private_voice(request) is request


def test_a_preview_with_an_odd_header_is_refused() -> None:
    """Whatever the standard library raises for a chunk that ends beyond the file, it is one line."""
    good = wav_header(24_000, 4) + bytes(4)
    assert _samples(good, "a.voice") == bytes(4)
    for chunk_bytes in (16 + 2**21, 2**32 - 1, 0, 15):  # of the one before the samples
        odd = good[:16] + struct.pack("<I", chunk_bytes) + good[20:]
        with pytest.raises(BadRequestError, match=r"the preview of a\.voice is not a mono WAV"):
            _samples(odd, "a.voice")
