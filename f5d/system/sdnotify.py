"""What systemd and a service say to each other: the inherited socket, notifications, the watchdog.

The protocols of sd_listen_fds(3), sd_notify(3) and sd_watchdog_enabled(3), without libsystemd.
Knows nothing of the daemon (f5d/broker/service_status.py decides what is said and when). Outside systemd
nothing is inherited and every notification goes nowhere.
"""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from f5ctl.errors import ConfigError

if TYPE_CHECKING:
    from typing_extensions import Self

FIRST_FD: Final = 3
MICROSECONDS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class InheritedSocket:
    """A listening Unix socket that systemd made; `fd` belongs to whoever takes it."""

    fd: int
    path: str


def inherited_socket(environ: Mapping[str, str] = os.environ) -> InheritedSocket | None:
    """Return the socket that this process was started for, None when it was started without one.

    Raises:
        ConfigError: more than one, or something that is no listening Unix stream socket with a path.
    """
    if environ.get("LISTEN_PID") != str(os.getpid()) or environ.get("LISTEN_FDS", "0") == "0":
        return None  # a LISTEN_PID of another process was inherited by accident
    count = environ["LISTEN_FDS"]
    if count != "1":
        raise ConfigError(f"systemd passed {count} sockets; the limit is 1")
    os.set_inheritable(FIRST_FD, False)  # not for engines
    os.set_blocking(FIRST_FD, False)  # a client that has gone again must not block accept
    if not stat.S_ISSOCK(os.fstat(FIRST_FD).st_mode):
        raise ConfigError("systemd passed a descriptor that is not a socket")
    with socket.socket(fileno=os.dup(FIRST_FD)) as passed:
        path = passed.getsockname()
        listens = passed.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        if passed.family != socket.AF_UNIX or not listens or not isinstance(path, str) or not path:
            raise ConfigError("systemd passed a socket that is no listening Unix stream socket with a path")
    return InheritedSocket(FIRST_FD, path)


class Notifier:
    """Speaks to the service manager through $NOTIFY_SOCKET; owns one datagram socket."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        address = environ.get("NOTIFY_SOCKET", "")
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) if address else None
        if self._socket is not None:
            self._socket.setblocking(False)
        self.watchdog_s = _watchdog_s(environ)

    @property
    def listening(self) -> bool:
        """True when somebody wants to know."""
        return self._socket is not None

    def send(self, *assignments: str) -> bool:
        """Send `NAME=value` assignments in one message; return False when it could not be delivered now."""
        if self._socket is None:
            return False
        try:
            self._socket.sendto("\n".join(assignments).encode(errors="replace"), self._address)
        except OSError:  # the manager is being replaced, or its queue is full; the service goes on
            return False
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        if self._socket is not None:
            self._socket.close()


def _watchdog_s(environ: Mapping[str, str]) -> float | None:
    """Return within how many seconds systemd wants to hear something; None without a watchdog."""
    text = environ.get("WATCHDOG_USEC", "")
    if environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()) or not text.isdecimal():
        return None
    return int(text) / MICROSECONDS or None
