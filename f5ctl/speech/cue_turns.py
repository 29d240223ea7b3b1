"""Who says what in a subtitle, and when: its tags, its pauses, and no sound cues. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from f5ctl.brackets import has_words, without_cues
from f5ctl.speech.marks import Marks, Part, Pause, Words
from f5ctl.speech.srt import Cue

MOST_OF_A_CUE: Final = 0.5  # that pauses may take; longer ones are shortened


def cue_turns(marks: Marks, cue: Cue) -> Iterator[tuple[Words, Cue]]:
    """Yield what is said in `cue` and when; nothing for one that only says what is to be heard.

    Its time, without the pauses, is shared by letters.

    Raises:
        BadRequestError: a bracket is no tag and tags are strict.
    """
    marks.where = f"the cue at {cue.start_s:g} s"
    pieces = _without_cues(marks.parts(cue.text))
    letters = sum(len(piece.text) for piece in pieces if isinstance(piece, Words))
    pauses_s = sum(piece.duration_s for piece in pieces if isinstance(piece, Pause))
    length_s = cue.end_s - cue.start_s
    fits = min(1.0, length_s * MOST_OF_A_CUE / pauses_s) if pauses_s else 1.0
    now_s = cue.start_s
    for piece in pieces:
        if isinstance(piece, Pause):
            now_s += piece.duration_s * fits
            continue
        end_s = now_s + (length_s - pauses_s * fits) * len(piece.text) / letters
        yield piece, replace(cue, start_s=now_s, end_s=end_s, text=piece.text)
        now_s = end_s


def _without_cues(pieces: Sequence[Part]) -> list[Part]:
    said = [
        replace(piece, text=without_cues(piece.text).strip()) if isinstance(piece, Words) else piece
        for piece in pieces
    ]
    return [piece for piece in said if isinstance(piece, Pause) or has_words(piece.text)]
