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
# In /proc/PID/stat, counted after the command's name.
_GROUP, _SESSION, _FOREGROUND = 2, 3, 5  # the last is the group that the session's terminal belongs to


@dataclass(frozen=True, slots=True)
class Peer:
    """A client's user and process.

    `share` is what counts as one client among others: the user, in it a session (a terminal, a service), in
    it whether somebody waits at the terminal for it (1) or not (0), in that a process group (a shell's job,
    such as a whole `xargs -P64`).
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
    """Return what `share` holds below the user; nothing where /proc does not tell, so that he alone counts."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ()
    words = stat.rpartition(")")[2].split()
    group = int(words[_GROUP])
    return int(words[_SESSION]), int(group == int(words[_FOREGROUND])), group
