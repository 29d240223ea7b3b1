"""Where the words of a daemon go that f5ctl starts: a file, or a little memory where no file can be written.

A daemon without a log serves as well as any other, so nothing here keeps one from starting. The daemon itself
keeps the file small (f5d/system/journal.py).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from typing import Final

from f5ctl.places import foreign_owner, nearest_folder, state_home
from f5ctl.socketpath import own_folder

MEMORY_BYTES: Final = 65_536  # enough for why a start failed; what comes after it is lost
_NAME: Final = "f5d.log"


class DaemonLog:
    """An open log; `path` is "" without a file, `note` a line for the user where it is not where it belongs."""

    def __init__(self, path: str, descriptor: int, note: str = "") -> None:
        self.path = path
        self.note = note
        self.descriptor = descriptor
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


def log_places() -> list[str]:
    """Return where a log may lie: the user's state folder, else beside the user's socket."""
    return [f"{state_home()}/f5d/{_NAME}", f"{own_folder()}/{_NAME}"]


def log_path() -> str:
    """Return the log that a daemon writes or will write."""
    first, *_others = places = log_places()
    return next((path for path in places if os.access(path, os.W_OK)), first)


def open_log() -> DaemonLog:
    """Return the first log that can be written, or one in memory."""
    refused = ""
    for path in log_places():
        try:
            descriptor = _open(path, own=bool(refused))
        except OSError as error:
            refused = refused or f"the log {path} cannot be written ({error.strerror})"
            continue
        return DaemonLog(path, descriptor, f"{refused}: the daemon's is {path}" if refused else "")
    return DaemonLog("", _memory(), f"{refused}: the daemon keeps none")


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
