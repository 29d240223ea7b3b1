"""Who is at the other end of a connection, as the kernel says (SO_PEERCRED).

libzmq hands the credentials on with every message. They are for the log and for fair shares; what a
client may do does not depend on them: whoever may open the socket may use it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

PROCESS_GROUP_FIELD = 2  # of /proc/PID/stat, counted after the command's name


@dataclass(frozen=True, slots=True)
class Peer:
    """A client's user and process.

    `share` is what counts as one client among others: a shell's job, such as a whole `xargs -P64`.
    """

    uid: int
    pid: int
    share: str

    def __str__(self) -> str:
        return f"uid={self.uid} pid={self.pid}"


def peer_at(address: str) -> Peer | None:
    """Return the peer behind libzmq's `Peer-Address`, such as `localhost:1000:1000:4711`."""
    numbers = address.split(":")[-3:]
    if len(numbers) != 3 or not all(number.isdecimal() for number in numbers):
        return None
    uid, _gid, pid = map(int, numbers)
    return Peer(uid, pid, _share(uid, pid))


def _share(uid: int, pid: int) -> str:
    """Return the process group of a user's process; the user alone where /proc does not tell."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return f"{uid}"
    return f"{uid}/{stat.rpartition(')')[2].split()[PROCESS_GROUP_FIELD]}"
