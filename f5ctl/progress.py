"""What a person sees on a terminal while something takes its time: a line, or a bar."""

from __future__ import annotations

import math
import os
import sys
import time
from typing import Any

from f5ctl.printable import printable
from f5ctl.printing import duration, emit
from f5ctl.protocol import Accepted, Progress, Reply

_ERASE = "\r\x1b[K"


class StatusLine:
    """A line on stderr that is rewritten in place; silent unless stderr is a terminal that can.

    A job that its shell runs behind another (`&`) shows nothing meanwhile: the line there is somebody else's.

    Leaving it as a context manager erases it.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._active = not quiet and _is_terminal()
        self._shown = ""
        self._pace: tuple[str, int, float] | None = None  # a request, its segments that were done, and when

    def __enter__(self) -> StatusLine:  # noqa: PYI034 - typing.Self is of Python 3.11
        return self

    def __exit__(self, *_error: object) -> None:
        self.clear()

    def show(self, line: str) -> None:
        """Show `line` in place of the one before."""
        if self._active and line != self._shown and _is_in_front():
            width = os.get_terminal_size(2).columns or 80
            self._shown = line
            self._write(_ERASE + printable(line[: width - 1]))

    def clear(self) -> None:
        """Erase the line."""
        if self._shown:
            self._shown = ""
            if _is_in_front():
                self._write(_ERASE)

    def report(self, reply: Reply) -> None:
        """Show where a job stands."""
        if isinstance(reply, Progress):
            self.show(describe(reply, self._left_s(reply)))
        elif isinstance(reply, Accepted) and reply.position:
            self.show(f"queued ({reply.position} ahead)")

    def _left_s(self, progress: Progress) -> float | None:
        """Return how long the rest of a job will take, by the segments that were done since the first word."""
        if progress.state != "running":
            return None
        now, done = time.monotonic(), progress.segments_done
        if self._pace is None or self._pace[0] != progress.id:
            self._pace = (progress.id, done, now)
        _id, before, began = self._pace
        return (now - began) / (done - before) * (progress.segments - done) if done > before else None

    @staticmethod
    def _write(text: str) -> None:
        sys.stderr.write(text)
        sys.stderr.flush()


class Bar:
    """A bar on stderr, drawn by rich from a thread of its own; nothing unless stderr is a terminal that can.

    Nor for a job that its shell began behind another (`&`).

    rich is imported here, late, and nowhere else in the client.
    """

    def __init__(self, *, quiet: bool = False, of_bytes: bool = False) -> None:
        self._progress: Any = None
        if quiet or not _is_terminal() or not _is_in_front():
            return
        from rich import progress
        from rich.console import Console

        text, bar = progress.TextColumn("{task.description}", markup=False), progress.BarColumn()
        rate = (progress.DownloadColumn(), progress.TransferSpeedColumn(), progress.TimeRemainingColumn())
        self._progress = progress.Progress(
            *((text, bar, *rate) if of_bytes else (bar, text)),
            console=Console(stderr=True),
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._task = self._progress.add_task("", total=None)

    def __enter__(self) -> Bar:  # noqa: PYI034 - typing.Self is of Python 3.11
        if self._progress:
            self._progress.start()
        return self

    def __exit__(self, *_error: object) -> None:
        if self._progress:
            self._progress.stop()

    @property
    def is_drawn(self) -> bool:
        """True where somebody sees it."""
        return self._progress is not None

    def show(self, text: str, completed: float, total: float | None) -> None:
        """Bring the bar up to date."""
        if self._progress:
            self._progress.update(self._task, description=printable(text), completed=completed, total=total)

    def print(self, text: str) -> None:
        """Print a line on stderr, above the bar."""
        if self._progress:
            self._progress.console.print(printable(text), markup=False, highlight=False, soft_wrap=True)
        else:
            emit(text, to_stderr=True)


def describe(progress: Progress, left_s: float | None = None) -> str:
    """Return where a job stands, in a few words."""
    if progress.state == "loading":
        return f"loading {progress.model} ({progress.elapsed_s:.0f} s)"
    if progress.state == "queued":
        return f"queued ({progress.position} ahead)" if progress.position else "queued"
    if progress.segments:
        said = f"speaking {min(progress.segments_done + 1, progress.segments)} of {progress.segments}"
        return f"{said}, {left(left_s)}" if left_s else said
    return "speaking"


def left(seconds: float) -> str:
    """Return a time that is left, as exact as such a guess may be: to the second, to five, to the minute."""
    step_s = 1 if seconds < 10 else 5 if seconds < 60 else 60
    return f"{duration(math.ceil(seconds / step_s) * step_s)} left"


def _is_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") not in (None, "", "dumb")


def _is_in_front() -> bool:
    """Return False for a job in the background of the terminal that it would draw on."""
    try:
        return os.tcgetpgrp(2) == os.getpgrp()
    except OSError:  # another terminal than this session's, which has no background
        return True
