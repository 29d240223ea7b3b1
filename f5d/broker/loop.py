"""The loop of the daemon: one thread, one poller, no sleeping.

`Loop` owns the public ROUTER socket while it runs. It moves messages between clients, `Requests`
and engines and turns signals into `drain`, `force` and `reload`; it decides nothing itself.
"""

from __future__ import annotations

import logging
import math
import signal
import socket
import time
from collections.abc import Callable
from typing import Final

import zmq

from f5ctl.protocol import MAX_MESSAGE_BYTES
from f5d.broker.dispatcher import Dispatcher
from f5d.broker.engine_process import EngineProcess
from f5d.broker.peers import Peer, peer_at
from f5d.broker.requests import Requests
from f5d.broker.service_status import ServiceStatus

RECEIVE_HWM: Final = 2  # messages of up to 17 MiB, for each client; the rest waits in the client
SEND_HWM: Final = 16  # for each client, before the outbox takes over
LINGER_MS: Final = 1_000
MESSAGES_A_ROUND: Final = 64
LAST_FLUSH_S: Final = 2.0

log = logging.getLogger(__name__)


def public_socket(context: zmq.Context[zmq.Socket[bytes]]) -> zmq.Socket[bytes]:
    """Return the ROUTER socket that clients connect to, not yet bound."""
    router: zmq.Socket[bytes] = context.socket(zmq.ROUTER)
    router.setsockopt(zmq.ROUTER_MANDATORY, 1)  # without it replies to a full peer are lost silently
    router.setsockopt(zmq.MAXMSGSIZE, MAX_MESSAGE_BYTES)
    router.setsockopt(zmq.LINGER, LINGER_MS)
    router.setsockopt(zmq.SNDHWM, SEND_HWM)
    router.setsockopt(zmq.RCVHWM, RECEIVE_HWM)
    return router


class Loop:
    """Runs until the daemon is finished."""

    def __init__(
        self,
        router: zmq.Socket[bytes],
        poller: zmq.Poller,
        wakeup: socket.socket,
        requests: Requests,
        dispatcher: Dispatcher,
        *,
        service_status: ServiceStatus,
        reload: Callable[[float], None],
    ) -> None:
        self._router = router
        self._poller = poller
        self._wakeup = wakeup
        self._requests = requests
        self._service_status = service_status
        self._reload = reload
        self._dispatcher = dispatcher
        self._fleet = dispatcher.fleet
        self._supervisor = dispatcher.supervisor
        self._outbox = dispatcher.outbox
        self._endpoint = ""

    def bind(self, path: str, listening_fd: int) -> None:
        """Serve whoever connects, or has connected, to the socket at `path`; takes the descriptor."""
        self._router.setsockopt(zmq.USE_FD, listening_fd)  # libzmq closes it and leaves the file alone
        self._router.bind(f"ipc://{path}")
        self._endpoint = f"ipc://{path}"
        self._poller.register(self._router, zmq.POLLIN)
        self._poller.register(self._wakeup, zmq.POLLIN)

    def run(self) -> None:
        """Serve until everything that was accepted has ended and every engine is gone."""
        flush_until: float | None = None
        while True:
            self._poller.poll(self._timeout_ms(time.monotonic()))
            self._take_events(time.monotonic())
            self._take_requests()
            now = time.monotonic()
            self._do_what_is_due(now)
            if self._requests.finished:
                if flush_until is None:
                    # From here on a client waits in systemd's socket for the next daemon.
                    self._router.unbind(self._endpoint)
                    flush_until = now + LAST_FLUSH_S
                if not len(self._outbox) or now >= flush_until:
                    return

    def _take_events(self, now: float) -> None:
        self._take_signals(now)
        for engine, message in self._supervisor.messages(now):
            self._dispatcher.hear(engine, message, now)
        for engine in self._supervisor.gone(now):
            self._dispatcher.bury(engine, now)

    def _do_what_is_due(self, now: float) -> None:
        self._requests.tick(now)
        self._supervisor.enforce(now, self._is_working)
        self._outbox.flush(now)
        while lost := self._outbox.take_lost():
            self._requests.forget(lost, now)
        alive = self._supervisor.is_in_control(now, self._is_working)
        self._service_status.tick(now, alive=alive, patience_s=self._requests.patience_s(now))

    def _take_requests(self) -> None:
        for _ in range(MESSAGES_A_ROUND):
            try:
                frames = self._router.recv_multipart(zmq.DONTWAIT, copy=False)
            except zmq.Again:
                return
            now = time.monotonic()  # of this request: what was read before it takes nothing from its deadline
            self._requests.receive([frame.bytes for frame in frames], now, _peer(frames[-1]))

    def _take_signals(self, now: float) -> None:
        try:
            numbers = self._wakeup.recv(64)
        except BlockingIOError:
            return
        for number in numbers:
            if number == signal.SIGHUP:
                self._reload(now)
            elif number in (signal.SIGTERM, signal.SIGINT):
                if self._requests.draining:
                    self._requests.force(now)
                else:
                    self._requests.drain(now)

    def _is_working(self, engine: EngineProcess) -> bool:
        slot = self._fleet.slots.get(engine.model)
        return slot is not None and slot.state == "ready" and slot.is_busy

    def _timeout_ms(self, now: float) -> int | None:
        if self._requests.finished:
            return 0 if not len(self._outbox) else 20
        times = [
            self._requests.next_due(now),
            self._supervisor.next_due(now),
            self._outbox.next_due(now),
            self._service_status.next_due(),
        ]
        due = min((time_s for time_s in times if time_s is not None), default=None)
        return None if due is None else max(0, math.ceil((due - now) * 1000))


def _peer(frame: zmq.Frame) -> Peer | None:
    """Return who sent the message, None where the transport does not say."""
    try:
        return peer_at(str(frame.get("Peer-Address")))
    except zmq.ZMQError:
        return None
