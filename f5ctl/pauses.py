"""How long nobody speaks between two pieces of a text, by the mark that the first one ends with.

Pure. The engine joins the segments of a request by these (f5d/engine/joins.py), the client the requests of a
text in several voices or of one that is still being written. Everything scales with `sentence_pause`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any, Final, Literal

from f5ctl.brackets import spoken
from f5ctl.protocol import Say
from f5ctl.sentences import MARKS, WIDE_MARKS

Boundary = Literal["clause", "sentence", "speaker", "paragraph"]

SHARES: Final[Mapping[Boundary, float]] = {"clause": 1 / 3, "sentence": 1, "speaker": 4 / 3, "paragraph": 2}
# What stands around the speech of a whole request, unless it is cross-faded or has a fixed duration.
START_S: Final = 0.05
END_S: Final = 0.1
TRIMMED_S: Final = 0.03  # at either end with `remove_silence`

_EDGES: Final = ("sentence_pause", "fix_duration", "remove_silence")

_SENTENCE_ENDS: Final = frozenset(MARKS + WIDE_MARKS)
_CLOSING: Final = frozenset("\"'*_~`")  # and brackets and quotes by category


def boundary_after(text: str) -> Boundary:
    """Return what ends with `text`: a sentence, or a part of one. Closing quotes and notes do not count."""
    for character in reversed(spoken(text)):
        if not (
            character.isspace()
            or character in _CLOSING
            or unicodedata.category(character) in ("Pe", "Pf", "Pi")
        ):
            return "sentence" if character in _SENTENCE_ENDS else "clause"
    return "clause"


def boundary_between(before: Say, after: Say, *, begins_paragraph: bool = False) -> Boundary:
    """Return what lies between two requests: another speaker's turn, or what the first one's text ends with.

    That is a paragraph where `after` begins one.
    """
    if (before.voice, before.label, before.ref_audio) != (after.voice, after.label, after.ref_audio):
        return "speaker"
    return "paragraph" if begins_paragraph else boundary_after(before.text)


def pause_s(boundary: Boundary, sentence_pause: float) -> float:
    """Return the pause at a boundary in seconds, where one after a sentence takes `sentence_pause`."""
    return SHARES[boundary] * sentence_pause


def edges_s(parameters: Mapping[str, Any]) -> tuple[float, float] | None:
    """Return the quiet before and after the speech of a request with these parameters of a receipt.

    None where nobody has measured it: with cross-faded segments or a fixed duration.
    """
    if parameters.get("sentence_pause") is None or parameters.get("fix_duration") is not None:
        return None
    return (TRIMMED_S, TRIMMED_S) if parameters.get("remove_silence") else (START_S, END_S)


class Gaps:
    """How much silence is to be put between requests, for the pauses that are wanted to be heard.

    Pure account of one file: it counts the quiet that every request has at its ends already. What follows is
    taken to be joined as what came before was. Requests that are cross-faded stand edge to edge.
    """

    def __init__(self) -> None:
        self._parameters: Mapping[str, Any] = {}  # of the request that was spoken last
        self._there_s = 0.0  # of the next pause

    def spoke(self, receipt: Mapping[str, Any]) -> None:
        """Take note of a request that has been spoken, by its receipt."""
        self._parameters = receipt.get("parameters") or {}
        edges = edges_s(self._parameters)
        self._there_s = sum(edges) if edges else 0.0

    @property
    def edges(self) -> dict[str, Any]:
        """The parameters, of the request that was spoken last, that the quiet at its ends depends on."""
        return {name: self._parameters[name] for name in _EDGES if name in self._parameters}

    def between_s(self, boundary: Boundary) -> float:
        """Return the seconds between the request that was spoken and one that follows at a boundary."""
        pause = self._parameters.get("sentence_pause")
        return 0.0 if pause is None or not self._there_s else self.of_s(pause_s(boundary, pause))

    def of_s(self, wanted_s: float, *, last: bool = False) -> float:
        """Return the seconds that make a pause of `wanted_s`; with `last` nothing is spoken after it."""
        there_s, self._there_s = self._there_s, 0.0
        if last and there_s:
            there_s -= (edges_s(self._parameters) or (0.0,))[0]
        return max(0.0, wanted_s - there_s)
