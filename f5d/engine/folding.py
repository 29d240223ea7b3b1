"""What is read for a character that a model's vocabulary lacks: the base letter of `é`, a plain dash.

Pure. A vocabulary decides: what it has is never touched, and what has no reading in it stays as it is.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import Final

_REMEMBERED: Final = 4096


def _pairs(table: str) -> dict[str, str]:
    words = table.split(" ")
    return dict(zip(words[::2], words[1::2], strict=True))


# Letters without a base of their own, and signs. An empty word says nothing.
_LETTERS: Final = _pairs(
    "ß ss ẞ SS æ ae Æ AE œ oe Œ OE ð d Ð D þ th Þ Th ı i ȷ j ŋ ng Ŋ Ng ĸ k ə e Ə E ɛ e Ɛ E ɔ o Ɔ O"
)
_SIGNS: Final = {
    **_pairs("— - – - ― - ‒ - ‐ - ‑ - − - … ... ‼ !! ⁇ ?? ⁄ / 。 . 、 , { ( } ) [ ( ] ) ¡  ¿  \u200c  \u200d "),
    **_pairs('« " » " „ " ‟ " ″ " “ " ” " 「 " 」 " 『 " 』 " 《 " 》 "'),
    **_pairs("ʻ ' ʼ ' ʹ ' ‹ ' › ' ‚ ' ‛ ' ′ ' ´ ' ‘ ' ’ '"),
    **dict.fromkeys("·•/_|", " "),
}
_BASE: Final = re.compile(r"LATIN (CAPITAL|SMALL) LETTER ([A-Z]) WITH ")
_MARK: Final = re.compile(r"[\u0300-\u036f]")
_CLUSTER: Final = re.compile(r"[^\u0300-\u036f][\u0300-\u036f]{0,8}|[\u0300-\u036f]{1,8}", re.DOTALL)


class Folding:
    """Replaces what a vocabulary lacks by what it has; `knows` tells whether it has a character."""

    def __init__(self, knows: Callable[[str], bool]) -> None:
        self._knows = knows
        self._folded: dict[str, str] = {}

    def fold(self, text: str, accents: dict[str, str]) -> str:
        """Return `text` with the base letters of those that the model lacks.

        `accents` is given every letter that was read as another. What has no reading stays as it is.
        """
        if _MARK.search(text):
            return "".join(self._cluster(match[0], accents) for match in _CLUSTER.finditer(text))
        lacking = [character for character in set(text) if character != "\n" and not self._knows(character)]
        said = {ord(character): self._cluster(character, accents) for character in lacking}
        return text.translate(said) if said else text

    def _cluster(self, cluster: str, accents: dict[str, str]) -> str:
        if len(cluster) == 1 and (cluster == "\n" or self._knows(cluster)):
            return cluster
        if cluster not in self._folded:
            if len(self._folded) >= _REMEMBERED:
                self._folded.clear()
            self._folded[cluster] = next(filter(self._knows_all, _readings(cluster)), cluster)
        said = self._folded[cluster]
        if said != cluster and cluster[0].isalpha():
            accents[cluster] = said
        return said

    def _knows_all(self, text: str) -> bool:
        return all(map(self._knows, text))


def _readings(cluster: str) -> Iterator[str]:
    """Yield what could be read for a letter or sign with its marks, the nearest first."""
    yield cluster
    apart = unicodedata.normalize("NFD", cluster)
    yield apart
    for end in range(len(apart) - 1, 0, -1):  # ế, ê, e
        yield unicodedata.normalize("NFC", apart[:end])
    if apart[0] in _SIGNS:
        yield _SIGNS[apart[0]]
    if apart[0] in _LETTERS:
        yield _LETTERS[apart[0]]
    if base := _BASE.match(unicodedata.name(apart[0], "")):
        yield base[2] if base[1] == "CAPITAL" else base[2].lower()
    if all(unicodedata.category(mark) in {"Mn", "Me"} for mark in cluster):
        yield ""  # a variation selector, an accent without a letter
    compatible = unicodedata.normalize("NFKD", cluster)  # ª, ², ①
    yield compatible
    yield "".join(_SIGNS.get(character, character) for character in compatible)
    yield "".join(c for c in compatible if unicodedata.category(c) not in {"Mn", "Me"})
