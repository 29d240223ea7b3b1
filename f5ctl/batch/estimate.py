"""`f5ctl batch --dry-run`: how much a batch would make, how long that takes, and what would go wrong.

The daemon is asked for the plan of every line that is not made yet; no audio is made, no file is written.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any, Final

from f5ctl.batch.line import Line
from f5ctl.batch.manifest import Manifest
from f5ctl.errors import F5Error
from f5ctl.printing import duration, size
from f5ctl.progress import Bar
from f5ctl.protocol import SAMPLE_BYTES, SAMPLE_RATE_HZ
from f5ctl.speech.output import Format

MOST_SHOWN: Final = 20  # problems and warnings that are told one by one
_PCM: Final = SAMPLE_BYTES * SAMPLE_RATE_HZ
BYTES_PER_S: Final[Mapping[Format, int]] = {  # measured on two minutes of a starter voice
    "wav": _PCM,
    "pcm": _PCM,
    "flac": 25_500,
    "ogg": 6_000,
    "opus": 4_600,
    "mp3": 8_650,
}
FILE_BYTES: Final = 4096  # header, receipt in it, and what the file system rounds up to


class Estimate:
    """Adds up the plans of lines; a `Listener` of the runner and a context manager, for its bar."""

    def __init__(self, lines: int, *, quiet: bool) -> None:
        self.speech_s = 0.0
        self.synthesis_s = 0.0
        self.wait_s: float | None = None
        self.problems = 0
        self.device = ""
        self.bytes: dict[str, float] = {}  # by format
        self._total = lines
        self._planned = 0
        self._quiet = quiet
        self._bar = Bar(quiet=quiet)
        self._warnings: dict[str, int] = {}

    def __enter__(self) -> Estimate:  # noqa: PYI034 - typing.Self is of Python 3.11
        self._bar.__enter__()
        return self

    def __exit__(self, *_error: object) -> None:
        self._bar.__exit__()

    def part(self, line: Line, said_bytes: int, audio_s: float, made: bool) -> None:  # noqa: FBT001
        """Nothing is spoken here."""

    def warns(self, line: Line, text: str) -> None:  # noqa: ARG002
        """Count a warning."""
        self._warnings[text] = self._warnings.get(text, 0) + 1

    def made(self, line: Line, audio: bytes | None, made: dict[str, Any]) -> None:  # noqa: ARG002
        """Count the plan of `line`."""
        self.speech_s += made["duration_s"]
        self.synthesis_s += made["synthesis_s"]
        self.wait_s = made["wait_s"] if self.wait_s is None else self.wait_s
        self.device = made["device"]
        in_file = made["duration_s"] * BYTES_PER_S[line.format] + FILE_BYTES
        self.bytes[line.format] = self.bytes.get(line.format, 0) + in_file
        for warning in made.get("warnings") or []:
            self.warns(line, warning)
        self._show()

    def failed(self, line: Line, error: F5Error) -> None:
        """Tell that `line` cannot be spoken."""
        self.problems += 1
        if self.problems <= MOST_SHOWN:
            self._bar.print(f"f5ctl: {line.where}: {error.message}")
        elif self.problems == MOST_SHOWN + 1:
            self._bar.print("f5ctl: and more lines fail")
        self._show()

    def waits(self, why: str) -> None:
        """Show what is waited for."""
        self._bar.show(why or f"{self._planned} of {self._total}", self._planned, self._total)

    def _show(self) -> None:
        self._planned += 1
        self.waits("")

    @property
    def warnings(self) -> list[str]:
        """What the daemon warns of, each with the number of its lines."""
        told = [f"{text} ({count} lines)" if count > 1 else text for text, count in self._warnings.items()]
        return [*told[:MOST_SHOWN], *([f"{len(told) - MOST_SHOWN} more warnings"] if told[MOST_SHOWN:] else [])]


def answer(estimate: Estimate, manifest: Manifest, *, skipped: int, folder: str) -> dict[str, Any]:
    """Return the estimate as a script reads it."""
    return {
        "lines": len(manifest.lines) + len(manifest.bad),
        "to_make": len(manifest.lines) - skipped - estimate.problems,
        "skipped": skipped,
        "wrong": len(manifest.bad) + estimate.problems,
        "speech_s": round(estimate.speech_s, 3),
        "bytes": round(sum(estimate.bytes.values())),
        "bytes_by_format": {name: round(count) for name, count in estimate.bytes.items()},
        "free_bytes": free_bytes(folder),
        "synthesis_s": round(estimate.synthesis_s, 3),
        "wait_s": round(estimate.wait_s or 0.0, 3),
        "own_columns": manifest.own,
    }


def told(found: Mapping[str, Any], device: str) -> list[str]:
    """Return the estimate as a person reads it."""
    counts = f"{found['lines']} lines: {found['to_make']} to make, {found['skipped']} made already"
    lines = [f"{counts}, {found['wrong']} wrong"]
    if found["to_make"]:
        formats = ", ".join(found["bytes_by_format"])
        free = f"; {size(found['free_bytes'])} are free" if found["free_bytes"] is not None else ""
        free += ", which is not enough" if found["bytes"] > (found["free_bytes"] or math.inf) else ""
        lines.append(f"{duration(found['speech_s'])} of speech, about {size(found['bytes'])} ({formats}){free}")
        wait = f", after {duration(found['wait_s'])} of work for others" if found["wait_s"] >= 1 else ""
        lines.append(f"about {duration(found['synthesis_s'])} to make on {device}, line after line{wait}")
    if found["own_columns"]:
        lines.append(f"columns that are only carried along: {', '.join(found['own_columns'])}")
    return lines


def free_bytes(folder: str) -> int | None:
    """Return what is free where `folder` is, or will be; None where the system does not say."""
    path = os.path.abspath(folder)
    while not os.path.isdir(path) and path != "/":
        path = os.path.dirname(path)
    try:
        found = os.statvfs(path)
    except OSError:
        return None
    return found.f_bavail * found.f_frsize
