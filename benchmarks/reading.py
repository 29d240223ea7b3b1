"""How many texts of ttsproof's corpus are read right: python benchmarks/reading.py FOLDER [--wrong].

FOLDER holds the package `ttsproof` (MIT; `pip download --no-deps ttsproof`, unpacked): of its 817 texts those
in English that hold something to read. One is read right when no digit or mark is left in it and, where the
package says what is heard, the words are those (a year may be said in hundreds; "and" counts for nothing).
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from collections.abc import Iterator
from importlib import import_module

from num2words import num2words

from f5d.engine.reading import read_out

_CATEGORIES = (
    *("abbreviations", "currencies", "dates", "decimals", "emails", "iso_dates", "math", "network", "numbers"),
    *("ordinals_fractions", "percentages", "phones", "roman_numerals", "times", "timezones", "units", "urls"),
)
_WORDS = {num2words(number): number for number in (*range(20), *range(20, 100, 10))}
_SCALES = {"hundred": 2, "thousand": 3, "million": 6}
_UNREAD = re.compile(r"[\d$€£%°@#/=+×÷²³√^:_]")


def canonical(words: str) -> str:
    """Return words with their numbers as digits, so that all ways to say a year agree."""
    words = words.lower().replace("pee em", "pm").replace("ay em", "am").replace("oh", "zero")
    said: list[str] = []
    number = ""
    for word in [*re.findall("[a-z]+", words), ""]:
        if word in ("and", "o", "clock", "zeroclock"):
            continue
        if word in _WORDS or word in _SCALES:
            number = _continued(number, word)
        else:
            said += [number] * bool(number) + [word]
            number = ""
    return " ".join(said)


def _continued(number: str, word: str) -> str:
    """Return a number's digits after one word more."""
    if word == "hundred" and len(number) > 3:
        return f"{number[:-3]}{number[-1]}00"
    if word in _SCALES:
        return number + "0" * _SCALES[word]
    digits = str(_WORDS[word])
    kept = number.rstrip("0")
    if number and len(number) - len(kept) >= len(digits) and kept:
        return number[: -len(digits)] + digits
    return number + digits


def readings(folder: str) -> Iterator[tuple[str, str, str, bool]]:
    """Yield category, text, reading and whether it is right, for every text that holds something to read."""
    sys.path.insert(0, folder)
    cases = import_module("ttsproof.cases")
    normalize = import_module("ttsproof.normalize")
    for case in cases.builtin_cases():
        if case["category"] in _CATEGORIES:
            read = read_out(case["text"], "en")
            right = not _UNREAD.search(read)
            if right and case["policy"] == "strict":
                expected = normalize.normalize_text(case["text"], case.get("category_hint", ""))
                right = canonical(expected) == canonical(read)
            yield case["category"], case["text"], read, right


def main() -> None:
    """Print a line for each category."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--wrong", action="store_true", help="print what is read otherwise")
    arguments = parser.parse_args()
    total, right = Counter[str](), Counter[str]()
    for category, written, read, is_right in readings(arguments.folder):
        total[category] += 1
        right[category] += is_right
        if arguments.wrong and not is_right:
            print(f"{category}: {written!r} is read {read!r}")
    for category, count in total.items():
        print(f"{category:20} {right[category]:4} of {count:4}")
    print(f"{'all':20} {sum(right.values()):4} of {sum(total.values()):4}")


if __name__ == "__main__":
    main()
