"""Who is at the other end of a connection, as the kernel says (SO_PEERCRED).

That is for the log, for fair shares and for the bounds on connections; what a client may do does not
depend on it: whoever may open the socket may use it.
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from f5d.engine.turns import Share

_CREDENTIALS: Final = struct.Struct("iII")  # struct ucred: pid, uid, gid
_FIELDS: Final = (3, 2)  # session and process group in /proc/PID/stat, counted after the command's name


@dataclass(frozen=True, slots=True)
class Peer:
    """A client's user and process.

    `share` is what counts as one client among others: the user, in it a session (a terminal, a service), in
    it a process group (a shell's job, such as a whole `xargs -P64`).
    """

    uid: int
    pid: int
    share: Share

    def __str__(self) -> str:
        return f"uid={self.uid} pid={self.pid}"


def peer_of(connection: socket.socket) -> Peer:
    """Return who has made a connection to a Unix socket."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, uid, _gid = _CREDENTIALS.unpack(credentials)
    return Peer(uid, pid, (uid, *_groups(pid)))


def _groups(pid: int) -> tuple[int, ...]:
    """Return session and process group; nothing where /proc does not tell, so that the user alone counts."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ()
    words = stat.rpartition(")")[2].split()
    return tuple(int(words[field]) for field in _FIELDS)
