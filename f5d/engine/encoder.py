"""Makes files of finished speech in a thread, beside the steps of other jobs."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import queue
import threading
from typing import TYPE_CHECKING, Final

from f5ctl.errors import F5Error
from f5d.engine.types import Encode, Encoded, Failed
from f5d.system.journal import place_of

if TYPE_CHECKING:
    import soundfile as sf

NICE: Final = 5

_log = logging.getLogger("f5d.engine")


class Encoder:
    """Owns the jobs whose speech is being encoded, and the thread that does it.

    A second of audio after the other, each of the job that has least left: two hours do not hold a sentence
    up, and a job that is dropped costs a second's work at most. libsndfile works without Python's lock, so the
    engine's loop goes on.
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
        begun: list[_File] = []
        while True:
            while not begun or not self._todo.empty():
                begun.append(_File(self._todo.get()))
            begun = [file for file in begun if file.job in self._live]
            if not begun:
                continue
            file = min(begun, key=lambda one: one.left_bytes)
            answer = file.go_on()
            if answer is not None:
                begun.remove(file)
                self._done.put(answer)
                os.eventfd_write(self.descriptor, 1)


class _File:
    """A job's file, as far as it is made."""

    def __init__(self, message: Encode) -> None:
        self.job = message.job
        self.left_bytes = len(message.pcm)
        self._message = message
        self._buffer = io.BytesIO()
        self._made: sf.SoundFile | None = None

    def go_on(self) -> Encoded | Failed | None:
        """Encode a second more; return the answer when that was the last, or it cannot be done."""
        try:
            return self._go_on()
        except F5Error as error:
            return Failed(self.job, error.code, error.message)
        except MemoryError:
            return Failed(self.job, "overloaded", "the engine has no memory left for this job")
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this job's alone
            _log.error("job %s failed: %s", self.job, place_of(error))
            return Failed(self.job, "internal_error", f"{type(error).__name__}: {error}".splitlines()[0])

    def _go_on(self) -> Encoded | None:
        from f5d.engine.audio import BLOCK_BYTES, add_block, begin_file

        message = self._message
        made = self._made = self._made or begin_file(self._buffer, message.encoding, message.tag)
        start = len(message.pcm) - self.left_bytes
        block = message.pcm[start : start + BLOCK_BYTES]
        add_block(made, block)
        self.left_bytes -= len(block)
        if self.left_bytes:
            return None
        made.close()
        return Encoded(self.job, self._buffer.getvalue())
