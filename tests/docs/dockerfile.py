"""The Dockerfile as instructions, stage by stage, and what .dockerignore lets through. Pure: files in."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
_VARIABLE: Final = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction: `RUN`, and what stands behind it."""

    word: str
    text: str

    @property
    def words(self) -> list[str]:
        """Its words; those of the exec form where it has that."""
        return list(json.loads(self.text)) if self.text.startswith("[") else shlex.split(self.text)

    @property
    def pairs(self) -> dict[str, str]:
        """What ARG or ENV sets."""
        return {name: value for name, _, value in (word.partition("=") for word in self.words)}

    @property
    def variables(self) -> set[str]:
        """The variables that it names."""
        return {braced or bare for braced, bare in _VARIABLE.findall(self.text)}


@dataclass(slots=True)
class Stage:
    """What stands between one FROM and the next; `name` is "" for the image itself."""

    base: str
    name: str
    instructions: list[Instruction] = field(default_factory=list)

    def all(self, word: str) -> list[Instruction]:
        """Return its instructions of that word in their order."""
        return [one for one in self.instructions if one.word == word]

    def last(self, word: str) -> Instruction:
        """Return the one that counts."""
        return self.all(word)[-1]


def instructions(text: str) -> Iterator[Instruction]:
    """Yield the instructions of a Dockerfile, continued lines as one."""
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    for line in lines.replace("\\\n", " ").splitlines():
        word, _, rest = line.strip().partition(" ")
        if word:
            yield Instruction(word, rest.strip())


def stages(text: str) -> tuple[dict[str, str], list[Stage]]:
    """Return the arguments that stand before the first stage, and the stages."""
    arguments: dict[str, str] = {}
    found: list[Stage] = []
    for one in instructions(text):
        if one.word == "FROM":
            base, _, name = one.text.partition(" AS ")
            found.append(Stage(base, name))
        elif found:
            found[-1].instructions.append(one)
        else:
            arguments |= one.pairs
    return arguments, found


def filled(text: str, values: Mapping[str, str]) -> str:
    """Return `text` with its variables filled in."""
    return _VARIABLE.sub(lambda match: values[match[1] or match[2]], text)


def is_sent(path: str, ignored: str) -> bool:
    """Return whether the builder gets `path` of the checkout: of .dockerignore's lines the last one counts."""
    sent = True
    parts = path.split("/")
    above = ["/".join(parts[: end + 1]) for end in range(len(parts))]
    for line in ignored.splitlines():
        pattern = line.removeprefix("!")
        names = parts if pattern.startswith("**/") else above
        if line and line[0] != "#" and any(fnmatch(name, pattern.removeprefix("**/")) for name in names):
            sent = line.startswith("!")
    return sent
