"""A connection that outlives its daemon: what --retry does when one dies or is full."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from f5ctl.client import Client
from f5ctl.errors import F5Error, NoDaemonError, TryAgainError
from f5ctl.protocol import Say

PATIENCE_S: Final = 300.0  # for a daemon that was there and is gone
WAIT_S: Final = 0.5
LEAST_LEFT_S: Final = 0.01  # a request may have
CURABLE: Final = (NoDaemonError, TryAgainError)
MAX_LOSSES: Final = 10  # daemons that went away under the request: it may be to blame


class Lasting:
    """Owns one connection at a time; `reconnect` returns a new one, `tell` gets what is done meanwhile."""

    def __init__(self, client: Client, reconnect: Callable[[], Client], tell: Callable[[str], None]) -> None:
        self.client = client
        self._reconnect = reconnect
        self._tell = tell
        self._losses = 0

    def close(self) -> None:
        """Close the connection."""
        self.client.close()

    def succeeded(self) -> None:
        """Take note that a request has ended well: those before it have taken no daemon down."""
        self._losses = 0

    def again(self, error: F5Error, check: Callable[[], object]) -> None:
        """Wait as long as the daemon asked for and connect again; raise `error` when that is hopeless.

        `check` is called all the while, and raises when what is to be sent again has no time left.
        """
        if error.code == "deadline_exceeded":
            raise error
        self._tell("trying again")
        self._losses += isinstance(error, NoDaemonError)
        self.client.close()
        wanted_at = time.monotonic() + (getattr(error, "retry_after_s", None) or WAIT_S)
        while (left_s := wanted_at - time.monotonic()) > 0:
            check()
            time.sleep(min(left_s, WAIT_S))
        patient_until = time.monotonic() + PATIENCE_S
        while True:
            check()
            if self._losses > MAX_LOSSES or time.monotonic() > patient_until:
                raise error
            try:
                self.client = self._reconnect()
            except NoDaemonError:
                time.sleep(WAIT_S)
            else:
                return


def timely(request: Say, asked_at: float) -> Say:
    """Return a request that is sent again, with what is left of its time.

    Raises:
        TryAgainError: nothing is left.
    """
    if request.timeout_s is None:
        return request
    left_s = request.timeout_s - (time.monotonic() - asked_at)
    if left_s < LEAST_LEFT_S:
        line = f"the job was not finished within timeout_s {request.timeout_s:g}"
        raise TryAgainError("deadline_exceeded", line)
    return replace(request, timeout_s=left_s)
