"""Where the words of a daemon go that f5ctl starts: a file; where none can be written the journal, else stderr.

While it starts, f5ctl has to read them: without a file they stand in a little memory meanwhile, and stay there
where nothing else can take them.

A daemon without a log serves as well as any other, so nothing here keeps one from starting. The daemon itself
keeps the file small (f5d/system/journal.py).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from typing import Final, NamedTuple

from f5ctl.places import can_make, foreign_owner, nearest_folder, state_home
from f5ctl.socketpath import own_folder

MEMORY_BYTES: Final = 65_536  # enough for why a start failed; what comes after it is lost
_NAME: Final = "f5d.log"
JOURNAL: Final = "the journal"
_JOURNAL_SOCKET: Final = "/run/systemd/journal/stdout"
_TO_JOURNAL: Final = b"f5d\n\n6\n1\n0\n0\n0\n"  # sd_journal_stream_fd(3): name, unit, priority, <N> counts, ...


class Stream(NamedTuple):
    """An open descriptor that takes words and gives none back, and what it is."""

    descriptor: int
    name: str

    @property
    def environ(self) -> dict[str, str]:
        """What tells the daemon that this is the journal (systemd.exec(5))."""
        found = os.fstat(self.descriptor)
        return {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"} if self.name == JOURNAL else {}


class DaemonLog:
    """An open log; `path` is "" without a file, `note` a line for the user where it is not where it belongs.

    `stream` takes the words of a daemon that has started, where there is no file.
    """

    def __init__(self, path: str, descriptor: int, note: str = "", stream: Stream | None = None) -> None:
        self.path = path
        self.note = note
        self.descriptor = descriptor
        self.stream = stream
        self._began = 0

    def begin(self) -> None:
        """Remember this as the place where a daemon's words begin."""
        with contextlib.suppress(OSError):  # a pipe in the place of the file
            self._began = os.lseek(self.descriptor, 0, os.SEEK_END if self.path else os.SEEK_CUR)

    def said(self) -> str:
        """Return what has been written since the last `begin`."""
        try:
            data = os.pread(self.descriptor, 2**20, self._began)
        except OSError:  # a pipe in the place of the file
            return ""
        return data.rstrip(b"\0").decode(errors="replace")

    def close(self) -> None:
        """Close this side; the daemon has its own."""
        os.close(self.descriptor)
        if self.stream:
            os.close(self.stream.descriptor)


def log_places() -> list[str]:
    """Return where a log may lie: the user's state folder, else beside the user's socket."""
    return [f"{state_home()}/f5d/{_NAME}", f"{own_folder()}/{_NAME}"]


def log_path() -> str:
    """Return the log that a daemon writes or will write."""
    first, *_others = places = log_places()
    return next(filter(can_make, places), first)


def open_log() -> DaemonLog:
    """Return the first log that can be written, or one in memory with what the daemon goes on with."""
    refused = ""
    for path in log_places():
        try:
            descriptor = _open(path, own=bool(refused))
        except OSError as error:
            refused = refused or f"the log {path} cannot be written ({error.strerror})"
            continue
        return DaemonLog(path, descriptor, f"{refused}: the daemon's is {path}" if refused else "")
    stream = open_stream()
    kept = f"'s goes to {stream.name}" if stream else " keeps none"
    return DaemonLog("", _memory(), f"{refused}: the daemon{kept}", stream)


def open_stream() -> Stream | None:
    """Return the journal, else this process's stderr if nobody waits for its end, else None."""
    import socket

    journal = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        journal.connect(_JOURNAL_SOCKET)
        journal.sendall(_TO_JOURNAL)
    except OSError:
        journal.close()
        return Stream(os.dup(2), "stderr") if _may_be_held(2) else None
    return Stream(journal.detach(), JOURNAL)


def _may_be_held(descriptor: int) -> bool:
    """Return False for a pipe, whose reader would wait for the daemon's end as well; not so the container's."""
    try:
        found = os.fstat(descriptor)
        if stat.S_ISFIFO(found.st_mode) or stat.S_ISSOCK(found.st_mode):
            return os.path.samestat(found, os.stat("/proc/1/fd/2"))
    except OSError:
        return False
    return True


def _open(path: str, *, own: bool) -> int:
    """Open a log to add to it; with `own`, in a folder that has to be this user's alone."""
    folder = os.path.dirname(path)
    owner = foreign_owner(nearest_folder(folder))
    if owner is not None:
        raise PermissionError(None, f"its folder is user {owner}'s")
    os.makedirs(folder, mode=0o700, exist_ok=True)
    found = os.lstat(folder)
    if own and not (stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()):
        raise PermissionError(None, "its folder is another user's")
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | (os.O_NOFOLLOW if own else 0)
    return os.open(path, flags, 0o600 if own else 0o666)


def _memory() -> int:
    """Return a file in memory that cannot grow: writing beyond its end fails, as on a full disk."""
    if not hasattr(os, "memfd_create"):
        return os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    descriptor = os.memfd_create(_NAME, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(descriptor, MEMORY_BYTES)
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_GROW)
    return descriptor
