"""Where clients come in: tcp, unix, systemd's socket or standard input and output."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import socket
import stat
import sys
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from f5ctl.errors import ConfigError

PORT: Final = 10200  # by custom, that of speech
_FIRST_FD: Final = 3  # of those that systemd passes


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
    if not public and not _is_loopback(parts.hostname):
        line = f"{parts.hostname} is reached by others, who may all speak then; add --public if that is meant"
        raise ConfigError(line)
    return Place("tcp", parts.hostname, PORT if port is None else port)


def passed_socket() -> socket.socket | None:
    """Return the listening socket that systemd has passed to this process, if it has."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()) or os.environ.get("LISTEN_FDS", "0") == "0":
        return None
    count = os.environ["LISTEN_FDS"]
    if count != "1":
        raise ConfigError(f"systemd passes {count} sockets; f5ctl serve wyoming listens on one")
    for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"):
        os.environ.pop(name, None)  # a daemon that is started from here has none
    os.set_inheritable(_FIRST_FD, False)
    return socket.socket(fileno=_FIRST_FD)


def listener(place: Place) -> socket.socket:
    """Return a bound socket; a unix one is this user's alone.

    Raises:
        ConfigError: it cannot be bound, or somebody listens there.
    """
    try:
        if place.kind == "unix":
            return _unix(place.path)
        info = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _kind, _protocol, _name, address = info[0]
        return socket.create_server(address[:2], family=family, backlog=128)
    except OSError as error:
        where = place.path or f"{place.host}:{place.port}"
        raise ConfigError(f"cannot listen on {where}: {error.strerror or error}") from None


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


def _unix(path: str) -> socket.socket:
    with contextlib.suppress(FileNotFoundError):
        if stat.S_ISSOCK(os.stat(path).st_mode):
            with socket.socket(socket.AF_UNIX) as trial:
                if trial.connect_ex(path) == 0:
                    raise ConfigError(f"somebody listens on {path} already")
            os.unlink(path)  # left behind
    found = socket.socket(socket.AF_UNIX)
    mask = os.umask(0o177)
    try:
        found.bind(path)
    except OSError:
        found.close()
        raise
    finally:
        os.umask(mask)
    found.listen(128)
    return found


def _is_loopback(host: str) -> bool:
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"
