"""Self-made sentences: greetings, numbers, dates, messages of programs, plain talk. Pure, seeded.

WordNet's examples lack the words that a speaking computer says most. Nothing here is quoted.
"""

from __future__ import annotations

import random
import re
from typing import Final

_DIGITS: Final = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
_TEENS: Final = [
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
    "thirty",
    "forty",
    "fifty",
    "sixty",
    "seventy",
    "eighty",
    "ninety",
]
_SLOTS: Final[dict[str, str]] = {
    "greeting": "hello|good morning|good evening|good night|welcome|welcome back|hello there|hi|hello world",
    "name": "john|mary|anna|peter|sarah|david|maria|paul|lisa|tom|emma|robert|my friend|everyone",
    "number": "",
    "small": "|".join([*_DIGITS[1:], "ten", "eleven", "twelve"]),
    "day": "monday|tuesday|wednesday|thursday|friday|saturday|sunday",
    "month": ("january|february|march|april|may|june|july|august|september|october|november|december"),
    "thing": (
        "door|window|book|letter|message|phone|car|train|house|table|computer|program|file|picture|song"
        "|question|answer|story|test|box|key|lamp|paper|ship|bridge|machine|voice|word|garden|river"
    ),
    "things": (
        "files|messages|people|children|books|houses|tests|minutes|hours|days|weeks|years|miles|voices"
        "|words|letters|pictures|errors|apples|birds"
    ),
    "quality": (
        "new|old|small|large|open|closed|red|green|blue|white|black|cold|warm|quiet|loud|clean|ready|empty"
        "|full|heavy|light|strong|simple|different|important|beautiful|slow|fast|clear|good|bad"
    ),
    "place": "kitchen|city|office|school|station|village|room|street|world|hospital|library|market|park",
    "who": "he|she|they|we|i|you|the man|the woman|the boy|the girl|the teacher|the doctor|my brother",
    "did": (
        "opened|closed|found|lost|wanted|took|brought|read|wrote|heard|saw|bought|sold|moved|broke|used"
        "|needed|remembered|forgot|built|changed|carried|painted|loved"
    ),
    "when": "today|tomorrow|yesterday|this morning|last night|next week|every day|right now|in the evening",
    "weather": "sunny|cloudy|windy|rainy|cold|warm|dark|quiet",
    "program": "build|download|backup|update|job|search|installation|meeting|recording|game",
    "state": "finished|failed|started|stopped|been cancelled|been saved|been moved|been deleted",
    "ask": "where|when|why|how",
    "do": "wait|listen|speak|read|write|begin|stop|come in|sit down|look here|try again|call me|go home",
}
_PATTERNS: Final = (
    "{greeting}, {name}.",
    "{greeting}, how are you {when}?",
    "please {do}.",
    "please {do}, {name}.",
    "do not {do} {when}.",
    "thank you very much, {name}.",
    "the {program} has {state}.",
    "the {program} has {state} with {small} errors.",
    "your {program} will be ready in {number} {things}.",
    "there are {number} {things} in the {place}.",
    "i have {number} {quality} {things}.",
    "it is {number} degrees and {weather} {when}.",
    "the time is {number}.",
    "today is {day}, {month} {small}.",
    "we will meet on {day} at {small} in the {place}.",
    "{who} {did} the {quality} {thing} {when}.",
    "{who} {did} a {thing} and a {thing}.",
    "{who} {did} the {thing}, but not the {thing}.",
    "the {thing} is {quality} and {quality}.",
    "the {quality} {thing} is in the {place}.",
    "is the {thing} {quality}, or is it {quality}?",
    "{ask} did {who} go {when}?",
    "{ask} is the {thing} so {quality}?",
    "{number}, {number}, {number}.",
    "{small} {things} and {small} {things} make {number} {things}.",
    "yes, {who} {did} it {when}.",
    "no, the {thing} is not {quality}!",
    "what a {quality} {thing}!",
    "can you hear this {quality} {thing}?",
    "this is the {quality} {thing} of the {place}.",
    "my name is {name} and i live near the {place}.",
    "chapter {number}, the {quality} {thing}.",
    "{day}, {day} and {day}.",
    "{month} is {weather} in the {place}.",
)
_SLOT: Final = re.compile(r"\{(\w+)\}")


def everyday_sentences(count: int, *, seed: int = 1) -> list[str]:
    """Return `count` different sentences, the same ones for the same seed."""
    rng = random.Random(seed)
    found: dict[str, None] = {}
    while len(found) < count:
        pattern = rng.choice(_PATTERNS)
        found.setdefault(_SLOT.sub(lambda slot: _fill(slot.group(1), rng), pattern))
    return list(found)


def _fill(slot: str, rng: random.Random) -> str:
    if slot == "number":
        return _number(rng.choice((9, 99, 999)), rng)
    return rng.choice(_SLOTS[slot].split("|"))


def _number(most: int, rng: random.Random) -> str:
    value = rng.randint(0, most)
    words = []
    if value >= 100:
        words += [_DIGITS[value // 100], "hundred"]
        value %= 100
    if value >= 20:
        words.append(_TEENS[8 + value // 10])
        value %= 10
        if value:
            words.append(_DIGITS[value])
    elif value >= 10:
        words.append(_TEENS[value - 10])
    elif value or not words:
        words.append(_DIGITS[value])
    return " ".join(words)
