"""Receipts in the metadata of files, as every container has them."""

from __future__ import annotations

import json
import struct
import wave
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from f5ctl.errors import BadRequestError
from f5ctl.receipts import MAX_TAG_BYTES, describe, join_tags, parse_tag, short_hash, silence_tags, tag_of
from f5ctl.speech.file_tags import read_tag
from f5ctl.speech.sinks import open_file, wav_comment, wav_header
from f5d.engine.audio import FILE_ENCODINGS, encode_file

PCM = b"\x10\x00\xf0\xff" * 6_000
FACTS: dict[str, Any] = {
    "version": "0.1.0",
    "model": "starter",
    "model_hash": "a" * 16,
    "device": "cpu",
    "dtype": "float32",
    "voice": "joão",
    "voice_hash": "b" * 16,
    "ref_text": "Ele fala.",
    "parameters": {"seed": 7, "speed": 1.0, "fix_duration": None, "stream": False, "language": "pt"},
    "sample_rate_hz": 24_000,
    "samples": 12_000,
    "audio_hash": "c" * 16,
    "text_hash": "d" * 16,
}
NOISE = {"job": "17", "queue_s": 0.2, "total_s": 1.5, "rtf": 0.1, "warnings": []}  # differs from run to run
TEXT = 'Olá, "mundo"!\nSegunda linha.'


@pytest.mark.parametrize(
    ("recorded", "wanted"),
    [
        ({"cross_fade_duration": 0.15}, (None, 0.15, False)),  # made before there was a loudness
        ({"cross_fade_duration": None, "sentence_pause": 0.3, "loudness": True}, (0.3, None, True)),
        ({"cross_fade_duration": 0.0, "sentence_pause": None, "loudness": False}, (None, 0.0, False)),
    ],
)
def test_a_replay_joins_and_levels_as_the_receipt_says(
    recorded: dict[str, Any], wanted: tuple[Any, ...]
) -> None:
    """Also one that was made before there were pauses and one loudness."""
    from f5ctl.cli.replay import _request

    receipt = {**FACTS, "text": TEXT, "text_hash": short_hash(TEXT.encode()), "parameters": recorded}
    request = _request(receipt, None, "a.wav")
    assert (request.sentence_pause, request.cross_fade_duration, request.loudness) == wanted


@pytest.mark.parametrize("encoding", FILE_ENCODINGS)
@pytest.mark.parametrize("words", [1, 600])
def test_every_container_carries_the_receipt(tmp_path: Path, encoding: str, words: int) -> None:
    """What is written into a file of any format is what is read back, also over several Ogg pages."""
    text = TEXT * words
    path = tmp_path / f"a.{encoding}"
    path.write_bytes(encode_file(PCM, encoding, tag_of(FACTS | NOISE, text)))
    tagged = read_tag(str(path))
    assert tagged.container == encoding
    assert tagged.comment is not None
    (receipt,) = parse_tag(tagged.comment, "a")
    assert receipt == {"f5d_receipt": 1, **FACTS, "text": text}


def test_our_own_wav_carries_it_behind_the_samples(tmp_path: Path) -> None:
    """The client's WAV keeps its 44-byte head, every reader measures it right, and the receipt is behind."""
    path = tmp_path / "a.wav"
    with open_file(str(path), wav=True) as sink:
        sink.add(PCM, 24_000)
        sink.note(tag_of(FACTS, TEXT))
        sink.finish()
    data = path.read_bytes()
    assert data[44 : 44 + len(PCM)] == PCM
    assert struct.unpack("<I", data[4:8])[0] == len(data) - 8
    with wave.open(str(path)) as made:
        assert made.getnframes() == 12_000
    tagged = read_tag(str(path))
    assert tagged.samples == (44, len(PCM))
    assert parse_tag(tagged.comment or "", "a")[0]["text"] == TEXT


def test_several_requests_and_the_pauses_between_them(tmp_path: Path) -> None:
    """A file spoken in parts lists them in order."""
    path = tmp_path / "a.wav"
    with open_file(str(path), wav=True) as sink:
        for tag in (tag_of(FACTS, "One."), *silence_tags(480), tag_of(FACTS, "Two.")):
            sink.add(PCM, 24_000)
            sink.note(tag)
        sink.finish()
    parts = parse_tag(read_tag(str(path)).comment or "", "a")
    assert [part.get("text", part.get("silence")) for part in parts] == ["One.", 480, "Two."]


def test_a_silence_of_hours() -> None:
    """As long as cues may be silent, and as several pauses come to, is a receipt that is read."""
    line = join_tags([tag_of(FACTS, "One."), *silence_tags(10 * 3_600 * 24_000 + 1), tag_of(FACTS, "Two.")])
    assert sum(part.get("silence", 0) for part in parse_tag(line, "a")) == 10 * 3_600 * 24_000 + 1


def test_the_line_is_the_same_for_the_same_audio() -> None:
    """Nothing that differs from run to run gets into a file."""
    assert tag_of(FACTS | NOISE, "x") == tag_of({**FACTS, "job": "18"}, "x")


def test_texts_can_be_kept_out() -> None:
    """Without its texts the receipt still has their hash."""
    line = tag_of(FACTS, None)
    assert "Ele fala" not in line
    assert json.loads(line)["text_hash"] == FACTS["text_hash"]


def test_a_text_that_is_too_long_stays_out() -> None:
    """Beyond the limit the text goes, not the receipt; of many parts all texts go."""
    long = "ã" * MAX_TAG_BYTES
    assert "text" not in json.loads(tag_of(FACTS, long))
    joined = join_tags([tag_of(FACTS, "x" * 20_000)] * 2, MAX_TAG_BYTES)
    assert len(joined) <= MAX_TAG_BYTES
    assert all("text" not in part for part in parse_tag(joined, "a"))
    assert join_tags([tag_of(FACTS, "x")] * 500, MAX_TAG_BYTES) == ""


@pytest.mark.parametrize(
    ("comment", "line"),
    [
        ("Encoded by my friend", "no receipt of f5d"),
        ("[]", "no receipt"),
        ("[" * 100_000, "no receipt"),
        ('{"f5d_receipt": 2}', "receipt of format 2; this f5ctl reads format 1"),
        ('{"f5d_receipt": 1}', "damaged: version is wrong or missing"),
        (json.dumps({"f5d_receipt": 1, **FACTS, "samples": "many"}), "damaged: samples"),
        (json.dumps({"f5d_receipt": 1, **FACTS, "parameters": {"seed": [1]}}), r"its parameter seed is \[1\]"),
        ('[{"f5d_receipt": 1, "silence": -1}]', "damaged: silence"),
        ('[{"f5d_receipt": 1, "silence": 1e99}]', "damaged: silence"),
    ],
)
def test_a_comment_that_is_no_receipt(comment: str, line: str) -> None:
    """A foreign, newer or damaged comment is one line about the file."""
    with pytest.raises(BadRequestError, match=line):
        parse_tag(comment, "a.wav")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"sample_rate_hz": 0}, "sample_rate_hz is wrong"),
        ({"samples": 10**400}, "samples is wrong"),
        ({"samples": -1}, "samples is wrong"),
        ({"parts": 0}, "parts is wrong"),
        ({"paragraph_pause_s": 1e999}, "paragraph_pause_s is wrong"),
        ({"parameters": {"nfe_step": 10**30}}, "its parameter nfe_step is 1000000000.*; the limit is 1 to 128"),
        ({"parameters": {"speed": 1e999}}, "its parameter speed is inf; the limit is 0.5 to 2"),
        ({"parameters": {"id": "z"}}, "its parameter id is no parameter of speech"),
        ({"parameters": {"seed": [[[[]]]]}}, "its parameter seed is"),
    ],
)
def test_a_receipt_with_absurd_values_is_damaged(change: dict[str, Any], told: str) -> None:
    """Every value has a limit, so that nothing is reckoned with a number that was never written here."""
    with pytest.raises(BadRequestError, match=told):
        parse_tag(json.dumps({"f5d_receipt": 1, **FACTS, **change}), "a.wav")


def silence_tag(samples: int) -> str:
    return json.dumps({"f5d_receipt": 1, "silence": samples})


def test_silences_are_bounded_all_together() -> None:
    """A receipt of some bytes cannot ask a replay for more than a day of silence."""
    day = 24 * 3_600 * 24_000
    assert parse_tag(f"[{silence_tag(day)}]", "a.wav") == [{"f5d_receipt": 1, "silence": day}]
    with pytest.raises(BadRequestError, match="silence is wrong"):
        parse_tag(f"[{', '.join([silence_tag(day // 2)] * 3)}]", "a.wav")
    with pytest.raises(BadRequestError, match="silence is wrong"):
        parse_tag(silence_tag(day + 1), "a.wav")


def test_files_that_are_no_audio_or_damaged(tmp_path: Path) -> None:
    """What cannot be read is one line, whatever its bytes are; a file without a comment has none."""
    with pytest.raises(BadRequestError, match="cannot read"):
        read_tag(str(tmp_path / "missing"))
    path = tmp_path / "a"
    for data in (b"", b"hello", b"OggS" + bytes(40), b"GIF89a"):
        path.write_bytes(data)
        with pytest.raises(BadRequestError, match=r"is no WAV|damaged"):
            read_tag(str(path))
    path.write_bytes(wav_header(24_000, 4) + b"abcd")
    assert read_tag(str(path)).comment is None
    path.write_bytes(wav_header(24_000) + PCM)  # from a pipe: it does not know its length
    assert read_tag(str(path)).samples == (44, len(PCM))


@pytest.mark.parametrize("encoding", FILE_ENCODINGS)
def test_a_file_cut_off_anywhere_never_breaks_the_reader(tmp_path: Path, encoding: str) -> None:
    """Every prefix of a file is read, or refused with our own error."""
    data = encode_file(PCM, encoding, tag_of(FACTS, TEXT))
    path = tmp_path / "a"
    for size in range(0, min(len(data), 1_500), 7):
        path.write_bytes(data[:size])
        with suppress(BadRequestError):
            read_tag(str(path))


@pytest.mark.parametrize(("chunks", "found"), [(900, "Hello."), (1_000, None)])
def test_only_so_many_chunks_are_looked_through(tmp_path: Path, chunks: int, found: str | None) -> None:
    """A WAV of gigabytes whose chunks hold nothing is not walked to its end."""
    path = tmp_path / "a.wav"
    path.write_bytes(b"RIFF\0\0\0\0WAVE" + b"junk\0\0\0\0" * chunks + wav_comment("Hello."))
    assert read_tag(str(path)).comment == found


def test_the_comment_chunk_is_even() -> None:
    """RIFF chunks begin at even bytes, whatever the comment's length."""
    assert {len(wav_comment("x" * count)) % 2 for count in range(5)} == {0}


@pytest.mark.parametrize("block", [2, 7, 4_096, 10**6])
def test_samples_are_compared_with_all_their_parts(block: int) -> None:
    """Speech, silence, speech: in blocks of any size, to the last sample and no further."""
    parts: list[dict[str, Any]] = [
        {"samples": 2, "audio_hash": short_hash(b"abcd")},
        {"silence": 3},
        {"samples": 1, "audio_hash": short_hash(b"ef")},
    ]

    def holds(data: bytes) -> bool:
        return describe(parts, (data[at : at + block] for at in range(0, len(data), block)))

    assert holds(b"abcd" + bytes(6) + b"ef")
    for other in (b"", b"abcd", b"abcd" + bytes(6), b"abcd" + bytes(6) + b"efgh", b"abcd" + bytes(5) + b"xef"):
        assert not holds(other)
    assert not holds(b"abcx" + bytes(6) + b"ef")
