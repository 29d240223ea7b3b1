"""A connection that outlives its daemon: what --retry does when one dies or is full."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from f5ctl.client import Client
from f5ctl.errors import F5Error, NoDaemonError, TryAgainError

PATIENCE_S: Final = 300.0  # for a daemon that was there and is gone
WAIT_S: Final = 0.5
CURABLE: Final = (NoDaemonError, TryAgainError)
MAX_LOSSES: Final = 10  # daemons that went away under the request: it may be to blame


class Lasting:
    """Owns one connection at a time; `reconnect` returns a new one."""

    def __init__(self, client: Client, reconnect: Callable[[], Client]) -> None:
        self.client = client
        self._reconnect = reconnect
        self._losses = 0

    def close(self) -> None:
        """Close the connection."""
        self.client.close()

    def succeeded(self) -> None:
        """Take note that a request has ended well: those before it have taken no daemon down."""
        self._losses = 0

    def again(self, error: F5Error) -> None:
        """Wait as long as the daemon asked for and connect again; raise `error` when that is hopeless."""
        if error.code == "deadline_exceeded":
            raise error
        self._losses += isinstance(error, NoDaemonError)
        self.client.close()
        time.sleep(getattr(error, "retry_after_s", None) or WAIT_S)
        patient_until = time.monotonic() + PATIENCE_S
        while True:
            if self._losses > MAX_LOSSES or time.monotonic() > patient_until:
                raise error
            try:
                self.client = self._reconnect()
            except NoDaemonError:
                time.sleep(WAIT_S)
            else:
                return
