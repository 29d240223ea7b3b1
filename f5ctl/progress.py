"""The one line on a terminal that says what is being waited for."""

from __future__ import annotations

import os
import sys

from f5ctl.protocol import Accepted, Progress, Reply

_ERASE = "\r\x1b[K"


class StatusLine:
    """A line on stderr that is rewritten in place; silent unless stderr is a terminal that can."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._active = not quiet and _is_terminal()
        self._shown = ""

    def show(self, line: str) -> None:
        """Show `line` in place of the one before."""
        if self._active and line != self._shown:
            width = os.get_terminal_size(2).columns or 80
            self._shown = line
            self._write(_ERASE + line[: width - 1])

    def clear(self) -> None:
        """Erase the line."""
        if self._shown:
            self._shown = ""
            self._write(_ERASE)

    def report(self, reply: Reply) -> None:
        """Show where a job stands."""
        if isinstance(reply, Progress):
            self.show(describe(reply))
        elif isinstance(reply, Accepted) and reply.position:
            self.show(f"queued ({reply.position} ahead)")

    @staticmethod
    def _write(text: str) -> None:
        sys.stderr.write(text)
        sys.stderr.flush()


def describe(progress: Progress) -> str:
    """Return where a job stands, in a few words."""
    if progress.state == "loading":
        return f"loading {progress.model} ({progress.elapsed_s:.0f} s)"
    if progress.state == "queued":
        return f"queued ({progress.position} ahead)" if progress.position else "queued"
    if progress.segments:
        return f"speaking {min(progress.segments_done + 1, progress.segments)} of {progress.segments}"
    return "speaking"


def _is_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") not in (None, "", "dumb")
