"""Speaking the parts of a script: one request for each, all their audio in one sink, in order.

At most `IN_FLIGHT` requests are unfinished at a time, so that the engine batches them; audio that
comes before its turn waits in memory. Where every part begins is known in the end: the script's cues.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeAlias

from f5ctl.client import Client
from f5ctl.pauses import Gaps, boundary_between
from f5ctl.progress import StatusLine
from f5ctl.protocol import SAMPLE_BYTES, SAMPLE_RATE_HZ, Say
from f5ctl.receipts import silence_tag
from f5ctl.speech import conversation
from f5ctl.speech.conversation import Conversation
from f5ctl.speech.fitting import faster, late, room_s
from f5ctl.speech.output import file_tag
from f5ctl.speech.srt import Cue

IN_FLIGHT: Final = 4


@dataclass(frozen=True, slots=True)
class Speech:
    """A request whose audio follows what comes before it."""

    request: Say


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


@dataclass(slots=True, eq=False)
class _Take:
    """A part of the script on its way; `first_try` is what a slot was too short for."""

    part: Part
    asked: conversation.Part | None = None
    first_try: tuple[bytes, dict[str, Any]] | None = None
    begun: bool = False


class Speaker:
    """Speaks `parts`; `cues` holds what was said when, as far as it was spoken.

    `report` gets the receipt of each request when its audio has been written, `warn` a line for the user.
    """

    def __init__(
        self,
        client: Client,
        parts: Sequence[Part],
        out: Taker,
        *,
        line: StatusLine,
        report: Callable[[dict[str, Any]], None],
        warn: Callable[[str], None],
    ) -> None:
        self.cues: list[Cue] = []
        self._talk = Conversation(client, line.report)
        self._todo = deque(parts)
        self._takes: deque[_Take] = deque()
        self._out = out
        self._report = report
        self._warn = warn
        self._samples = 0  # written
        self._end_s = 0.0  # where the last slot ends
        self._gaps = Gaps()
        self._before: Say | None = None  # what was spoken, if nothing came after it

    def speak(self) -> None:
        """Write every part; a fault leaves no request behind.

        Raises:
            F5Error: what the daemon answered, or that it is gone.
        """
        with self._talk:
            while self._todo or self._takes:
                self._ask()
                while self._takes and self._write(self._takes[0]):
                    self._takes.popleft()
                    self._ask()
                if self._takes:
                    self._talk.hear()
            self._put_silence(self._end_s - self._now_s)

    @property
    def _now_s(self) -> float:
        return self._samples / SAMPLE_RATE_HZ

    def _ask(self) -> None:
        while self._todo and self._talk.unfinished < IN_FLIGHT:
            part = self._todo.popleft()
            asked = None if isinstance(part, Silence) else self._talk.ask(part.request)
            self._takes.append(_Take(part, asked))

    def _write(self, take: _Take) -> bool:
        """Write what there is of the first part; return whether that is all of it."""
        if isinstance(take.part, Silence) or take.asked is None:
            wanted_s = take.part.duration_s if isinstance(take.part, Silence) else 0.0
            self._put_silence(self._gaps.of_s(wanted_s, last=not self._todo and take is self._takes[-1]))
            self._before = None
            return True
        asked = take.asked
        if isinstance(take.part, Speech):
            if asked.has_audio and not take.begun:
                take.begun = True
                if self._before is not None:
                    self._put_silence(self._gaps.between_s(boundary_between(self._before, asked.request)))
            for chunk in asked.take():
                self._put(chunk)
        if asked.last is None:
            return False
        receipt = asked.receipt()
        self._talk.drop(asked)
        if isinstance(take.part, Slot):
            return self._fit(take, take.part, asked, receipt)
        began_s = self._now_s - asked.came_bytes / SAMPLE_BYTES / SAMPLE_RATE_HZ
        self.cues.extend(_cues(receipt, asked.request.text, began_s, self._now_s))
        self._out.note(file_tag(receipt, asked.request))
        self._gaps.spoke(receipt)
        self._before = asked.request
        self._report(receipt)
        return True

    def _fit(self, take: _Take, slot: Slot, asked: conversation.Part, receipt: dict[str, Any]) -> bool:
        """Write the slot's audio when it fits or cannot be made to; else ask for a faster one."""
        audio = b"".join(asked.take())
        left_s = room_s(slot.cue, self._now_s)
        length_s = len(audio) / SAMPLE_BYTES / SAMPLE_RATE_HZ
        if take.first_try and len(take.first_try[0]) <= len(audio):
            audio, receipt = take.first_try  # a text so short that its tempo is fixed
        elif length_s > left_s and not take.first_try:
            take.first_try = (audio, receipt)
            take.asked = self._talk.ask(faster(asked.request, length_s, left_s), first=True)
            return False
        self._put_silence(slot.cue.start_s - self._now_s)
        began_s = self._now_s
        self._put(audio)
        self._out.note(file_tag(receipt, asked.request))
        self._end_s = max(self._end_s, slot.cue.end_s)
        if line := late(slot.cue, self._now_s):
            self._warn(line)
        self.cues.append(Cue(began_s, max(self._now_s, slot.cue.end_s), slot.cue.text))
        self._report(receipt)
        return True

    def _put(self, audio: bytes) -> None:
        self._out.add(audio, SAMPLE_RATE_HZ)
        self._samples += len(audio) // SAMPLE_BYTES

    def _put_silence(self, duration_s: float) -> None:
        left = round(duration_s * SAMPLE_RATE_HZ)
        if left > 0:
            self._out.note(silence_tag(left))
        while left > 0:
            count = min(left, SAMPLE_RATE_HZ)
            self._put(bytes(count * SAMPLE_BYTES))
            left -= count


def _cues(receipt: dict[str, Any], text: str, began_s: float, ended_s: float) -> list[Cue]:
    """Return what a request said when, by its segments; the whole text where they are not known."""
    timeline = receipt.get("timeline") or [{"text": text, "start_s": 0.0}]
    starts = [began_s + float(entry["start_s"]) for entry in timeline]
    ends = [*starts[1:], ended_s]
    return [
        Cue(start_s, end_s, str(entry["text"]))
        for start_s, end_s, entry in zip(starts, ends, timeline, strict=True)
        if end_s > start_s
    ]
