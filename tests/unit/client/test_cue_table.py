"""Cues in tables, as subtitlers export them."""

from __future__ import annotations

import pytest

from f5ctl.errors import BadRequestError
from f5ctl.speech.cue_detect import holds_cues
from f5ctl.speech.cue_file import read_cue_file
from f5ctl.speech.srt import Cue
from f5ctl.speech.texts import checked_text, may_hold_cues

TWO = [Cue(0.5, 2.0, "Hello, there."), Cue(2.5, 4.0, "How are you?")]

SAME = {
    "a spreadsheet": """start,end,text
0.5,2,"Hello, there."
2.5,4,How are you?
""",
    "of Brazil": """Nº;Início;Fim;Legenda\r
1;0,5;2;Hello, there.\r
2;2,5;4;How are you?\r
""",
    "time codes": """Number\tTimecode In\tTimecode Out\tDialogue
1\t00:00:00,500\t0:02\tHello, there.
2\t00:00:02.500\t00:00:04\tHow are you?
""",
    "frames": """#,TC In,TC Out,Subtitle
1,00:00:00.500,00:00:02:00,"Hello, there."
2,0:00:02.5,00:00:04:00,How are you?""",
    "milliseconds": """Number,"Start time in milliseconds","End time in milliseconds",Text
1,500,2000,"Hello, there."
2,2500,4000,"How
are <i>you</i>?"
""",
    "whisper": """start\tend\ttext
500\t2000\tHello, there.
2500\t4000\tHow are you?
""",
    "labels": """0.500000\t2.000000\tHello, there.
2.500000\t4.000000\tHow are you?
""",
    "markers": """1\t00:00:00,500\t00:00:02:00\tHello, there.
2\t00:00:02,500\t00:00:04:00\tHow are you?
""",
    "no header": """1,"00:00:00,500","00:00:02,000","Hello, there."
2,"00:00:02,500","00:00:04,000",How are you?
""",
    "labels with bands": """\ufeff0,500000\t2,000000\tHello, there.
\\\t100.0\t200.0
2,500000\t4,000000\tHow are you?""",
    "Excel": """sep=;\r
Start time;End time;Text\r
0:00:00,5;0:02;"Hello, there."\r
0:02,5;0:04;How are you?\r
""",
    "blank rows": """start,end,text

0.5,2,"Hello, there."
,,
2.5,4,How are you?
,,
""",
}


@pytest.mark.parametrize("text", SAME.values(), ids=SAME.keys())
def test_tables(text: str) -> None:
    """A table with columns for start, end and text is spoken to its times, and never read out."""
    assert may_hold_cues(text, "a.txt")
    assert holds_cues(text, "a.csv")
    file = read_cue_file(text)
    assert (file.cues, file.warnings) == (TWO, [])


def test_who_speaks() -> None:
    """A column says who speaks."""
    text = "Start;End;Character;Text\n1;2;Bob;Yes.\n3;4;;No.\n"
    assert read_cue_file(text).cues == [Cue(1, 2, "Yes.", "Bob"), Cue(3, 4, "No.")]


def test_rows_without_times() -> None:
    """Such a row is left out and named."""
    file = read_cue_file("start,end,text\n1,2,Yes.\nx,4,No.\n5,6\n")
    assert [cue.text for cue in file.cues] == ["Yes."]
    assert file.warnings == ["a line that belongs to no cue with times, left out: 'No.'"]
    with pytest.raises(BadRequestError, match="there is no cue"):
        read_cue_file("start,end,text\n")


def test_quotes() -> None:
    """Quotes are words' own between tabs where they do not match; in CSV that is an error."""
    text = 'start\tend\ttext\n500\t2000\t"Yes," he said.\n2500\t4000\tHow "are" you?\n'
    assert [cue.text for cue in read_cue_file(text).cues] == ['"Yes," he said.', 'How "are" you?']
    for wrong in ('1,2,"Yes', '1,2,"Yes" no'):
        with pytest.raises(BadRequestError, match=r"^the table of cues is not CSV: "):
            read_cue_file(f"start,end,text\n{wrong}\n")


def test_a_spreadsheet_s_encodings() -> None:
    """Excel writes Windows-1252 and UTF-16."""
    notes: list[str] = []
    text = "Início;Fim;Texto\r\n1;2;Você não.\r\n"
    assert checked_text(text.encode("utf-16"), name="a.txt", tell=notes.append) == text.strip()
    assert notes == []
    assert checked_text(text.encode("cp1252"), name="a.csv", tell=notes.append) == text.strip()
    assert "it is read as Windows-1252" in notes[0]


@pytest.mark.parametrize(
    "text",
    [
        "text,voice\nHello.,slt\n",
        "start,end\n1,2\n",
        "In, out, text and more.\nHello.",
        "1.5\t2.5\n",
        "10:30, 11:30, and 12:30.\nYes.",
        "10:30:00, 11:30:00, 12:30:00.\nYes.",
        "In the text.\n",
    ],
)
def test_what_is_no_table_of_cues(text: str) -> None:
    """A text or another table is none."""
    assert not holds_cues(text, "a.txt")
