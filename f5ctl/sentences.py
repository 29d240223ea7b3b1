"""Where a sentence ends, and where a point ends none: abbreviations, initials, ellipses, numbers of a list.

Pure. The one place that knows it: streams are cut here (f5ctl/speech/pieces.py), and segments are not cut
after a point that ends nothing (f5d/engine/text.py). An abbreviation that is read out keeps its full stop by
the words beside it (f5d/engine/reading/words.py). A text is in one of several languages and nobody says
which, so the words of all stand together; where two readings are possible a text is rather not cut.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple

MARKS: Final = ".!?…‥．‼⁇⁈⁉।॥؟۔։።፧"  # that end a sentence before white space
WIDE_MARKS: Final = "。｡！？"  # that end one before anything
BLANK_LINE: Final = r"\n[^\S\n]*\n"
PARAGRAPH_END: Final = re.compile(rf"{BLANK_LINE}\s*")


def words(listed: str) -> frozenset[str]:
    """Return the words of a list as a set."""
    return frozenset(listed.split())


# What stands before its word or number, and so never ends a sentence.
_LEADING: Final = words(
    """
    mr mrs ms mx dr drs prof st ste mt ft rev hon gen col capt cpt lt sgt maj cmdr adm gov sen rep pres supt
    cpl pvt messrs mme mmes mlle mgr sr sra srs sras srta dra profa profª prof.ª eng engª arq exmo exma ilmo
    ilma des dep pe fr frl hr ing dipl av pça trav rod vs viz cf e.g i.e p.ex v.gr z.b d.h u.a bzw ggf sog
    dª sta sto
    """
)
# What stands at either side: a sentence goes on before a small letter or a number, and ends before a capital.
_EITHER: Final = words(
    """
    etc al inc ltd co corp bros jr approx dept est ext misc ave blvd rd hwy apt min max hr hrs sec ed eds
    univ assn esq bldg no nos nr num núm n.º nº art arts arto pp pg pgs pág págs pag fig figs cap caps vol vols
    sect ch chap eq tab tel fl fls par cl op ver abs bd usw u.s.w ltda cia a.m p.m a.c d.c b.c a.d jan feb mar
    apr jun jul aug sep sept oct nov dec fev abr mai ago set out dez mon tue tues wed thu thur fri sat
    """
)
# Words that often begin a sentence and hardly ever go on after a name's initial: the U.S. He left.
_STARTERS: Final = words(
    """
    the he she it they we you i in on at a an and but however then this that these those there when after
    before if so his her their my our its as for with by from not nobody everyone yet still now what who why
    how o os as ele ela eles elas isso isto este esta esse essa mas e em no na nos nas um uma depois quando
    se não também porém então foi era der die das er sie es und aber wir le la les el los las un une il elle
    """
)
# What belongs to a time before it: at 5 p.m. Monday, 5 p.m. EST.
AFTER_TIMES: Final = words(
    """
    monday tuesday wednesday thursday friday saturday sunday eastern pacific central mountain est edt cst cdt
    mst mdt pst pdt et gmt utc bst cet cest
    """
)
_HALVES: Final = words("a.m p.m")
_WORD_CHARS: Final = 24  # no abbreviation is longer
_REMEMBERED: Final = 1024
_BEFORE: Final = re.compile(r"[\w.]*")  # from right to left
_INITIALS: Final = re.compile(r"(?:[^\W\d_]\.)*[^\W\d_]")
_AFTER: Final = re.compile(r"""["'”’»)\]*_]*(\s+)["'“‘«(\[¿¡*_]*(\w+|[^\w\s]?)(\.?)""")
_NUMBER: Final = re.compile(r"\d{1,3}")


class _Next(NamedTuple):
    """The word after a mark; `is_known` says that all of it is there."""

    word: str
    has_point: bool
    is_known: bool

    @property
    def goes_on(self) -> bool:
        """True before anything but a capital, and before one more abbreviation: Co. Ltd."""
        capital = self.word[:1].isupper()
        return bool(self.word) and (not capital or (self.has_point and self.word.lower() in _EITHER))


def is_end(text: str, at: int, *, more: bool = False) -> bool | None:
    """Return whether the mark `text[at]`, before white space or the end of the text, ends a sentence.

    With `more` text is still to come; None then says that the answer depends on it.
    """
    if text[at] not in ".…":
        return True
    after = _AFTER.match(text, at + 1)
    if after is None:
        return True  # nothing but white space is left
    space, word, point = after.groups()
    if "\n" in space and PARAGRAPH_END.search(space):
        return True
    is_known = not (more and after.end() == len(text))
    return _mark_is_end(text[max(0, at - 2 * _WORD_CHARS) : at + 1], word[:_WORD_CHARS], point, is_known)


@lru_cache(_REMEMBERED)
def _mark_is_end(text: str, after: str, point: str, is_known: bool) -> bool | None:  # noqa: FBT001 - a key
    """Return whether the mark that `text` ends with ends a sentence before a word; `text` may be cut."""
    at, following = len(text) - 1, _Next(after, bool(point), is_known)
    if text[at] == "…" or text[at - 1 : at] == ".":
        return _if_known(following, ends=not following.word[:1].islower())
    return _point_is_end(text, at, following)


def _point_is_end(text: str, at: int, following: _Next) -> bool | None:
    match = _BEFORE.match(text[max(0, at - _WORD_CHARS) : at][::-1])
    written = match[0][::-1].lstrip("._") if match else ""
    if not written or len(written) == _WORD_CHARS:
        return True
    word = written.lower()
    if word in _LEADING:
        return False
    if word in _EITHER:
        is_of_a_time = word in _HALVES and following.word.lower() in AFTER_TIMES
        return _if_known(following, ends=not (is_of_a_time or following.goes_on))
    if _INITIALS.fullmatch(written):
        if written[-1].isupper():
            begins = following.word[:1].isupper() and following.word.lower() in _STARTERS
            return _if_known(following, ends=not following.word or (begins and not following.has_point))
        return _if_known(following, ends=not following.word[:1].isdigit())
    return not (_NUMBER.fullmatch(word) and _begins_line(text, at - len(word)))


def _begins_line(text: str, at: int) -> bool:
    """Return True when only marks of a list stand between `at` and the line end before it."""
    marks = text[max(0, at - _WORD_CHARS) : at].rstrip(" \t>*_-")
    return marks.endswith("\n") or (not marks and at <= _WORD_CHARS)


def _if_known(following: _Next, *, ends: bool) -> bool | None:
    return ends if following.is_known else None
