"""Logging of the daemon: one line an event on stderr, with `<N>` priorities when journald reads it.

Knows nothing of jobs. User text is logged at DEBUG only; that rule lives with the callers.
"""

from __future__ import annotations

import logging
import os
import sys
import traceback
from typing import IO, Final

LOG_LEVELS: Final = ("debug", "info", "warning", "error")

_LINE: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_JOURNAL_LINE: Final = "%(name)s: %(message)s"  # journald keeps the time and the level itself
_PRIORITIES: Final = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))


class JournalFormatter(logging.Formatter):
    """Puts syslog's priority before the line, as sd-daemon(3) wants it."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's lines, each with the priority in front."""
        prefix = f"<{_priority(record.levelno)}>"
        return "\n".join(prefix + line for line in super().format(record).splitlines())


def configure(level: str, stream: IO[str] | None = None) -> None:
    """Send the `f5d` loggers' records of at least `level` to `stream` (stderr when left out)."""
    stream = stream if stream is not None else sys.stderr
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        JournalFormatter(_JOURNAL_LINE) if is_journal(stream) else logging.Formatter(_LINE, "%H:%M:%S")
    )
    logger = logging.getLogger("f5d")
    logger.handlers[:] = [handler]
    logger.propagate = False
    set_level(level)


def set_level(level: str) -> None:
    """Let records of at least `level` through from now on."""
    logging.getLogger("f5d").setLevel(level.upper())


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
