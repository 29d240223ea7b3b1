r"""Voice tags and pauses in a text: which brackets are tags, and what a text with them is made of.

`[town]` gives the word to the voice of that name until the next tag; text before the first tag is
`main`'s, as upstream has it. `[pause 800ms]` is silence. Only names of voices are tags: every other
bracket is text, which f5ctl/brackets.py reads. A bracket that looks like a mistyped tag is warned of
and left out: a speaker's name that is read out as a word is worse. `\[` is a bracket.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, Literal, TypeAlias

from f5ctl import brackets
from f5ctl.durations import parse_duration
from f5ctl.errors import BadRequestError
from f5ctl.sentences import PARAGRAPH_END
from f5ctl.speech.texts import nothing_to_speak

MAIN: Final = "main"
MAX_PAUSE_S: Final = 600.0
MAX_TAG_CHARS: Final = 80
CLOSE: Final = 0.82  # of difflib's ratio: `rmss` is close to `rms`, `domain` is not to `main`

_MARK: Final = re.compile(rf"\\[\[\]]|\[([^\[\]\n]{{1,{MAX_TAG_CHARS}}})\]")
_AFTER: Final = re.compile(r"(?:[ \t]?:(?=\s))?[ \t]*")  # [town]: as scripts have it
_NAME: Final = re.compile(r"\w[\w.-]*")
_PAUSE: Final = re.compile(r"(\w+?)(?:[ \t]*[:=]|(?=[ \t\d.,])|$)[ \t]*(.*)")
_TIME: Final = re.compile(r"[-+]?[.,]?\d[\d.,]*[ \t]*([^\W\d]*)\.?")
_UNITS: Final = (
    (re.compile(r"(?:milliseconds?|milissegundos?|msecs?)$"), "ms"),
    (re.compile(r"(?:seconds?|segundos?|secs?|seg)$"), "s"),
    (re.compile(r"(?:minutes?|minutos?|mins?)$"), "m"),
)
_REMEMBERED: Final = 1024
_PAUSES: Final = ("pause", "pausa")  # the tag, and what a Brazilian may take it for
_HINT: Final = r"a bracket that is none is written \["

Treatment: TypeAlias = Literal["lenient", "strict", "none"]


@dataclass(frozen=True, slots=True)
class Words:
    """A text that one voice says."""

    voice: str
    text: str


@dataclass(frozen=True, slots=True)
class Pause:
    """So many seconds in which nobody speaks."""

    duration_s: float


@dataclass(frozen=True, slots=True)
class _Turn:
    """From here on another voice speaks."""

    voice: str


@dataclass(frozen=True, slots=True)
class _LeftOut:
    """A bracket that is neither a tag nor to be read."""


Part: TypeAlias = Words | Pause
_Mark: TypeAlias = _Turn | Pause | _LeftOut | None  # None: a bracket of the text


@dataclass(frozen=True, slots=True)
class Tags:
    """How the tags of texts are taken.

    `known` are names of voices that need no asking, `served` returns the others and is called when a bracket
    may be one of them. `warn` gets a line for the user. With `treatment` "strict" what is no tag is an
    error, with "none" nothing is one.
    """

    known: frozenset[str] = frozenset({MAIN})
    served: Callable[[], Iterable[str]] = tuple
    warn: Callable[[str], None] = lambda _line: None
    treatment: Treatment = "lenient"


class Marks:
    """Reads texts for their tags; owns who speaks at their end, and what was warned of: each bracket once.

    `where`, as "line 7 of a.csv", begins every warning.
    """

    def __init__(self, tags: Tags) -> None:
        self.voice = MAIN
        self.where = ""
        self._tags = tags
        self._served: list[str] | None = None
        self._warned: set[str] = set()
        self._meaning = lru_cache(_REMEMBERED)(self._meaning_of)

    @property
    def has_tags(self) -> bool:
        """False when every bracket is text."""
        return self._tags.treatment != "none"

    def knowing(self, names: Iterable[str]) -> Marks:
        """Return marks that know these voices too."""
        return Marks(replace(self._tags, known=self._tags.known.union(names)))

    def parts(self, text: str, *, paragraph_pause_s: float = 0.0) -> list[Part]:
        """Return the parts of a text in order, without those that say nothing; `main` begins.

        `paragraph_pause_s` of silence stands between paragraphs, in which a blank line ends.

        Raises:
            BadRequestError: a bracket is no tag and tags are strict.
        """
        self.voice = MAIN
        return self.more_parts(text, paragraph_pause_s=paragraph_pause_s)

    def more_parts(self, text: str, *, paragraph_pause_s: float = 0.0) -> list[Part]:
        """Return the parts of a text that goes on where the last one ended: whoever spoke begins.

        Raises:
            BadRequestError: as `parts` does.
        """
        parts: list[Part] = []
        for part in self._pieces(text.replace("\r\n", "\n")):
            if isinstance(part, Words):
                parts.extend(_paragraphs(part, paragraph_pause_s))
            else:
                parts.append(part)
        while paragraph_pause_s and parts and parts[-1] == Pause(paragraph_pause_s):
            parts.pop()  # the end of the text is no end of a paragraph
        return parts

    def whole(self, text: str) -> str | None:
        """Return the text that is one part, the call's voice's, None for one of several parts or another voice.

        Raises:
            BadRequestError: as `parts` does.
        """
        self.voice = MAIN
        pieces = [part for part in self._pieces(text) if isinstance(part, Pause) or part.text.strip()]
        if len(pieces) != 1 or not isinstance(pieces[0], Words) or pieces[0].voice != MAIN:
            return None
        return pieces[0].text.strip()

    def one_voice(self, text: str) -> Words | None:
        """Return a text of one part, whose voice a tag at its beginning may name; None for one of several.

        Raises:
            BadRequestError: as `parts` does; there is nothing to say.
        """
        said = self.whole(text)
        if said is not None:
            return Words(MAIN, said)
        parts = self.parts(text)
        words = next((part for part in parts if isinstance(part, Words)), None)
        if words is None:
            raise nothing_to_speak()
        return words if len(parts) == 1 else None

    def _pieces(self, text: str) -> Iterator[Part]:
        """Yield the text from tag to tag, with the brackets that are none."""
        kept: list[str] = []
        begin = 0
        for match in _MARK.finditer(text):
            mark = self._mark(match) if match[1] is not None else None
            if mark is None:
                continue
            kept.append(text[begin : match.start()])
            begin = match.end()
            if not isinstance(mark, Pause) and (after := _AFTER.match(text, begin)):
                begin = after.end()
            if isinstance(mark, _LeftOut):
                continue
            yield Words(self.voice, "".join(kept))
            kept.clear()
            if isinstance(mark, _Turn):
                self.voice = mark.voice
            else:
                yield mark
        yield Words(self.voice, "".join([*kept, text[begin:]]))

    def _mark(self, match: re.Match[str]) -> _Mark:
        """Return what a bracket means."""
        if self._tags.treatment == "none" or brackets.is_link(match.string, match.end()):
            return None
        return self._meaning(match[1], begins=brackets.begins_sentence(match.string, match.start()))

    def _meaning_of(self, content: str, *, begins: bool) -> _Mark:
        mark = f"[{content}]"
        pause = _PAUSE.fullmatch(content.strip())
        if pause and _means_pause(pause[1], pause[2], begins=begins):
            return self._pause(mark, pause[1], pause[2])
        if self._is_voice(content):
            return _Turn(content)
        if self._tags.treatment == "strict" and _NAME.fullmatch(content):
            known = ", ".join(self._names())
            raise BadRequestError("unknown_voice", f"unknown voice {content!r}; known: {known} ({_HINT})")
        if begins and (near := self._near(content)):
            return self._leave_out(mark, f"it names no voice; did you mean [{near}]?", "unknown_voice")
        return None

    def _pause(self, mark: str, word: str, value: str) -> _Mark:
        if word.casefold() != "pause":
            return self._leave_out(mark, f"it is no tag; did you mean [pause {value}]?", "bad_text")
        try:
            return Pause(pause_s(mark, _plain_time(value)))
        except BadRequestError as error:
            return self._leave_out(mark, error.message.removeprefix(f"{mark}: "), "bad_text")

    def _leave_out(self, mark: str, why: str, code: Literal["bad_text", "unknown_voice"]) -> _LeftOut:
        """Warn, once, of a bracket that is no tag but looks like one."""
        if self._tags.treatment == "strict":
            raise BadRequestError(code, f"{mark}: {why} ({_HINT})")
        if mark not in self._warned:
            self._warned.add(mark)
            place = f"{self.where}: " if self.where else ""
            self._tags.warn(f"{place}{mark} is left out: {why}")
        return _LeftOut()

    def _is_voice(self, name: str) -> bool:
        if name in self._tags.known:
            return True
        return _NAME.fullmatch(name) is not None and name in self._names()

    def _names(self) -> list[str]:
        """Return every name that is a tag."""
        if self._served is None:
            self._served = list(self._tags.served())
        own = sorted(self._tags.known - {MAIN})
        return list(dict.fromkeys([MAIN, *own, *self._served]))

    def _near(self, content: str) -> str | None:
        """Return the voice whose name was probably meant."""
        wanted = content.strip(" \t:").casefold()
        if not any(char.isalpha() for char in wanted):
            return None
        return _nearest(wanted, tuple(self._names())) or (
            "pause" if sorted(wanted) == sorted("pause") else None
        )


def pause_s(where: str, value: str) -> float:
    """Return the seconds that `value` means, 800ms or 1.5s; BadRequestError names `where` it stands."""
    try:
        seconds = parse_duration(value)
    except ValueError:
        raise BadRequestError("bad_text", f"{where}: a pause needs a duration such as 800ms or 1.5s") from None
    if seconds > MAX_PAUSE_S:
        raise BadRequestError("bad_text", f"{where}: the longest pause is {MAX_PAUSE_S:.0f} s")
    return seconds


def _means_pause(word: str, value: str, *, begins: bool) -> bool:
    """Return True when a bracket of `word` and `value` was meant as a pause, well written or not.

    `Press [Pause] to wait` and `[pause the film]` are words.
    """
    time = _TIME.fullmatch(value)
    if word.casefold() != "pause":  # puase 300ms, but not page 3
        return time is not None and time[1] != "" and _nearest(word.casefold(), _PAUSES) is not None
    if not value:
        return begins or word != "Pause"
    return time is not None or (begins and " " not in value)


def _plain_time(value: str) -> str:
    """Return a length of time as f5ctl/durations.py reads it: 1,5 Seconds is 1.5 s."""
    plain = re.sub(r"^[.,]", "0.", value.casefold()).replace(",", ".").removesuffix(".")
    for words, unit in _UNITS:
        plain = words.sub(unit, plain)
    return plain


@lru_cache(maxsize=256)
def _nearest(wanted: str, names: tuple[str, ...]) -> str | None:
    """Return the name that `wanted` is in other cases, in another order of letters, or nearly."""
    from difflib import get_close_matches

    plain = {name.casefold(): name for name in names}
    same = [name for name in plain if sorted(name) == sorted(wanted)] or get_close_matches(
        wanted, plain, n=1, cutoff=CLOSE
    )
    return plain[same[0]] if same else None


def _paragraphs(words: Words, pause_s: float) -> Iterator[Part]:
    paragraphs = PARAGRAPH_END.split(words.text) if pause_s else [words.text]
    for index, paragraph in enumerate(paragraphs):
        if index:
            yield Pause(pause_s)
        if brackets.says_something(paragraph):
            yield Words(words.voice, paragraph.strip())
