"""Notices that the socket's file is gone from under the daemon: removed by hand, or with a session's folder.

Without it nobody could reach such a daemon any more, nor stop it. Time is an argument.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final, Protocol

from f5ctl.errors import ConfigError

LOOK_EVERY_S: Final = 2.0  # no event tells all ways in which a path can end, a folder moved or unmounted

log = logging.getLogger(__name__)


class Place(Protocol):
    """Where a daemon listens (f5d/system/socketfile.py)."""

    socket_path: str

    def is_there(self) -> bool:
        """Return True while clients find the daemon's own socket on its path."""

    def renew(self) -> int:
        """Return a new listening socket on the path (ConfigError: it cannot be had)."""


class SocketWatch:
    """Has the socket made again where that is possible; else the daemon takes no more work and ends."""

    def __init__(self, place: Place, end: Callable[[float], None]) -> None:
        self._place = place
        self._end = end
        self.look_at = 0.0

    def tick(self, now: float, listen: Callable[[int], None]) -> None:
        """Look, if it is time; `listen` serves another listening socket from then on."""
        if now < self.look_at:
            return
        self.look_at = now + LOOK_EVERY_S
        if self._place.is_there():
            return
        path = self._place.socket_path
        try:
            listen(self._place.renew())
            log.warning("the socket %s was removed; it is made again", path)
        except ConfigError as error:
            line = "the socket %s is gone (%s): the accepted jobs are finished, then the daemon ends"
            log.error(line, path, error.message)  # noqa: TRY400 - the line says it all
            self._end(now)
