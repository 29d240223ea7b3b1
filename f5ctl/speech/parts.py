"""What a text of several requests is made of, and who supplies, takes and watches its parts: types alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from f5ctl.protocol import Reply, Say
from f5ctl.speech.srt import Cue


@dataclass(frozen=True, slots=True)
class Speech:
    """A request whose audio follows what comes before it, with a paragraph's pause where it begins one."""

    request: Say
    begins_paragraph: bool = False


@dataclass(frozen=True, slots=True)
class Silence:
    """So many seconds without a sound."""

    duration_s: float


@dataclass(frozen=True, slots=True)
class Slot:
    """A request whose audio belongs between two times; `cue` is what subtitles say of it.

    It is spoken at its own tempo when that fits, else faster, up to the fastest that there is.
    """

    request: Say
    cue: Cue


Part: TypeAlias = Speech | Silence | Slot


class Taker(Protocol):
    """What takes the audio: a sink, or what is encoded later."""

    def add(self, data: bytes, rate_hz: int) -> None:
        """Take the next samples."""

    def note(self, tag: str) -> None:
        """Take the receipt of the samples since the last one."""


class Source(Protocol):
    """Where the parts come from: there already, or with a text that is still to come."""

    @property
    def is_over(self) -> bool:
        """True when every part was taken."""

    @property
    def waits_for(self) -> int | None:
        """The descriptor that has to be readable before there is another part; None when there is one."""

    def take(self) -> Sequence[Part]:
        """Return the next parts; none when there are none yet, or no more."""


class Listed:
    """Parts that are all there."""

    waits_for: None = None

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = parts

    @property
    def is_over(self) -> bool:
        """True when the parts were taken."""
        return not self._parts

    def take(self) -> Sequence[Part]:
        """Return all parts."""
        parts, self._parts = self._parts, ()
        return parts


@dataclass(frozen=True, slots=True)
class Listener:
    """Who is told: `report` of each receipt, `warn` of a line for the user, `tell` of the daemon's words.

    `show` gets after each part how many bytes of text were spoken, how many seconds that took, and whether
    this call has made the part: an f5ctl before it may have.
    """

    report: Callable[[dict[str, Any]], None]
    warn: Callable[[str], None]
    tell: Callable[[Reply], None]
    show: Callable[[int, float, bool], None] = lambda _bytes, _seconds, _made: None
