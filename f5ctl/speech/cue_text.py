"""What is said of a cue's lines: styles, line breaks, entities, stamps and who speaks. Pure."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from html.entities import html5
from typing import Final, NamedTuple

from f5ctl.brackets import has_words
from f5ctl.speech.cue_times import UNHEARD

_VOICE: Final = re.compile(r"<v(?:\.[^\s<>]*)?(?:\s+([^<>]*))?>|</v\s*>", re.IGNORECASE)  # <v.loud Bob>
_RUBY: Final = re.compile(r"<(rt|rp)>[^<>]*</\1>", re.IGNORECASE)  # how the word beside it is read
_BREAK: Final = re.compile(r"</?(?:br|p|div)\b[^<>]*>|\[br\]|\\[Nh]", re.IGNORECASE)
_NAMES: Final = "i|b|u|s|c|font|span|em|strong"
_TAG: Final = re.compile(
    rf"</?[a-z][^<>]*>|<\s{{0,2}}/?\s{{0,2}}(?:{_NAMES})\s{{0,2}}>"  # <i>, <c.red>, < / i >
    rf"|</?(?:{_NAMES})\b[^<>]*\Z"  # </i
    r"|<\d[\d:.,]*>"  # <00:00:01.000>
    r"|\{\\[^{}]*\}|\{[a-z]:[^{}]*\}",  # {\an8}, {y:i}
    re.IGNORECASE,
)
_ENTITY: Final = re.compile(r"&(?:#\d{1,7};|#x[0-9a-f]{1,6};|([a-z][a-z0-9]{1,31};))", re.IGNORECASE)
_STAMP: Final = re.compile(r"<\d{1,3}:\d\d(?::\d\d)?[.,]\d{1,3}>")


class Span(NamedTuple):
    """Words in a row that one person says; `speaker` as the file names them, None where it does not."""

    speaker: str | None
    text: str


def spans(raw: str) -> list[Span]:
    """Return what a cue says, by speaker; nothing for a cue without a letter or digit."""
    found: list[Span] = []
    for speaker, piece in _by_voice(_RUBY.sub("", raw)):
        text = plain(piece)
        if not has_words(text):
            continue
        if found and found[-1].speaker == speaker:
            found[-1] = Span(speaker, f"{found[-1].text} {text}")
        else:
            found.append(Span(speaker, text))
    return found


def plain(raw: str) -> str:
    """Return the words of `raw` on one line, without markup, entities as the characters that they are."""
    text = _without_tags(raw)
    if "&" in text:  # once more for &amp;nbsp;, and for tags that were escaped
        text = _ENTITY.sub(_character, _ENTITY.sub(_character, text)).translate(UNHEARD)
        text = _without_tags(text)
    return " ".join(text.split())


def has_stamps(raw: str) -> bool:
    """Return True for words with a time of their own, as captions have that roll up."""
    return bool(_STAMP.search(raw))


def _by_voice(raw: str) -> Iterator[tuple[str | None, str]]:
    speaker, begin = None, 0
    for tag in _VOICE.finditer(raw):
        yield speaker, raw[begin : tag.start()]
        speaker, begin = plain(tag[1] or "") or None, tag.end()
    yield speaker, raw[begin:]


def _without_tags(text: str) -> str:
    return _TAG.sub("", _BREAK.sub(" ", text))


def _character(entity: re.Match[str]) -> str:
    """Return what an entity stands for, an unknown one as it is."""
    name = entity[1]
    if name is None:
        return html.unescape(entity[0])
    return html5.get(name) or html5.get(name.lower()) or entity[0]
