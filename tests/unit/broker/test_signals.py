"""What the daemon makes of signals, which this process sends itself."""

from __future__ import annotations

import os
import select
import signal

from f5d.system.signals import Asked, Signals

STORM = 5_000  # more bytes than a socket pair holds: each costs it a buffer of its own


def test_no_storm_of_one_signal_hides_another() -> None:
    """Thousands of SIGHUPs are one reload, and the SIGTERM after them is there."""
    with Signals() as signals:
        for _ in range(STORM):
            os.kill(os.getpid(), signal.SIGHUP)
        os.kill(os.getpid(), signal.SIGTERM)
        assert signals.take() == Asked(stops=1, reload=True)
        assert signals.take() == Asked(stops=0, reload=False)
        assert not select.select([signals.wakeup], [], [], 0)[0]


def test_every_end_that_is_asked_for_counts() -> None:
    """The second SIGTERM does not wait for jobs, so it is told from the first."""
    with Signals() as signals:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
        assert select.select([signals.wakeup], [], [], 10)[0]
        assert signals.take().stops == 2
        os.kill(os.getpid(), signal.SIGTERM)
        assert signals.take() == Asked(stops=1, reload=False)
