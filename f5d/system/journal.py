"""Logging of the daemon: one line an event on stderr, with `<N>` priorities when journald reads it.

Knows nothing of jobs. User text is logged at DEBUG only; that rule lives with the callers.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import shutil
import stat
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import IO, Final

from f5ctl.printable import printable

LOG_LEVELS: Final = ("debug", "info", "warning", "error")
MAX_LOG_BYTES: Final = 10 * 2**20  # of a log that is the daemon's own; as much again of its past lies beside it
MOST_LINES: Final = 1_000  # of one kind in a window
WINDOW_S: Final = 10.0

_LINE: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_JOURNAL_LINE: Final = "%(name)s: %(message)s"  # journald keeps the time and the level itself
_PRIORITIES: Final = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))


class LineFormatter(logging.Formatter):
    """Writes a record's message as one line that nobody's words can break, or turn into commands."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """Return the line; a traceback comes after it."""
        return printable(super().formatMessage(record))


class JournalFormatter(LineFormatter):
    """Puts syslog's priority before the line, as sd-daemon(3) wants it."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's lines, each with the priority in front."""
        prefix = f"<{_priority(record.levelno)}>"
        return "\n".join(prefix + line for line in super().format(record).splitlines())


class OwnFileHandler(logging.StreamHandler[IO[str]]):
    """Writes to a file that is the daemon's own to keep small."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record's line; a file that has become too large begins anew."""
        super().emit(record)
        with contextlib.suppress(OSError, ValueError):
            keep_small(self.stream.fileno())


class RepeatFilter(logging.Filter):
    """Leaves out the lines of one kind beyond `most` in a window, so that a flood hides no other line."""

    def __init__(
        self,
        most: int = MOST_LINES,
        window_s: float = WINDOW_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._most = most
        self._window_s = window_s
        self._clock = clock
        self._until = 0.0
        self._counts: Counter[tuple[str, str]] = Counter()

    def filter(self, record: logging.LogRecord) -> bool:
        """Return True for a record that is to be written; the first one after a flood tells of it."""
        now = self._clock()
        left_out = 0
        if now >= self._until:
            left_out = sum(count - self._most for count in self._counts.values() if count > self._most)
            self._counts.clear()
            self._until = now + self._window_s
        self._counts[record.name, str(record.msg)] += 1
        written = self._counts[record.name, str(record.msg)] <= self._most
        if left_out:
            record.msg = f"{record.msg} (before this {left_out} lines that repeated others were left out)"
        return written


def configure(level: str, stream: IO[str] | None = None, *, own_file: bool = False) -> None:
    """Send the `f5d` loggers' records of at least `level` to `stream` (stderr when left out).

    `own_file` tells that a file there belongs to this daemon, which has to keep it small.
    """
    stream = stream if stream is not None else sys.stderr
    handler = OwnFileHandler(stream) if own_file else logging.StreamHandler(stream)
    handler.setFormatter(
        JournalFormatter(_JOURNAL_LINE) if is_journal(stream) else LineFormatter(_LINE, "%Y-%m-%d %H:%M:%S")
    )
    handler.addFilter(RepeatFilter())
    logger = logging.getLogger("f5d")
    logger.handlers[:] = [handler]
    logger.propagate = False
    set_level(level)


def move(descriptor: int, level: str) -> None:
    """Let stderr, this process's and its children's, be the open file `descriptor`, and log there."""
    sys.stderr.flush()
    os.dup2(descriptor, 2)
    os.close(descriptor)
    configure(level)


def set_level(level: str) -> None:
    """Let records of at least `level` through from now on."""
    logging.getLogger("f5d").setLevel(level.upper())


def keep_small(descriptor: int, most_bytes: int = MAX_LOG_BYTES) -> None:
    """Move what a file of more than `most_bytes` holds into one beside it, named `.1`, and empty it.

    The engines write into it too, so it stays the same file; that they add to its end, wherever that is, is
    what makes this possible. Raises OSError for what cannot be copied; the file is emptied all the same.
    """
    found = os.fstat(descriptor)
    appended = fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_APPEND
    if not stat.S_ISREG(found.st_mode) or not appended or found.st_size <= most_bytes:
        return
    path = Path(f"/proc/self/fd/{descriptor}")
    try:
        if found.st_nlink:  # else it has no name any more
            shutil.copyfile(path, f"{path.readlink()}.1")
    finally:
        os.ftruncate(descriptor, 0)


def is_journal(stream: IO[str]) -> bool:
    """Return True when JOURNAL_STREAM names `stream`'s device and inode (systemd.exec(5)).

    The comparison matters: the variable is inherited by processes whose stderr went elsewhere.
    """
    device, _, inode = os.environ.get("JOURNAL_STREAM", "").partition(":")
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return (device, inode) == (str(found.st_dev), str(found.st_ino))


def place_of(error: BaseException) -> str:
    """Return an unforeseen error's type and where it was raised, without its words: they may be a user's."""
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    places = [f"{os.path.basename(frame.filename)}:{frame.lineno}" for frame in frames]  # noqa: PTH119
    return f"{type(error).__name__} at {' > '.join(places) or 'an unknown place'}"


def _priority(level: int) -> int:
    return next((priority for least, priority in _PRIORITIES if level >= least), 7)
