"""Manifests as spreadsheets, data sets and other programs write them: none of it is spoken as it stands."""

from __future__ import annotations

import codecs
import csv
import io
import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from f5ctl.batch.manifest import Defaults, Manifest, read_manifest
from f5ctl.batch.shapes import STYLES, Style
from f5ctl.errors import BadRequestError


def found(path: Path, data: str | bytes) -> Manifest:
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return read_manifest(str(path), None, Defaults())


def said(path: Path, data: str | bytes) -> list[tuple[str, str]]:
    """Return (output, text) of every line of a manifest in which nothing is wrong."""
    manifest = found(path, data)
    assert [bad.told for bad in manifest.bad] == []
    return [(line.output, line.text) for line in manifest.lines]


TABLE = [["text", "output"], ["Hello there.", "a.wav"], ["Yes; of course, my friend.", "b.wav"]]
WANTED = [("a.wav", "Hello there."), ("b.wav", "Yes; of course, my friend.")]


def table(delimiter: str, rows: list[list[str]] = TABLE, end: str = "\r\n") -> str:
    file = io.StringIO()
    csv.writer(file, delimiter=delimiter, lineterminator=end).writerows(rows)
    return file.getvalue()


@pytest.mark.parametrize("name", ["m.csv", "m.tsv", "m.tab", "m.txt", "m", "m.list"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_table_is_a_table_whatever_parts_its_cells(tmp_path: Path, name: str, delimiter: str) -> None:
    """Commas, semicolons, tabs and | are told apart, and a header makes a table of a .txt too."""
    assert said(tmp_path / name, table(delimiter)) == WANTED


@pytest.mark.parametrize("first", ["sep=;", '"sep=;"', "SEP=;"])
@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
def test_excel_s_first_line(tmp_path: Path, first: str, end: str) -> None:
    """The line with which Excel names its delimiter is no header."""
    assert said(tmp_path / "m.csv", first + end + table(";", end=end)) == WANTED
    assert said(tmp_path / "m.txt", first + end + table(";", end=end)) == WANTED


@pytest.mark.parametrize(
    ("codec", "mark"),
    [
        ("utf-8", b""),
        ("utf-8", codecs.BOM_UTF8),
        ("utf-16-le", codecs.BOM_UTF16_LE),
        ("utf-16-be", codecs.BOM_UTF16_BE),
        ("utf-16-le", b""),
        ("utf-16-be", b""),
        ("utf-32-le", codecs.BOM_UTF32_LE),
    ],
)
@pytest.mark.parametrize("name", ["m.csv", "m.txt"])
def test_encodings(tmp_path: Path, name: str, codec: str, mark: bytes) -> None:
    """UTF-8 and UTF-16, with a mark or without, are read as they are, without a word."""
    manifest = found(tmp_path / name, mark + table("\t", [["text"], ["Grüße, João."]]).encode(codec))
    assert (manifest.lines[-1].text, manifest.warnings) == ("Grüße, João.", [])


def test_windows_1252_is_read_with_a_warning(tmp_path: Path) -> None:
    """What Excel saves as plain CSV is read, and one line says that its encoding was guessed."""
    path = tmp_path / "m.csv"
    manifest = found(path, table(";", [["text"], ["Olá, João – não é “bom”?"]]).encode("cp1252"))
    assert [line.text for line in manifest.lines] == ["Olá, João – não é “bom”?"]
    assert manifest.warnings == [f"{path} is not UTF-8 (line 2); it is read as Windows-1252"]


def test_empty_columns_and_rows(tmp_path: Path) -> None:
    """What Excel leaves behind at the right and below is nothing; a column without a name is told."""
    assert said(tmp_path / "m.csv", "text;output;;\r\n;;;\r\nHello there.;a.wav;;\r\n;;;\r\n;\r\n") == [
        ("a.wav", "Hello there.")
    ]
    manifest = found(tmp_path / "m.csv", ",text\n0,Hello.\n1,Good bye.\n")  # pandas writes its index so
    assert [line.text for line in manifest.lines] == ["Hello.", "Good bye."]
    assert manifest.warnings == [f"column 1 of {tmp_path / 'm.csv'} has no name; it is left out"]


def test_a_bad_row_is_where_the_spreadsheet_shows_it(tmp_path: Path) -> None:
    """A row behind a cell of several lines, or behind `sep=;`, has two numbers: the file's and the sheet's."""
    path = tmp_path / "m.csv"
    (bad,) = found(path, 'text;speed\n"One.\nTwo.";1\n;\nThree.;9\n').bad
    assert bad.told.startswith(f"line 5 of {path} (row 4): speed is 9")
    (bad,) = found(path, "sep=;\ntext;speed\nThree.;9\n").bad
    assert bad.told.startswith(f"line 3 of {path} (row 2): speed is 9")
    (bad,) = found(path, "text;speed\n;\nThree.;9\n").bad
    assert bad.told.startswith(f"line 3 of {path}: speed is 9")


def test_a_header_has_any_case(tmp_path: Path) -> None:
    """TEXT, Text and `Ref Text` are the fields that they name."""
    (line,) = found(tmp_path / "m.csv", "TEXT;Output;NFE step;Cfg-Strength\nHi.;a.wav;7,0;1,5\n").lines
    assert (line.text, line.output, line.parameters) == ("Hi.", "a.wav", {"nfe_step": 7, "cfg_strength": 1.5})
    (line,) = found(tmp_path / "m.jsonl", '{"Text": "Hi.", "SPEED": "0,9"}').lines
    assert (line.text, line.parameters) == ("Hi.", {"speed": 0.9})


@pytest.mark.parametrize(
    ("field", "cell", "value"),
    [
        ("speed", "0,9", 0.9),
        ("speed", "1", 1.0),
        ("speed", "1.25", 1.25),
        ("nfe_step", "16,0", 16),
        ("nfe_step", "16.0", 16),
        ("sway_sampling_coef", "-0,5", -0.5),
        ("target_rms", ",2", 0.2),
        ("remove_silence", "VERDADEIRO", True),
        ("remove_silence", "WAHR", True),
        ("remove_silence", "FALSO", False),
        ("remove_silence", "TRUE", True),
        ("language", "pt", "pt"),
    ],
)
def test_cells_as_a_spreadsheet_spells_them(tmp_path: Path, field: str, cell: str, value: float | str) -> None:
    """A decimal comma is a decimal point, and true is true in the spreadsheet's language."""
    (line,) = found(tmp_path / "m.csv", f"text;{field}\nHi.;{cell}\n").lines
    assert line.parameters == {field: value}
    assert type(line.parameters[field]) is type(value)


@pytest.mark.parametrize("cell", ["#NAME?", "#REF!", "#N/A", "#NOME?", "#DIV/0!", "#VALOR!"])
def test_a_broken_cell_is_not_spoken(tmp_path: Path, cell: str) -> None:
    """`- Hello` becomes #NAME? in a spreadsheet: nobody wants to hear that."""
    (bad,) = found(tmp_path / "m.csv", f"text;speed\nHi.;1\n{cell};1\n").bad
    assert bad.told.endswith(f"m.csv: text is {cell}, an error of the spreadsheet")
    assert said(tmp_path / "m.txt", "#love is all.\n#1 is here!") != []


def test_quotes_as_they_stand(tmp_path: Path) -> None:
    """Where tabs or | part the cells a quotation mark may be a quotation mark, in a table of either kind."""
    rows = 'text\toutput\n"Hello," he said.\ta.wav\n"Bye.\tb.wav\n'
    assert said(tmp_path / "m.tsv", rows) == [("a.wav", '"Hello," he said.'), ("b.wav", '"Bye.')]
    rows = 'output|text\na.wav|"Two\nlines"\n'
    assert said(tmp_path / "m.csv", rows) == [("a.wav", "Two\nlines")]


def test_a_column_alone(tmp_path: Path) -> None:
    """With one column nothing parts the cells: what stands in its texts decides."""
    assert said(tmp_path / "m.csv", "text\nHello, you.\nBye, you; all.\n") == [
        ("0001.wav", "Hello, you."),
        ("0002.wav", "Bye, you; all."),
    ]
    assert said(tmp_path / "m.txt", "text\nHello; you.\n") == [("0001.wav", "Hello; you.")]


JSON_TEXTS = [("a.wav", "Hello there."), ("0002.wav", "Bye.")]
OBJECTS = [{"text": "Hello there.", "output": "a.wav"}, {"text": "Bye."}]


@pytest.mark.parametrize("name", ["m.json", "m.jsonl", "m.txt", "m.ndjson"])
@pytest.mark.parametrize(
    "text",
    [
        json.dumps(OBJECTS),
        json.dumps(OBJECTS, indent=2),
        "\n".join(map(json.dumps, OBJECTS)),
        "\n".join(json.dumps(one, indent=1) for one in OBJECTS),  # jq without -c
        "\ufeff \n" + json.dumps(OBJECTS) + "\n",
    ],
)
def test_json_in_any_layout(tmp_path: Path, name: str, text: str) -> None:
    """An array, an object a line, one object after the other: the suffix does not matter."""
    assert said(tmp_path / name, text) == JSON_TEXTS


def test_a_bad_item_of_an_array_has_its_number(tmp_path: Path) -> None:
    """An array on one line has its items counted, and what they hold instead of a text is told."""
    path = tmp_path / "m.json"
    (bad,) = found(path, '[{"text": "Hi."}, {"title": "It rained.", "id": 7}]').bad
    assert bad.told == f"line 1 of {path} (item 2) has no text, only 'title', 'id'"


@pytest.mark.parametrize("name", ["m.txt", "m.csv", "metadata.csv", "m"])
@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a.wav|Hello there.\nb.flac|Bye.\n", [("a.wav", "Hello there."), ("b.flac", "Bye.")]),
        ("LJ1-1|Hello there.\nLJ1-2|Bye.\n", [("LJ1-1.wav", "Hello there."), ("LJ1-2.wav", "Bye.")]),
        (
            "LJ1-1|It is 9.|It is nine.\nLJ1-2|Dr. B|Doctor B\n",
            [("LJ1-1.wav", "It is nine."), ("LJ1-2.wav", "Doctor B")],
        ),
        ("audio_file|text\nwavs/a.wav|Hello there.\n", [("wavs/a.wav", "Hello there.")]),
        ("my file.wav|Hello there.\n", [("my file.wav", "Hello there.")]),
        ("a.wav\tHello there.\nb.wav\tBye.\n", [("a.wav", "Hello there."), ("b.wav", "Bye.")]),
        ("a.wav;Hello there.\nb.wav;Bye, bye.\n", [("a.wav", "Hello there."), ("b.wav", "Bye, bye.")]),
    ],
)
def test_names_and_texts(tmp_path: Path, name: str, text: str, wanted: list[tuple[str, str]]) -> None:
    """A data set's name|text is a manifest: LJSpeech's of two or three columns, f5-tts's with its header."""
    assert said(tmp_path / name, text) == wanted


def test_a_broken_line_among_names(tmp_path: Path) -> None:
    """One line without its | is told; it does not make lines to speak of the others."""
    (bad,) = found(tmp_path / "m.txt", "a.wav|Hello.\nb.wav Bye.\nc.wav|Good night.\n").bad
    assert bad.told == f"line 2 of {tmp_path / 'm.txt'} has 1 cell; the others have 2"


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("m.xlsx", b"x", "is a spreadsheet; save its table as CSV"),
        ("m.csv", b"PK\x03\x04x", "is a workbook or another ZIP file; save its table as CSV"),
        ("m.csv", b"\xd0\xcf\x11\xe0x", "is an Office file; save its table as CSV"),
        ("m.txt", b"RIFFxxxxWAVE", "is a recording; a manifest is a text"),
        ("m.srt", b"1\n", "is subtitles; f5ctl say -f speaks .srt"),
        ("m.txt", b"1\n00:00:01,000 --> 00:00:02,000\nHello.\n", "is subtitles"),
        ("m.txt", b"WEBVTT\n\n00:01.000 --> 00:02.000\nHello.\n", "is subtitles"),
        ("m.txt", b"<?xml version='1.0'?>\n<a>Hello.</a>", "is no manifest; use JSON lines"),
        ("m.txt", b"<speak>Hello.</speak>", "is no manifest; use JSON lines"),
        ("m.yaml", b"- text: Hello.\n", "is no manifest; use JSON lines"),
        (
            "m.txt",
            b"a.wav|slt|Hi.\nb.wav|rms|Ho.\n",
            "3 a line; put a header such as 'output|voice|text' above it",
        ),
        ("m.list", b"a.wav|me|EN|Hi you.\n", "4 a line; put a header such as 'output|voice|language|text'"),
        ("m.txt", b"a.wav,Hello.\nb.wav,Bye.\n", "put a line such as output,text above it"),
        (
            "m.txt",
            b"Hello.\nYes.\na.wav|Bye.\nNo.\n",
            "has lines of a name and a text among others, such as 'a.wav|",
        ),
        (
            "m.csv",
            b"sentence;voice\nHi.;slt\n",
            "it has 'sentence', 'voice'; is 'sentence' the text? Then name it text",
        ),
        ("m.csv", b"Text;text\nHi.;Ho.\n", "is the header; fields 'Text' and 'text' are the same"),
        ("m.json", b'[{"text": "Hi."}', "is not JSON: its array ends too early"),
        ("m.json", b'[{"text": "Hi."}]x', "is not JSON: its array ends too early"),
        ("m.json", b'{\n"text": "Hi"', "line 1 of PATH is not JSON"),
        ("m.txt", "Привет всем.".encode("cp1251"), "is not UTF-8 (line 1), nor Windows-1252"),
        ("m.txt", "日本語です。".encode("shift_jis"), "is not UTF-8 (line 1), nor Windows-1252"),
        ("m.txt", codecs.BOM_UTF16_LE + b"a\x00\n\x00\x00\xd8", "is not UTF-16-LE (line 2)"),
    ],
)
def test_other_shapes_are_refused_with_the_reason(tmp_path: Path, name: str, data: bytes, reason: str) -> None:
    """What is no manifest is one line that names the reason, and nothing is spoken."""
    with pytest.raises(BadRequestError) as raised:
        found(tmp_path / name, data)
    assert reason in raised.value.message.replace(str(tmp_path / name), "PATH")


@pytest.mark.parametrize(
    "text",
    [
        "Hello, world.\nGood bye; see you.\n",
        "The [Frostbolt] hit.\n[12] Good bye, [x].\n",
        "Text messages, mostly.\nThey were short.\n",
        "Is it A|B or both?\nNobody knows.\nNot even you.\n",
        'He said: "a.wav is a file".\nYes.\n',
        "{} is an empty set.\nOf course.\n",
        "Text, please.\nThank you.\n",
    ],
)
def test_sentences_are_sentences(tmp_path: Path, text: str) -> None:
    """A text with commas, brackets or a | somewhere is still one text a line."""
    assert [told for _name, told in said(tmp_path / "m.txt", text)] == text.splitlines()


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("name", ["m.txt", "m.jsonl", "names.txt"])
def test_line_ends(tmp_path: Path, end: str, name: str) -> None:
    """A line ends as it does on Unix, Windows and the Macintosh of old."""
    lines = {
        "m.txt": ["Hello.", "Bye."],
        "m.jsonl": ['{"text": "Hello."}', '{"text": "Bye."}'],
        "names.txt": ["a.wav|Hello.", "b.wav|Bye."],
    }
    assert [text for _name, text in said(tmp_path / name, end.join(lines[name]) + end)] == ["Hello.", "Bye."]


def test_as_decides(tmp_path: Path) -> None:
    """--as takes a manifest for what it says, whatever it looks like."""
    path = tmp_path / "m.txt"
    path.write_text("a.wav|Hello.\nb.wav|Bye.\n")
    assert [line.text for line in read_manifest(str(path), "lines", Defaults()).lines] == [
        "a.wav|Hello.",
        "b.wav|Bye.",
    ]
    path.write_text("one|Hello.\n")
    assert read_manifest(str(path), "ljspeech", Defaults()).lines[0].text == "Hello."
    path.write_text("text\toutput, really\nHello.\tx\n")
    assert read_manifest(str(path), "tsv", Defaults()).lines[0].own == {"output, really": "x"}


def test_one_column_with_empty_ones_beside_it(tmp_path: Path) -> None:
    """What parts the cells is told by the empty ones where there are no others."""
    (line,) = found(tmp_path / "m.csv", b'text\t\r\n"Hi\nyou."\t\r\n\t\r\n').lines
    assert line.text == "Hi\nyou."


def test_long_texts_and_deep_ones(tmp_path: Path) -> None:
    """A cell beyond csv's own limit is a text, and JSON that is nested without end is told by its line."""
    (line,) = found(tmp_path / "m.csv", f"text;id\n{'word ' * 40_000};1\n").lines
    assert (len(line.text), line.parts is None) == (199_999, False)
    (bad,) = found(tmp_path / "m.jsonl", '{"text": "Hi."}\n{"text": ' + "[" * 100_000 + "}\n").bad
    assert "line 2" in bad.told


WORDS = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]) | st.sampled_from('\n",;|\t'), max_size=12
)
CELLS = st.builds(lambda word, rest: f"w{word}{rest}".strip(), WORDS, WORDS)
CODECS = ["utf-8", "utf-8-sig", "utf-16", "utf-32"]


@settings(max_examples=300, deadline=None)
@given(
    texts=st.lists(CELLS, min_size=1, max_size=5),
    columns=st.integers(0, 3),
    delimiter=st.sampled_from(",;\t|"),
    end=st.sampled_from(["\r\n", "\n", "\r"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    codec=st.sampled_from(CODECS),
    sep=st.booleans(),
    extra=st.integers(0, 2),
    data=st.data(),
)
@pytest.mark.slow
def test_what_was_written_is_read(  # noqa: PLR0917
    texts: list[str],
    columns: int,
    delimiter: str,
    end: str,
    quoting: int,
    codec: str,
    sep: bool,  # noqa: FBT001
    extra: int,
    data: st.DataObject,
) -> None:
    """Any table is the same in every dialect: delimiter, line ends, quotation, encoding, empty columns."""
    own = [f"own {number}" for number in range(columns)]
    cells = [[data.draw(CELLS) for _column in own] for _text in texts]
    file = io.StringIO()
    quoting = csv.QUOTE_ALL if end == "\r" else quoting  # Python 3.11 forgets to quote a line feed there
    writer = csv.writer(file, delimiter=delimiter, lineterminator=end, quoting=quoting)  # type: ignore[arg-type]
    if sep:
        file.write(f"sep={delimiter}{end}")
    writer.writerow(["text", *own, *[""] * extra])
    for text, row in zip(texts, cells, strict=True):
        writer.writerow([text, *row, *[""] * extra])
        writer.writerow([""] * (1 + columns + extra))
    with tempfile.TemporaryDirectory() as folder:
        manifest = found(Path(folder) / "m.csv", file.getvalue().encode(codec))
    assert [(bad.told) for bad in manifest.bad] == []
    assert [(line.text, dict(line.own)) for line in manifest.lines] == [
        (text, dict(zip(own, row, strict=True))) for text, row in zip(texts, cells, strict=True)
    ]


PIECES = st.sampled_from(
    [
        '"',
        ",",
        ";",
        "\t",
        "|",
        "\n",
        "\r",
        "\x00",
        "{",
        "}",
        "[",
        "]",
        ":",
        "\\ud83d",
        "text",
        "output",
        "a.wav",
        "ÿ",
        "\x85",
        "sep=;",
        "null",
        "NaN",
        "Hello.",
        "../",
        "9e99999",
    ]
).map(lambda piece: piece.encode("latin-1"))


@settings(max_examples=300, deadline=None)
@given(
    data=st.lists(PIECES, max_size=20).map(b"".join) | st.binary(max_size=40),
    suffix=st.sampled_from(["txt", "csv", "jsonl", "json", "tsv"]),
    style=st.none() | st.sampled_from(STYLES),
)
@pytest.mark.slow
def test_whatever_is_in_it(data: bytes, suffix: str, style: Style | None) -> None:
    """Any bytes are a manifest or refused in one line; what is bad in it can be written down again."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"m.{suffix}"
        path.write_bytes(data)
        try:
            manifest = read_manifest(str(path), style, Defaults())
        except BadRequestError:
            return
    for line in manifest.lines:
        assert json.dumps([line.key, line.record()])
        assert line.output.encode()
        assert line.text.encode()
    for bad in manifest.bad:
        assert json.dumps(bad.record())
