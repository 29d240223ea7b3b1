"""How a batch goes: for a person on stderr, for a script as lines of JSON on stdout.

On a terminal a bar, elsewhere a line now and then. Failures and warnings get a line of their own at once.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import Any, Final

from f5ctl.batch.line import Bad, Line
from f5ctl.batch.store import Store
from f5ctl.errors import F5Error
from f5ctl.printing import duration, emit_json, warn
from f5ctl.progress import Bar, left

PLAIN_EVERY_S: Final = 10.0


class Tally:
    """What has happened so far, and what that says of the rest."""

    def __init__(self, lines: Sequence[Line], others: int, now: float) -> None:
        self.total = len(lines) + others
        self.skipped = 0
        self.made = 0
        self.failed = 0
        self.audio_s = 0.0
        self._began = now
        self._left_bytes = sum(len(line.text.encode()) for line in lines)
        self._made_bytes = 0
        self._part_bytes = 0  # of the line of several requests that is being made
        self._part_s = 0.0

    @property
    def ended(self) -> int:
        """Lines that need no more work."""
        return self.skipped + self.made + self.failed

    def count(self, line: Line, audio_s: float | None) -> None:
        """Note the end of a line; `audio_s` is None for a failure."""
        self.failed += audio_s is None
        self.made += audio_s is not None
        self.part(len(line.text.encode()), audio_s or self._part_s, made=audio_s is not None)
        self._part_bytes, self._part_s = 0, 0.0

    def part(self, said_bytes: int, audio_s: float, *, made: bool) -> None:
        """Note how much of a line is spoken, and whether this run has `made` what is new of it."""
        new_bytes, new_s = said_bytes - self._part_bytes, audio_s - self._part_s
        self._part_bytes, self._part_s = said_bytes, audio_s
        self._left_bytes -= new_bytes
        if made:
            self._made_bytes += new_bytes
            self.audio_s += new_s

    def pace(self, now: float) -> float:
        """Seconds of audio made in a second."""
        return self.audio_s / max(now - self._began, 1e-3)

    def left_s(self, now: float) -> float | None:
        """Seconds until the end, by the bytes of text; None before anything was made."""
        if self._made_bytes <= 0:
            return None
        return (now - self._began) * self._left_bytes / self._made_bytes

    def elapsed_s(self, now: float) -> float:
        """Seconds since the beginning."""
        return now - self._began

    def describe(self, now: float) -> str:
        """Return how it goes, in a line."""
        parts = [f"{self.ended} of {self.total}"]
        if self.failed:
            parts.append(f"{self.failed} failed")
        if self.audio_s > 0:
            parts.append(f"{self.pace(now):.1f} s of audio a second")
        left_s = self.left_s(now)
        if left_s is not None and self.ended < self.total:
            parts.append(left(left_s))
        return ", ".join(parts)


class BatchReport:
    """Keeps what is made and tells of every line as it ends.

    `lines` are those to make, `others` how many are skipped or bad. A context manager, since a bar must be
    taken down again.
    """

    def __init__(self, lines: Sequence[Line], others: int, store: Store, *, quiet: bool) -> None:
        self.failures: list[dict[str, Any]] = []
        self.tally = Tally(lines, others, time.monotonic())
        self._store = store
        self._quiet = quiet
        self._answers = not os.isatty(1)  # a person watches the bar instead
        self._bar = Bar(quiet=quiet)
        self._shown_at = time.monotonic()
        self._why = ""

    def __enter__(self) -> BatchReport:  # noqa: PYI034 - typing.Self is of Python 3.11
        self._bar.__enter__()
        self._show()
        return self

    def __exit__(self, *_error: object) -> None:
        self._bar.__exit__()

    @property
    def is_complete(self) -> bool:
        """True when every line has ended, made or failed."""
        return self.tally.ended == self.tally.total

    def skipped(self, line: Line, receipt: dict[str, Any]) -> None:
        """`line` was complete before this run."""
        self.tally.skipped += 1
        self._answer(line, "skipped", **_facts(receipt))

    def part(self, line: Line, said_bytes: int, audio_s: float, made: bool) -> None:  # noqa: ARG002, FBT001
        """So much of `line` is spoken; the last part of it was `made` in this run."""
        self.tally.part(said_bytes, audio_s, made=made)
        self._show()

    def warns(self, line: Line, text: str) -> None:
        """Something is to be known of `line`."""
        warn(f"{line.where}: {text}", quiet=self._quiet, tell=self._bar.print)

    def made(self, line: Line, audio: bytes | None, made: dict[str, Any]) -> None:
        """Keep the audio of `line`; raises OutputError."""
        receipt = self._store.keep(line, audio, made)
        self.tally.count(line, receipt.get("samples", 0) / receipt.get("sample_rate_hz", 1))
        for warning in made.get("warnings") or []:
            self.warns(line, warning)
        self._answer(line, "done", **_facts(receipt))
        self._show()

    def failed(self, line: Line, error: F5Error) -> None:
        """`line` will not be made."""
        self.tally.count(line, None)
        self._say(f"f5ctl: {line.where} failed: {error.message}")
        self._note(line, error.code, error.message)
        self._show()

    def refused(self, bad: Bad) -> None:
        """`bad` cannot be asked for."""
        self.tally.failed += 1
        self._say(f"f5ctl: {bad.told}")
        self._note(bad, bad.code, bad.what)

    def waits(self, why: str) -> None:
        """Nothing can be done at the moment; an empty `why` ends that."""
        if why != self._why:
            self._why = why
            if self._bar.is_drawn:
                self._show()
            elif why:
                self._say(f"f5ctl: {why}")

    def conclude(self, failed_path: str | None) -> None:
        """Say what came of it."""
        now = time.monotonic()
        tally = self.tally
        text = f"{tally.made} made, {tally.skipped} skipped, {tally.failed} failed"
        if left := tally.total - tally.ended:
            text += f", {left} left"
        if tally.made:
            text += f"; {duration(tally.audio_s)} of speech in {duration(tally.elapsed_s(now))}"
        if failed_path:
            text += f"; the failed lines are in {failed_path}"
        self._say(f"f5ctl: {text}")

    def _note(self, line: Line | Bad, code: str, error: str) -> None:
        self.failures.append({**line.record(), "line": line.place, "code": code, "error": error})
        self._answer(line, "failed", code=code, error=error)

    def _answer(self, line: Line | Bad, status: str, **more: Any) -> None:
        if self._answers:
            emit_json({"line": line.place, "output": line.output, "status": status, **line.own, **more})

    def _say(self, text: str) -> None:
        if not self._quiet:
            self._bar.print(text)

    def _show(self) -> None:
        now = time.monotonic()
        told = self.tally.describe(now)
        if self._bar.is_drawn:
            self._bar.show(f"{told}, {self._why}" if self._why else told, self.tally.ended, self.tally.total)
        elif now - self._shown_at >= PLAIN_EVERY_S:
            self._shown_at = now
            self._say(f"f5ctl: {told}")


def _facts(receipt: dict[str, Any]) -> dict[str, Any]:
    seconds = receipt.get("samples", 0) / receipt.get("sample_rate_hz", 1)
    return {"seed": receipt.get("seed"), "duration_s": round(seconds, 3), "sha256": receipt.get("sha256")}
