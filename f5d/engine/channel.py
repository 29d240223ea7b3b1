"""Messages of any size between processes of one engine, none of which can hold the sender up.

A message is an unnamed file in memory; only its descriptor goes through the socket. So a sender waits for no
reader, however large the recording. Imports neither torch nor numpy.
"""

from __future__ import annotations

import errno
import os
import socket

_ONE: bytes = b"."


def pair() -> tuple[socket.socket, socket.socket]:
    """Return the two ends of a channel."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def send(end: socket.socket, message: bytes) -> None:
    """Send a message; OSError when the other end is closed."""
    with open(os.memfd_create("message", os.MFD_CLOEXEC), "wb") as file:  # noqa: PTH123 - a descriptor
        file.write(message)
        file.flush()
        socket.send_fds(end, [_ONE], [file.fileno()])


def receive(end: socket.socket) -> bytes | None:
    """Return the next message, waiting for it where the socket does; None when the other end is closed.

    Raises:
        OSError: it is lost, because this process may not open another file.
    """
    try:
        _sent, descriptors, flags, _address = socket.recv_fds(end, len(_ONE), 1)
    except ConnectionResetError:
        return None
    if flags & socket.MSG_CTRUNC:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
    if not descriptors:
        return None
    with open(descriptors[0], "rb") as file:  # noqa: PTH123 - a descriptor
        file.seek(0)  # the sender's place in it is this one's too
        return file.read()
