"""Waiting for the end of a process that is not a child of ours."""

from __future__ import annotations

import contextlib
import os
import select
from collections.abc import Iterator


@contextlib.contextmanager
def watched(pid: object) -> Iterator[int | None]:
    """Yield a descriptor that becomes readable when process `pid` ends; None where it cannot be seen."""
    try:
        descriptor = os.pidfd_open(pid) if isinstance(pid, int) else None
    except (AttributeError, OSError):  # no Linux, gone already, or a daemon in another container
        descriptor = None
    try:
        yield descriptor
    finally:
        if descriptor is not None:
            os.close(descriptor)


def wait_for_end(process: int | None, timeout_s: float) -> bool:
    """Return True when the process behind the descriptor of `watched` ends in time, or was not to be seen."""
    return process is None or bool(select.select([process], [], [], timeout_s)[0])
