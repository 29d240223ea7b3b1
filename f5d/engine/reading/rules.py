"""Rules of reading: a pattern each, and what is said for it. Knows no language."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from re import Match, Pattern
from typing import Final, TypeAlias

from f5ctl.sentences import AFTER_TIMES

_Tree: TypeAlias = dict[str, "_Tree"]
_Compiled = tuple[Pattern[str], Callable[[Match[str]], str | None]]
_INSIDE_A_WORD: Final = r"(?<=[^\W\d_])[^\W\d_]"
_NAME: Final = re.compile(r"\(\?P<\w+>")
_LOWER: Final = "".join(filter(str.islower, map(chr, range(0x530))))  # Latin, Greek, Cyrillic
NOT_LOWER: Final = rf"[^\W\d_{_LOWER}]"  # a capital, or a letter of a script without any
_BEGINS: Final = re.compile(rf"[\"'\u2019\u201d)]?(?:\s*(?:\Z|\n)|\s+[\"'\u2018\u201c(]?(?:{NOT_LOWER}|#))")

_WORD: Final = re.compile(r"\s(\w{2,9})(?!\w)")


@dataclass(frozen=True, slots=True)
class Rule:
    """`say` returns the words for a match, or None: this is not what the rule means.

    Among the rules of an `AmountRules`, `begins` is a pattern of how a match begins, if not with an amount;
    `follows` is a pattern of the two characters that may stand behind its first amount, "" for any, and
    `least` is how many characters that amount has at least.
    """

    pattern: str
    say: Callable[[Match[str]], str | None]
    begins: str = ""
    follows: str = ""
    least: int = 1


def any_of(words: Iterable[str]) -> str:
    """Return a pattern of any of `words`, the longest that fits; what they begin with alike is tried once."""
    tree: _Tree = {}
    for word in words:
        node = tree
        for character in word:
            node = node.setdefault(character, {})
        node[""] = {}
    return _branches(tree)


def full_stop(match: Match[str]) -> str:
    """Return the point that a match ends with where it is a sentence's full stop too, "" elsewhere."""
    if not match[0].endswith(".") or not _BEGINS.match(match.string, match.end()):
        return ""
    after = _WORD.match(match.string, match.end())
    is_of_a_time = after and match[0][-3:].lower() == ".m." and after[1].lower() in AFTER_TIMES
    return "" if is_of_a_time else "."


class Rules:
    """Rules in their order, tried together in one pass over a text."""

    def __init__(self, rules: Sequence[Rule], *, needs: str = "", begins: str = "") -> None:
        """Without the pattern `needs` a text holds nothing for these rules; a match begins with `begins`."""
        self._rules = [(re.compile(rule.pattern), rule.say) for rule in rules]
        self._tried = {f"rule{place}": self._rules[place:] for place in range(len(rules))}
        branches = (f"(?P<rule{place}>{_unnamed(rule.pattern)})" for place, rule in enumerate(rules))
        self._any = re.compile(rf"{begins}(?:{'|'.join(branches)})")
        self._needs = re.compile(needs)

    def read(self, text: str) -> str:
        """Return `text` with everything that a rule says in its place."""
        return _replaced(text, self._any, self._say) if self._needs.search(text) else text

    def _say(self, found: Match[str]) -> tuple[int, str] | None:
        return _first_said(self._tried[found.lastgroup or "rule0"], found.string, found.start())


class AmountRules:
    """Rules most of which begin with an amount: it is found once, and what follows it says which to try."""

    def __init__(self, rules: Sequence[Rule], amount: str) -> None:
        """`amount` is the pattern of an amount, its sign included."""
        self._amount = re.compile(amount)
        self._special = [(re.compile(rule.pattern), rule.say) for rule in rules if rule.begins]
        begins = (rule.begins for rule in rules if rule.begins)
        special = (f"(?P<rule{place}>{_unnamed(pattern)})" for place, pattern in enumerate(begins))
        others = "|".join((*special, r"[-\u2212\u2013]?[.,]?\d"))
        self._any = re.compile(rf"\d|(?!\s|{_INSIDE_A_WORD})(?:{others})")
        self._amounts = [
            (rule.least, re.compile(rule.follows or ".*", re.DOTALL), (re.compile(rule.pattern), rule.say))
            for rule in rules
            if not rule.begins
        ]
        self._longest_least = max(rule.least for rule in rules)
        self._after = lru_cache(4096)(self._rules_after)

    def read(self, text: str) -> str:
        """Return `text` with everything that a rule says in its place."""
        return _replaced(text, self._any, self._say)

    def _say(self, found: Match[str]) -> tuple[int, str] | None:
        text, start = found.string, found.start()
        if found.lastgroup:  # it begins as a special rule does
            first = int(found.lastgroup[len("rule") :])
            if said := _first_said(self._special[first:], text, start):
                return said
        amount = self._amount.match(text, start)
        if amount is None:  # more digits than an amount has
            return _first_said(self._after("", self._longest_least), text, start)
        end = amount.end()
        rules = self._after(text[end : end + 2], min(end - start, self._longest_least))
        return _first_said(rules, text, start)

    def _rules_after(self, follows: str, length: int) -> Sequence[_Compiled]:
        return [
            rule for least, pattern, rule in self._amounts if least <= length and pattern.fullmatch(follows)
        ]


def _replaced(text: str, candidate: Pattern[str], say: Callable[[Match[str]], tuple[int, str] | None]) -> str:
    """Return `text` with the words for each match of `candidate` that has some, from its start to their end.

    Words and what stands beside them are kept apart by a space where both are letters.
    """
    parts: list[str] = []
    end = place = 0
    while found := candidate.search(text, place):
        said = say(found)
        if said is None:
            place = found.start() + 1
            continue
        parts += text[end : found.start()], said[1]
        end = place = said[0]
    if not parts:
        return text
    return _apart([*parts, text[end:]])


def _apart(parts: list[str]) -> str:
    """Return the parts as one text, with a space where letters of two of them would meet."""
    joined: list[str] = []
    ends_word = False
    for part in filter(None, parts):
        if ends_word and part[0].isalnum():
            joined.append(" ")
        joined.append(part)
        ends_word = part[-1].isalnum()
    return "".join(joined)


def _first_said(rules: Iterable[_Compiled], text: str, start: int) -> tuple[int, str] | None:
    """Return the end and the words of the first rule that says something at `start`."""
    for pattern, say in rules:
        if (match := pattern.match(text, start)) and (words := say(match)) is not None:
            return match.end(), words
    return None


def _branches(tree: _Tree) -> str:
    stem = ""
    while len(tree) == 1 and "" not in tree:
        ((character, tree),) = tree.items()
        stem += re.escape(character)
    branches = [re.escape(character) + _branches(rest) for character, rest in tree.items() if character]
    if not branches:
        return stem
    return f"{stem}(?:{'|'.join(branches)}){'?' if '' in tree else ''}"


def _unnamed(pattern: str) -> str:
    return _NAME.sub("(?:", pattern)
