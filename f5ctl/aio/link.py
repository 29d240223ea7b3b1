"""One connection to the daemon's socket in an event loop, and the requests that are under way on it."""

from __future__ import annotations

import asyncio
import struct
import time
from collections import deque
from socket import AF_UNIX, SO_PEERCRED, SOCK_STREAM, SOL_SOCKET, socket
from typing import Final, cast

from f5ctl.client import CONNECT_S, SILENCE_S, new_id, refusals
from f5ctl.errors import BadRequestError, F5Error, NoDaemonError, error_from_wire
from f5ctl.protocol import (
    MAX_MESSAGE_BYTES,
    TERMINAL_TYPES,
    Audio,
    Cancel,
    Failed,
    Reply,
    Request,
    encode,
    parse_reply,
)
from f5ctl.socketpath import refuse_strangers
from f5ctl.zmtp import Message, Parser, ZmtpError, frames_of, opening

MOST_HELD_BYTES: Final = 64 * 2**20  # of audio that nobody has taken; beyond it the connection is not read
_LOOK_S: Final = 1.0  # between two looks at whether the daemon still speaks


class ClosedError(NoDaemonError):
    """The client was closed; there is nothing to wait for."""

    def __init__(self) -> None:
        super().__init__("this client was closed")


class Inbox:
    """The replies to one request, in their order; the reason instead, once the connection is lost."""

    def __init__(self, link: Link, request_id: str) -> None:
        self.link = link
        self._id = request_id
        self._replies: asyncio.Queue[Reply | F5Error] = asyncio.Queue()
        self._seq = 0  # chunks of audio that have come
        self.has_ended = False  # its terminal message has come
        self.held_bytes = 0

    def put(self, reply: Reply | F5Error) -> None:
        """Take in what has come."""
        if isinstance(reply, Audio):
            if reply.seq != self._seq:
                line = f"audio chunk {self._seq} is missing; {reply.seq} came"
                reply = error_from_wire("internal_error", line)
            else:
                self._seq += 1
                self.held_bytes += len(reply.data)
        self.has_ended = self.has_ended or isinstance(reply, TERMINAL_TYPES)
        self._replies.put_nowait(reply)

    async def get(self) -> Reply:
        """Wait for the next reply.

        Raises:
            NoDaemonError: the connection is lost.
            SynthesisError: a chunk of audio is missing.
        """
        reply = await self._replies.get()
        if isinstance(reply, F5Error):
            raise reply
        if isinstance(reply, Audio):
            self.held_bytes -= len(reply.data)
            self.link.go_on()
        return reply

    @property
    def is_empty(self) -> bool:
        """Whether all that has come was taken."""
        return self._replies.empty()

    def drop(self) -> None:
        """Want no more of it; the daemon is told, unless the request has ended."""
        self.link.drop(self._id)


class Link(asyncio.Protocol):
    """A connection; `error` says why it is over, `is_leaving` that its daemon takes no more requests."""

    def __init__(self) -> None:
        self.error: F5Error | None = None
        self.is_leaving = False
        self._transport: asyncio.Transport | None = None
        self._parser = Parser(MAX_MESSAGE_BYTES)
        self._inboxes: dict[str, Inbox] = {}
        self._unsent: deque[bytes] = deque()  # until the daemon has greeted
        self._is_paused = False
        self._heard_at = 0.0
        self._look: asyncio.TimerHandle | None = None

    def send(self, request: Request) -> Inbox:
        """Send a request and return where its replies come.

        Raises:
            BadRequestError: a request of that id is under way, or it cannot be encoded.
        """
        if request.id in self._inboxes:
            line = f"id {request.id!r} is in use by a request that is under way; take new_id()"
            raise BadRequestError("bad_message", line)
        frames = frames_of(encode(request))
        if not self._inboxes:
            self._heard_at = time.monotonic()  # an idle connection is no silent one
        inbox = self._inboxes[request.id] = Inbox(self, request.id)
        if self.error is not None:
            inbox.put(self.error)
        self._write(frames)
        return inbox

    def drop(self, request_id: str) -> None:
        """Forget a request; the daemon is told, unless it has ended."""
        inbox = self._inboxes.pop(request_id, None)
        if inbox is not None and not inbox.has_ended:
            self._write(frames_of(encode(Cancel(new_id(), request=request_id))))
        self.go_on()

    def go_on(self) -> None:
        """Read on, if reading was stopped and half of what was held has been taken."""
        if self._is_paused and self._held_bytes <= MOST_HELD_BYTES // 2 and self._transport is not None:
            self._is_paused = False
            self._heard_at = time.monotonic()
            self._transport.resume_reading()

    def end(self, error: F5Error) -> None:
        """Close the connection, once all that was said has left; whoever waits for a reply gets `error`."""
        if self.error is None:
            self.error = error
            for inbox in self._inboxes.values():
                if not inbox.has_ended:
                    inbox.put(error)
        if self._look is not None:
            self._look.cancel()
        if self._transport is not None:
            self._transport.close()

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(opening(b"DEALER"))
        self._look_again(time.monotonic())

    def data_received(self, data: bytes) -> None:
        """Give every reply to the inbox of its request."""
        self._heard_at = time.monotonic()
        self._parser.feed(data)
        try:
            while (found := self._parser.next()) is not None:
                if isinstance(found, Message):
                    self._take(found)
                else:
                    self._write(found)
        except ZmtpError as error:
            self.end(NoDaemonError(f"the daemon's answer cannot be read: {error}"))
        except F5Error as error:
            self.end(error)
        if self.error is not None:
            return
        while self._unsent and self._parser.is_open and self._transport is not None:
            self._transport.write(self._unsent.popleft())
        if not self._is_paused and self._held_bytes > MOST_HELD_BYTES and self._transport is not None:
            self._is_paused = True
            self._transport.pause_reading()

    def connection_lost(self, _error: Exception | None) -> None:
        """Tell whoever waits."""
        self.end(NoDaemonError("the daemon went away before it answered"))

    @property
    def _held_bytes(self) -> int:
        return sum(inbox.held_bytes for inbox in self._inboxes.values())

    def _write(self, frames: bytes) -> None:
        if self.error is not None or self._transport is None:
            return
        if self._parser.is_open:
            self._transport.write(frames)
        else:
            self._unsent.append(frames)

    def _take(self, message: Message) -> None:
        if message.delimited or message.frames != 1:
            raise ZmtpError(f"{message.frames + message.delimited} frames instead of 1")
        reply = parse_reply(bytes(message.body))
        if isinstance(reply, Failed) and not reply.id:
            raise error_from_wire(reply.code, reply.message, reply.retry_after_s)
        if inbox := self._inboxes.get(reply.id):
            inbox.put(reply)

    def _look_again(self, looked_at: float) -> None:
        """End a connection on which something is waited for and nothing has come for too long."""
        now = time.monotonic()
        if self._is_paused or now - looked_at > 2 * _LOOK_S:
            self._heard_at = now  # what came while this process did not look is not read yet
        waits = any(not inbox.has_ended for inbox in self._inboxes.values())
        if waits and now - self._heard_at > SILENCE_S:
            self.end(NoDaemonError(f"the daemon has not answered for {SILENCE_S:.0f} s"))
            return
        loop = asyncio.get_running_loop()
        self._look = loop.call_later(_LOOK_S, self._look_again, now)


async def link_to(path: str) -> Link:
    """Return a connection to the socket at `path`, whose listener is one to be trusted.

    Raises:
        NoDaemonError: nobody listens there.
        ConfigError: this user may not use the socket, or a stranger listens.
    """
    connection = await _connected(path)
    try:
        _pid, uid, _gid = struct.unpack("iII", connection.getsockopt(SOL_SOCKET, SO_PEERCRED, 12))
        refuse_strangers(path, uid)
        _transport, link = await asyncio.get_running_loop().create_unix_connection(Link, sock=connection)
    except BaseException:
        connection.close()
        raise
    return link


async def _connected(path: str) -> socket:
    connection = socket(AF_UNIX, SOCK_STREAM)
    connection.setblocking(False)
    deadline = time.monotonic() + CONNECT_S
    try:
        while True:
            try:
                with refusals(path):
                    connection.connect(path)
            except BlockingIOError:  # its queue is full
                if time.monotonic() > deadline:
                    raise NoDaemonError(f"the daemon on {path} does not accept connections") from None
            else:
                return connection
            await asyncio.sleep(0.01)
    except BaseException:
        connection.close()
        raise
