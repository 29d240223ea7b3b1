"""A sign of life of the engine process, whatever its main thread is doing.

One byte a second on what was standard output, from a thread of its own, while there is work: a long
ODE step or a slow transcription does not silence it, a stopped or frozen process does. Imports no torch.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from typing import Final

PULSE_S: Final = 1.0


class Pulse:
    """Beats from its start until `rest`, and again from `work` on; beats to nobody are dropped."""

    def __init__(self, fd: int, every_s: float = PULSE_S) -> None:
        os.set_blocking(fd, False)
        self._fd = fd
        self._every_s = every_s
        self._working = threading.Event()
        self._working.set()
        threading.Thread(target=self._beat, name="pulse", daemon=True).start()

    def work(self) -> None:
        """Beat: there is something to do."""
        self._working.set()

    def rest(self) -> None:
        """Let the process sleep: it waits for an order."""
        self._working.clear()

    def _beat(self) -> None:
        while self._working.wait():
            with contextlib.suppress(OSError):  # nobody reads just now; the next beat will do
                os.write(self._fd, b".")
            time.sleep(self._every_s)


def take_stdout() -> int:
    """Return a descriptor of what was standard output; what is printed from now on goes nowhere."""
    fd = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    return fd
