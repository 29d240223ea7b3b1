"""Verses of the Bible: `Rev. 3:16` is neither a reverend nor a time."""

from __future__ import annotations

from re import Match
from typing import Final

from f5d.engine.languages.language import Language
from f5d.engine.reading.rules import Rule, any_of

_NTH: Final = {"1": 0, "2": 1, "3": 2, "I": 0, "II": 1, "III": 2}
_MOST_OF_A_SHORT_NAME: Final = 3  # characters
_VERSE: Final = r"[1-9]\d{0,2}"
_PEOPLE: Final = frozenset({
    "john", "mark", "luke", "matthew", "james", "peter", "daniel", "joel", "amos", "ruth", "samuel", "job",
    "jude", "micah", "joshua", "esther", "timothy", "titus", "joão", "marcos", "lucas", "mateus", "tiago",
    "pedro", "rute", "judas", "miqueias", "josué", "ester", "timóteo", "tito",
})  # fmt: skip
_APPOINTMENT_MINUTES: Final = 5  # people meet at full, half and quarter hours, or at a multiple of so many


def rules(language: Language) -> list[Rule]:
    """Return the rule for a book, its chapter and verses: `1 Cor. 13:4-7`, in Portuguese `Jo 3.16` too."""

    def say(match: Match[str]) -> str | None:
        written = match["book"].lower()
        book = language.books[written]
        is_short = written != book.lower()
        if match["mark"] != ":" and not (is_short and len(written) <= _MOST_OF_A_SHORT_NAME):
            return None  # Marcos 3,5
        if not match["nth"] and not match["last"] and written in _PEOPLE and _may_be_time(match):
            return None  # call John 5:30
        if is_short and book in language.books_in_parts and not match["nth"]:
            return None  # Sam 3:16
        nth = f"{language.nth_books[_NTH[match['nth']]]} " if match["nth"] else ""
        cardinal = language.cardinal
        said = f"{nth}{book} {cardinal(int(match['chapter']))}{language.verses} {cardinal(int(match['verse']))}"
        return f"{said} {language.until} {cardinal(int(match['last']))}" if match["last"] else said

    mark = ":" if language.mark == "." else "[:.,]"
    names = any_of(form for name in language.books for form in (name.capitalize(), name.upper()))
    return [
        Rule(
            rf"(?<![\w.])(?:(?P<nth>[123]|I{{1,3}})[ ]?)?(?P<book>{names})\.?[ ]"
            rf"(?P<chapter>{_VERSE})(?P<mark>{mark})(?P<verse>{_VERSE})(?:[ ]?[-\u2013][ ]?(?P<last>{_VERSE}))?"
            r"(?![\w:%]|[.,/-]\d|[ ]?(?:[AaPp]\.?[Mm]\b|h\b))",
            say,
        )
    ]


def _may_be_time(match: Match[str]) -> bool:
    hour, minute = int(match["chapter"]), int(match["verse"])
    two_digits = len(match["verse"]) == 2
    return (
        match["mark"] == ":" and two_digits and hour < 24 and minute < 60 and not minute % _APPOINTMENT_MINUTES
    )
