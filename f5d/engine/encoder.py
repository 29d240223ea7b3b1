"""Makes files of finished speech in a thread, beside the steps of other jobs."""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import threading
from typing import Final

from f5ctl.errors import F5Error
from f5d.engine.types import Encode, Encoded, Failed
from f5d.system.journal import place_of

NICE: Final = 5

_log = logging.getLogger("f5d.engine")


class Encoder:
    """Owns the jobs whose speech is being encoded, one at a time, and the thread that does it.

    libsndfile works without Python's lock, so the engine's loop goes on.
    """

    def __init__(self) -> None:
        self.descriptor: Final = os.eventfd(
            0, os.EFD_NONBLOCK | os.EFD_CLOEXEC
        )  # readable: `finished` has some
        self._live: set[str] = set()
        self._todo: queue.SimpleQueue[Encode] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[Encoded | Failed] = queue.SimpleQueue()
        threading.Thread(target=self._run, name="encoder", daemon=True).start()

    def __bool__(self) -> bool:
        """Return whether any job is here."""
        return bool(self._live)

    def submit(self, message: Encode) -> None:
        """Take a job in."""
        self._live.add(message.job)
        self._todo.put(message)

    def cancel(self, job: str) -> bool:
        """Drop a job; return whether it was here."""
        live = job in self._live
        self._live.discard(job)
        return live

    def finished(self) -> list[Encoded | Failed]:
        """Return the answers of the jobs that are over since the last call."""
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self.descriptor)
        answers = [self._done.get() for _ in range(self._done.qsize())]
        live = [answer for answer in answers if answer.job in self._live]
        self._live.difference_update(answer.job for answer in live)
        return live

    def _run(self) -> None:
        with contextlib.suppress(OSError):  # a unit's filter may forbid it
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
        while True:
            message = self._todo.get()
            if message.job in self._live:
                self._done.put(_encoded(message))
                os.eventfd_write(self.descriptor, 1)


def _encoded(message: Encode) -> Encoded | Failed:
    from f5d.engine.audio import encode_file

    try:
        return Encoded(message.job, encode_file(message.pcm, message.encoding, message.tag))
    except F5Error as error:
        return Failed(message.job, error.code, error.message)
    except MemoryError:
        return Failed(message.job, "overloaded", "the engine has no memory left for this job")
    except Exception as error:  # noqa: BLE001 - whatever it is, it is this job's alone
        _log.error("job %s failed: %s", message.job, place_of(error))
        return Failed(message.job, "internal_error", f"{type(error).__name__}: {error}".splitlines()[0])
