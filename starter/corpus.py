"""Step 1, text: `python -m starter.corpus` writes the training sentences to work/sentences.txt.

Sources: example sentences of WordNet 3.0 (Debian package wordnet-base) without its attributed
quotations, and self-made ones (everyday.py). Nothing that shares four words in a row with a held-out
sentence stays in.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import click

from .everyday import everyday_sentences
from .paths import HARVARD, HELD_OUT, SENTENCES, read_lines

WORDNET: Final = Path("/usr/share/wordnet")
MIN_CHARACTERS: Final = 12
MAX_CHARACTERS: Final = 72
SHARED_WORDS: Final = 4  # a run of so many words in common with a held-out sentence is an overlap

_EXAMPLE: Final = re.compile(r'"([^"]+)"(\s*-+\s*[A-Z])?')  # a dash and a name after it: someone is quoted
_ALLOWED: Final = re.compile(r"[a-z', ]+[.?!]")
_WORD: Final = re.compile(r"[a-z']+")


def normalise(text: str) -> str | None:
    """Return the sentence in the model's letters, ending with `.`, `?` or `!`; None if it has others."""
    text = text.strip().lower().replace("-", " ").replace(";", ",").replace("`", "'")
    text = re.sub(r"\s+", " ", text).replace(" ,", ",").rstrip(" ,:")
    if text and text[-1] not in ".?!":
        text += "."
    if not _ALLOWED.fullmatch(text) or text.count("'") > 1 or "' " in text or " '" in text:
        return None
    return text


def words_of(text: str) -> list[str]:
    """Return the words of a sentence in order, lower case."""
    return _WORD.findall(text.lower())


def word_runs(text: str, length: int = SHARED_WORDS) -> set[tuple[str, ...]]:
    """Return every run of `length` words of a sentence; the whole of a shorter one."""
    words = words_of(text)
    if len(words) <= length:
        return {tuple(words)}
    return {tuple(words[start : start + length]) for start in range(len(words) - length + 1)}


def wordnet_examples(folder: Path) -> Iterator[str]:
    """Yield the unattributed example sentences of WordNet's data files."""
    for name in ("data.adj", "data.adv", "data.noun", "data.verb"):
        for line in (folder / name).read_text(encoding="latin-1").splitlines():
            _, _, gloss = line.partition(" | ")
            for example, quoted in _EXAMPLE.findall(gloss):
                if not quoted:
                    yield example


def select(candidates: Iterable[str], held_out: Sequence[str]) -> list[str]:
    """Return the sentences fit for training, each once and none that overlaps a held-out one."""
    forbidden = set().union(*(word_runs(text) for text in held_out)) if held_out else set()
    chosen: dict[str, None] = {}
    for candidate in candidates:
        text = normalise(candidate)
        if text is None or not MIN_CHARACTERS <= len(text) <= MAX_CHARACTERS or len(words_of(text)) < 2:
            continue
        if forbidden.isdisjoint(word_runs(text)):
            chosen.setdefault(text)
    return list(chosen)


@click.command()
@click.option("--examples", default=60_000, show_default=True, help="Sentences from WordNet at most.")
@click.option("--everyday", default=2_500, show_default=True, help="Self-made sentences.")
def main(examples: int, everyday: int) -> None:
    """Write the training sentences in a fixed random order."""
    held_out = [*read_lines(HELD_OUT), *read_lines(HARVARD)]
    rng = random.Random(0)
    from_wordnet = select(wordnet_examples(WORDNET), held_out)
    full = [text for text in from_wordnet if len(words_of(text)) >= 4]  # phrases last: they teach least
    rng.shuffle(full)
    sentences = full[:examples] + select(everyday_sentences(everyday), held_out)
    rng.shuffle(sentences)
    SENTENCES.parent.mkdir(parents=True, exist_ok=True)
    SENTENCES.write_text("\n".join(dict.fromkeys(sentences)) + "\n", encoding="utf-8")
    click.echo(f"{len(sentences)} sentences, {len(full)} candidates from WordNet")


if __name__ == "__main__":
    main()
