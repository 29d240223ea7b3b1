"""A process that prepares texts and recordings, one after the other, within limits of time and memory.

What strangers send is read and decoded here, so that what takes long, or the memory of a machine, or crashes a
decoder, is ended without a word of anybody's speech being lost. Such processes are forked by one that has
imported what they need (`main`), because that takes a second and a fork milliseconds. None imports torch.
The engine's side is f5d/engine/preparation.py.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import resource
import signal
import socket
import sys
from types import FrameType
from typing import TYPE_CHECKING, Final, NoReturn, TypeAlias

import msgspec

from f5ctl.errors import F5Error
from f5d.engine import channel
from f5d.engine.plan import Ready, Settings, Task, Untranscribed
from f5d.system import journal
from f5d.system.children import end_with_parent

if TYPE_CHECKING:
    from f5d.engine.planning import Planner

HERE: Final = b""  # a preparer's first message: it exists
MAX_FILE_BYTES: Final = 2**26  # of any message; the largest recording has a quarter of that

_log = logging.getLogger("f5d.engine.preparer")


class Start(msgspec.Struct, frozen=True, tag=True):
    """Fork a process that listens on the descriptor that comes with this; `nice` is added to its niceness."""

    number: int
    nice: int


class Kill(msgspec.Struct, frozen=True, tag=True):
    """End a process and what it has started."""

    number: int


class Refused(msgspec.Struct, frozen=True, tag=True):
    """The job cannot be served; `code` is one of f5ctl.errors' codes."""

    code: str
    message: str


Outcome: TypeAlias = Ready | Untranscribed | Refused

orders: Final = msgspec.msgpack.Decoder(Start | Kill)
outcomes: Final = msgspec.msgpack.Decoder(Outcome)
_tasks: Final = msgspec.msgpack.Decoder(Task)


class _TimeUp(BaseException):
    """The processor's time for one task is used up; no handler of errors on the way may swallow it."""


def main() -> None:
    """Fork preparers until the other end of the descriptor that the one argument names is closed."""
    end_with_parent()
    for name in (signal.SIGINT, signal.SIGTERM):  # meant for the broker, which drains
        signal.signal(name, signal.SIG_IGN)
    journal.configure("info")
    control = socket.socket(fileno=int(sys.argv[1]))
    from f5d.engine.planning import Planner  # what takes the second; orders wait meanwhile

    message = channel.receive(control)
    if message is None:
        return
    settings = msgspec.msgpack.decode(message, type=Settings)
    planner = Planner(settings)
    gc.collect()
    gc.freeze()  # a collection in a fork would copy all that it shares
    _Forker(control, settings).run(planner)


class _Forker:
    """Owns the preparers; its only thread waits for orders."""

    def __init__(self, control: socket.socket, settings: Settings) -> None:
        self._control = control
        self._settings = settings
        self._pids: dict[int, int] = {}  # by number

    def run(self, planner: Planner) -> None:
        while True:
            frame, descriptors, _flags, _address = socket.recv_fds(self._control, 4096, 1)
            self._reap()
            if not frame:
                break
            order = orders.decode(frame)
            if isinstance(order, Kill):
                self._kill(order.number)
                continue
            with socket.socket(fileno=descriptors[0]) as end:
                self._fork(order, end, planner)
        for number in list(self._pids):
            self._kill(number)

    def _fork(self, order: Start, end: socket.socket, planner: Planner) -> None:
        try:
            pid = os.fork()
        except OSError as error:
            refused = Refused("overloaded", f"no process can be started to prepare it: {error.strerror}")
            with contextlib.suppress(OSError):
                channel.send(end, msgspec.msgpack.encode(refused))
            return
        if pid == 0:
            self._control.close()
            end_with_parent()
            os.setpgid(0, 0)
            with contextlib.suppress(OSError):  # a unit's filter may forbid it
                os.nice(order.nice)
            _serve(end, planner, self._settings)
        with contextlib.suppress(OSError):  # the child was quicker
            os.setpgid(pid, pid)
        self._pids[order.number] = pid

    def _kill(self, number: int) -> None:
        if pid := self._pids.pop(number, 0):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)  # ffmpeg too
            os.waitpid(pid, 0)

    def _reap(self) -> None:
        """Take note of those that have ended by themselves, and end what they have started."""
        for number, pid in list(self._pids.items()):
            if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                self._kill(number)


def _serve(end: socket.socket, planner: Planner, settings: Settings) -> NoReturn:
    """Do one task after the other until the engine closes its end."""
    try:
        _limit(resource.RLIMIT_AS, settings.memory_bytes)
        _limit(resource.RLIMIT_FSIZE, MAX_FILE_BYTES)
        _limit(resource.RLIMIT_CORE, 0)
        signal.signal(signal.SIGXCPU, _time_up)
        channel.send(end, HERE)
        while (message := channel.receive(end)) is not None:
            channel.send(end, msgspec.msgpack.encode(_bounded(planner, settings, message)))
    finally:
        os._exit(0)


def _bounded(planner: Planner, settings: Settings, message: bytes) -> Outcome:
    """Return the outcome of one task, which takes no more time and memory than it may."""
    code, what = "bad_audio", "text or the recording"
    try:
        task = _tasks.decode(message)
        if task.facts:
            code, what = "bad_text", "text"
        used = resource.getrusage(resource.RUSAGE_SELF)
        _limit(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime) + settings.cpu_s)
        return planner.prepare(task)
    except F5Error as error:
        return Refused(error.code, error.message)
    except _TimeUp:
        return Refused(code, f"the {what} takes over {settings.cpu_s} s to prepare; shorten it")
    except MemoryError:
        limit = f"{settings.memory_bytes // 2**20} MiB"
        return Refused(code, f"the {what} takes over {limit} of memory to prepare; shorten it")
    except Exception as error:  # noqa: BLE001 - whatever it is, it is this job's alone
        _log.error("a text failed: %s", journal.place_of(error))  # not its words, they may be a user's
        return Refused("internal_error", f"{type(error).__name__}: {error}".splitlines()[0])


def _time_up(_signal: int, _frame: FrameType | None) -> None:
    raise _TimeUp


def _limit(what: int, value: int) -> None:
    """Set a soft limit, which may be raised again; where the system forbids it, the engine's bound holds."""
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(what, (value, resource.getrlimit(what)[1]))


if __name__ == "__main__":
    main()
