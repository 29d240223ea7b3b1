"""Amounts of money: before and after their symbol, with scales, ranges and prices for a unit."""

from __future__ import annotations

import re
from re import Match
from typing import Final

from f5d.engine.languages.language import Money
from f5d.engine.reading.numbers import Numbers, initials
from f5d.engine.reading.rules import Rule, any_of

_CODE: Final = re.compile("[A-Z]{3}")


def rules(numbers: Numbers) -> list[Rule]:
    """Return the rules for money, before those for other amounts."""
    say, language = _Money(numbers), numbers.language
    money = any_of(language.money)
    amount, low, per, to = numbers.named("amount"), numbers.named("low"), numbers.per, numbers.to
    letters = any_of(language.scales)
    scaled = rf"(?:\s?(?P<letter>{letters})(?!\w)|[\s-](?P<scale>{language.scale_words})(?!\w))?"
    low_scaled = rf"(?:(?P<low_letter>{letters})(?!\w)|\s(?P<low_scale>{language.scale_words}))?"
    names = {name for money in language.money.values() for name in (money.one, money.several)}
    again = rf"(?:\s(?:{any_of(names)})(?!\w))?"  # $5 million dollars
    codes = any_of(code for code in language.money if _CODE.fullmatch(code))
    code = rf"(?:\s?(?P<code>{codes})(?!\w|\s?\d))?"  # $5 CAD
    before = rf"(?:(?P<before>{codes})\s?)?"  # CAD $5
    even = r"(?:[.,][-\u2013\u2014]{1,2}(?!\d))?"  # 5,- €
    first = initials(language.money)
    after = initials((*language.scales, *language.money, *language.scale_initials))
    return [
        Rule(
            rf"(?<![\w.,]){before}(?P<symbol>{money})\s?{low}{low_scaled}{to}(?:{money})?\s?{amount}{scaled}{code}"
            rf"{per}(?![\d%])",
            say.money_range,
            begins=rf"(?=[{first}])(?<![\w.,])(?:{codes}\s?)?(?:{money})(?=\s?\d)",
        ),
        Rule(
            rf"(?:(?<![\w.,%$\u20ac])(?P<sign>[-\u2212\u2013])|(?<![\w.,]))"
            rf"{before}(?P<symbol>{money})\s?(?P<inner>[-\u2212])?{amount}{even}{scaled}{code}{per}(?!\d){again}",
            say.money,
            begins=rf"(?=[-\u2212\u2013{first}])(?<![\w.,])[-\u2212\u2013]?(?:{codes}\s?)?(?:{money})(?=\s?[-\u2212]?[.,]?\d)",
        ),
        Rule(
            rf"(?<![\w.,-]){low}{to}{amount}{scaled}\s?(?P<symbol>{money})(?!\w){code}{per}",
            say.money_range,
            follows=numbers.dashed,
        ),
        Rule(
            rf"{numbers.sign}{amount}{even}{scaled}\s?(?P<symbol>{money})(?![\w$]){code}{per}",
            say.money,
            follows=rf"[{after}].?|[-\s][{after}]|[.,][-\u2013\u2014]",
        ),
    ]


class _Money:
    def __init__(self, numbers: Numbers) -> None:
        self._numbers = numbers
        self._language = numbers.language

    def money(self, match: Match[str]) -> str | None:
        money = self._money(match)
        groups = match.groupdict()
        minus = f"{self._language.minus} " if groups.get("sign") or groups.get("inner") else ""
        said = self._scaled_money(match, money) or self._coins(match["amount"], money)
        return f"{minus}{said}{self._numbers.priced_per(match)}"

    def money_range(self, match: Match[str]) -> str | None:
        money = self._money(match)
        low = self._numbers.counting(match["low"], money.several)
        cents = self._numbers.parts(match["low"])[1]
        groups = match.groupdict()
        if letter := groups.get("low_letter"):
            low = f"{low} {self._numbers.scale(letter, match['low'])}"
        elif scale := groups.get("low_scale"):
            low = f"{low} {scale}"
        elif len(cents) == 2 and not (match["scale"] or match["letter"]):
            low = self._coins(match["low"], money)
        high = self._scaled_money(match, money) or self._coins(match["amount"], money)
        return f"{low} {self._language.until} {high}{self._numbers.priced_per(match)}"

    def _money(self, match: Match[str]) -> Money:
        """Return the currency: its code tells more than the symbol beside it."""
        groups = match.groupdict()
        return self._language.money[groups.get("before") or match["code"] or match["symbol"]]

    def _scaled_money(self, match: Match[str], money: Money) -> str | None:
        scale = match["scale"] or (match["letter"] and self._numbers.scale(match["letter"], match["amount"]))
        if not scale:
            return None
        return self._language.of_noun(f"{self._numbers.number(match['amount'])} {scale}", money.several)

    def _coins(self, written: str, money: Money) -> str:
        whole, decimals = self._numbers.parts(written)
        if len(decimals) not in (0, 2) or len(whole) > 21 or not money.part:
            name = money.one if written == "1" else money.several
            return f"{self._numbers.counting(written, name)} {name}"
        amount, cents_count = int(whole or 0), int(decimals or 0)
        said = []
        if amount or not cents_count:
            name = money.one if amount == 1 else money.several
            said.append(self._language.of_noun(self._numbers.counting(whole or "0", name), name))
        if cents_count:
            name = money.part if cents_count == 1 else money.parts
            said.append(f"{self._numbers.counting(str(cents_count), name)} {name}")
        return f" {self._language.joint} ".join(said)
