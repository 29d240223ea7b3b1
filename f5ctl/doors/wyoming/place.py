"""Where clients come in: the URI that says it, or standard input and output."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from f5ctl.doors.listening import is_loopback, tcp_socket, unix_socket
from f5ctl.errors import ConfigError

PORT: Final = 10200  # by custom, that of speech


class Place(NamedTuple):
    """A URI that was read: `kind` tcp, unix or stdio."""

    kind: str
    host: str = ""
    port: int = 0
    path: str = ""


def place_of(uri: str, *, public: bool) -> Place:
    """Return the place that a URI names.

    Raises:
        ConfigError: it names none, or one that others reach and was not allowed by `public`.
    """
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        raise ConfigError(f"--uri {uri!r:.80} has no port that is a number up to 65535") from None
    if parts.scheme == "stdio":
        return Place("stdio")
    if parts.scheme == "unix" and parts.path and not parts.netloc:
        return Place("unix", path=parts.path)
    if parts.scheme != "tcp" or not parts.hostname:
        line = f"--uri is {uri!r:.80}; it can be tcp://HOST:PORT, unix:///PATH or stdio://"
        raise ConfigError(line)
    if not public and not is_loopback(parts.hostname):
        line = f"{parts.hostname} is reached by others, who may all speak then; add --public if that is meant"
        raise ConfigError(line)
    return Place("tcp", parts.hostname, PORT if port is None else port)


def listener(place: Place) -> socket.socket:
    """Return a bound socket; a unix one is this user's alone.

    Raises:
        ConfigError: it cannot be bound, or somebody listens there.
    """
    return unix_socket(place.path) if place.kind == "unix" else tcp_socket(place.host, place.port)


async def standard_streams(limit: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Return standard input and output as a connection; what else is printed goes to standard error."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=limit)
    source = os.fdopen(os.dup(0), "rb", buffering=0)
    target = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    sys.stdout.flush()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), source)
    transport, protocol = await loop.connect_write_pipe(
        lambda: asyncio.StreamReaderProtocol(asyncio.StreamReader()), target
    )
    return reader, asyncio.StreamWriter(transport, protocol, None, loop)
