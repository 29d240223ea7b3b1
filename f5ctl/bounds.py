"""What a value may be, the one check of it, and the words for a wrong one.

Pure. The parameters of a request (parameters.py) and the keys of the daemon's configuration are `Rule`s, so
that a wrong value is told in the same words wherever it came from: `speed is 3; the limit is 0.5 to 2`.
Plain classes: a dataclass takes a millisecond or two to make, and every call of f5ctl makes these.
"""

from __future__ import annotations

import re
from reprlib import Repr
from typing import Any, Final, NamedTuple

_KINDS: Final[dict[type, str]] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "a text",
    bytes: "bytes",
}
_SHOWN_CHARS: Final = 80
_SHORT: Final = Repr()
_SHORT.maxlevel, _SHORT.maxlist, _SHORT.maxdict = 2, 8, 8
_FLAGS: Final = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


class Bound(NamedTuple):
    """The closed range of a number; `or_zero` also allows exactly 0."""

    low: float
    high: float
    unit: str = ""
    or_zero: bool = False

    def admits(self, value: float) -> bool:
        """Return True for a value in the range; NaN is in no range."""
        return self.low <= value <= self.high or (self.or_zero and value == 0)

    def __str__(self) -> str:
        zero = "0 or " if self.or_zero else ""
        return f"{zero}{_plain(self.low)} to {_plain(self.high)}{' ' + self.unit if self.unit else ''}"


class Rule:
    """What a value may be: its type, the range of a number, the length, the pattern or the choices of a text.

    `words` say in a person's language what a pattern admits. An int is a float, no bool is a number.
    """

    def __init__(
        self,
        *,
        kind: type = str,
        bound: Bound | None = None,
        most_bytes: int | None = None,
        pattern: str | None = None,
        words: str = "",
        choices: tuple[str, ...] = (),
    ) -> None:
        self.kind = kind
        self.bound = bound
        self.most_bytes = most_bytes
        self.pattern = pattern
        self.words = words
        self.choices = choices

    @property
    def limits(self) -> str:
        """What is admitted, beyond the type, in words; "" where everything is."""
        if self.bound:
            return str(self.bound)
        if self.choices:
            return f"{', '.join(self.choices[:-1])} or {self.choices[-1]}"
        return self.words or (f"1 to {self.most_bytes} bytes" if self.most_bytes else "")

    def fault(self, value: Any) -> str | None:
        """Return what is wrong with `value`, to stand after "NAME is "; None when nothing is."""
        if not self._is_of_kind(value):
            what = f"must be {_KINDS[self.kind]}{f', {self.bound}' if self.bound else ''}"
            return f"{shown(value)}; it {f'can be {self.limits}' if self.words or self.choices else what}"
        if self.bound:
            told = f"{value:g}" if isinstance(value, float) else shown(value)
            return None if self.bound.admits(value) else f"{told}; the limit is {self.bound}"
        if isinstance(value, str) and not is_utf8(value):
            return f"{shown(value)}; it holds half a character, or bytes that are not UTF-8"
        if self.most_bytes:
            size = len(value if isinstance(value, bytes) else value.encode(errors="replace"))
            if not 0 < size <= self.most_bytes:
                return f"{size} bytes; the limit is {self.most_bytes}" if size else "empty"
        good = value in self.choices if self.choices else not self.pattern or re.fullmatch(self.pattern, value)
        return None if good else f"{shown(value)}; it can be {self.limits}"

    def read(self, text: str) -> Any:
        """Return what a text means as a value of this kind; a text that means none comes back as it is."""
        try:
            if self.kind is bool:
                return _FLAGS.get(text.strip().lower(), text)
            return self.kind(text) if self.kind in (int, float) else text
        except ValueError:
            return text

    def _is_of_kind(self, value: Any) -> bool:
        if self.kind in (int, float) and isinstance(value, bool):
            return False
        return isinstance(value, int | float if self.kind is float else self.kind)


def is_utf8(text: str) -> bool:
    """Return True unless a text holds half a character, or a byte of a command line that was not UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def shown(value: Any) -> str:
    """Return a value as an error line shows it, cut before it is built: it may be large, deep, or both."""
    try:
        return f"{_SHORT.repr(value) if isinstance(value, list | dict) else repr(value):.{_SHOWN_CHARS}}"
    except ValueError:  # Python prints no integer of more than 4300 digits
        return "a number of thousands of digits"


def _plain(number: float) -> str:
    return str(int(number)) if number == int(number) else f"{number:g}"
