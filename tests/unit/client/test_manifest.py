"""What a batch is told to make."""

from __future__ import annotations

import json
import wave
from pathlib import Path

import pytest

from f5ctl.batch.fields import FIELDS
from f5ctl.batch.line import Line
from f5ctl.batch.manifest import Defaults, Manifest, read_manifest
from f5ctl.errors import BadRequestError
from f5ctl.parameters import PARAMETERS, named
from f5ctl.speech.marks import Marks, Tags
from f5ctl.voicebox import StoredVoice, private_store


def whole(path: Path, data: str | bytes, **defaults: object) -> Manifest:
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return read_manifest(str(path), None, Defaults(**defaults))  # type: ignore[arg-type]


def read(path: Path, data: str | bytes, **defaults: object) -> list[Line]:
    """Return the lines of a manifest in which nothing is wrong."""
    manifest = whole(path, data, **defaults)
    assert [bad.told for bad in manifest.bad] == []
    return manifest.lines


def wrong(path: Path, data: str | bytes, **defaults: object) -> list[str]:
    """Return what is wrong with a manifest: with all of it, or line by line."""
    try:
        return [bad.told.replace(str(path), "PATH") for bad in whole(path, data, **defaults).bad]
    except BadRequestError as error:
        return [error.message.replace(str(path), "PATH")]


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
        ("a.jsonl", "{}", "line 1 of PATH has no text"),
        ("a.jsonl", '{"text": 3}', "line 1 of PATH: text is 3; it must be a text"),
        ("a.jsonl", '{"text": "Hi.", "speed": 3}', "line 1 of PATH: speed is 3; the limit is 0.5 to 2"),
        ("a.jsonl", '{"text": "Hi.", "speed": NaN}', "line 1 of PATH: speed is nan; the limit is 0.5 to 2"),
        ("a.jsonl", '{"text": "Hi.", "seed": 1.5}', "line 1 of PATH: seed is 1.5; it must be a whole number"),
        ("a.jsonl", '{"text": "Hi.", "seed": true}', "line 1 of PATH: seed is True; it must be a whole number"),
        ("a.jsonl", '{"text": "Hi.", "remove_silence": 3}', "remove_silence is 3; it must be true or false"),
        ("a.jsonl", '{"text": "Hi.", "output": "../a.wav"}', "must be the name of a file inside the folder"),
        ("a.jsonl", '{"text": "Hi.", "output": "/a.wav"}', "must be the name of a file inside the folder"),
        ("a.jsonl", '{"text": "Hi.", "output": ".receipts/a.wav"}', "names with a leading dot are kept"),
        ("a.jsonl", '{"text": "Hi.", "output": "a\\u0001.wav"}', "use at most 250 printable bytes"),
        ("a.jsonl", '{"text": "Hi.", "output": "a.m4b"}', "make a .wav, then: ffmpeg -i NAME.wav NAME.m4b"),
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
    (told,) = wrong(tmp_path / name, text)
    assert message in told
    assert "\n" not in told


def test_own_columns_are_carried(tmp_path: Path) -> None:
    """A column of one's own goes with its line, as it was written; what is missing is left out."""
    (line,) = read(tmp_path / "a.jsonl", '{"text": "Hi.", "id": 7, "tags": ["x"], "note": null, "score": NaN}')
    assert line.own == {"id": 7, "tags": ["x"]}
    assert line.record()["id"] == 7
    one, two = read(tmp_path / "a.csv", "id,Scene No,text\n007,,Hi.\n,2,Ho.\n")
    assert (one.own, two.own) == ({"id": "007"}, {"Scene No": "2"})
    assert one.key == read(tmp_path / "b.txt", "Hi.\n")[0].key


@pytest.mark.parametrize(
    ("column", "field"),
    [
        ("voise", "voice"),
        ("Langauge", "language"),
        ("sped", "speed"),
        ("outputs", "output"),
        ("nfe step s", "nfe_step"),
        ("speaker", "voice"),
        ("filename", "output"),
        ("lang", "language"),
        ("Voz", "voice"),
        ("Saída", "output"),
        ("Sprecher", "voice"),
    ],
)
def test_a_slip_in_a_column_s_name_is_told(tmp_path: Path, column: str, field: str) -> None:
    """A column that is nearly a field is carried along with one warning, however many lines have it."""
    manifest = whole(tmp_path / "a.csv", f"text,{column}\nHi.,x\nHo.,y\n")
    assert manifest.warnings == [f"column {column!r} is only carried along; is it meant to be {field}?"]
    manifest = whole(tmp_path / "a.jsonl", json.dumps({"text": "Hi.", column: "x"}))
    assert len(manifest.warnings) == 1


@pytest.mark.parametrize(
    "column", ["id", "scene", "voice_id", "date", "chapter", "author", "comment", "filename"]
)
def test_other_columns_are_no_slips(tmp_path: Path, column: str) -> None:
    """What is far from any field, or from one that is missing, is carried without a word."""
    manifest = whole(tmp_path / "a.csv", f"text,output,voice,{column}\nHi.,a.wav,slt,x\n")
    assert (manifest.warnings, manifest.lines[0].own) == ([], {column: "x"})


def test_a_file_s_name_as_a_text_is_told(tmp_path: Path) -> None:
    """Whoever has exchanged two columns, or given a list of files, is told once what will be said."""
    path = tmp_path / "a.txt"
    assert whole(path, "a.wav\nx/b.MP3\n").warnings == [
        f"line 1 of {path} says 'a.wav', which is a file's name"
    ]
    assert whole(path, "This is a.wav\nWhat is .wav?\n").warnings == []


def test_columns_that_results_have_themselves(tmp_path: Path) -> None:
    """A column `status` or `code` would be two things in the results: it is left out, with a warning."""
    manifest = whole(tmp_path / "a.csv", "text,code,id\nHi.,A1,7\n")
    assert manifest.lines[0].own == {"id": "7"}
    assert manifest.warnings == ["column code is not carried into the results, which have their own"]


def test_every_parameter_of_a_manifest_is_a_field(tmp_path: Path) -> None:
    """Whatever the table of parameters gives to manifests, a line can have."""
    for name in named("manifest"):
        parameter = PARAMETERS[name]
        assert name in FIELDS
        value: object = (*parameter.choices, "en")[0]
        if parameter.bound:
            value = parameter.kind(parameter.bound.low)
        elif parameter.kind is bool:
            value = True
        elif not parameter.choices and not parameter.pattern:
            continue  # the text and the voice, which other tests give
        (line,) = read(tmp_path / "a.csv", f"text;{name}\nHi.;{value}\n")
        assert (line.seed if name == "seed" else line.parameters[name]) == value


def test_quality_language_format_and_priority(tmp_path: Path) -> None:
    """A line can have what the call's options say: steps by name, a language, a format, its turn."""
    text = "text;quality;language;format;priority\nHi.;Draft;pt;OPUS;high\nHo.;;;;\n"
    one, two = read(tmp_path / "a.csv", text, fields={"nfe_step": 64, "language": "en"}, format="flac")
    assert one.parameters == {"language": "pt", "nfe_step": 7}
    assert (one.output, one.format, one.priority) == ("0001.opus", "opus", 1)
    assert two.parameters == {"language": "en", "nfe_step": 64}
    assert (two.output, two.format, two.priority) == ("0002.flac", "flac", None)
    (again,) = read(tmp_path / "b.jsonl", json.dumps(one.record()))
    assert (again.key, again.output, again.priority) == (one.key, one.output, one.priority)


@pytest.mark.parametrize(
    ("output", "format_", "name", "kind"),
    [
        ("intro", None, "intro.wav", "wav"),
        ("intro", "mp3", "intro.mp3", "mp3"),
        ("a.mp3", "mp3", "a.mp3", "mp3"),
        ("a.raw", "pcm", "a.raw", "pcm"),
        ("one\\two\\a.flac", None, "one/two/a.flac", "flac"),
    ],
)
def test_names_of_outputs(tmp_path: Path, output: str, format_: str | None, name: str, kind: str) -> None:
    """A name without a suffix gets one; the folders of Windows are folders."""
    record = {"text": "Hi.", "output": output, "format": format_}
    (line,) = read(tmp_path / "a.jsonl", json.dumps(record))
    assert (line.output, line.format) == (name, kind)


@pytest.mark.parametrize(
    ("outputs", "told"),
    [
        (["a.wav", "a.wav/b.wav"], "output a.wav/b.wav needs a folder a.wav; a.wav is line 1's file"),
        (["a.wav/b/c.wav", "a.wav"], "output a.wav is line 1's folder already"),
        (["a.wav/b/c.wav", "x/../a.wav/b.wav/c.wav", "a.wav/b.wav"], "a.wav/b.wav is line 2's folder already"),
        (
            ["a.wav", "a.wav.json/b.wav"],
            "output a.wav.json/b.wav needs a folder a.wav.json; a.wav is line 1's file",
        ),
        (["a.wav", "a.wav"], "output a.wav is line 1's already"),
        (["0002.wav", None], "output 0002.wav is line 1's already"),
        (["C:\\x\\b.wav"], "it must be the name of a file inside the folder"),
        (["\\\\server\\b.wav"], "it must be the name of a file inside the folder"),
        (["..\\b.wav"], "it must be the name of a file inside the folder"),
        (["a/"], "it must be the name of a file inside the folder"),
        (["there.wav"], "output there.wav is a folder in OUT"),
        (["file.wav/a.wav"], "output file.wav/a.wav needs a folder, but OUT/file.wav is a file"),
        (["ä" * 124 + ".wav"], "use at most 250 printable bytes"),
    ],
)
def test_outputs_that_are_in_the_way(tmp_path: Path, outputs: list[str | None], told: str) -> None:
    """What could not be written when its turn comes is found before the first line is spoken."""
    out = tmp_path / "out"
    (out / "there.wav").mkdir(parents=True)
    (out / "file.wav").touch()
    records = [{"text": "Hi.", "output": output} for output in outputs]
    (bad,) = whole(tmp_path / "a.jsonl", "\n".join(map(json.dumps, records)), folder=str(out)).bad
    assert told in bad.told.replace(str(out), "OUT")
    assert bad.number == len(outputs)


@pytest.mark.parametrize(
    "record",
    [
        '{"text": "Hello \\ud83d there."}',
        '{"text": "Hi.", "voice": "\\udc80"}',
        '{"text": "Hi.", "output": "a\\udfff.wav"}',
        '{"text": "Hi.", "id": "\\ud83d"}',
        '{"text": "Hi.", "own": {"deep": ["\\ude00\\ud83d"]}}',
        '{"text": "Hi.", "\\ud83d": 1}',
        '{"text": "Hi.", "quality": "\\ud83d"}',
    ],
)
def test_half_a_character(tmp_path: Path, record: str) -> None:
    """Half an emoji, anywhere in a line, is named with its line; a whole one is a character."""
    (told,) = wrong(tmp_path / "a.jsonl", '{"text": "Hi \\ud83d\\ude00."}\n' + record)
    assert told.startswith("line 2 of PATH: ")
    assert "holds half a character (U+D" in told


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    """Each bad line is told with what is wrong with it, the others keep their numbers and names."""
    text = '{"text": "One."}\n{"text": \n{"text": "Three.", "speed": 9}\n"4"\n{"text": "?"}\n{"text": "Six."}\n'
    manifest = whole(tmp_path / "a.jsonl", text)
    assert [(line.number, line.output) for line in manifest.lines] == [(1, "0001.wav"), (6, "0006.wav")]
    assert [(bad.number, bad.output, bad.code) for bad in manifest.bad] == [
        (2, "0002.wav", "bad_parameter"),
        (3, "0003.wav", "bad_parameter"),
        (4, "0004.wav", "bad_parameter"),
        (5, "0005.wav", "bad_text"),
    ]
    manifest = whole(tmp_path / "a.csv", 'text;speed\nOne.;1\nTwo.;x\nThree.;1;;4\n"Four"s;2\nFive.;2\n')
    assert [line.text for line in manifest.lines] == ["One.", "Five."]
    assert [bad.told.split("a.csv", 1)[1][:30] for bad in manifest.bad] == [
        ": speed is 'x'; it must be a n",
        " has 4 cells; the header has 2",
        " is not CSV: ';' expected afte",
    ]


@pytest.mark.parametrize(
    ("record", "told"),
    [
        ('{"text": "Hi.", "quality": "best"}', "quality is 'best'; it can be draft, fast, standard or high"),
        ('{"text": "Hi.", "priority": 1}', "priority is 1; it can be low, normal or high"),
        ('{"text": "Hi.", "format": "aac"}', "format is 'aac'; it can be wav, flac, ogg, opus, mp3 or pcm"),
        ('{"text": "Hi.", "quality": "fast", "nfe_step": 7}', "quality and nfe_step exclude each other"),
        ('{"text": "Hi.", "output": "a.wav", "format": "mp3"}', "output is 'a.wav', but format is 'mp3'"),
        ('{"text": "Hi.", "speed": "1.000,5"}', "speed is '1.000,5'; it must be a number, 0.5 to 2"),
        ('{"text": "Hi.", "text": "Ho."}', "is not JSON: it names 'text' twice"),
        ('{"text": "Hi.", "Text": "Ho."}', "fields 'text' and 'Text' are the same"),
        ('{"sentence": "Hi."}', "line 1 of PATH has no text"),
        ('{"text": "Hi.", "voice": "a\\u0000b"}', "voice holds a NUL byte"),
    ],
)
def test_a_wrong_field_is_named(tmp_path: Path, record: str, told: str) -> None:
    """A field with a value that it cannot have is told with the value and what it can have."""
    (line,) = wrong(tmp_path / "a.jsonl", record)
    assert told in line


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


def test_a_line_of_several_requests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line keeps its tags and its voice; its key is also what its tags mean and who their voices are."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    marks = Marks(Tags(served=lambda: ["rms", "slt"]))
    text = "[slt] Hi. [pause 1s] Ho."
    (line,) = read(tmp_path / "a.txt", text, marks=marks, fields={"voice": "awb"})
    assert (line.text, line.voice, line.parts is None) == (text, "awb", False)
    long = f"{'Hi there. ' * 7_000}[pause 1s] [rms] Ho."
    keys = set()
    for treatment in ("lenient", "none"):
        (line,) = read(tmp_path / "a.txt", long, marks=Marks(Tags(served=lambda: ["rms"], treatment=treatment)))
        keys.add(line.key)
    for recording in (b"RIFF one", b"RIFF two", b"RIFF two"):
        private_store().write("rms", StoredVoice(recording, "I am."), force=True)
        (line,) = read(tmp_path / "a.txt", long, marks=Marks(Tags(served=lambda: ["rms"])))
        keys.add(line.key)
    assert len(keys) == 4
    (bad,) = whole(tmp_path / "a.jsonl", json.dumps({"text": long, "fix_duration": 9})).bad
    assert bad.told.endswith(": fix_duration is for a text of one request; this one is longer")
    (bad,) = whole(tmp_path / "a.txt", "[slt] [pause 1s]", marks=marks).bad
    assert bad.told.endswith(": the text has no letter or digit; there is nothing to speak")


def test_a_tag_takes_the_place_of_the_line_s_voice(tmp_path: Path) -> None:
    """What the text says about who speaks counts, as in a script."""
    marks = Marks(Tags(served=lambda: ["rms", "slt"]))
    record = {"text": "[slt] Hello.", "ref_audio": "none.wav", "ref_text": "I am."}
    (line,) = read(tmp_path / "a.jsonl", json.dumps(record), marks=marks)
    assert (line.voice, line.ref_audio, line.ref_text) == ("slt", None, None)


def test_strict_and_no_tags(tmp_path: Path) -> None:
    """Strict tags make an unknown one an error with its line; without tags even a voice's name is text."""
    served = ["rms", "slt"]
    strict = Marks(Tags(served=lambda: served, treatment="strict"))
    (bad,) = whole(tmp_path / "a.txt", "[town] Hi.", marks=strict).bad
    assert ": unknown voice 'town'; known: main, rms, slt" in bad.told
    (line,) = read(tmp_path / "a.txt", "[slt] Hi. [rms] Ho.", marks=Marks(Tags(treatment="none")))
    assert (line.voice, line.text) == (None, "[slt] Hi. [rms] Ho.")
