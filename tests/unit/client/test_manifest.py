"""What a batch is told to make."""

from __future__ import annotations

import json
import wave
from pathlib import Path

import pytest

from f5ctl.batch.manifest import Defaults, Line, read_manifest
from f5ctl.errors import BadRequestError
from f5ctl.speech.marks import Marks, Tags


def read(path: Path, text: str, **defaults: object) -> list[Line]:
    path.write_text(text, encoding="utf-8")
    return read_manifest(str(path), None, Defaults(**defaults))  # type: ignore[arg-type]


def test_plain_lines(tmp_path: Path) -> None:
    """A line of text is an output, numbered; blank lines are none."""
    lines = read(tmp_path / "a.txt", "\ufeffHello.\r\n\n  Good bye. \n")
    assert [(line.text, line.output, line.format) for line in lines] == [
        ("Hello.", "0001.wav", "wav"),
        ("Good bye.", "0002.wav", "wav"),
    ]


def test_json_lines(tmp_path: Path) -> None:
    """A JSON object has the text, and whatever it wants to have its own way."""
    record = {"text": "Hello.", "voice": "slt", "nfe_step": 7, "speed": 1.5, "seed": 3, "output": "x/a.opus"}
    (line,) = read(tmp_path / "a.jsonl", json.dumps(record) + "\n")
    assert (line.voice, line.seed, line.own_seed, line.output, line.format) == (
        "slt",
        3,
        True,
        "x/a.opus",
        "opus",
    )
    assert line.parameters == {"nfe_step": 7, "speed": 1.5}


def test_csv(tmp_path: Path) -> None:
    """CSV has a header; an empty cell is the default, a quoted one may hold lines."""
    text = 'text,speed,remove_silence,output\n"Hello, ""you"".\nAnd you.",1.2,yes,\nBye.,,,b.flac\n'
    one, two = read(tmp_path / "a.csv", text, format="mp3", fields={"voice": "rms", "speed": 0.9})
    assert (one.text, one.output, one.voice) == ('Hello, "you".\nAnd you.', "0001.mp3", "rms")
    assert one.parameters == {"speed": 1.2, "remove_silence": True}
    assert (two.output, two.parameters) == ("b.flac", {"speed": 0.9})


def test_a_seed_is_the_line_s_own(tmp_path: Path) -> None:
    """The same words in the same voice have the same seed wherever they stand; --seed turns all of them."""
    text = "Hello.\nGood bye.\n"
    lines = read(tmp_path / "a.txt", text)
    turned = read(tmp_path / "b.txt", "New.\n" + text)[1:]
    assert [line.seed for line in lines] == [line.seed for line in turned]
    assert lines[0].seed != lines[1].seed
    assert lines[0].seed != read(tmp_path / "a.txt", text, seed=1)[0].seed
    assert lines[0].seed != read(tmp_path / "a.txt", text, fields={"voice": "slt"})[0].seed


def test_a_key_is_everything_that_is_heard(tmp_path: Path) -> None:
    """A line's key changes with text, voice, parameters, recording and format, not with its place or name."""
    own = tmp_path / "me.wav"
    own.write_bytes(b"RIFF1")
    records = [
        {"text": "Hello.", "output": "a.wav"},
        {"text": "Hello.", "output": "b.wav"},
        {"text": "Hello!"},
        {"text": "Hello.", "voice": "slt"},
        {"text": "Hello.", "speed": 1.1},
        {"text": "Hello.", "seed": 8},
        {"text": "Hello.", "output": "a.flac"},
        {"text": "Hello.", "ref_audio": "me.wav"},
    ]
    text = "\n".join(map(json.dumps, records))
    keys = [line.key for line in read(tmp_path / "a.jsonl", text)]
    assert keys[0] == keys[1]
    assert len(set(keys)) == len(keys) - 1
    own.write_bytes(b"RIFF2")
    assert read(tmp_path / "a.jsonl", text)[-1].key != keys[-1]


def test_a_recording_lies_beside_the_manifest(tmp_path: Path) -> None:
    """A path in the manifest begins where the manifest lies; a line's own voice replaces the call's."""
    with wave.open(str(tmp_path / "me.wav"), "wb") as file:
        file.setparams((1, 2, 24_000, 0, "NONE", ""))
    (line,) = read(
        tmp_path / "a.jsonl",
        '{"text": "Hi.", "ref_audio": "me.wav", "ref_text": "I am."}',
        fields={"voice": "rms"},
    )
    assert (line.ref_audio, line.voice, line.ref_text) == (str(tmp_path / "me.wav"), None, "I am.")


def test_the_list_of_failures_is_a_manifest(tmp_path: Path) -> None:
    """A failed line's record makes the same line again, what is noted beside it is ignored."""
    (line,) = read(tmp_path / "a.jsonl", '{"text": "Hi.", "speed": 1.1, "output": "z.wav"}')
    record = {**line.record(), "line": 7, "code": "engine_error", "error": "it died"}
    (again,) = read(tmp_path / "b.jsonl", json.dumps(record))
    assert (again.key, again.output) == (line.key, "z.wav")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.txt", "\n \n", "has no lines to speak"),
        ("a.txt", "Hello.\n...\n", "line 2 of PATH: the text has no letter or digit"),
        ("a.jsonl", '{"text": "Hi."}\n{text: 3}', "line 2 of PATH is not JSON"),
        ("a.jsonl", '"Hi."', "line 1 of PATH is not a JSON object such as"),
        ("a.jsonl", "{}", "line 1 of PATH: the text is empty"),
        ("a.jsonl", '{"text": 3}', "line 1 of PATH: text is 3; it must be a text"),
        (
            "a.jsonl",
            '{"text": "Hi.", "sped": 2}',
            "unknown field 'sped'; known: text, model, voice,",
        ),
        ("a.jsonl", '{"text": "Hi.", "speed": 3}', "line 1 of PATH: speed is 3; the limit is 0.5 to 2"),
        ("a.jsonl", '{"text": "Hi.", "speed": NaN}', "line 1 of PATH: speed is nan; the limit is 0.5 to 2"),
        ("a.jsonl", '{"text": "Hi.", "seed": 1.5}', "line 1 of PATH: seed is 1.5; it must be a whole number"),
        ("a.jsonl", '{"text": "Hi.", "seed": true}', "line 1 of PATH: seed is True; it must be a whole number"),
        ("a.jsonl", '{"text": "Hi.", "remove_silence": 3}', "remove_silence is 3; it must be true or false"),
        ("a.jsonl", '{"text": "Hi.", "output": "../a.wav"}', "must be the name of a file inside the folder"),
        ("a.jsonl", '{"text": "Hi.", "output": "/a.wav"}', "must be the name of a file inside the folder"),
        ("a.jsonl", '{"text": "Hi.", "output": ".receipts/a.wav"}', "names with a leading dot are kept"),
        ("a.jsonl", '{"text": "Hi.", "output": "a\\u0001.wav"}', "use at most 255 printable bytes"),
        ("a.jsonl", '{"text": "Hi.", "output": "a.exe"}', "the suffix of a.exe names no format; known: .wav"),
        ("a.jsonl", '{"text": "Hi.", "ref_text": "x"}', "line 1 of PATH: ref_text belongs to ref_audio"),
        ("a.jsonl", '{"text": "Hi.", "ref_audio": "no.wav"}', "no.wav: No such file or directory"),
        (
            "a.jsonl",
            '{"text": "A.", "output": "a.wav"}\n\n{"text": "B.", "output": "./a.wav"}',
            "line 3 of PATH: output ./a.wav is line 1's already",
        ),
        ("a.csv", "name,speed\nHi.,1\n", "line 1 of PATH is the header; it needs a column text"),
        ("a.csv", "text,speed\nHi.,1,2\n", "line 2 of PATH has 3 cells; the header has 2"),
        ("a.csv", 'text\n"Hi.\n', "of PATH is not CSV"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, name: str, text: str, message: str) -> None:
    """Everything that is wrong with a manifest is one line with its place, before anything is made."""
    path = tmp_path / name
    with pytest.raises(BadRequestError) as raised:
        read(path, text)
    assert message in raised.value.message.replace(str(path), "PATH")
    assert "\n" not in raised.value.message


def test_a_manifest_must_be_utf_8(tmp_path: Path) -> None:
    """Other bytes are refused with the line that holds them."""
    (tmp_path / "a.txt").write_bytes(b"Hello.\nGr\xfc\xdfe.\n")
    with pytest.raises(BadRequestError, match=r"is not UTF-8 \(line 2\)"):
        read_manifest(str(tmp_path / "a.txt"), None, Defaults())


def test_brackets_in_a_line(tmp_path: Path) -> None:
    """A tag at the beginning names the line's voice; every other bracket is text, and no error."""
    told: list[str] = []
    marks = Marks(Tags(served=lambda: ["rms", "slt"], warn=told.append))
    text = "[slt]: Hello.[12]\nIt was [Frostbolt].\n[MUSIC]\n\n[rmss] Yes.\n[rmss] [main] No.\n"
    lines = read(tmp_path / "a.txt", text, marks=marks, fields={"voice": "awb"})
    assert [(line.voice, line.text) for line in lines] == [
        ("slt", "Hello.[12]"),
        ("awb", "It was [Frostbolt]."),
        ("awb", "[MUSIC]"),
        ("awb", "Yes."),
        ("awb", "No."),
    ]
    assert told == [
        f"line 5 of {tmp_path / 'a.txt'}: [rmss] is left out: it names no voice; did you mean [rms]?"
    ]


def test_a_line_has_one_voice(tmp_path: Path) -> None:
    """A second tag, or a pause, is told with its line before anything is spoken."""
    marks = Marks(Tags(served=lambda: ["rms", "slt"]))
    for text in ("Hi. [slt] Ho.", "[slt] Hi. [pause 1s] Ho."):
        with pytest.raises(BadRequestError, match=r"line 1 of .*: a tag or a pause stands in the middle"):
            read(tmp_path / "a.txt", text, marks=marks)


def test_a_tag_takes_the_place_of_the_line_s_voice(tmp_path: Path) -> None:
    """What the text says about who speaks counts, as in a script."""
    marks = Marks(Tags(served=lambda: ["rms", "slt"]))
    record = {"text": "[slt] Hello.", "ref_audio": "none.wav", "ref_text": "I am."}
    (line,) = read(tmp_path / "a.jsonl", json.dumps(record), marks=marks)
    assert (line.voice, line.ref_audio, line.ref_text) == ("slt", None, None)


def test_strict_and_no_tags(tmp_path: Path) -> None:
    """Strict tags make an unknown one an error with its line; without tags even a voice's name is text."""
    served = ["rms", "slt"]
    with pytest.raises(BadRequestError, match=r"line 1 of .*: unknown voice 'town'; known: main, rms, slt"):
        read(tmp_path / "a.txt", "[town] Hi.", marks=Marks(Tags(served=lambda: served, treatment="strict")))
    (line,) = read(tmp_path / "a.txt", "[slt] Hi. [rms] Ho.", marks=Marks(Tags(treatment="none")))
    assert (line.voice, line.text) == (None, "[slt] Hi. [rms] Ho.")
