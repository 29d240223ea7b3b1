"""Where clients come in: an address, a Unix socket, or the socket that systemd passes."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
import stat
from typing import Final

from f5ctl.errors import ConfigError

_FIRST_FD: Final = 3  # of those that systemd passes
_BACKLOG: Final = 512


def is_loopback(host: str) -> bool:
    """Return True for a name or address that only this machine reaches."""
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host.lower().rstrip(".") == "localhost"


def passed_socket() -> socket.socket | None:
    """Return the listening socket that systemd has passed to this process, if it has (ConfigError: several)."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()) or os.environ.get("LISTEN_FDS", "0") == "0":
        return None
    if (count := os.environ["LISTEN_FDS"]) != "1":
        raise ConfigError(f"systemd passes {count} sockets; a server listens on one")
    for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"):
        os.environ.pop(name, None)  # a daemon that is started from here has none
    os.set_inheritable(_FIRST_FD, False)
    return socket.socket(fileno=_FIRST_FD)


def tcp_socket(host: str, port: int) -> socket.socket:
    """Return a socket that listens at an address; ConfigError when it cannot."""
    try:
        info = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        return socket.create_server(info[0][4][:2], family=info[0][0], backlog=_BACKLOG)
    except OSError as error:
        raise ConfigError(f"cannot listen on {host}:{port}: {error.strerror or error}") from None


def unix_socket(path: str) -> socket.socket:
    """Return a socket that listens at a path, for this user alone; ConfigError when it cannot."""
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
        found.listen(_BACKLOG)
    except OSError as error:
        found.close()
        raise ConfigError(f"cannot listen on {path}: {error.strerror or error}") from None
    finally:
        os.umask(mask)
    return found
