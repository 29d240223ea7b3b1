"""The loop of the daemon: one thread, one poller, no sleeping.

`Loop` moves messages between clients (`Front`, `Outbox`), `Requests` and engines and turns signals into
`drain`, `force` and `reload`; it decides nothing itself.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Final

import zmq

from f5d.broker.dispatcher import Dispatcher
from f5d.broker.engine_process import EngineProcess
from f5d.broker.front import Front
from f5d.broker.requests import Requests
from f5d.broker.service_status import ServiceStatus
from f5d.broker.socket_watch import SocketWatch
from f5d.system.signals import Signals

TURNS_A_ROUND: Final = 64
LAST_FLUSH_S: Final = 2.0


class Loop:
    """Runs until the daemon is finished."""

    def __init__(
        self,
        front: Front,
        poller: zmq.Poller,
        signals: Signals,
        requests: Requests,
        dispatcher: Dispatcher,
        *,
        service_status: ServiceStatus,
        watch: SocketWatch,
        reload: Callable[[float], None],
    ) -> None:
        self._front = front
        self._poller = poller
        self._signals = signals
        self._requests = requests
        self._service_status = service_status
        self._watch = watch
        self._reload = reload
        self._dispatcher = dispatcher
        self._fleet = dispatcher.fleet
        self._supervisor = dispatcher.supervisor
        self._outbox = dispatcher.outbox
        self._flush_until: float | None = None  # everything has ended but for last replies
        poller.register(front.fileno(), zmq.POLLIN)
        poller.register(signals.wakeup, zmq.POLLIN)

    def run(self) -> None:
        """Serve until everything that was accepted has ended and every engine is gone."""
        while True:
            timeout_ms = self._timeout_ms(time.monotonic())
            ready = [source for source, _events in self._poller.poll(timeout_ms)]
            clients_alone = ready == [self._front.fileno()] and timeout_ms != 0
            if clients_alone and not self._take_requests() and not self._requests.finished:
                continue  # a part of a long message came, of hundreds; nothing else is to be done
            self._take_events(time.monotonic())
            self._take_requests()
            now = time.monotonic()
            self._do_what_is_due(now)
            if self._requests.finished:
                if self._flush_until is None:
                    # From here on a client waits in systemd's socket for the next daemon.
                    self._front.stop_listening()
                    self._flush_until = now + LAST_FLUSH_S
                if not len(self._outbox) or now >= self._flush_until:
                    return

    def _take_events(self, now: float) -> None:
        self._take_signals(now)
        for engine, message in self._supervisor.messages(now):
            self._dispatcher.hear(engine, message, now)
        for engine in self._supervisor.gone(now):
            self._dispatcher.bury(engine, now)

    def _do_what_is_due(self, now: float) -> None:
        if not self._requests.draining:
            self._watch.tick(now, self._front.listen)
        self._requests.tick(now)
        self._supervisor.enforce(now, self._is_working)
        self._requests.forget(self._front.take_lost(), now)
        self._outbox.flush(now)
        alive = self._supervisor.is_in_control(now, self._is_working)
        self._service_status.tick(now, alive=alive, patience_s=self._requests.patience_s(now))

    def _take_requests(self) -> bool:
        """Act on what clients have sent; return True if that was a message."""
        acted = False
        for client, message in self._front.messages(TURNS_A_ROUND, time.monotonic()):
            # The time of this request: what was read before it takes nothing from its deadline.
            self._requests.receive(client, message, time.monotonic())
            acted = True
        return acted

    def _take_signals(self, now: float) -> None:
        asked = self._signals.take()
        for _ in range(asked.stops):
            if self._requests.draining:
                self._requests.force(now)
            else:
                self._requests.drain(now)
        if asked.reload:
            self._reload(now)

    def _is_working(self, engine: EngineProcess) -> bool:
        slot = None if engine.model is None else self._fleet.slots.get(engine.model)
        return slot is not None and slot.state == "ready" and slot.is_busy

    def _timeout_ms(self, now: float) -> int | None:
        times = [
            self._flush_until,
            self._front.next_due(now),
            self._requests.next_due(now),
            self._supervisor.next_due(now),
            self._outbox.next_due(),
            self._service_status.next_due(),
            None if self._requests.draining else self._watch.look_at,
        ]
        due = min((time_s for time_s in times if time_s is not None), default=None)
        return None if due is None else max(0, math.ceil((due - now) * 1000))
