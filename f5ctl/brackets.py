r"""Square brackets in a text that are no tags: what is read of them, and what is left out. Pure.

The one owner of that rule, for every way in: the engine reads every text by `spoken`, the client subtitles by
`without_cues`. Which brackets are tags is f5ctl/speech/marks.py's to know. The time grows with the text alone.

- Left out: notes (`[12]`, `[3, 4]`, `[^1]`, `[@key]`, `[sic]`, `[citation needed]`), time stamps that begin a
  line, boxes of tasks, brackets without a letter or digit, and sound cues: a phrase with a word of `SOUNDS` or
  `[SEVERAL CAPITALS]` anywhere, `[CAPITALS]` where a sentence begins.
- Indices of code are read (f5ctl/indices.py).
- A link is read by its label, and what defines a link is left out.
- Of everything else the words are read, without the brackets.

A bracket after a backslash is a bracket. Nested ones are read from the inside; half a pair is dropped.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from f5ctl.bracket_words import LABELS, NO_CUE_BEGINS, NOTES, SOUNDS
from f5ctl.indices import with_indices
from f5ctl.sentences import MARKS, WIDE_MARKS

MAX_DEPTH: Final = 8  # brackets in brackets; deeper ones are dropped as marks, and their words read
MAX_OPEN_CHARS: Final = 120  # a bracket that is not closed within so many is none

# Inner marks, of characters that no text may hold (noncharacters of Unicode).
_GONE, _OPEN, _SHUT = "\ufdd0", "\ufdd1", "\ufdd2"
_PROTECT: Final = (("\\[", _OPEN), ("\\]", _SHUT))
_ESCAPED_PAIR: Final = re.compile(r"\\\[([^\[\]\\\n]{0,200})\]")  # \[town]: its end is meant too
_FORBIDDEN: Final = dict.fromkeys(map(ord, (_GONE, _OPEN, _SHUT)))

# An address in parentheses as Markdown has it, with a title or without.
_INSIDE: Final = r"(?:[^()\s\[\]<>]|\([^()\s\[\]]{0,200}\)){0,2000}"
_ADDRESS: Final = (
    rf"""\([^\S\n]?<?({_INSIDE})>?(?:[^\S\n]{{1,3}}(?:"[^"\n\[\]]{{0,300}}"|'[^'\n\[\]]{{0,300}}'))?\)"""
)
_PAIR: Final = re.compile(rf"(!?)\[([^\[\]]*)\](?:({_ADDRESS})|\[([^\[\]]*)\])?")
_PLAIN_NOTE: Final = re.compile(r"\[(?:[^\w\[\]]*|\d{1,3})\](?!\()")  # most of them, at once
_LINK: Final = re.compile(_ADDRESS)
_WHOLE: Final = re.compile(rf"\[[^\[\]\n]{{0,{MAX_OPEN_CHARS}}}\](?:\([^()\n]{{0,300}}\))?")
_DEFINITION: Final = re.compile(
    r"^ {0,3}\[[^\[\]\n^]{1,200}\]:[ \t]{1,8}<?"
    r"(?:[a-z][a-z0-9+.-]{1,20}:|www\.|[/#.]|[\w-]{1,60}\.[\w-])\S*[ \t]*"
    r"""(?:["'(][^\n]{0,300}["')][ \t]*)?$""",
    re.MULTILINE | re.IGNORECASE,
)
_SOURCE: Final = re.compile(
    r"【(?:\d{1,3}|[^【】\n]{0,60}†[^【】\n]{0,60})】"
)  # how chat models cite what they have read

# What subtitles for the deaf write beside what is said.
_MUSIC: Final = re.compile("[\u2669-\u266c]+")
_SPEAKER: Final = re.compile(
    rf"(?:\A|(?<=[.!?\u2026\]{_GONE}] )|(?<=[.!?\u2026] - ))((?:- ?)?)"
    r"([^\W\d_a-z](?:[^\W_a-z]|[.' -]){1,24}):\s+(?=\S)"
)
_IN_PARENTHESES: Final = re.compile(r"\(([^()]{1,60})\)")
_MOST_WORDS_IN_PARENTHESES: Final = 3
_NO_WORD_FOLLOWS: Final = re.compile(r"[ \-.,!?\u2026]*\Z")

_NUMBER: Final = r"\d{1,3}[a-f]?"
_CITATION: Final = re.compile(rf"{_NUMBER}(?:\s?[,;–—-]\s?{_NUMBER})*(?:,?\s?pp?\.\s?\d[\d\s,–-]*)?")
_TIME_STAMP: Final = re.compile(r"\d[\d\s.,+TZ]*[:/-][\d\s:.,/+TZ<>–-]*")
_CLOCK: Final = re.compile(r"\d{1,3}:\d\d:\d\d(?:[.,]\d+)?")
_NOTED: Final = re.compile(r"(?:notes?|nota|fn|ref|n)\.?\s?\d{1,3}")
_GONES: Final = re.compile(f"{_GONE}+")
_LIST_MARK: Final = re.compile(r"\s*(?:(?:[-*+•]|\d{1,4}[.)])\s+)?")
_JOINER: Final = re.compile(r"\s?[,;–—-]\s?")
_LETTER_OR_DIGIT: Final = re.compile(r"[^\W_]")
_WORD: Final = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")

# What stands before the beginning of a sentence.
_ENDS: Final = frozenset(f'{MARKS}{WIDE_MARKS}:;>-–—♪*#"”»)]\n{_GONE}')
_CLOSING: Final = frozenset(".,;:!?…)”’»\n" + _SHUT)
_OPENING: Final = frozenset("([{“‘«\"'/-–—¿¡" + _OPEN)
_MOST_MORPHEME_CHARS: Final = 4  # [T]he, walk[ing]
_MOST_CUE_WORDS: Final = 6
_MOST_CUE_CHARS: Final = 60
_MOST_NOTE_CHARS: Final = 200


def spoken(text: str) -> str:
    """Return `text` with its brackets read; where that would leave nothing to say, with all its words."""
    if "[" not in text and "]" not in text and "【" not in text:
        return text
    read = read_brackets(text)
    if has_words(text) and not has_words(read):
        read = " ".join(re.sub(r"\\?[\[\]]", " ", text).split())
    return re.sub(r"\\([\[\]])", r"\1", read)


def read_brackets(text: str) -> str:
    """Return `text` without the brackets, by the rule above; those after a backslash stay as they are."""
    return _read(text, only_cues=False)


def without_cues(text: str) -> str:
    """Return a subtitle's text: what is in brackets is a sound cue, but for links and parts of words.

    So are `(laughs)`, `(DOOR SLAMS)` and notes of music; `JOHN:` says who speaks.
    """
    return _read(text, only_cues=True)


def says_something(text: str) -> bool:
    """Return True when a word is left of `text` once its brackets are read."""
    return has_words(read_brackets(text) if "[" in text or "【" in text else text)


def has_words(text: str) -> bool:
    """Return True when there is a letter or digit in `text`."""
    return _LETTER_OR_DIGIT.search(text) is not None


def begins_sentence(text: str, at: int) -> bool:
    """Return True when a sentence or a line begins at `at`."""
    before = text[max(0, at - 20) : at].rstrip(" \t")
    return not before or before[-1] in _ENDS


def in_bracket(text: str, at: int) -> bool:
    """Return True when `at` lies in a bracket, or in one that may still be closed by what comes."""
    begin = text.rfind("[", max(0, at - MAX_OPEN_CHARS), at)
    if begin < 0 or text[max(0, begin - 1) : begin] == "\\":
        return False
    if whole := _WHOLE.match(text, begin):
        return whole.end() > at
    return len(text) - begin <= MAX_OPEN_CHARS and "\n" not in text[begin:]


def is_link(text: str, at: int) -> bool:
    """Return True when the address of a link stands at `at`, where its label has ended."""
    match = _LINK.match(text, at) if text.startswith("(", at) else None
    return match is not None and _is_address(match[1])


def _read(text: str, *, only_cues: bool) -> str:
    text = _ESCAPED_PAIR.sub(rf"{_OPEN}\1{_SHUT}", text.translate(_FORBIDDEN))
    for escaped, mark in _PROTECT:
        text = text.replace(escaped, mark)
    text = _without_signs(text) if only_cues else with_indices(text)
    for left_out in (_DEFINITION, _SOURCE, _PLAIN_NOTE):
        text = left_out.sub(_GONE, text)
    read = _cue if only_cues else _words
    for _ in range(MAX_DEPTH):
        before, text = text, _PAIR.sub(lambda match: _pair(match, read), text)
        if text == before:
            break
    text = _close_gaps(text.replace("[", _GONE).replace("]", _GONE))
    for escaped, mark in _PROTECT:
        text = text.replace(mark, escaped)
    return text


def _without_signs(text: str) -> str:
    """Return a subtitle's text without what is no bracket and not said either."""
    text = _IN_PARENTHESES.sub(_sound, _MUSIC.sub(_GONE, text))
    return _SPEAKER.sub(_speaker, text)


def _speaker(match: re.Match[str]) -> str:
    """Return what is left of a name in capitals that a line begins with; WARNING: is none."""
    name = match[2]
    is_name = name == name.upper() != name.lower() and name.casefold() not in LABELS
    return match[1] if is_name else match[0]


def _sound(match: re.Match[str]) -> str:
    """Return what is left of parentheses where a sound or a manner of speaking may stand."""
    bare, text = match[1].strip(), match.string
    begins = begins_sentence(text, match.start())
    stands_apart = begins or _NO_WORD_FOLLOWS.match(text, match.end())
    is_brief = bare == bare.upper() or len(bare.split()) <= _MOST_WORDS_IN_PARENTHESES
    return _GONE if stands_apart and is_brief and _is_sound(bare, begins=begins) else match[0]


def _pair(match: re.Match[str], read: Callable[[re.Match[str], str], str]) -> str:
    """Return what becomes of a bracket, and of the address or the reference that follows it."""
    bang, content, address, target, reference = match.groups()
    if address and not _is_address(target):
        return f"{bang}{read(match, content)} {address}"
    if address is None and reference is None:
        return bang + read(match, content)
    label = content.strip()
    if _is_note(label):
        return bang + _GONE + (f"[{reference}]" if reference else "")
    if address:
        is_picture = bang and not match.string[max(0, match.start() - 1) : match.start()].isalnum()
        return (label or _GONE) if is_picture else bang + _spaced(match, label or _GONE)
    found = read(match, content)
    return bang + (f"{_GONE}[{reference}]" if found == _GONE else found + _GONE)


def _words(match: re.Match[str], content: str) -> str:
    """Return what is said of a bracket in running text."""
    bare = _bare(content)
    if "|" in bare and match.string[match.start() - 1 : match.start()] == "[":
        content = bare = bare.rpartition("|")[2]  # [[page|label]]
    if not has_words(bare) or _is_note(bare) or _is_mark_of_line(match, bare) or _is_letter(match, bare):
        return _GONE
    if _is_sound(bare, begins=begins_sentence(match.string, match.start())):
        return _GONE
    return _spaced(match, content.strip().lstrip("!"))  # [!NOTE], as some Markdown has it


def _cue(match: re.Match[str], content: str) -> str:
    """Return what is said of a bracket in a subtitle."""
    before, after = _neighbours(match)
    is_part = _is_morpheme(content) and (before.isalnum() or after.isalnum()) and not _is_note(content)
    return content if is_part else _GONE


def _bare(content: str) -> str:
    return content.replace(_GONE, "").strip()


def _is_address(target: str | None) -> bool:
    return target is not None and (not target or re.search(r"[/:#@]|\.\w", target) is not None)


@lru_cache(maxsize=512)
def _is_note(bare: str) -> bool:
    if len(bare) > _MOST_NOTE_CHARS:
        return False
    plain = bare.casefold().rstrip("!.")
    known = plain in NOTES or _NOTED.fullmatch(plain) or "et al" in plain
    return bool(
        known or bare.startswith(("^", "@", "-@")) or _CITATION.fullmatch(bare) or _CLOCK.fullmatch(bare)
    )


def _is_mark_of_line(match: re.Match[str], bare: str) -> bool:
    """Return True for the box of a task and a time stamp, with which a line begins."""
    if len(bare) > _MOST_NOTE_CHARS or not (bare in ("x", "X") or _TIME_STAMP.fullmatch(bare)):
        return False
    begin = max(0, match.start() - 12)
    head, line_end, tail = match.string[begin : match.start()].rpartition("\n")
    return (
        (begin == 0 or bool(line_end))
        and _LIST_MARK.fullmatch(tail) is not None
        and not (head and not line_end)
    )


def _is_letter(match: re.Match[str], bare: str) -> bool:
    """Return True for a note's letter right after a mark or a word."""
    before, after = _neighbours(match)
    if len(bare) != 1 or not bare.islower() or after.isalnum():
        return False
    return before in _CLOSING or before == _GONE or (before.isalnum() and bare in "abcd") if before else False


@lru_cache(maxsize=512)
def _is_sound(bare: str, *, begins: bool) -> bool:
    words = _WORD.findall(bare[:_MOST_CUE_CHARS])
    if not words or len(bare) > _MOST_CUE_CHARS:
        return False
    first = words[0].casefold()
    if bare == bare.upper() != bare.lower() and not (first in LABELS and len(words) <= 2):
        count = sum(len(word) > 1 and word.isalpha() for word in words)
        if count > 1 or (count == 1 and begins):
            return True
    known = any(word.casefold() in SOUNDS for word in words)
    return known and len(words) <= _MOST_CUE_WORDS and first not in NO_CUE_BEGINS


def _is_morpheme(content: str) -> bool:
    return content.isalpha() and len(content) <= _MOST_MORPHEME_CHARS


def _neighbours(match: re.Match[str]) -> tuple[str, str]:
    """Return what stands right before the bracket and right after it, nothing at the ends of the text."""
    text, after = match.string, match.end(2) + 1
    before = match[1] or text[max(0, match.start() - 1) : match.start()]
    return before, text[after : after + 1]


def _spaced(match: re.Match[str], words: str) -> str:
    """Return the words of a bracket, apart from their neighbours unless they are a part of one's word."""
    before, _ = _neighbours(match)
    after = match.string[match.end() : match.end() + 1]
    is_part = _is_morpheme(words)
    left = " " if words[0].isalnum() and (before in _CLOSING if before else False) else ""
    if not is_part and before.isalnum() and words[0].isalnum():
        left = " "
    right = " " if not is_part and after.isalnum() and words[-1].isalnum() else ""
    return left + words + right


def _close_gaps(text: str) -> str:
    """Return `text` without the marks of what was left out, and without the white space that was theirs."""
    first, *pieces = _GONES.split(text)
    done = [first]
    for number, piece in enumerate(pieces, 1):
        is_joiner = number < len(pieces) and _JOINER.fullmatch(piece)
        _close_gap(done, "" if is_joiner else piece)
    return "".join(done)


def _close_gap(done: list[str], piece: str) -> None:
    """Put `piece` after `done`, between which something was left out."""
    last = _last(done)
    if last == "(" and piece.startswith(")"):
        done[-1], piece = done[-1][:-1], piece[1:]
        last = _last(done)
    if last in ("", "\n"):
        piece = piece.lstrip(" \t").removeprefix(":").lstrip(" \t")
    elif last in " \t" and (not piece or piece[0] in " \t" or piece[0] in _CLOSING):
        done[-1] = done[-1].rstrip(" \t")
    elif piece[:1].isalnum() and last not in " \t" and last not in _OPENING:
        piece = " " + piece
    if piece:
        done.append(piece)


def _last(done: list[str]) -> str:
    """Return the last character, "" for none; drop empty pieces at the end."""
    while done and not done[-1]:
        done.pop()
    if not done:
        done.append("")
    return done[-1][-1:]
