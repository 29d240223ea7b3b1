"""Texts that are made to take long: the time of every stage grows as the text does, not with its square."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import pytest

from f5ctl.brackets import spoken, without_cues
from f5ctl.speech import markdown
from f5ctl.speech.pieces import Pieces
from f5d.engine.characters import clean
from f5d.engine.folding import Folding
from f5d.engine.joins import boundaries
from f5d.engine.markup import without_marks
from f5d.engine.reading import read_out
from f5d.engine.text import split_segments
from tests.unit.growth import TIMES, takes_too_long

LARGE: Final = 2**14  # characters
NOISE_S: Final = 0.025
UNITS = [
    " ", "\t", "\n", " \n", "\n ", "a ", "a", "\xa0", "1\xa0000", "1 ", "0", "é", "a\u0301\u0323",
    "\u0301", "\x1b[", "\x1b]", "\x1b", "\x9d", "\x1b[0", "\u200b", "\xad\n", "a-\n", "-", "-\n", "ｶﾞ",
    "ﷺ", "🙂", "你", "你。", ".", ". ", "... ", ".\u201d ", '."', "'", '" ', ")", "(", "[", "]", "[a]",
    "\\[", "[a](", "](", "[a][", "![", "[^1]", "*", "**a", "* ", "_", "a_", "~~", "~", "`", "`` ` ``` ",
    "#", "# ", "> ", "- ", "1. ", "|", "| ", "a|", "<", "<a ", "<!--", "&", "&a", "&amp;", "\\", "U.S. ",
    "Dr. ", "a.m. ", "A.", "A. ", "etc. ", "1.\n", "\n\n", ", ", ",", "—", "= ", "+ ", "a\n\n",
    "<!---->", "- <!---->", "<!-- -->a", "<script></script>", "|-", "[\n", "![\n", "[a]\n",
    "[a][\n", "`\n", "<a\n", "&a\n", "\\\n", "> [\n", "[a", "[]", "[1] ",
    "\n[a]: ", "[a b] ", '[a](b "', "\n[x", "【†", "[AB] ", "([",
]  # fmt: skip
ENGLISH = Folding(frozenset("abcdefghijklmnopqrstuvwxyz .,").__contains__)


def piece_by_piece(text: str) -> None:
    pieces, data = Pieces(markdown=True), text.encode()[:LARGE]
    for begin in range(0, len(data), 512):
        pieces.add(data[begin : begin + 512], 0.0)
        if pieces.due_at is not None:
            pieces.take()


STAGES: Mapping[str, Callable[[str], object]] = {
    "characters": clean,
    "marks": without_marks,
    "brackets": spoken,
    "cues": without_cues,
    "English": lambda text: read_out(text, "en"),
    "Portuguese": lambda text: read_out(text, "pt"),
    "letters": lambda text: ENGLISH.fold(text, {}),
    "segments": lambda text: split_segments(text, 70, short_start=True),
    "long segments": lambda text: split_segments(text, 400),
    "pauses": lambda text: boundaries(text, split_segments(text, 24)),
    "markdown": markdown.plain,
    "stream": piece_by_piece,
}


@pytest.mark.slow  # a hundred texts through each stage
@pytest.mark.parametrize("name", STAGES)
def test_no_text_takes_long(name: str) -> None:
    """Thousands of spaces, quotes, brackets, half escapes or points take the time of ordinary text."""
    stage = STAGES[name]
    stage("A first text that loads what has to be loaded.")
    for unit in UNITS:
        for end in ("", "x"):
            short, long = ((unit * size)[: size - 1] + end for size in (LARGE // TIMES, LARGE))
            assert not takes_too_long(stage, short, long, noise_s=NOISE_S), f"{unit!r} takes {name} long"
