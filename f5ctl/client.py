"""A connection to a running daemon: send a request, read its replies, cancel it.

Usable as a small library. Knows the wire and nothing of command lines, audio files or how a
daemon is started (f5ctl/autostart.py).

    with Client() as client:
        state = client.status()
"""

from __future__ import annotations

import contextlib
import os
import select
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Final, TypeAlias

from f5ctl import __version__
from f5ctl.errors import (
    BadRequestError,
    ConfigError,
    F5Error,
    InterruptedRequest,
    NoDaemonError,
    SynthesisError,
    TryAgainError,
    error_from_wire,
)
from f5ctl.protocol import (
    TERMINAL_TYPES,
    Accepted,
    Audio,
    Cancel,
    Cancelled,
    Done,
    Failed,
    Reply,
    Request,
    Say,
    Status,
    encode,
    parse_reply,
)
from f5ctl.socketpath import check_socket_path, client_socket_path, lock_holder, refuse_strangers
from f5ctl.wire import Wire

SILENCE_S: Final = 30.0  # a daemon sends progress every second; this long without a word means it hangs
OVERSLEPT_S: Final = 2.0  # nobody listened while a wait took so much longer than it was to take
CONNECT_S: Final = 5.0
CANCEL_WAIT_S: Final = 1.0
LINGER_S: Final = 0.2
GRACE_S: Final = 0.5  # beyond a request's own time, for the daemon's word that it has passed

_GONE: Final = "the daemon went away before it answered"
_LOST: Final = "the daemon's answer cannot be read: {}"

# Is told of the first reply of a daemon of another version; True when another one has taken its place.
Meeting: TypeAlias = "Callable[[Client, Accepted | Failed], bool]"


def new_id() -> str:
    """Return an id for a request that no other request of this machine carries."""
    return os.urandom(8).hex()


class Client:
    """A connection to the daemon behind `socket_path`; owns one socket and the thread that moves its bytes.

    Not for sharing between threads. `meet` is called once at most. `connect_s` is how long a listener is waited
    for that accepts nothing.

    Raises:
        NoDaemonError: nobody listens there.
        ConfigError: the path cannot be a socket, or this user may not open it.
    """

    def __init__(
        self, socket_path: str | None = None, *, meet: Meeting | None = None, connect_s: float = CONNECT_S
    ) -> None:
        self.socket_path = check_socket_path(os.path.abspath(socket_path or client_socket_path()))
        self._meet = meet
        self._connect_s = connect_s
        self._live: dict[str, int] = {}  # id -> chunks of audio received
        self._due: dict[str, tuple[float, float]] = {}  # id -> when it is given up, and its timeout_s
        self._sent: dict[str, bytes] = {}  # until the daemon's version is known, for another daemon
        self._early: deque[Reply] = deque()  # came while something else was waited for
        self._heard_at = 0.0  # when the last reply was read
        self._wire = self._connect()

    def __enter__(self) -> Client:  # noqa: PYI034 - typing.Self is of Python 3.11
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def __del__(self) -> None:
        if hasattr(self, "_wire"):
            self._wire.close(0)  # its thread would keep it alive

    def close(self) -> None:
        """Close the connection; the daemon cancels what this client still had running."""
        self._wire.close(LINGER_S)

    def send(self, request: Request) -> str:
        """Send `request` and return its id; read what comes back with `replies`.

        Raises:
            BadRequestError: `bad_message` when a request of that id is still under way, or cannot be encoded.
        """
        if request.id in self._live:
            line = f"id {request.id!r} is in use by a request that is under way; take new_id()"
            raise BadRequestError("bad_message", line)
        frame = encode(request)
        if not self._live:
            self._heard_at = time.monotonic()  # an idle connection is no silent one
        self._live[request.id] = 0
        if isinstance(request, Say) and request.timeout_s is not None:
            self._due[request.id] = time.monotonic() + request.timeout_s + GRACE_S, request.timeout_s
        if self._meet:
            self._sent[request.id] = frame
        self._wire.send(frame)
        return request.id

    def replies(self, request_id: str, *, silence_s: float | None = SILENCE_S) -> Iterator[Reply]:
        """Yield the replies to a sent request; the last one is its terminal message.

        Raises:
            NoDaemonError: the daemon went away, or sent nothing for `silence_s` (None: no limit).
            SynthesisError: a chunk of audio is missing.
        """
        while request_id in self._live:
            reply = self.hear(silence_s=silence_s)
            if reply is not None and reply.id == request_id:
                yield reply

    def hear(
        self,
        until: float | None = None,
        sources: Sequence[tuple[int, int]] = (),
        *,
        silence_s: float | None = SILENCE_S,
    ) -> Reply | None:
        """Return the next reply to any request; None at the time `until`, or when one of `sources` is ready.

        Raises:
            NoDaemonError: the daemon went away, or a request is open and nothing came for `silence_s`.
            TryAgainError: `deadline_exceeded`, a request's time is over and the daemon has not said so.
            SynthesisError: a chunk of audio is missing.
        """
        silent_at = self._heard_at + silence_s if silence_s is not None and self._live else None
        due = min(self._due.values())[0] if self._due else None
        ends = [at for at in (silent_at, due) if at is not None]
        times = ends if until is None else [*ends, until]
        reply = self.wait(max(0.0, min(times) - time.monotonic()) if times else None, sources)
        late_s = time.monotonic() - min(ends) if ends else -1.0
        if reply is not None or late_s < 0:
            return reply
        if late_s > OVERSLEPT_S:  # this process was stopped: what came meanwhile is not read yet
            more_s = late_s + OVERSLEPT_S
            self._heard_at += more_s
            self._due = {key: (at + more_s, timeout_s) for key, (at, timeout_s) in self._due.items()}
            return self.hear(until, sources, silence_s=silence_s)
        if due == min(ends):
            raise self._overdue()
        raise NoDaemonError(f"the daemon has not answered for {silence_s or 0:.0f} s")

    def _overdue(self) -> TryAgainError:
        """Give the request up whose time is over, without waiting for a daemon that may hang."""
        late = min(self._due, key=lambda key: self._due[key])
        _at, timeout_s = self._due[late]
        self._forget(late)
        self._wire.send(encode(Cancel(new_id(), request=late)))
        return overdue(timeout_s)

    def _forget(self, request_id: str) -> None:
        for known in (self._live, self._sent, self._due):
            known.pop(request_id, None)

    def wait(self, timeout_s: float | None, sources: Sequence[tuple[int, int]] = ()) -> Reply | None:
        """Return the next reply to any request; None when `timeout_s` passed or one of `sources` is ready.

        `sources` are file descriptors, each with select.POLLIN or select.POLLOUT.

        Raises:
            NoDaemonError: the daemon went away.
            TryAgainError: the daemon lets no more connections in.
            SynthesisError: a chunk of audio is missing.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            reply = self._early.popleft() if self._early else self._next(deadline, sources)
            if reply is None or not self._is_void(reply):
                return reply and self._noted(reply)

    def ask_aside(self, request: Request, timeout_s: float) -> Reply | None:
        """Send `request` and return its end; other replies are kept for `wait`. None: no answer in time.

        Raises:
            NoDaemonError: the daemon went away.
        """
        deadline = time.monotonic() + timeout_s
        self._wire.send(encode(request))
        while (reply := self._next(deadline, ())) is not None and reply.id != request.id:
            self._early.append(reply)
        return reply

    def move(self) -> None:
        """Connect again, to the daemon that listens now, and ask it for everything that was sent."""
        self._wire.close(0)
        self._early.clear()
        self._wire = self._connect()
        for frame in self._sent.values():
            self._wire.send(frame)

    def call(
        self,
        request: Request,
        *,
        silence_s: float | None = SILENCE_S,
        tell: Callable[[Reply], None] = lambda _reply: None,
    ) -> dict[str, Any]:
        """Send `request`, wait for its end and return the answer; `tell` gets every reply.

        Raises:
            F5Error: what the daemon answered, as the class that its code stands for.
        """
        last: Reply | None = None
        for last in self.replies(self.send(request), silence_s=silence_s):
            tell(last)
        return answer(last)

    def status(self, *, silence_s: float | None = SILENCE_S) -> dict[str, Any]:
        """Return the daemon's state, as docs/protocol.md describes it; raises as `call` does."""
        return self.call(Status(new_id()), silence_s=silence_s)

    def cancel(self, *request_ids: str, wait_s: float = CANCEL_WAIT_S) -> None:
        """Cancel sent requests, waiting a moment for their end; those that have ended are left out."""
        live = [request_id for request_id in request_ids if request_id in self._live and not self._wire.is_over]
        deadline = time.monotonic() + wait_s
        try:
            for request_id in live:
                self._wire.send(encode(Cancel(new_id(), request=request_id)))
            while any(request_id in self._live for request_id in live):
                if self.wait(deadline - time.monotonic()) is None:
                    break
        except F5Error:
            pass  # gone: nobody is left to wait for
        for request_id in live:
            self._forget(request_id)

    def wait_until_gone(self, timeout_s: float | None = None) -> bool:
        """Return True once the daemon has closed this connection, False after `timeout_s`."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while not self._wire.is_over:
            left_s = None if deadline is None else deadline - time.monotonic()
            if left_s is not None and left_s <= 0:
                break
            if self._wire.receive() is None:
                self._watch(left_s)
        return self._wire.is_over

    def _connect(self) -> Wire:
        deadline = time.monotonic() + self._connect_s
        while True:
            try:
                with refusals(self.socket_path):
                    return Wire(self.socket_path, partial(refuse_strangers, self.socket_path))
            except BlockingIOError:  # its queue is full
                if time.monotonic() > deadline:
                    line = f"the daemon on {self.socket_path} does not accept connections"
                    raise NoDaemonError(line) from None
            time.sleep(0.01)

    def _next(self, deadline: float | None, sources: Sequence[tuple[int, int]]) -> Reply | None:
        while (message := self._wire.receive()) is None:
            if self._wire.is_over:
                raise NoDaemonError(_LOST.format(self._wire.fault) if self._wire.fault else _GONE)
            left_s = None if deadline is None else deadline - time.monotonic()
            if left_s is not None and left_s <= 0:
                return None
            if self._watch(left_s, sources):
                return None
        if message.delimited or message.frames != 1:
            frames = message.frames + message.delimited
            raise NoDaemonError(_LOST.format(f"{frames} frames instead of 1"))
        return parse_reply(bytes(message.body))

    def _is_void(self, reply: Reply) -> bool:
        """Look at the daemon's version when it first tells it; True when another has taken its place."""
        if not (self._meet and isinstance(reply, (Accepted, Failed)) and reply.version):
            return False
        meet, self._meet = self._meet, None
        replaced = reply.version != __version__ and meet(self, reply)
        self._sent.clear()
        return replaced

    def _noted(self, reply: Reply) -> Reply:
        self._heard_at = time.monotonic()
        if isinstance(reply, Failed) and not reply.id:
            raise self._refusal(reply)
        if isinstance(reply, TERMINAL_TYPES):
            self._forget(reply.id)
        elif isinstance(reply, Audio) and reply.id in self._live:
            due = self._live[reply.id]
            if reply.seq != due:
                raise SynthesisError("internal_error", f"audio chunk {due} is missing; {reply.seq} came")
            self._live[reply.id] += 1
        return reply

    def _refusal(self, reply: Failed) -> F5Error:
        """Return the error for a message that the daemon could not lay to any request."""
        if reply.code != "unsupported_version":
            return error_from_wire(reply.code, reply.message, reply.retry_after_s)
        theirs = f"f5d {reply.version}" if reply.version else "the daemon"
        line = f"f5ctl {__version__} and {theirs} on {self.socket_path} are of different versions"
        return NoDaemonError(f"{line}; stop that daemon and try again: f5ctl stop ({reply.message})")

    def _watch(self, timeout_s: float | None, others: Sequence[tuple[int, int]] = ()) -> bool:
        """Wait until something arrives or one of `others` is ready (True)."""
        poll = select.poll()
        for fd, events in ((self._wire.fileno(), select.POLLIN), *others):
            poll.register(fd, events)
        ready = dict(poll.poll(None if timeout_s is None else int(timeout_s * 1000) + 1))
        return any(fd in ready for fd, _events in others)


def answer(last: Reply | None) -> dict[str, Any]:
    """Return the result in a request's terminal message, or raise the error that it stands for."""
    if isinstance(last, Done):
        return last.result
    if isinstance(last, Failed):
        raise error_from_wire(last.code, last.message, last.retry_after_s)
    if isinstance(last, Cancelled):
        raise InterruptedRequest(f"the job ended: {last.reason}")
    raise NoDaemonError("the daemon ended the request without an answer")


def overdue(timeout_s: float) -> TryAgainError:
    """Return the error for a request whose time is over, of which the daemon has not said so."""
    line = f"the daemon has not ended the request within its time of {timeout_s:g} s"
    return TryAgainError("deadline_exceeded", line)


def check_listening(path: str) -> None:
    """Return when someone accepts connections on the socket at `path`.

    Raises:
        NoDaemonError: nobody does.
        ConfigError: this user may not find out.
    """
    import socket

    with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(BlockingIOError):  # its queue is full
        probe.setblocking(False)
        with refusals(path):
            probe.connect(path)


@contextlib.contextmanager
def refusals(path: str) -> Iterator[None]:
    """Turn the system's errors of a connection to `path` into ours, but the one of a full queue."""
    try:
        yield
    except BlockingIOError:
        raise
    except PermissionError:
        raise ConfigError(f"this user may not use the socket {path}") from None
    except (FileNotFoundError, ConnectionRefusedError):
        raise NoDaemonError(_nobody_listens(path)) from None
    except ConnectionError:
        raise NoDaemonError(_GONE) from None
    except OSError as error:
        raise NoDaemonError(f"cannot connect to {path}: {error.strerror}") from None


def _nobody_listens(path: str) -> str:
    if pid := lock_holder(path):
        why = "it is starting, or its socket was removed and is made again in seconds"
        return f"f5d (pid {pid}) does not listen on {path}: {why}; try again"
    from shlex import quote

    named = "" if path == os.path.abspath(client_socket_path()) else f" --socket {quote(path)}"
    return f"no daemon listens on {path}; start one with f5ctl load{named}"
