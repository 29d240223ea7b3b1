"""The characters of a text as people's programs write them, brought to the ones that a model learned.

Pure, and linear in the length of a text. `clean` undoes what is of the page, the terminal or the encoding and
not of the language: control sequences, ligatures, wide forms, line-end hyphens, odd spaces. It is no NFKC:
`1ª`, `m²`, `½`, `Ⅳ`, `①` and the full stop of Chinese stay.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from re import Match
from typing import Final

# ECMA-48: control sequences, command strings up to their end, and escapes of two or more characters. None of
# them runs over a control character, so that a broken one costs no more than itself.
_CONTROL_SEQUENCE: Final = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x00-\x1f\x7f-\x9f]*(?:\x07|\x1b\\|\x9c)"
    r"|\x1b[ -/]*[0-~]"
)
_LINE_END: Final = re.compile(r"\r\n?|[\v\x85\u2028]")
_PARAGRAPH_MARK: Final = "\u2029"
_SEPARATORS: Final = re.compile(r"[\t\f\x1c-\x1f]")
# One space is written many ways, and a run of them says no more than one.
_SPACES: Final = re.compile(r"[^\S\n]+")
_BESIDE_LINE_END: Final = re.compile(r" ?\n ?")
_GROUPS: Final = re.compile(  # 1 000 000 with spaces at which no line may end
    r"(?<!\d)\d{1,3}(?:[\u00a0\u2007-\u2009\u202f]\d{3})+(?!\d)"
)
_NO_LINE_END: Final = re.compile(r"[\u00a0\u2007-\u2009\u202f]")
# A word that goes on in the next line. The capital of Anglo-Saxon and a hyphen before, mother-in-law, tell that
# the hyphen belongs to the word; well-known cannot be told from farewell, which is the usual case.
_LINE_HYPHEN: Final = re.compile(r"(?<=[^\W\d_])([-\u2010])[^\S\n]*\n[^\S\n]*(?=[^\W\d_])")
_SOFT_HYPHEN: Final = re.compile(r"\u00ad(?:[^\S\n]*\n[^\S\n]*(?=[^\W\d_]))?")
_HYPHENS: Final = frozenset("-\u2010")
_WORD_CHARS: Final = 64  # how far back a word's other hyphen is looked for
_KEPT_FORMATS: Final = (
    "\u200c\u200d"  # spelling in Persian, Kurdish, Malayalam and Sinhala, as upstream keeps them
)
_DOUBTFUL: Final = re.compile(r"[^\n -~]+")
_DROPPED: Final = frozenset({"Cc", "Cf", "Cs", "Co"})
_COMPOSED: Final = re.compile(r"[^\u0300-\u036f\u3099\u309a\n][\u0300-\u036f\u3099\u309a]+|[\u1100-\u11ff]+")
_MOST_MARKS: Final = 31  # on one letter, as the stream-safe format of Unicode has it
_REMEMBERED: Final = 4096
_HALF_WIDTH: Final = re.compile(r"[\uff65-\uffdc]+")
# Marks of Chinese and Japanese, which are tokens of their own; a bracket would become one of ours.
_WIDE_MARKS: Final = frozenset("，．：；！？（）［］｛｝＼～")
_MARK_IN_NUMBER: Final = re.compile(r"(?<=\d)[，．：](?=\d)")
_FORMS: Final = frozenset({"<wide>", "<narrow>", "<font>", "<initial>", "<medial>", "<final>", "<isolated>"})
_UNITS: Final = str.maketrans(
    {"㎡": "m²", "㎢": "km²", "㎠": "cm²", "㎟": "mm²", "㎥": "m³", "㎤": "cm³", "℃": "°C", "℉": "°F"}
)
_LIGATURES: Final = frozenset("ĳĲŉǄǅǆǇǈǉǊǋǌǱǲǳﬀﬁﬂﬃﬄﬅﬆﬓﬔﬕﬖﬗ")
_SINGLE: Final = frozenset("\u212a\u212b\u2126")  # kelvin, angstrom and ohm are letters


def clean(text: str) -> str:
    """Return `text` in composed, plain characters; a line feed is the only control character in it.

    Lost are control sequences, control, private-use and format characters (all but U+200C and U+200D),
    hyphens at line ends inside a word, and all but one of the spaces that stand together.
    """
    text = _CONTROL_SEQUENCE.sub("", text)
    text = _LINE_END.sub("\n", text).replace(_PARAGRAPH_MARK, "\n\n")
    text = _SEPARATORS.sub(" ", text)
    text = _SOFT_HYPHEN.sub("", text)
    text = _DOUBTFUL.sub(lambda match: "".join(filter(_is_kept, match[0])), text)
    if not text.isascii():
        text = _plain_forms(text)
    text = _LINE_HYPHEN.sub(_joined, text)
    text = _GROUPS.sub(lambda match: _NO_LINE_END.sub("", match[0]), text)
    text = _SPACES.sub(" ", text)
    return _BESIDE_LINE_END.sub("\n", text).strip()


def _is_kept(character: str) -> bool:
    return character in _KEPT_FORMATS or unicodedata.category(character) not in _DROPPED


def _joined(match: Match[str]) -> str:
    """Return what is left of a hyphen at a line end."""
    begin = max(0, match.start() - _WORD_CHARS)
    word = match.string[begin : match.start()].rsplit(None, 1)[-1]
    is_own = match.string[match.end()].isupper() or not _HYPHENS.isdisjoint(word)
    return match[1] if is_own else ""


def _plain_forms(text: str) -> str:
    text = _HALF_WIDTH.sub(lambda match: unicodedata.normalize("NFKC", match[0]), text)
    text = "".join(map(_plain_form, text.translate(_UNITS)))
    text = _MARK_IN_NUMBER.sub(lambda match: unicodedata.normalize("NFKC", match[0]), text)
    return _COMPOSED.sub(_composed, text)


def _composed(match: Match[str]) -> str:
    """Return a letter and its marks as one character; a heap of marks, slow to sort, as it is."""
    few = len(match[0]) <= _MOST_MARKS or "\u1100" <= match[0][0] <= "\u11ff"
    return unicodedata.normalize("NFC", match[0]) if few else match[0]


@lru_cache(_REMEMBERED)
def _plain_form(character: str) -> str:
    """Return what a compatibility character of letters and signs is short for; other characters as they are."""
    kind = unicodedata.decomposition(character).partition(" ")[0]
    plain = unicodedata.normalize("NFKC", character)
    if kind in _FORMS and character not in _WIDE_MARKS:
        return character if any(mark in plain for mark in "[]\\ ") else plain
    if kind == "<square>" or character in _LIGATURES or character in _SINGLE:
        return plain
    return character
