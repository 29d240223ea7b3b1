"""`f5ctl say --dry-run`: what would be spoken, in which pieces, for how long and after which wait."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from f5ctl.client import Client
from f5ctl.progress import StatusLine
from f5ctl.protocol import Plan, Say
from f5ctl.speech.fitting import faster, late, room_s
from f5ctl.speech.speaker import Part, Silence, Slot

Answer = dict[str, Any]


def ask(client: Client, parts: Sequence[Part], line: StatusLine) -> list[Answer | None]:
    """Return the daemon's answer to `plan` for each part, None for a silence.

    What is too long for its slot is asked for again, faster, as it would be spoken; among its warnings is then
    that it is late all the same.
    """
    answers: list[Answer | None] = []
    now_s = 0.0
    for part in parts:
        if isinstance(part, Silence):
            answers.append(None)
            now_s += part.duration_s
            continue
        found = _plan(client, part.request, line)
        if isinstance(part, Slot):
            found, now_s = _fit(client, part, found, now_s, line)
        else:
            now_s += found["duration_s"]
        answers.append(found)
    return answers


def _plan(client: Client, request: Say, line: StatusLine) -> Answer:
    return client.call(Plan(**asdict(request)), tell=line.report)


def _fit(client: Client, slot: Slot, found: Answer, now_s: float, line: StatusLine) -> tuple[Answer, float]:
    """Return the answer for what would be spoken in the slot, and when that would end."""
    left_s, length_s = room_s(slot.cue, now_s), found["duration_s"]
    if length_s > left_s:
        again = _plan(client, faster(slot.request, length_s, left_s), line)
        found = again if again["duration_s"] < length_s else found
    end_s = max(slot.cue.start_s, now_s) + found["duration_s"]
    if told := late(slot.cue, end_s):
        found = {**found, "warnings": [*found["warnings"], told]}
    return found, end_s


def warnings(answers: Sequence[Answer | None]) -> list[str]:
    """Return what the daemon warns of, each line once."""
    return list(dict.fromkeys(text for each in answers if each for text in each["warnings"]))


def table(parts: Sequence[Part], answers: Sequence[Answer | None]) -> Iterator[str]:
    """Yield the lines for a person: who speaks, what is said when, what it costs."""
    speaker, now_s, end_s = "", 0.0, 0.0
    count, synthesis_s = 0, 0.0
    for part, found in zip(parts, answers, strict=True):
        if isinstance(part, Silence):
            yield f"{now_s:7.1f}  (pause of {part.duration_s:g} s)"
            now_s += part.duration_s
        elif found is not None:
            if speaker != (speaker := _speaker(found)):
                yield speaker
            now_s = max(now_s, part.cue.start_s) if isinstance(part, Slot) else now_s
            for segment in found["segments"]:
                yield f"{now_s + segment['start_s']:7.1f}  {segment['text']}"
            now_s += found["duration_s"]
            end_s = part.cue.end_s if isinstance(part, Slot) else 0.0  # silence fills the last slot
            count += len(found["segments"])
            synthesis_s += found["synthesis_s"]
    wait_s = next((found["wait_s"] for found in answers if found), 0.0)
    pieces = f"{count} segment{'s' if count != 1 else ''}"
    wait = f", after {wait_s:.1f} s of work for others" if wait_s >= 0.05 else ""
    yield f"{max(now_s, end_s):.1f} s in {pieces}; about {synthesis_s:.1f} s to make{wait}"


def _speaker(found: Answer) -> str:
    steps, language = found["parameters"]["nfe_step"], found["parameters"]["language"]
    read = "as written" if language.lower() == "none" else f"read in {language}"
    voice = found.get("voice") or "a recording"
    return f"voice {voice}, model {found['model']} on {found['device']}, {steps} steps, numbers {read}"
