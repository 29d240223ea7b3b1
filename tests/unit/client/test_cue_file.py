"""Subtitles in, as people have them."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from f5ctl.errors import BadRequestError
from f5ctl.speech.cue_detect import holds_cues
from f5ctl.speech.cue_file import read_cue_file
from f5ctl.speech.cue_times import Times, read_clock, read_times
from f5ctl.speech.srt import Cue
from f5ctl.speech.texts import may_hold_cues

A = "00:00:00,500 --> 00:00:02,000"
B = "00:00:02,500 --> 00:00:04,000"
TWO = [(0.5, 2.0, "Hello there."), (2.5, 4.0, "How are you?")]


def cues(text: str) -> list[tuple[float, float, str]]:
    return [(cue.start_s, cue.end_s, cue.text) for cue in read_cue_file(text).cues]


def texts(text: str) -> list[str]:
    return [cue.text for cue in read_cue_file(text).cues]


# Every one of these says the same two things at the same times, and is read without a word about it.
SAME = {
    "as it should be": f"1\n{A}\nHello there.\n\n2\n{B}\nHow are you?\n",
    "no blank line between cues": f"1\n{A}\nHello there.\n2\n{B}\nHow are you?",
    "a blank line with spaces in it": f"1\n{A}\nHello there.\n \t\n2\n{B}\nHow are you?",
    "a blank line in a cue": f"1\n{A}\nHello\n\nthere.\n\n2\n{B}\nHow\n\n\nare you?\n",
    "a blank line under the times": f"1\n{A}\n\nHello there.\n\n2\n{B}\nHow are you?\n",
    "blank lines everywhere": f"1\n\n{A}\n\nHello there.\n\n2\n\n{B}\n\nHow are you?\n",
    "three blank lines": f"\n\n\n1\n{A}\nHello there.\n\n\n\n2\n{B}\nHow are you?\n\n\n",
    "CRLF": f"1\r\n{A}\r\nHello there.\r\n\r\n2\r\n{B}\r\nHow are you?\r\n",
    "CR": f"1\r{A}\rHello there.\r\r2\r{B}\rHow are you?\r",
    "CR CR LF": f"1\r\r\n{A}\r\r\nHello there.\r\r\n\r\r\n2\r\r\n{B}\r\r\nHow are you?",
    "line and paragraph separators": f"1\u2028{A}\u2028Hello there.\u20292\u2028{B}\u2028How are you?",
    "a byte order mark": f"\ufeff1\n{A}\nHello there.\n\n2\n{B}\nHow are you?\n",
    "byte order marks in the middle": f"1\n{A}\nHello there.\n\n\ufeff2\n\ufeff{B}\nHow are you?\n",
    "marks of direction": f"\u202a1\u202c\n\u200e{A}\u200f\nHello there.\n\n\u20662\u2069\n{B}\nHow are you?\n",
    "marks of direction in the times": f"1\n{A}\u202c\nHello there.\n\n2\n{B[:12]}\u200e{B[12:]}\nHow are you?",
    "no-break spaces in the times": f"1\n{A.replace(' ', chr(0xA0))}\nHello there.\n\n2\n{B}\nHow are you?",
    "NUL and end of file marks": f"1\n{A}\nHello there.\n\n2\n{B}\nHow are you?\n\x00\x00\x1a",
    "no numbers": f"{A}\nHello there.\n\n{B}\nHow are you?\n",
    "no numbers, no blank lines": f"{A}\nHello there.\n{B}\nHow are you?\n",
    "the same number again": f"1\n{A}\nHello there.\n\n1\n{B}\nHow are you?\n",
    "wrong numbers, no blank lines": f"7\n{A}\nHello there.\n3\n{B}\nHow are you?\n",
    "numbers from 0": f"0\n{A}\nHello there.\n\n1\n{B}\nHow are you?\n",
    "one number is missing": f"1\n{A}\nHello there.\n\n{B}\nHow are you?\n",
    "#1": f"#1\n{A}\nHello there.\n\n#2\n{B}\nHow are you?\n",
    "1.": f"1.\n{A}\nHello there.\n\n2.\n{B}\nHow are you?\n",
    "Cue 1": f"Cue 1\n{A}\nHello there.\n\nCue 2\n{B}\nHow are you?\n",
    "Cue 1, no blank lines": f"Cue 1\n{A}\nHello there.\nCue 2\n{B}\nHow are you?\n",
    "1/2": f"1/2\n{A}\nHello there.\n2/2\n{B}\nHow are you?\n",
    "(1)": f"(1)\n{A}\nHello there.\n\n[2]\n{B}\nHow are you?\n",
    "1,000": f"1,000\n{A}\nHello there.\n\n1,001\n{B}\nHow are you?\n",
    "Markdown": f"**1**\n**{A}**\nHello there.\n\n**2**\n**{B}**\nHow are you?\n",
    "the number on the times' line": f"1 {A}\nHello there.\n2 {B}\nHow are you?\n",
    "the text on the times' line": f"1\n{A} Hello there.\n\n2\n{B}  How are you?\n",
    "a last number without a cue": f"1\n{A}\nHello there.\n\n2\n{B}\nHow are you?\n\n3\n",
    "a number without a cue between": f"1\n{A}\nHello there.\n\n2\n\n3\n{B}\nHow are you?\n",
    "an empty cue": f"1\n{A}\nHello there.\n\n2\n{A}\n\n3\n{B}\nHow are you?\n",
    "an empty cue, no blank lines": f"1\n{A}\nHello there.\n2\n{A}\n3\n{B}\nHow are you?\n",
    "an empty cue of no length": f"1\n{A}\nHello there.\n\n2\n0:01 --> 0:01\n<i></i>\n\n3\n{B}\nHow are you?\n",
    "unsorted": f"1\n{B}\nHow are you?\n\n2\n{A}\nHello there.\n",
    "settings and text": f"1\n{A} align:start X1:1 Hello there.\n\n2\n{B} line:0\nHow are you?\n",
    "a list": f"- {A}\n  Hello there.\n- {B}\n  How are you?\n",
    "coordinates": f"1\n{A}  X1:100 X2:200 Y1:1 Y2:2\nHello there.\n\n2\n{B} X1:0\nHow are you?\n",
    "a fence of Markdown": f"```srt\n1\n{A}\nHello there.\n\n2\n{B}\nHow are you?\n```\n",
    "->": f"1\n{A.replace('-->', '->')}\nHello there.\n\n2\n{B.replace('-->', '->')}\nHow are you?\n",
    "--&gt;": f"1\n{A.replace('-->', '--&gt;')}\nHello there.\n\n2\n{B}\nHow are you?\n",
    "an en dash": f"1\n{A.replace('-->', '–>')}\nHello there.\n\n2\n{B.replace('-->', '—>')}\nHow are you?\n",
    "→": f"1\n{A.replace('-->', '→')}\nHello there.\n\n2\n{B}\nHow are you?\n",
    "-- >": f"1\n{A.replace('-->', '-- >')}\nHello there.\n\n2\n{B.replace('-->', '- ->')}\nHow are you?\n",
    "--&amp;gt;": f"1\n{A.replace('>', '&amp;gt;')}\nHello there.\n\n2\n{B}\nHow are you?\n",
    "to": f"1\n{A.replace('-->', 'to')}\nHello there.\n\n2\n{B.replace('-->', '>>')}\nHow are you?\n",
    "quotes": f'1\n"{A[:12]}" --> "{A[-12:]}"\nHello there.\n\n2\n{B}\nHow are you?\n',
    "no spaces": f"1\n{A.replace(' ', '')}\nHello there.\n\n2\n{B.replace(' ', '')}\nHow are you?\n",
    "a space in the times": f"1\n{A.replace(',', ', ')}\nHello there.\n\n2\n{B}\nHow are you?\n",
    "spaces in the times": f"1\n{A}\nHello there.\n\n2\n{B.replace(':', ': ')}\nHow are you?\n",
    "full-width marks": f"1\n{A.replace(':', '：').replace(',', '，')}\nHello there.\n\n2\n{B}\nHow are you?\n",
    "points": f"1\n{A.replace(',', '.')}\nHello there.\n\n2\n{B.replace(':', '.')}\nHow are you?\n",
    "minutes": "1\n00:00,500 --> 00:02,000\nHello there.\n\n2\n00:02.500 --> 00:04\nHow are you?\n",
    "one digit": "1\n0:0:0,5 --> 0:0:2,0\nHello there.\n\n2\n0:00:2,50 --> 0:00:4\nHow are you?\n",
    "frames": f"1\n00:00:00,500 --> 00:00:02:00\nHello there.\n2\n{B[:12]} --> 00:00:04;00\nHow are you?\n",
    "SBV": "0:00:00.500,0:00:02.000\nHello there.\n\n0:00:02.500,0:00:04.000\nHow are you?\n",
    "WebVTT": "WEBVTT\n\n00:00.500 --> 00:02.000\nHello there.\n\n00:02.500 --> 00:04.000\nHow are you?\n",
    "WebVTT without a blank line": f"WEBVTT\n{A}\nHello there.\n{B}\nHow are you?\n",
    "WebVTT with everything": (
        "WEBVTT - Some film\nKind: captions\nLanguage: en\n\nSTYLE\n::cue { color: lime }\n\n"
        "REGION\nid:fred\n\nNOTE said on one line\n\nNOTE\nor\non several\n\n"
        "intro - 1\n00:00.500 --> 00:02.000 align:start line:0%\n"
        "<v Bob><c.loud>Hello</c> <00:00:01.000>there.</v>\n\nNOTE between\n\n"
        "00:00:02.500 --> 00:00:04.000 position:10%,line-left size:35%\n<b>How</b> are <lang en>you</lang>?\n"
    ),
    "WebVTT in pieces": (
        f"WEBVTT\nX-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:900000\n\n{A}\nHello there.\n\n"
        f"WEBVTT\nX-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:900000\n\n{B}\nHow are you?\n"
    ),
    "what a recogniser prints": f"[{A}]   Hello there.\n[{B.replace(',', '.')}]   How are you?\n",
    "seconds that a recogniser prints": "[0.50s -> 2.00s] Hello there.\n[2.50s -> 4.00s]  How are you?\n",
    "styles": f'1\n{A}\n{{\\an8}}<i>Hello</i> <font color="#ff0">there.</font>\n\n2\n{B}\n<b>How are you?',
    "styles that are not closed": f"1\n{A}\n<i>Hello there.</i\n\n2\n{B}\n< i >How are< /i> you?\n",
    "line breaks": f"1\n{A}\nHello<br>there.\n\n2\n{B}\nHow<br />are\\Nyou?\n",
    "entities": f"1\n{A}\nHello&nbsp;there&#46;\n\n2\n{B}\n&lt;i&gt;How&lt;/i&gt; are&amp;nbsp;you&quest;\n",
}


@pytest.mark.parametrize("text", SAME.values(), ids=SAME.keys())
def test_files_as_people_have_them(text: str) -> None:
    """Whatever a program or a person did to a file, its cues are read, and nothing but its cues."""
    assert may_hold_cues(text, "a.txt")
    assert holds_cues(text, "a.txt")
    assert cues(text) == TWO
    assert read_cue_file(text).warnings == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("2024", "2024"),
        ("7", "7"),
        ("Tom &amp; Ann&nbsp;come.", "Tom & Ann come."),
        ("&#39;Tis R&D; at AT&T &notes; &copy;", "'Tis R&D; at AT&T &notes; ©"),
        ("Tom &amp;amp; Ann", "Tom & Ann"),
        ("Hello<br/>there<BR>you", "Hello there you"),
        ("a <i>b</i>c", "a bc"),
        ("3 < 4 and 5 > 2", "3 < 4 and 5 > 2"),
        ("I <3 you", "I <3 you"),
        ("{\\an8\\fad(1,2)}Up {y:i}here", "Up here"),
        ("{really}", "{really}"),
        ("<ruby>漢字<rt>かんじ</rt></ruby>です", "漢字です"),
        ("- Hi.\n- Hello.", "- Hi. - Hello."),
        ("\u200f\u202bשלום\u202c", "שלום"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("12:30 - 13:45", "12:30 - 13:45"),
        ("3.5 -> 4.5", "3.5 -> 4.5"),
        ("10:30 -> 11:30", "10:30 -> 11:30"),
        ("It is 10:30 --> be quick.", "It is 10:30 --> be quick."),
        ("Room 7", "Room 7"),
        ("Hello,\n\nRoom 2", "Hello, Room 2"),
        ("It is 10:30:00 now.", "It is 10:30:00 now."),
        ("WEBVTT is a format.\nNOTE this.", "WEBVTT is a format. NOTE this."),
        ("[slt] Good evening.", "[slt] Good evening."),
    ],
)
def test_what_is_said_of_a_cue(words: str, said: str) -> None:
    """Styles, breaks and entities are not spoken; a number that is a cue's text is."""
    assert texts(f"1\n{A}\n{words}\n\n2\n{B}\nEnd.\n") == [said, "End."]
    assert texts(f"1\n{A}\n{words}\n2\n{B}\nEnd.\n") == [said, "End."]
    assert texts(f"{A}\n{words}\n\n{B}\nEnd.\n") == [said, "End."]


def test_cues_that_count() -> None:
    """Numbers are said where they are a cue's text, with or without numbers of cues and blank lines."""
    times = [f"00:00:0{second},000 --> 00:00:0{second},500" for second in range(1, 5)]
    bare = [f"{line}\n{number}\n" for number, line in enumerate(times, 1)]
    numbered = [f"{number}\n{each}" for number, each in enumerate(bare, 1)]
    for text in ("".join(bare), "\n".join(bare), "".join(numbered), "\n".join(numbered)):
        assert texts(text) == ["1", "2", "3", "4"]
    assert texts("WEBVTT\n\n" + "\n".join(bare)) == ["1", "2", "3", "4"]


@pytest.mark.parametrize(
    ("line", "times"),
    [
        ("00:00:01,000 --> 00:00:02,500", (1.0, 2.5)),
        ("1:02:03.004-->1:02:04", (3723.004, 3724.0)),
        ("100:00:01,000 --> 100:00:02,000", (360_001.0, 360_002.0)),
        ("00:00:01:500 --> 00:00:02:500", (1.5, 2.5)),
        ("00:00:01:05 --> 00:00:02;10", (1.2, 2.4)),
        ("00:00:75,000 --> 00:01:90,000", (75.0, 150.0)),
        ("-00:00:01,000 --> 00:00:02,000", (0.0, 2.0)),
        ("3.5 --> 4.5", (3.5, 4.5)),
        ("00:01.000000 --> 00:02.5", (1.0, 2.5)),
        ("٠٠:٠٠:٠١,٠٠٠ --> ٠٠:٠٠:٠٢,٥٠٠", (1.0, 2.5)),
        ("(00:01 --> 00:02)", (1.0, 2.0)),
    ],
)
def test_times(line: str, times: tuple[float, float]) -> None:
    """Hours may be missing, fractions of any length, and frames are 25 to a second."""
    assert read_times(line) == Times(*times)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "1",
        "2024",
        "Hello.",
        "1 -> 2",
        "1 --> 2",
        "12:30 - 13:45",
        "3.5 -> 4.5",
        "9 > 8",
        "a 00:01 --> 00:02",
        "[00:01 --> 00:02",
        "00:00:01,000",
        "-->",
        "1.5, 2.5",
        "1:2:3,4:5:6",
        "00:01 --> 00:02" + "x" * 500,
        " " * 500 + "00:01 --> 00:02",
    ],
)
def test_what_is_no_time_line(line: str) -> None:
    """A clock time, a sum and a score in a text stay text."""
    assert read_times(line) is None


def test_a_long_text_on_the_times_line() -> None:
    """A recogniser writes whole paragraphs behind their times."""
    assert read_times(f"[00:01.000 --> 00:02.000]  {'word ' * 200}") == Times(1.0, 2.0, ("word " * 200).strip())


def test_a_clock_alone() -> None:
    """One time, as in a time code."""
    assert read_clock(" 10:00:00,5 ") == 36_000.5
    assert read_clock("10h") is None


@pytest.mark.parametrize(
    ("text", "said", "warning"),
    [
        (
            f"Subtitles by Ann\nfor you\n\n1\n{A}\nHello.",
            ["Hello."],
            "2 lines that belong to no cue with times, left out: 'Subtitles by Ann', 'for you'",
        ),
        (
            f"1\n{A}\nHello.\n\n2\nHow are you?\n\n3\n{B}\nWell.",
            ["Hello.", "Well."],
            "a line that belongs to no cue with times, left out: 'How are you?'",
        ),
        (
            f"1\n{A}\nHello.\n2\n00:00:02,5OO --> 00:00:04,000\nHow?\n3\n{B}\nWell.",
            ["Hello.", "Well."],
            "2 lines that belong to no cue with times, left out: '00:00:02,5OO --> 00:00:04,000', 'How?'",
        ),
        (
            f"1\n{A}\nHello.\n\n00:00:02,500 -->\nHow?\n",
            ["Hello."],
            "2 lines that belong to no cue with times, left out: '00:00:02,500 -->', 'How?'",
        ),
        (
            f"{A}\nHello.\n\n00h02m --> 0:00:04\nHow?\n\n{B}\nWell.",
            ["Hello.", "Well."],
            "2 lines that belong to no cue with times, left out: '00h02m --> 0:00:04', 'How?'",
        ),
        (
            f"{A}\nHello.\n\n0:00:04\nHow?",
            ["Hello."],
            "2 lines that belong to no cue with times, left out: '0:00:04', 'How?'",
        ),
        (
            f"1\n{A}\nHello.\n\n9999\n",
            ["Hello."],
            "a line that belongs to no cue with times, left out: '9999'",
        ),
        (f"1\n{A}\nHello.\n\n2\n{A}\nHello.", ["Hello."], "a cue is there twice, and spoken once"),
        (
            f"1\n{A}\nHello.\n\n2\n00:03,000 --> 00:03,000\nHow?\n\n3\n00:03,500 --> 00:04,000\nWell.",
            ["Hello.", "How?", "Well."],
            "the cue at 3 s has no length, and may last until the next one begins",
        ),
        (
            f"1\n{A}\nHello.\n\n2\n00:04,000 --> 00:03,000\nHow?\n\n3\n00:05,000 --> 00:05,000\nWell.",
            ["Hello.", "How?", "Well."],
            "2 cues, the first at 4 s, have no length, and may last until the next one begins",
        ),
    ],
)
def test_what_is_told(text: str, said: list[str], warning: str) -> None:
    """One odd cue does not make a file useless; what is not spoken, or not at its times, is named."""
    assert texts(text) == said
    assert read_cue_file(text).warnings == [warning]


def test_a_cue_without_a_length_has_time_to_be_said() -> None:
    """It may last as long as one reads it, but not beyond the next cue."""
    text = f"00:00:01,000 --> 00:00:01,000\n{'a' * 30}\n\n00:00:09,000 --> 00:00:08,000\nb b b\n"
    assert cues(text) == [(1.0, 4.0, "a" * 30), (9.0, pytest.approx(10.333, abs=1e-3), "b b b")]
    assert cues(f"00:01.000 --> 00:01.000\n{'a' * 30}\n\n00:02.000 --> 00:03.000\nb\n")[0][:2] == (1.0, 2.0)


def test_overlapping_cues_keep_their_times() -> None:
    """Two cues at a time are two cues."""
    text = f"{A}\nOne.\n\n00:00:01,000 --> 00:00:03,000\nTwo.\n"
    assert cues(text) == [(0.5, 2.0, "One."), (1.0, 3.0, "Two.")]


def test_who_speaks() -> None:
    """<v Bob> names the speaker; two of them share a cue's time by their letters."""
    text = (
        "WEBVTT\n\n00:01.000 --> 00:03.000\n<v Bob>Yes.</v>\n<v.loud Old Ann>Nooo.\nNo.</v>\n\n"
        "00:04.000 --> 00:05.000\n<v>Hm.\n"
    )
    assert read_cue_file(text).cues == [
        Cue(1.0, 1.0 + 2 * 4 / 13, "Yes.", "Bob"),
        Cue(1.0 + 2 * 4 / 13, 3.0, "Nooo. No.", "Old Ann"),
        Cue(4.0, 5.0, "Hm."),
    ]


def test_captions_that_roll_up_are_said_once() -> None:
    """Recognised captions show every line twice, above and below; it is spoken once."""
    text = (
        "WEBVTT\nKind: captions\nLanguage: en\n\n"
        "00:00:00.000 --> 00:00:02.000 align:start position:0%\n \nhello<00:00:00.500><c> world</c>\n\n"
        "00:00:02.000 --> 00:00:02.010 align:start position:0%\nhello world\n \n\n"
        "00:00:02.010 --> 00:00:04.000 align:start position:0%\nhello world\nhow<00:00:03.500><c> are</c>\n\n"
        "00:00:04.000 --> 00:00:04.010 align:start position:0%\nhow are\n \n"
    )
    assert cues(text) == [(0.0, 2.0, "hello world"), (2.01, 4.0, "how are")]
    twice = f"{A}\nNo.\n\n{B}\nNo.\nNo.\n"
    assert texts(twice) == ["No.", "No. No."]


@pytest.mark.parametrize("text", ["Hello.", "1\n2\n3\n", "WEBVTT\n\nNOTE nothing", "00:00:01,000\nHello."])
def test_no_cue_is_an_error(text: str) -> None:
    """A file without a time line is told, with how one looks."""
    with pytest.raises(BadRequestError, match="there is no cue: no line has times such as 00:00:01,000 -->"):
        read_cue_file(text)


@dataclass(frozen=True)
class Habit:
    """How a program or a person writes subtitles."""

    header: str
    number: str  # of a cue; "" without
    clock: str
    arrow: str
    settings: str
    before: str  # and after a text
    after: str
    blank: str  # between cues
    line_end: str
    end: str


HABITS = st.builds(
    Habit,
    header=st.sampled_from(["", "\ufeff", "\n\n", "WEBVTT\n\n", "WEBVTT - x\nKind: captions\n\nNOTE a\nb\n\n"]),
    number=st.sampled_from(["", "{n}\n", "#{n}\n", "{n}.\n", "\u200e{n}\n", "{n} "]),
    clock=st.sampled_from(
        [
            "{h:02d}:{m:02d}:{s:02d},{f:03d}",
            "{h}:{m:02d}:{s:02d}.{f:03d}",
            "{h:03d}:{m}:{s}, {f:03d}",
            "\u202a{h:02d}: {m:02d}: {s:02d},{f:03d}\u202c",
            "{h:02d}：{m:02d}：{s:02d}，{f:03d}",
            "{h:02d}.{m:02d}.{s:02d}.{f:03d}",
            "{h:02d}:{m:02d}:{s:02d}:{f:03d}",
        ]
    ),
    arrow=st.sampled_from([" --> ", "-->", " -> ", " --&gt; ", " –> ", " → ", "\xa0-->\xa0", " -- > "]),
    settings=st.sampled_from(["", "  ", " X1:1 X2:2", " align:start position:0%"]),
    before=st.sampled_from(["", "<i>", "{\\an8}", "\u202b", "<v Bob>", "  ", "<font color=red>", "<c.red>"]),
    after=st.sampled_from(["", "</i>", " ", "\u202c", "</v>", "<br>", "</font>", "&nbsp;"]),
    blank=st.sampled_from(["\n", "", "\n\n", " \n", "\u200e\n"]),
    line_end=st.sampled_from(["\n", "\r\n", "\r", "\r\r\n"]),
    end=st.sampled_from(["", "\n", "\n\n\n", "\x1a", "\n\x00"]),
)
LETTERS = st.text(st.characters(categories=["L"], exclude_characters="ªº"), min_size=1, max_size=6)
SENTENCE = st.lists(LETTERS | st.integers(0, 99).map(str), min_size=0, max_size=5)
CUE = st.tuples(st.integers(0, 3000), st.integers(1, 3000), LETTERS, SENTENCE)


@given(st.lists(CUE, min_size=1, max_size=6), HABITS, st.sampled_from([" ", "\n", "<br/>", "&nbsp;"]))
def test_every_habit_is_read_the_same(
    given_cues: list[tuple[int, int, str, list[str]]], habit: Habit, between: str
) -> None:
    """Any cues, written with any of these habits, are read as they were meant."""
    written, wanted, now_ms = habit.header, [], 0
    for number, (gap_ms, length_ms, first, more) in enumerate(given_cues, 1):
        begin_ms = now_ms + gap_ms
        now_ms = begin_ms + length_ms
        words = [first, *more, "end"]
        lines = between.join(words) if habit.blank else " ".join(words)
        span = habit.arrow.join(stamp(habit.clock, ms) for ms in (begin_ms, now_ms))
        name = habit.number.format(n=number)
        written += f"{name}{span}{habit.settings}\n{habit.before}{lines}{habit.after}\n{habit.blank}"
        wanted.append((begin_ms / 1000, now_ms / 1000, " ".join(words)))
    text = (written + habit.end).replace("\n", habit.line_end)
    assert may_hold_cues(text, None)
    assert holds_cues(text)
    read = read_cue_file(text)
    assert [(cue.start_s, cue.end_s, cue.text) for cue in read.cues] == wanted
    assert read.warnings == []


def stamp(clock: str, ms: int) -> str:
    seconds, fraction = divmod(ms, 1000)
    return clock.format(h=seconds // 3600, m=seconds // 60 % 60, s=seconds % 60, f=fraction)


@given(st.text(st.sampled_from("10:,.->\n <>&;#[]{}\\aW\u200e"), max_size=80))
def test_no_text_breaks_the_reader(text: str) -> None:
    """Whatever stands in a file, it has cues or an error; no time line is ever among the words."""
    try:
        said = texts(text)
    except BadRequestError:
        return
    assert not any(re.search(r"\d:\d\d:\d\d[.,]\d+ *--> *\d", words) for words in said)


@pytest.mark.slow  # it counts seconds, of which a busy machine has fewer
@pytest.mark.parametrize(
    "line",
    [
        "1:" * 240,
        "00:00:01" + " " * 480,
        "-" * 400 + ">",
        *(mark * 100_000 for mark in ("<", "<a", "&", "{\\", "<v ", " ", "<i  ", "&amp", "[", "1. ", "<rt>")),
    ],
)
def test_nothing_takes_long(line: str) -> None:
    """A line of any length and kind is read in time that grows with its length, not with its square."""
    began = time.process_time()
    read_cue_file(f"1\n{A}\n{line}\n\n2\n{B}\n{line}\nend\n")
    assert time.process_time() - began < 2
