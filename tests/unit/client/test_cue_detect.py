"""What is taken for subtitles, and how a file's bytes become text."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from f5ctl.errors import BadRequestError
from f5ctl.speech.cue_detect import begins_as_cues, holds_cues
from f5ctl.speech.texts import checked_text, may_hold_cues

A = "00:00:00,500 --> 00:00:02,000"
SRT = f"1\n{A}\nÉ você, não?\n\n2\n00:00:02,500 --> 00:00:04,000\nCoração.\n"


@pytest.mark.parametrize(
    "text",
    [
        SRT,
        SRT.replace("\n", "\r"),
        f"\ufeff\n\n{A}\nHello.",
        f"\u200e1\n\u200e{A}\nHello.",
        f"1\n\n{A}\n\nHello.",
        "WEBVTT",
        "WEBVTT - Film\n\nNOTE nothing yet",
        "0:00:00.500,0:00:02.000\nHello.",
        "[00:00.500 --> 00:02.000] Hello.",
        f"Subtitles by Ann\n\n{SRT}",
        f"```\n{SRT}```",
    ],
)
def test_subtitles_are_known_by_what_is_in_them(text: str) -> None:
    """Whatever a file is called, cues are never read out with their times."""
    for name in (None, "-", "a.txt", "a", "a.sub"):
        assert holds_cues(text, name)


@pytest.mark.parametrize("name", ["a.srt", "A.SRT", "b/c.vtt", "d.sbv"])
def test_subtitles_are_known_by_their_name(name: str) -> None:
    """A file of that name has cues, or an error is told."""
    assert holds_cues("Hello.", name)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "Hello.",
        "1\n2\n3\n",
        "2024\nA year.",
        "WEBVTTX\nHello.",
        "12:30 - 13:45\nLunch.",
        "At 00:00:01,000 --> 00:00:02,000 she spoke.",
        f"How cues look:\n\n1\n{A}\nHello.\n" + "A line of text.\n" * 20,
        "[1] Hello there. [2] How are you?\n[3] Fine.",
        "[12:30] Ann: hello\n[12:31] Bob: hello",
        "[00:12.50] is when it begins.\nThen it ends.",
        "{1}{2} are sets.\nYes.",
        "Script Info\nDialogue: it is one.",
        "<?xml version='1.0'?>\n<doc>Hello.</doc>",
        "3.5 -> 4.5\n4.5 -> 5.5\n",
        '{"text": "It is JSON.", "begin": 5}',
        '{He} said "start": go.',
    ],
)
def test_what_is_text_stays_text(text: str) -> None:
    """A text that only speaks of times is no file of subtitles."""
    assert not holds_cues(text, "a.txt")


@pytest.mark.parametrize(
    ("text", "name", "told"),
    [
        ("[Script Info]\nScriptType: v4.00+\n", "b/film.ass", "Advanced SubStation are not read"),
        ("\ufeff[Script Info]\n; x", None, "with: ffmpeg -i FILE FILE.srt"),
        ("Hello.", "film.ssa", "with: ffmpeg -i film.ssa film.srt"),
        ('<?xml version="1.0"?>\n<!-- x -->\n<tt xmlns="http://www.w3.org/ns/ttml">', "a.xml", "TTML"),
        ("<tt:tt>", "-", "with: Subtitle Edit"),
        ("[ar: Ann]\n[00:01.50]Hello\n[00:02.50]you", "a.txt", "LRC"),
        ("[00:01.50] Hello\n[00:02.50] you", "a.txt", "LRC"),
        ("{1}{1}25\n{12}{48}Hello", "a.txt", "MicroDVD"),
        ("[10][20]Hello\n[30][40]you", "a.txt", "MPL2"),
        ("<SAMI><BODY>", "a.smi", "SAMI"),
        ("Scenarist_SCC V1.0", "a.txt", "Scenarist"),
        ("850STL25.01", "a.bin", "EBU STL"),
        ('[{"start": 0.5, "end": 1.5, "text": "Hello"}]', "a.txt", "JSON are not read"),
        ('{"language": "en",\n "segments": [{"id": 0}]}', "-", "whisper --output_format srt"),
        ('{"chunks": [{"timestamp": [0, 1]}]}', None, "JSON are not read"),
        ("Hello.", "a.sup", "a set of pictures"),
    ],
)
def test_other_formats_are_refused(text: str, name: str | None, told: str) -> None:
    """Subtitles in a format that is not read are told, with what converts them, and not read out."""
    with pytest.raises(BadRequestError, match=r"^subtitles in .*; make \.srt of them first") as raised:
        holds_cues(text, name)
    assert told in raised.value.message
    assert "\n" not in raised.value.message


def test_a_beginning_is_enough() -> None:
    """A file that is still being written is known by its first two lines."""
    assert begins_as_cues(f"1\n{A}\nHel")
    assert begins_as_cues("WEBVTT\n")
    assert not begins_as_cues("1\n00:00:00")


def read(data: bytes, name: str | None = None) -> tuple[str, list[str]]:
    notes: list[str] = []
    return checked_text(data, name=name, tell=notes.append), notes


@pytest.mark.parametrize("name", ["a.srt", "a.txt", None])
@pytest.mark.parametrize(
    "data",
    [
        SRT.encode(),
        SRT.encode("utf-8-sig"),
        SRT.encode("utf-16"),
        codecs.BOM_UTF16_BE + SRT.encode("utf-16-be"),
        codecs.BOM_UTF32_BE + SRT.encode("utf-32-be"),
        SRT.encode("utf-32"),
        SRT.encode("utf-16") + b"\n",  # half of a character, as an interrupted copy has it
    ],
)
def test_encodings_that_say_what_they_are(data: bytes, name: str | None) -> None:
    """UTF-8, and UTF-16 and UTF-32 with a byte order mark, are read without a word."""
    assert read(data, name) == (SRT.strip(), [])


def test_plain_text_in_utf_16() -> None:
    """A text is read by its byte order mark as well."""
    assert read("É você.".encode("utf-16"), "a.txt") == ("É você.", [])


@pytest.mark.parametrize("name", ["a.srt", "a.txt", None])
@pytest.mark.parametrize(
    ("encoding", "told"),
    [
        ("cp1252", "the file is not UTF-8; it is read as Windows-1252"),
        ("latin-1", "the file is not UTF-8; it is read as Windows-1252"),
        ("utf-16-le", "the file is not UTF-8; it is read as UTF-16-LE"),
        ("utf-16-be", "the file is not UTF-8; it is read as UTF-16-BE"),
    ],
)
def test_encodings_of_subtitles_that_are_guessed(name: str | None, encoding: str, told: str) -> None:
    """Subtitles are read as players read them, and one line says how, and what to do if it is wrong."""
    text, notes = read(SRT.encode(encoding), name)
    assert text.rstrip("\0") == SRT.strip()
    assert notes == [f"{told}; if words come out wrong, convert it first: iconv -f NAME -t UTF-8"]


def test_subtitles_of_two_encodings() -> None:
    """What is UTF-8 in a file stays it, what is not is a western letter; so is a character that was cut."""
    text, notes = read(
        f"1\n{A}\nÉ você? ".encode() + "Não. “€”".encode("cp1252") + b"\x81\n" + "ç".encode()[:1]
    )
    assert text == f"1\n{A}\nÉ você? Não. “€”\x81\nÃ"
    assert len(notes) == 1


@pytest.mark.parametrize(
    ("text", "encoding"), [("Привет, как дела?", "cp1251"), ("你好，你好吗？", "gbk"), ("안녕하세요", "euc-kr")]
)
def test_subtitles_that_nobody_can_guess(text: str, encoding: str) -> None:
    """What is no western language is an error that says what to do, and not noise."""
    with pytest.raises(
        BadRequestError, match=r"neither UTF-8 nor a western language .* iconv -f NAME -t UTF-8"
    ):
        read(f"1\n{A}\n{text}\n".encode(encoding), "a.srt")


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (
            "É você.".encode("cp1252"),
            "the text is not UTF-8 (byte 0); convert it first, for example with: iconv",
        ),
        (
            "Você é.".encode("utf-16-le"),
            "UTF-16-LE without a byte order mark; convert it first: iconv -f utf-16-le",
        ),
        (
            "Você é.".encode("utf-16-be"),
            "UTF-16-BE without a byte order mark; convert it first: iconv -f utf-16-be",
        ),
        (codecs.BOM_UTF16_LE + b"\x00\xd8a\x00", "the text is not UTF-8 (byte 0)"),
        (b"", "the text is empty"),
        (codecs.BOM_UTF16_LE, "the text is empty"),
        (codecs.BOM_UTF8 + b" \n", "the text is empty"),
    ],
)
def test_a_text_is_never_guessed(data: bytes, told: str) -> None:
    """A text in another encoding is an error that says what to do."""
    for name in ("a.txt", None):
        with pytest.raises(BadRequestError) as raised:
            read(data, name)
        assert told in raised.value.message


def test_binary_subtitles_are_refused_by_their_name() -> None:
    """Pictures are no text in any encoding; the line says so and not which byte is wrong."""
    with pytest.raises(BadRequestError, match="subtitles in a set of pictures are not read"):
        read(b"PG\xff\xfe\x00\x81", "film.sup")


@given(st.binary(max_size=60))
def test_any_bytes_are_a_text_or_an_error(data: bytes) -> None:
    """No file ends in anything but its text or a line."""
    for name in ("a.srt", "a.txt", None):
        try:
            text, _ = read(data, name)
        except BadRequestError:
            continue
        assert text.strip()


@pytest.mark.parametrize(
    "text",
    [
        SRT,
        f"{A}\nx",
        "WEBVTT\n\nx",
        "0:00:00.500,0:00:02.000\nx",
        "By Ann\n0:00:00.500,0:00:02.000\nx",
        "[Script Info]\nx",
        "<tt>\nx",
        "{1}{1}25\n{2}{3}x",
        "Scenarist_SCC V1.0\nx",
        "By Ann\n00:01 → 00:02\nx",
    ],
)
def test_no_subtitles_are_passed_by(text: str) -> None:
    """The quick look never takes for text what the closer one knows."""
    assert may_hold_cues(text, None)
    assert may_hold_cues(text, "a.txt")
    assert may_hold_cues(text.replace("\n", "\r"), None)
    assert may_hold_cues(f"\ufeff\n\n\u200e{text}", None)


def test_most_texts_need_no_closer_look() -> None:
    """A chapter is spoken without what subtitles need having been imported."""
    text = "Hello there. It is 10:30, and it costs $1,000.50 (or 3.5, 4.5).\n\nHow are you?\n"
    assert not may_hold_cues(text, None)
    assert not may_hold_cues(text, "chapter.txt")
    assert may_hold_cues(text, "chapter.srt")
    assert not may_hold_cues("1 is a number.", None)
    for mark in ("* ", "1. ", '"', "- ", "(", "—"):
        assert not may_hold_cues(f"{mark}{text}", None)
