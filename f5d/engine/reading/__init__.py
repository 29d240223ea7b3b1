"""Text as it is read aloud: numbers, dates, times, money, units, codes and abbreviations in words.

Pure. The languages are tables (f5d/engine/languages); a text in another passes through. The user's own
dictionary comes first and works for every language. Text is read in a few passes, each of which goes
once from left to right: characters (characters.py, primes.py), addresses (addresses.py), verses
(scripture.py), words (words.py), numbers (calendar.py, primes.py, codes.py, money.py, slashes.py,
amounts.py), symbols (symbols.py). A pass is a list of rules, of which what holds more of the text stands
first. Every pattern is bounded or cannot begin again inside what it tried, so that time grows with the
length of the text alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache

from f5d.engine.languages import language_of
from f5d.engine.languages.language import Language
from f5d.engine.reading import (
    addresses,
    amounts,
    calendar,
    characters,
    codes,
    money,
    primes,
    scripture,
    slashes,
    symbols,
    words,
)
from f5d.engine.reading.numbers import Numbers
from f5d.engine.reading.rules import AmountRules, Rules, any_of


def read_out(text: str, language: str, dictionary: Mapping[str, str] | None = None) -> str:
    """Return `text` in words. `language` is `en`, `pt` or longer (`pt-BR`); others are left as they are.

    `dictionary` holds what the user wants said for a word; case does not count. Its words are not read
    any further, so that they may hold digits.
    """
    read = _reader(language)
    if not dictionary:
        return read(text)
    spoken = {word.lower(): said for word, said in dictionary.items()}
    parts = re.split(rf"(?<!\w)({any_of(spoken)})(?!\w)", text, flags=re.IGNORECASE)
    return "".join(
        spoken.get(part.lower(), part) if place % 2 else read(part) for place, part in enumerate(parts)
    )


@cache
def _reader(code: str) -> Callable[[str], str]:
    language = language_of(code)
    return str if language is None else _passes(language)


def _passes(language: Language) -> Callable[[str], str]:
    numbers = Numbers(language)
    passes = (
        characters.plain,
        primes.primes(language),
        Rules(addresses.rules(language), needs=r"[\w\s][.@]\w|://|^\.\w").read,
        Rules(scripture.rules(language), needs=r"\d[:.,]\d").read,
        Rules(words.rules(language), begins=words.BEGINS).read,
        AmountRules(
            [
                *calendar.rules(language, numbers),
                *primes.rules(language, numbers),
                *codes.rules(numbers),
                *money.rules(numbers),
                *slashes.rules(language, numbers),
                *amounts.rules(numbers),
            ],
            numbers.signed_amount,
        ).read,
        Rules(symbols.rules(language)).read,
    )

    def read(text: str) -> str:
        for one in passes:
            text = one(text)
        return text

    return read
