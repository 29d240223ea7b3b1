"""Fitting what is said of a cue into its slot: how much faster, and what is told when it is late. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from f5ctl.client import new_id
from f5ctl.parameters import SPEED_BOUND
from f5ctl.protocol import Say
from f5ctl.speech.srt import Cue

FIT_MARGIN_S: Final = 0.02  # two frames: lengths are whole frames
MOST_SPEED: Final = SPEED_BOUND.high
LATE_S: Final = 0.05  # what nobody notices


def room_s(cue: Cue, now_s: float) -> float:
    """Return the time that is left for a cue where `now_s` of the audio is there already."""
    return cue.end_s - max(cue.start_s, now_s)


def faster(request: Say, length_s: float, room_s: float) -> Say:
    """Return a request for the same words in `room_s` instead of `length_s`, or as fast as there is."""
    speed = (request.speed or 1.0) * length_s / max(room_s - FIT_MARGIN_S, FIT_MARGIN_S)
    return replace(request, id=new_id(), speed=min(speed, MOST_SPEED))


def late(cue: Cue, end_s: float) -> str | None:
    """Return the line for a cue whose words end at `end_s`, None when nobody would notice."""
    if end_s <= cue.end_s + LATE_S:
        return None
    where = f"the cue at {cue.start_s:g} s ({cue.text[:30]!r})"
    return f"{where} ends {end_s - cue.end_s:.1f} s after its slot, at its fastest"
