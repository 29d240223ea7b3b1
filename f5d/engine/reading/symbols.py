"""Symbols that are said: & @ + = and their like, and powers written above the line."""

from __future__ import annotations

from re import Match
from typing import Final

from f5d.engine.languages.language import Language
from f5d.engine.reading.rules import Rule, any_of

_SQUARE: Final = "\u00b2"


def rules(language: Language) -> list[Rule]:
    """Return the rules for symbols: C# is C sharp, and a number above the line after a word a note's."""

    def say(match: Match[str]) -> str:
        return language.symbols[match[0]]

    def power(match: Match[str]) -> str:
        return f" {language.squared if match[0] == _SQUARE else language.cubed}"

    def sharp(match: Match[str]) -> str:
        return f" {language.sharps[match[0]]}"

    return [
        Rule(rf"{any_of(language.sharps)}(?<=[A-Z].)(?<![\w#]{{2}}.)(?![\w#]|\.\w)", sharp),
        Rule(rf"(?:{any_of(language.symbols)})", say),
        Rule(r"(?<![^\W\d_]{3})(?<=[^\W\d_])[\u00b2\u00b3]", power),
        Rule(r"\[(?<=[\w\])].)(?P<index>[^\[\]\n]{1,200})\]", lambda match: f" {match['index']}"),
        Rule("[\u2070\u00b9\u00b2\u00b3\u2074-\u2079]{1,64}", lambda _match: ""),
    ]
