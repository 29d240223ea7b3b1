"""Turning signals into one exception, and that exception into the right kind of death."""

from __future__ import annotations

import os
import signal
from types import FrameType
from typing import Final, NoReturn

_STOPPING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(BaseException):
    """A signal asked this process to end; files and jobs are cleaned up on the way out."""

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.signum = signum


def raise_on_signals() -> None:
    """Let Ctrl-C, SIGTERM and SIGHUP raise `Interrupted`, unless the caller had them ignored."""
    for signum in _STOPPING:
        if signal.getsignal(signum) is not signal.SIG_IGN:  # nohup, or a background job of a script
            signal.signal(signum, _raise)


def die_of(signum: int) -> NoReturn:
    """End this process by `signum` itself; a shell reports 128 + signum.

    A loop in a shell script ends on Ctrl-C only if the program in it was seen to die of SIGINT;
    with a plain exit status of 130 the loop goes on with its next file.
    """
    signal.signal(signum, signal.SIG_DFL)
    os.kill(os.getpid(), signum)
    os._exit(128 + signum)  # only where the signal is blocked


def _raise(signum: int, _frame: FrameType | None) -> NoReturn:
    raise Interrupted(signum)
