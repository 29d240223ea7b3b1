"""What signals ask of the daemon: flags that the loop takes, and a socket that only wakes it.

A signal is never lost and never queued: however many of one kind come in between, one is what is found.
"""

from __future__ import annotations

import signal
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from typing_extensions import Self

_STOPS: Final = (signal.SIGTERM, signal.SIGINT)
_DRAINED_BYTES: Final = 65_536  # in one look; what is left wakes the loop again


class Asked(NamedTuple):
    """What has been asked for since the last look: ends, and to read the configuration again."""

    stops: int
    reload: bool


class Signals:
    """Handles SIGTERM, SIGINT and SIGHUP from `__enter__` to `__exit__`, in the main thread."""

    def __init__(self) -> None:
        self.wakeup, self._writer = socket.socketpair()  # readable once a signal has come
        self._stops = self._reloads = 0  # counted by the handlers alone, so that none is lost in `take`
        self._taken = (0, 0)

    def __enter__(self) -> Self:
        self.wakeup.setblocking(False)
        self._writer.setblocking(False)
        # Full of bytes it is readable, which is all that it is for: the flags are set whatever fits.
        self._before_fd = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        self._before: dict[int, Any] = {
            number: signal.signal(number, self._note) for number in (*_STOPS, signal.SIGHUP)
        }
        return self

    def __exit__(self, *_error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._before_fd)
        self.wakeup.close()
        self._writer.close()

    def take(self) -> Asked:
        """Return what was asked for, which counts as taken from then on."""
        with suppress(BlockingIOError):
            self.wakeup.recv(_DRAINED_BYTES)  # first: a signal that comes now wakes the next round
        now, before = (self._stops, self._reloads), self._taken
        self._taken = now
        return Asked(now[0] - before[0], now[1] > before[1])

    def _note(self, number: int, _frame: object) -> None:
        if number == signal.SIGHUP:
            self._reloads += 1
        else:
            self._stops += 1
