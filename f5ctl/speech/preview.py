"""`f5ctl say --dry-run`: what would be spoken, in which pieces, for how long and after which wait."""

from __future__ import annotations

import select
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Final, TypeAlias

from f5ctl.client import Client
from f5ctl.printing import duration
from f5ctl.progress import StatusLine
from f5ctl.protocol import Plan, Say
from f5ctl.speech.fitting import faster, late, room_s
from f5ctl.speech.joining import Joints
from f5ctl.speech.parts import Part, Silence, Slot, Source

SHOWN_PARTS: Final = 20  # of a book
SHOWN_CHARS: Final = 80
Answer = dict[str, Any]
Planned: TypeAlias = "tuple[Part, Answer | None, Total]"


def ask(client: Client, source: Source, line: StatusLine, *, warn: Callable[[str], None]) -> Iterator[Planned]:
    """Yield each part with the answer to its `plan`, None for a silence, and what all so far come to.

    What is too long for its slot is asked for again, faster, as it would be spoken; among its warnings is then
    that it is late all the same. `warn` gets the daemon's warnings.
    """
    total = Total()
    while not source.is_over:
        parts = source.take()
        if not parts and source.waits_for is not None:
            select.select([source.waits_for], [], [])
        for part in parts:
            found = None
            if not isinstance(part, Silence):
                found = _plan(client, part.request, line)
                if isinstance(part, Slot):
                    found = _fit(client, part, found, total.now_s, line)
                for text in found["warnings"]:
                    warn(text)
            total.add(part, found, last=part is parts[-1] and source.is_over)
            yield part, found, total


def _plan(client: Client, request: Say, line: StatusLine) -> Answer:
    return client.call(Plan(**asdict(request)), tell=line.report)


def _fit(client: Client, slot: Slot, found: Answer, now_s: float, line: StatusLine) -> Answer:
    """Return the answer for what would be spoken in the slot, where `now_s` of the audio is there already."""
    left_s, length_s = room_s(slot.cue, now_s), found["duration_s"]
    if length_s > left_s:
        again = _plan(client, faster(slot.request, length_s, left_s), line)
        found = again if again["duration_s"] < length_s else found
    if told := late(slot.cue, max(slot.cue.start_s, now_s) + found["duration_s"]):
        found = {**found, "warnings": [*found["warnings"], told]}
    return found


def table(plans: Iterable[Planned]) -> Iterator[str]:
    """Yield the lines for a person: who speaks, what is said when, what it costs."""
    speaker, total = "", Total()
    for part, found, total in plans:
        if isinstance(part, Silence):
            yield f"{total.start_s:7.1f}  (pause of {part.duration_s:g} s)"
        elif found is not None:
            if speaker != (speaker := _speaker(found)):
                yield speaker
            for segment in found["segments"]:
                yield f"{total.start_s + segment['start_s']:7.1f}  {segment['text']}"
    yield total.line()


def outline(plans: Iterable[Planned]) -> Iterator[str]:
    """Yield the lines for a book: how its first parts begin, and what it costs."""
    speaker, total, left_out = "", Total(), 0
    for number, (_part, found, total) in enumerate(plans):
        if found is None or not found["segments"]:
            pass
        elif number >= SHOWN_PARTS:
            left_out += 1
        else:
            if speaker != (speaker := _speaker(found)):
                yield speaker
            text = str(found["segments"][0]["text"])
            shown = text if len(text) <= SHOWN_CHARS else f"{text[:SHOWN_CHARS]}..."
            yield f"{total.start_s:9.1f}  {shown}"
    if left_out:
        yield f"({left_out} more parts)"
    yield total.line()


def in_all(plans: Iterable[Planned]) -> Answer:
    """Return what the plans of one text come to, as one request's plan has it."""
    total, device = Total(), ""
    for _part, found, so_far in plans:
        total, device = so_far, found["device"] if found else device
    facts = {"synthesis_s": total.synthesis_s, "wait_s": total.wait_s, "device": device}
    return {"duration_s": total.length_s, **facts}


@dataclass(slots=True)
class Total:
    """What the parts so far come to, with the pauses between them; the last one begins at `start_s`."""

    start_s: float = 0.0
    now_s: float = 0.0
    end_s: float = 0.0  # of the last slot, which silence fills
    synthesis_s: float = 0.0
    segments: int = 0
    wait_s: float | None = None
    joints: Joints = field(default_factory=Joints)

    def add(self, part: Part, found: Answer | None, *, last: bool) -> None:
        """Count a part; nothing comes after the `last` one."""
        self.start_s = self.now_s
        if isinstance(part, Silence):
            self.now_s += self.joints.of_s(part, last=last)
        if isinstance(part, Silence) or found is None:
            return
        if isinstance(part, Slot):
            self.start_s = max(self.now_s, part.cue.start_s)
            self.end_s = max(self.end_s, part.cue.end_s)
        else:
            self.start_s += self.joints.before_s(part)
            self.joints.spoke(part, found["parameters"])
        self.now_s = self.start_s + found["duration_s"]
        self.segments += len(found["segments"])
        self.synthesis_s += found["synthesis_s"]
        self.wait_s = found["wait_s"] if self.wait_s is None else self.wait_s

    @property
    def length_s(self) -> float:
        """The length of it all."""
        return max(self.now_s, self.end_s)

    def line(self) -> str:
        """Return the length of it all, and what it takes."""
        pieces = f"{self.segments} segment{'s' if self.segments != 1 else ''}"
        wait = f", after {self.wait_s:.1f} s of work for others" if (self.wait_s or 0) >= 0.05 else ""
        length = f" ({duration(self.length_s)})" if self.length_s >= 60 else ""
        return f"{self.length_s:.1f} s{length} in {pieces}; about {self.synthesis_s:.1f} s to make{wait}"


def _speaker(found: Answer) -> str:
    steps, language = found["parameters"]["nfe_step"], found["parameters"]["language"]
    read = "as written" if language.lower() == "none" else f"read in {language}"
    voice = found.get("voice") or "a recording"
    return f"voice {voice}, model {found['model']} on {found['device']}, {steps} steps, numbers {read}"
