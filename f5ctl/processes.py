"""What other processes need of us: somebody who waits for their end, and a file for what they say."""

from __future__ import annotations

import contextlib
import os
import select
from collections.abc import Iterator
from typing import IO


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


def unnamed_file() -> IO[bytes]:
    """Return an empty file for a child's few words; it takes no room on a disk, which need not be writable."""
    if hasattr(os, "memfd_create"):
        return open(os.memfd_create("f5ctl"), "w+b")
    import tempfile

    return tempfile.TemporaryFile()
