"""What is read digit by digit: telephone numbers, postcodes, account numbers; and versions."""

from __future__ import annotations

import re
from collections.abc import Callable
from re import Match
from typing import Final

from f5d.engine.reading.numbers import Numbers
from f5d.engine.reading.rules import NOT_LOWER, Rule, any_of

_MOST_OF_A_NAME: Final = 4  # digits
_START: Final = r"(?<![\w.,/-])"
_VERSION: Final = r"(?P<version>\d{1,8}(?:\.\d{1,8}){1,400})(?!\w|,\d)"
_PLACE: Final = re.compile(r"(?:[A-Z]{2}|,|;)\s\Z")
_TOWN: Final = re.compile(rf"\s{NOT_LOWER}[^\W\d_]{{2,30}}(?<!s)(?!\w)")
_RANGE: Final = re.compile(r"(1[1-9]\d\d|20\d\d|[1-9]\d*0)-(1[1-9]\d\d|20\d\d|[1-9]\d*00)")
_HARDWARE: Final = r"(?<![\w:-])[0-9A-Fa-f]{2}([:-])(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}(?![\w:-])"
_ACCOUNT: Final = r"(?<!\w)[A-Z]{2}\d{2}(?: ?[A-Z\d]{4}){3,7}(?: ?[A-Z\d]{1,3})?(?!\w)"  # IBAN
_LETTERS: Final = r"(?<!\w)(?=\d{0,9}[A-Z])[A-Z\d]{10,40}(?!\w)"


def rules(numbers: Numbers) -> list[Rule]:
    """Return the rules for codes and versions, before those for amounts."""
    codes = _Codes(numbers)
    phones = [pattern for pattern in numbers.language.phones if not pattern.startswith(r"\(")]
    in_brackets = [pattern for pattern in numbers.language.phones if pattern.startswith(r"\(")]
    other = re.escape(numbers.language.mark)  # between thousands in the other languages
    before, after = r"(?<![\w.,/+-])", r"(?![\w/-]|[.,]\d)"
    return [
        Rule(
            # A group begins where something stands before it: else digits could be grouped in millions of ways.
            r"(?<!\w)\+\(?\d{1,3}\)?[ .-]?\(?\d{1,14}\)?(?:(?:[ .-]\(?|\(|(?<=\)))\d{1,14}\)?){0,6}(?![\d-])",
            codes.international,
            begins=r"\+(?=\(?\d)",
        ),
        Rule(rf"{before}(?:{'|'.join(in_brackets)}){after}", codes.by_digits, begins=r"\((?=\d\d)"),
        Rule(rf"{before}(?:{'|'.join(phones)}){after}", codes.by_digits, follows=r"[- ./)]\d", least=2),
        Rule(rf"{_START}\d{{1,8}}(?:-\d{{1,8}}){{2,400}}(?!\w)", codes.groups, follows=r"-\d"),
        Rule(
            rf"{_START}[1-9]\d{{0,2}}(?:{other}\d{{3}}){{2,6}}(?!\w|[.,]\d)",
            codes.grouped,
            follows=rf"{other}\d",
        ),
        Rule(
            rf"{_START}(?P<version>\d{{1,3}}(?:\.\d{{1,3}}){{3}}):(?P<port>\d{{1,5}})(?!\w|[.:]\d)",
            codes.host_and_port,
            follows=r"[.]\d",
        ),
        Rule(rf"{_START}{_VERSION}", codes.version, follows=r"[.]\d"),
        Rule(rf"{_START}[vV]{_VERSION}", codes.version, begins=r"(?<!\w)[vV](?=\d)"),
        Rule(
            r"(?<!\w)[#\u2116]\s?(?=\d)",
            lambda _match: f"{numbers.language.number} ",
            begins=r"[#\u2116](?=\s?\d)",
        ),
        Rule(
            rf"{_START}1-[2-9]\d\d-(?=[A-Z\d]{{1,7}}[A-Z-])",
            lambda match: f"{numbers.digits(match[0])}, ",
            follows=r"-\d",
        ),
        *_begins_either_way(
            _HARDWARE, codes.spelt, follows="[-:A-Fa-f].", begins=r"[A-Fa-f](?<!\w.)[0-9A-Fa-f][:-]"
        ),
        *_begins_either_way(_ACCOUNT, codes.spelt, begins=r"[A-Z](?<!\w.)[A-Z](?=\d\d ?[A-Z\d]{4})"),
        *_begins_either_way(
            _LETTERS, codes.with_letters, follows=r"[A-Z][A-Z\d]", begins=r"[A-Z](?<!\w.)[A-Z\d](?=[A-Z\d]{8})"
        ),
        Rule(
            rf"{_START}\d{{3}}(?=[.,;:!?)]|\s*\Z|\s(?:{any_of(numbers.language.fillers)})(?!\w))(?![.,:]\d)",
            codes.announced,
            least=3,
        ),
        Rule(rf"{_START}\d{{4,19}}(?:-[\dXx])?(?![\w/-]|[.,]\d)", codes.announced, least=4),
        Rule(r"\d{13,65536}", codes.long, least=13),
    ]


def _begins_either_way(
    pattern: str, say: Callable[[Match[str]], str | None], *, begins: str, follows: str = ""
) -> list[Rule]:
    """Return the rules for what begins with a letter, and where `follows` is given with a digit too."""
    with_a_digit = [Rule(pattern, say, follows=follows)] if follows else []
    return [*with_a_digit, Rule(pattern, say, begins=begins)]


class _Codes:
    def __init__(self, numbers: Numbers) -> None:
        self._numbers = numbers

    def international(self, match: Match[str]) -> str | None:
        if not 7 <= sum(map(str.isdecimal, match[0])) <= 15:
            return None
        plus = self._numbers.language.symbols["+"]
        return f"{plus} {self._numbers.digits(match[0])}"

    def by_digits(self, match: Match[str]) -> str | None:
        span = _RANGE.fullmatch(match[0])  # of years, or of round numbers
        if span and int(span[1]) < int(span[2]) and not self._numbers.is_announced(match):
            return None
        before = match.string[max(0, match.start() - 2) : match.start()].strip()
        if before and before in self._numbers.language.money:
            return None
        return self._numbers.digits(match[0])

    def groups(self, match: Match[str]) -> str:
        parts = match[0].split("-")
        if all(len(part) <= 2 for part in parts):
            return ", ".join(self._numbers.number(part) for part in parts)
        return self._numbers.digits(match[0])

    def grouped(self, match: Match[str]) -> str | None:
        """Say a million as other languages write it; 192.168.100.200 is none."""
        parts = re.split("[.,]", match[0])
        if len(parts) == 4 and all(part == str(int(part)) and int(part) < 256 for part in parts):
            return None
        return self._numbers.number("".join(parts))

    def spelt(self, match: Match[str]) -> str:
        """Say digits and letters one by one, with a comma between the groups."""
        names = self._numbers.digits
        groups = re.findall("[0-9A-Za-z]+", match[0])
        if len(groups) == 1:
            groups = re.findall(".{1,4}", groups[0])
        return ", ".join(" ".join(names(one) if one.isdecimal() else one for one in group) for group in groups)

    def with_letters(self, match: Match[str]) -> str | None:
        """Say what mixes letters with five digits or more as a code."""
        return self.spelt(match) if sum(map(str.isdecimal, match[0])) > _MOST_OF_A_NAME else None

    def version(self, match: Match[str]) -> str | None:
        language = self._numbers.language
        named = match[0][0] in "vV"
        parts = match["version"].split(".")
        is_decimal = language.mark == "." and len(parts) == 2
        is_amount = language.group == "." and len(parts[0]) <= 3 and all(len(part) == 3 for part in parts[1:])
        if not named and (is_decimal or (is_amount and parts[0] != "0")):
            return None
        said = f" {language.dot} ".join(self._dotted(part) for part in parts)
        return f"{language.version} {said}" if named else said

    def host_and_port(self, match: Match[str]) -> str:
        colon = self._numbers.language.address[":"]
        return f"{self.version(match)} {colon} {self._numbers.number(match['port'])}"

    def _dotted(self, part: str) -> str:
        if len(part) > 1 and part[0] == "0":
            return self._numbers.digits(part)
        return self._numbers.number(part)

    def announced(self, match: Match[str]) -> str | None:
        if self._numbers.is_announced(match) or self._is_postcode(match):
            return self._numbers.digits(match[0])
        return None

    def _is_postcode(self, match: Match[str]) -> bool:
        if len(match[0]) != 5 or match[0].endswith("00"):
            return False
        before = match.string[max(0, match.start() - 3) : match.start()]
        state = re.fullmatch(r"[A-Z]{2}\s", before)
        return bool(state or (_PLACE.search(before) and _TOWN.match(match.string, match.end())))

    def long(self, match: Match[str]) -> str:
        return self._numbers.digits(match[0])
