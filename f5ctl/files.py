"""Reading a file that somebody else may have put there: never waited for, never more than was asked for."""

from __future__ import annotations

import errno
import os
import stat


def read_regular(path: str | os.PathLike[str], most_bytes: int) -> bytes:
    """Return what a regular file holds.

    Raises:
        OSError: it cannot be read, has more than `most_bytes`, or is a pipe, a device or a socket, which are
            not even opened.
    """
    try:
        found = os.stat(path)
    except ValueError:
        raise OSError(errno.EINVAL, "no path holds a NUL character") from None
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "it is no regular file")
    # What took its place since is not waited for either.
    with open(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb") as file:
        data = file.read(most_bytes + 1)
    if len(data) > most_bytes:
        raise OSError(errno.EFBIG, f"it is {max(found.st_size, len(data))} bytes; the limit is {most_bytes}")
    return data


def is_file(path: str | os.PathLike[str]) -> bool:
    """Return True for a regular file; where this user may not look, there is none."""
    return os.path.isfile(path)
