"""What systemd is told, and when: ready, status, watchdog, reloading, stopping.

`ServiceStatus` is called once a round of the daemon's loop; time is an argument. A daemon whose loop
stands still, or whose engine neither works nor dies, sends no watchdog pings and is restarted.
"""

from __future__ import annotations

from typing import Final

from f5d.broker.dispatcher import Dispatcher
from f5d.system.sdnotify import MICROSECONDS, Notifier

STATUS_EVERY_S: Final = 1.0
PINGS_A_PERIOD: Final = 3
STOP_MARGIN_S: Final = 30.0  # engines get 10 s to exit after the last job
MEBIBYTE: Final = 2**20


class ServiceStatus:
    """Keeps systemd informed through a `Notifier`; says nothing twice."""

    def __init__(self, notifier: Notifier, dispatcher: Dispatcher) -> None:
        self._notifier = notifier
        self._dispatcher = dispatcher
        self._ping_every_s = notifier.watchdog_s and notifier.watchdog_s / PINGS_A_PERIOD
        self._ping_at = 0.0
        self._told_at = -STATUS_EVERY_S
        self._told = ""
        self._stale = False
        self._stopping = False

    def ready(self) -> None:
        """Tell that the socket answers, or that a reload is over."""
        self._notifier.send("READY=1")

    def reloading(self, now: float) -> None:
        """Tell that the configuration is being read again; `ready` ends it."""
        self._notifier.send("RELOADING=1", f"MONOTONIC_USEC={int(now * MICROSECONDS)}")

    def tick(self, now: float, *, alive: bool, patience_s: float | None) -> None:
        """Send what is due; with `alive` False the watchdog gets nothing.

        `patience_s` is how long the accepted jobs may still take, None before the end has begun.
        """
        if not self._notifier.listening:
            return
        draining = patience_s is not None
        if patience_s is not None and not self._stopping:
            self._stopping = True
            extension_us = int((patience_s + STOP_MARGIN_S) * MICROSECONDS)
            self._notifier.send("STOPPING=1", f"EXTEND_TIMEOUT_USEC={extension_us}")
        if self._ping_every_s is not None and now >= self._ping_at:
            self._ping_at = now + self._ping_every_s
            if alive:
                self._notifier.send("WATCHDOG=1")
        self._stale = now < self._told_at + STATUS_EVERY_S
        if not self._stale:
            status = self._status(draining=draining)
            if status != self._told and self._notifier.send(f"STATUS={status}"):
                self._told, self._told_at = status, now

    def next_due(self) -> float | None:
        """Return when `tick` has something to send by time alone."""
        times = []
        if self._ping_every_s is not None:
            times.append(self._ping_at)
        if self._stale:
            times.append(self._told_at + STATUS_EVERY_S)
        return min(times, default=None)

    def _status(self, *, draining: bool) -> str:
        jobs, fleet, engines = self._dispatcher.jobs, self._dispatcher.fleet, self._dispatcher.engines
        loaded = []
        for slot in fleet.slots.values():
            if slot.state == "ready" and slot.loaded is not None and slot.model in engines:
                memory = f"{engines[slot.model].beat.memory_bytes / MEBIBYTE:.0f} MiB"
                loaded.append(f"{slot.model} on {slot.loaded.device}, {memory}")
            else:
                loaded.append(f"{slot.model} {slot.state}")
        waiting = len(jobs.waiting)
        queue = f"{len(jobs.work) - waiting} running, {waiting} waiting"
        return "; ".join([*(["draining"] if draining else []), *(loaded or ["no model loaded"]), queue])
