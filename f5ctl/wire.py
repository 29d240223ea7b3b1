"""A connection to the daemon's socket, as a DEALER of ZeroMQ.

It does without libzmq, whose import takes longer than all that a short call does. A thread moves the bytes:
replies are taken while the caller writes audio into a slow pipe, and what is sent leaves while the caller waits
for something else. The caller's side never blocks.
"""

from __future__ import annotations

import _thread
import contextlib
import errno
import os
import select
import signal
import struct
from _socket import AF_UNIX, SHUT_RDWR, SO_PEERCRED, SOCK_CLOEXEC, SOCK_STREAM, SOL_SOCKET, socket
from collections import deque
from collections.abc import Callable
from typing import Final

from f5ctl.protocol import MAX_MESSAGE_BYTES
from f5ctl.zmtp import Message, Parser, ZmtpError, frames_of, opening

READ_BYTES: Final = 2**18
_NO_EVENT: Final = -1


class Wire:
    """One connection. `fileno` is readable when `receive` has something, or has become final.

    `check` is given the user id of who listens, and raises before a byte has been sent.

    Raises:
        BlockingIOError: the listener's queue is full for now.
        OSError: nobody listens at `path`, or this user may not know.
    """

    def __init__(self, path: str, check: Callable[[int], None]) -> None:
        # `socket.socket` is the same with a module of enumerations before it, which cost 4 ms.
        self._socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC)
        self._pid = os.getpid()
        self._arrived = self._stirred = _NO_EVENT
        try:
            self._socket.setblocking(False)
            self._socket.connect(path)
            _pid, uid, _gid = struct.unpack("iII", self._socket.getsockopt(SOL_SOCKET, SO_PEERCRED, 12))
            check(uid)
            self._socket.send(opening(b"DEALER"))  # a new socket takes so much
            self._arrived = _event()  # for the caller
            self._stirred = _event()  # for the thread
        except BaseException:
            self._release()
            raise
        self.fault = ""  # why what the daemon says cannot be read
        self._is_over = False
        self._closing = False
        self._parser = Parser(MAX_MESSAGE_BYTES)
        self._incoming: deque[Message] = deque()
        self._outgoing: deque[memoryview] = deque()
        self._sending = _thread.allocate_lock()
        self._running = _thread.allocate_lock()
        self._running.acquire()
        before = signal.pthread_sigmask(signal.SIG_SETMASK, signal.valid_signals())
        try:
            _thread.start_new_thread(self._run, ())
        except RuntimeError:
            self._release()
            raise OSError(errno.ENOMEM, "no thread can be started") from None
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def fileno(self) -> int:
        """Return what to wait for."""
        return self._arrived

    @property
    def is_over(self) -> bool:
        """True when the connection is lost and everything that came has been received.

        To a process that was forked from the caller's it is: the connection is the other's.
        """
        return (self._is_over and not self._incoming) or not self._is_mine

    def send(self, body: bytes) -> None:
        """Send a message of one frame; where the connection is lost, nothing."""
        self._push(frames_of(body))

    def receive(self) -> Message | None:
        """Return the next message if one is here."""
        if not self._incoming:
            _clear(self._arrived)  # before the second look, or one that comes just now would be slept over
        return self._incoming.popleft() if self._incoming else None

    def close(self, linger_s: float) -> None:
        """Close the connection once everything has left, after `linger_s` at most; twice is once."""
        if self._closing:
            return
        self._closing = True
        if not self._is_mine:
            self._release()
            return
        os.eventfd_write(self._stirred, 1)
        if not self._running.acquire(timeout=linger_s):
            _shut(self._socket)
            self._running.acquire()
        self._release()

    @property
    def _is_mine(self) -> bool:
        return os.getpid() == self._pid

    def _release(self) -> None:
        """Let go of the descriptors."""
        self._socket.close()
        for event in (self._arrived, self._stirred):
            if event != _NO_EVENT:
                os.close(event)

    def _push(self, data: bytes) -> None:
        if not self._is_mine:
            return
        with self._sending:
            rest = memoryview(data)
            if self._parser.is_open and not self._outgoing:
                rest = rest[_sent(self._socket, rest) :]
            if rest:
                self._outgoing.append(rest)
        if rest:
            os.eventfd_write(self._stirred, 1)

    # The thread.

    def _run(self) -> None:
        try:
            while self._turn():
                pass
        finally:
            self._is_over = True
            os.eventfd_write(self._arrived, 1)
            self._running.release()

    def _turn(self) -> bool:
        """Wait for something to do and do it; return False when nothing is left to be done."""
        poll = select.poll()
        poll.register(self._stirred, select.POLLIN)
        # Before it has greeted, libzmq takes messages for a breach of the protocol.
        may_send = self._parser.is_open and bool(self._outgoing)
        poll.register(self._socket.fileno(), select.POLLIN | select.POLLOUT * may_send)
        ready = dict(poll.poll())
        if self._stirred in ready:
            _clear(self._stirred)
        with self._sending:
            while may_send and self._outgoing and (count := _sent(self._socket, self._outgoing[0])):
                rest = self._outgoing.popleft()[count:]
                if rest:
                    self._outgoing.appendleft(rest)
        if self._closing and not self._outgoing:
            return False
        return self._socket.fileno() not in ready or self._read(ready[self._socket.fileno()])

    def _read(self, events: int) -> bool:
        """Take what has come; return False at the end of it."""
        if events == select.POLLOUT:
            return True
        try:
            data = self._socket.recv(READ_BYTES)
        except BlockingIOError:
            return True
        except OSError:  # reset: closed with something of ours unread
            return False
        self._parser.feed(data)
        try:
            while (found := self._parser.next()) is not None:
                if isinstance(found, Message):
                    self._incoming.append(found)
                elif found:
                    self._push(found)
        except ZmtpError as error:
            self.fault = str(error)
            return False
        os.eventfd_write(self._arrived, 1)
        return bool(data)


def _sent(to: socket, data: memoryview) -> int:
    """Send what the kernel takes for now and return how much that was; all of it to one who is gone."""
    try:
        return to.send(data)
    except BlockingIOError:
        return 0
    except OSError:
        return len(data)


def _shut(connection: socket) -> None:
    with contextlib.suppress(OSError):  # the other end was quicker
        connection.shutdown(SHUT_RDWR)


def _event() -> int:
    return os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)


def _clear(event: int) -> None:
    with contextlib.suppress(BlockingIOError):
        os.eventfd_read(event)
