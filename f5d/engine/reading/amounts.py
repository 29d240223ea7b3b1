"""Measures, percentages, ranges, ordinal numbers and plain ones."""

from __future__ import annotations

import re
from re import Match
from typing import Final

from f5d.engine.reading.numbers import DASH, POINT, Numbers, initials
from f5d.engine.reading.rules import Rule, any_of

_SUPERSCRIPT: Final = str.maketrans(
    "\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079\u207b", "0123456789-"
)
_QUANTITY: Final = re.compile(
    r"\d(?:[^\W\d_]{1,4}|\s?(?:%|\u00b0[CF]?|(?i:[ap]m|[ap]\.m\.)|[^\w\s.,;:!?()-]))?\s?\Z"
)
_WINDOW: Final = 64


def rules(numbers: Numbers) -> list[Rule]:
    """Return the rules for amounts, from the longest form to single digits."""
    say, language = _Amounts(numbers), numbers.language
    start, sign = r"(?<![\w.,])", numbers.sign
    unit, symbol = any_of(language.units), any_of(language.money)
    amount, low, per, to = numbers.named("amount"), numbers.named("low"), numbers.per, numbers.to
    units_of = initials(language.units)
    return [
        Rule(
            rf"{start}(?P<amount>\d{{1,100}}|\d{{1,3}}(?:,\d{{3}}){{1,6}})(?P<ending>{language.endings})(?!\w)",
            say.ordinal,
            follows=r"[^\s\d,;:/%-].?|\s[.\u00ba\u00aa]|",
        ),
        Rule(
            rf"{start}{low}{to}{amount}\s?(?P<unit>{unit})(?![\w\u00b2\u00b3]){per}{POINT}",
            say.measure_range,
            follows=numbers.dashed,
        ),
        Rule(rf"{start}{low}{to}{amount}\s?%", say.percentage_range, follows=numbers.dashed),
        Rule(rf"{sign}{amount}\s?(?P<mark>[%\u2030])", say.percentage, follows="[%\u2030].?|\\s[%\u2030]"),
        Rule(
            rf"{sign}{amount}-?(?P<gap>\s)?(?P<unit>{unit})(?![\w\u00b2\u00b3]|/\w){per}{POINT}",
            say.measure,
            follows=rf"[{units_of}].?|[-\s][{units_of}]",
        ),
        Rule(r"(?<=\d),(?=\d)", lambda _match: ", ", begins=r"(?<=\d),(?=\d)"),
        Rule(
            rf"(?<![\w.,:])(?P<first>\d{{1,6}}):{numbers.named('second')}(?![\w:])", say.ratio, follows=r":\d"
        ),
        Rule(
            rf"{start}{numbers.amount}(?:(?:\s?x\s?|\u00d7){numbers.amount}){{1,3}}(?!\w)",
            say.by,
            follows="[x\u00d7].|\\sx",
        ),
        Rule(rf"{start}{amount}x(?=\s(?:{any_of(language.multiplied)})(?!\w))", say.times, follows="x.?"),
        Rule(
            rf"{sign}(?P<amount>\d{{1,12}}(?:[.,]\d{{1,12}})?)[eE](?P<power>[+-]?\d{{1,9}})(?!\w)",
            say.scientific,
            follows="[eE].",
        ),
        Rule(rf"(?<![\w.,-]){low} {DASH} {amount}(?=\s?=)(?![\w-])", say.difference, follows=numbers.dashed),
        Rule(rf"(?<![\w.,-]){low}{to}{amount}(?![\w-])", say.plain_range, follows=numbers.dashed),
        Rule(
            rf"{DASH}\s?(?=(?:{symbol})?\s?\d)",
            say.dash,
            begins=rf"(?<=[^\s({{[]){DASH}(?=[\s$\u20ac\u00a3A-Z]?\d|R\$)|(?<=\s){DASH}(?=\s\S?\d)",
        ),
        Rule(
            rf"{sign}{amount}(?P<gap>\s)?(?P<letter>{any_of(language.scales)})(?!\w|-[^\W\d])",
            say.scaled,
            follows=rf"[{initials(language.scales)}].?|\s[{initials(language.scales)}]",
        ),
        Rule(
            rf"{start}(?P<whole>\d{{1,12}})(?P<other>[.,])(?P<rest>\d{{1,12}})(?![\w]|[.,]\d)",
            say.other_mark,
            least=3,
        ),
        Rule(
            rf"{sign}{amount}(?P<power>[\u2070\u00b9\u00b2\u00b3\u2074-\u2079\u207b]{{1,8}})?(?!\d)", say.amount
        ),
        Rule(r"(?P<digits>\d{1,21})", say.digits_in_a_word),
    ]


class _Amounts:
    def __init__(self, numbers: Numbers) -> None:
        self._numbers = numbers
        self._language = numbers.language

    # Measures

    def measure(self, match: Match[str]) -> str | None:
        one, several = self._language.units[match["unit"]]
        if match["unit"] == "s" and not match["gap"] and re.fullmatch(r"\d+0", match["amount"]):
            return None  # 30s are not seconds
        name = one if match["amount"].lstrip("0") == "1" else several
        said = self._numbers.signed(match, f"{self._numbers.counting(match['amount'], name)} {name}")
        return f"{said}{self._numbers.priced_per(match)}"

    def measure_range(self, match: Match[str]) -> str:
        _, several = self._language.units[match["unit"]]
        low, high = (self._numbers.counting(match[part], several) for part in ("low", "amount"))
        return f"{low} {self._language.until} {high} {several}{self._numbers.priced_per(match)}"

    def percentage(self, match: Match[str]) -> str:
        name = self._language.percent if match["mark"] == "%" else self._language.permille
        return self._numbers.signed(match, f"{self._number(match['amount'])} {name}")

    def percentage_range(self, match: Match[str]) -> str:
        low, high = self._number(match["low"]), self._number(match["amount"])
        return f"{low} {self._language.until} {high} {self._language.percent}"

    # Parts and orders

    def ordinal(self, match: Match[str]) -> str:
        digits = match["amount"].replace(",", "")
        if len(digits) > 15:
            return self._numbers.digits(digits)
        return self._language.ordinal(int(digits), match["ending"])

    def ratio(self, match: Match[str]) -> str:
        first, second = (self._numbers.number(match[part]) for part in ("first", "second"))
        return f"{first} {self._language.ratio} {second}"

    def by(self, match: Match[str]) -> str:
        sizes = map(str.strip, re.split("[x\u00d7]", match[0]))
        return f" {self._language.by} ".join(map(self._number, sizes))

    def times(self, match: Match[str]) -> str:
        times = self._language.symbols["\u00d7"]
        return f"{self._numbers.counting(match['amount'], times)} {times}"

    def scientific(self, match: Match[str]) -> str:
        power = match["power"].lstrip("+")
        minus = f"{self._language.minus} " if power.startswith("-") else ""
        times = self._language.symbols["\u00d7"]
        base = self._number(
            match["amount"].replace("," if self._language.mark == "." else ".", self._language.mark)
        )
        said = f"{base} {times} {self._language.cardinal(10)} {self._language.power} {minus}"
        return self._numbers.signed(match, said + self._number(power.lstrip("-")))

    # Ranges and plain numbers

    def difference(self, match: Match[str]) -> str:
        return f"{self._number(match['low'])} {self._language.minus} {self._number(match['amount'])}"

    def plain_range(self, match: Match[str]) -> str:
        after = _after(match)
        low, high = (
            self._language.agree(self._numbers.number(match[part], year=True), after)
            for part in ("low", "amount")
        )
        return f"{low} {self._language.until} {high}"

    def dash(self, match: Match[str]) -> str | None:
        """Say the dash between what ends in a unit and what begins with a digit; not that of COVID-19."""
        before = match.string[max(0, match.start() - 12) : match.start()]
        if not _QUANTITY.search(before):
            return None
        gap = "" if before[-1:].isspace() else " "
        return f"{gap}{self._language.until} "

    def scaled(self, match: Match[str]) -> str | None:
        is_name = match["gap"] or (match["amount"].isdecimal() and len(match["amount"]) < 2)  # 3D, 4K
        if (len(match["letter"]) == 1 and is_name) or match["amount"] == "401":
            return None
        scale = self._numbers.scale(match["letter"], match["amount"])
        return self._numbers.signed(match, f"{self._number(match['amount'])} {scale}")

    def other_mark(self, match: Match[str]) -> str | None:
        """Say 3,14 in a language that writes 3.14, and the other way round."""
        language = self._language
        if match["other"] == language.mark or (len(match["rest"]) == 3 and match["whole"][0] != "0"):
            return None
        whole = self._numbers.number(match["whole"])
        if language.mark == ".":
            return f"{whole} {language.point} {self._numbers.digits(match['rest'])}"
        rest = match["rest"]
        said = self._numbers.digits(rest) if rest[0] == "0" else self._numbers.number(rest)
        return f"{whole} {language.dot} {said}"

    def amount(self, match: Match[str]) -> str:
        if self._counts_hours(match):
            words = self._numbers.counting(match["amount"], self._language.hours)
        else:
            words = self._numbers.number(match["amount"], year=not match["power"])
            words = self._language.agree(words, _after(match))
        return self._numbers.signed(match, words + self._power(match["power"]))

    def _counts_hours(self, match: Match[str]) -> bool:
        before_hours = self._language.before_hours
        before = match.string[max(0, match.start() - 3) : match.start()].lower() if before_hours else ""
        return before.lstrip() in before_hours

    def _power(self, written: str | None) -> str:
        if not written:
            return ""
        digits = written.translate(_SUPERSCRIPT)
        if digits in ("2", "3"):
            return f" {self._language.squared if digits == '2' else self._language.cubed}"
        minus = f"{self._language.minus} " if digits.startswith("-") else ""
        return f" {self._language.power} {minus}{self._numbers.number(digits.strip('-') or '0')}"

    def digits_in_a_word(self, match: Match[str]) -> str:
        return self._numbers.number(match["digits"])

    def _number(self, written: str) -> str:
        return self._numbers.number(written)


def _after(match: Match[str]) -> str:
    return match.string[match.end() : match.end() + _WINDOW]
