"""The daemon's place in the file system: runtime folder, lock, listening socket.

Knows paths and their owners, nothing of ZeroMQ. A place is either the daemon's own (`SocketPlace`:
it makes the folder, the lock and the socket and takes them away again) or systemd's
(`InheritedPlace`: the socket was there first and stays).
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import socket
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from f5ctl.errors import ConfigError
from f5ctl.places import foreign_owner, nearest_folder
from f5ctl.socketpath import MAX_SOCKET_PATH_BYTES, check_socket_path, no_place, own_folders
from f5d.system.sdnotify import InheritedSocket

if TYPE_CHECKING:
    from typing_extensions import Self

ENGINE_SUFFIX_BYTES: Final = 8  # ".e" and the incarnation's number
FOLDER_MODE: Final = 0o700
PRIVATE: Final = 0o177  # umask: the socket is the owner's alone
BACKLOG: Final = 128


class SocketPlace:
    """Holds `SOCKET.lock` from `__enter__` to `__exit__`; one place has one daemon."""

    def __init__(self, socket_path: str) -> None:
        self.socket_path = socket_path
        self.lock_path = f"{socket_path}.lock"
        self._lock_fd: int | None = None
        self._made: os.stat_result | None = None

    def __enter__(self) -> Self:
        check_socket_path(self.socket_path)
        size = len(os.fsencode(self.socket_path)) + ENGINE_SUFFIX_BYTES
        if size > MAX_SOCKET_PATH_BYTES:
            limit = MAX_SOCKET_PATH_BYTES - ENGINE_SUFFIX_BYTES
            raise ConfigError(
                f"socket path is {size - ENGINE_SUFFIX_BYTES} bytes; the limit is {limit} "
                f"with the engines' sockets beside it: {self.socket_path} (use a shorter one)"
            )
        _prepare_folder(Path(self.socket_path).absolute().parent)
        _refuse_other_files(Path(self.socket_path))
        self._lock_fd = _take_lock(self.lock_path, self.socket_path)
        _sweep(f"{self.socket_path}.e")
        return self

    def __exit__(self, *_error: object) -> None:
        if self._made is not None and _is_file(self.socket_path, self._made):
            Path(self.socket_path).unlink(missing_ok=True)
        if self._lock_fd is not None:
            if self._has_lock():
                Path(self.lock_path).unlink(
                    missing_ok=True
                )  # before the lock goes: _take_lock checks the inode
            os.close(self._lock_fd)
            self._lock_fd = None

    def listen(self) -> int:
        """Return a listening socket of mode 0600 on the path; it belongs to the caller.

        Raises:
            ConfigError: somebody listens there without our lock, or the socket cannot be made.
        """
        if _answers(self.socket_path):
            raise ConfigError(
                f"another process listens on {self.socket_path}; if it is systemd, see `f5ctl service status`"
            )
        with socket.socket(socket.AF_UNIX) as listener:
            before = os.umask(PRIVATE)  # the file is made inside bind: no moment for others
            try:
                Path(self.socket_path).unlink(missing_ok=True)
                listener.bind(self.socket_path)
                self._made = os.lstat(self.socket_path)
            except OSError as error:
                raise ConfigError(f"socket {self.socket_path} cannot be bound: {error.strerror}") from None
            finally:
                os.umask(before)
            listener.listen(BACKLOG)
            listener.setblocking(False)
            return listener.detach()

    def is_there(self) -> bool:
        """Return True while the path is this daemon's own: its socket, and the lock that guards it."""
        return self._made is not None and _is_file(self.socket_path, self._made) and self._has_lock()

    def renew(self) -> int:
        """Return a new listening socket on the path, after its file or its folder was removed.

        Raises:
            ConfigError: another daemon has the place now, or the folder above it is gone too.
        """
        folder = Path(self.socket_path).absolute().parent
        if not os.path.lexists(folder.parent):
            raise ConfigError(f"there is no folder {folder.parent}")
        _prepare_folder(folder)
        _refuse_other_files(Path(self.socket_path))
        if not self._has_lock():
            lock_fd = _take_lock(self.lock_path, self.socket_path)
            if self._lock_fd is not None:
                os.close(self._lock_fd)
            self._lock_fd = lock_fd
        if self._made is not None and _is_file(self.socket_path, self._made):
            Path(self.socket_path).unlink(missing_ok=True)  # it was the lock that was removed
        return self.listen()

    def _has_lock(self) -> bool:
        return self._lock_fd is not None and _is_file(self.lock_path, os.fstat(self._lock_fd))

    def engine_path(self, incarnation: int) -> str:
        """Return the private socket path of one engine process."""
        return f"{self.socket_path}.e{incarnation % 1_000_000}"


class InheritedPlace:
    """A socket that systemd made, keeps while no daemon runs, and takes away."""

    def __init__(self, inherited: InheritedSocket, environ: Mapping[str, str] = os.environ) -> None:
        self.socket_path = inherited.path
        self._fd = inherited.fd
        folder = environ.get("RUNTIME_DIRECTORY", "").split(":")[0]
        self._engine_stem = f"{folder}/e" if folder else f"{inherited.path}.e"
        self._seen: os.stat_result | None = None

    def __enter__(self) -> Self:
        check_socket_path(self.engine_path(-1))
        _sweep(self._engine_stem)
        with contextlib.suppress(OSError):  # out of sight in a unit's own /tmp
            self._seen = os.lstat(self.socket_path)
        return self

    def __exit__(self, *_error: object) -> None:
        """Leave everything to systemd."""

    def listen(self) -> int:
        """Return the listening socket; it belongs to the caller."""
        return self._fd

    def is_there(self) -> bool:
        """Return True while clients find systemd's socket on its path."""
        return self._seen is None or _is_file(self.socket_path, self._seen)

    def renew(self) -> int:
        """Raise ConfigError: only systemd can make its socket again."""
        raise ConfigError("systemd made it and makes it again: systemctl restart f5d.socket, or with --user")

    def engine_path(self, incarnation: int) -> str:
        """Return the private socket path of one engine process, in the service's RuntimeDirectory= if any."""
        return f"{self._engine_stem}{incarnation % 1_000_000}"


def _prepare_folder(folder: Path) -> None:
    """Make the socket's folder when it is missing and refuse one that others could use against us.

    In those that are f5d's own by default modes are its business, elsewhere the user's.
    """
    own = str(folder) in own_folders()
    owner = None if os.path.lexists(folder) else foreign_owner(nearest_folder(str(folder)))
    if owner is not None:
        raise ConfigError(
            f"socket folder {folder} would lie among user {owner}'s, who could not use it any more"
        )
    try:
        folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        found = folder.lstat() if own else folder.stat()
    except OSError as error:
        raise ConfigError(no_place(str(folder), f"cannot be used: {error.strerror}")) from None
    if not stat.S_ISDIR(found.st_mode):
        raise ConfigError(f"socket folder {folder} is not a folder")
    if own:
        if found.st_uid != os.getuid():
            raise ConfigError(f"socket folder {folder} belongs to user {found.st_uid}, not to {os.getuid()}")
        if stat.S_IMODE(found.st_mode) != FOLDER_MODE:
            folder.chmod(FOLDER_MODE)
    elif found.st_mode & stat.S_IWOTH and not found.st_mode & stat.S_ISVTX:
        raise ConfigError(f"socket folder {folder} can be written by everybody; use a private one")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ConfigError(no_place(str(folder), "cannot be written"))


def _refuse_other_files(path: Path) -> None:
    """A stale socket is replaced by bind; a file of another kind was not made by a daemon."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    except OSError as error:
        raise ConfigError(f"socket {path} cannot be used: {error.strerror}") from None
    if not stat.S_ISSOCK(found.st_mode):
        raise ConfigError(f"socket {path} exists and is not a socket")


def _take_lock(lock_path: str, socket_path: str) -> int:
    while True:
        try:
            fd = os.open(lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise ConfigError(f"lock {lock_path} cannot be opened: {error.strerror}") from None
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_file(lock_path, os.fstat(fd)):
                os.ftruncate(fd, 0)
                os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
                return fd
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EACCES):
                raise
            pid = os.pread(fd, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(fd)
            raise ConfigError(f"another f5d (pid {pid}) serves {socket_path}") from None
        os.close(fd)  # the previous daemon unlinked this file between our open and our lock


def _sweep(stem: str) -> None:
    """Remove the engines' sockets that a daemon killed with SIGKILL left behind at `stem` and a number.

    What is no socket, belongs to another user, has a lock of its own beside it (another daemon's public
    socket) or is answered by anybody stays.
    """
    folder, name = os.path.split(stem)
    mine = re.compile(re.escape(name) + r"[0-9]{1,6}")
    with contextlib.suppress(OSError), os.scandir(folder or ".") as entries:
        for path in [entry.path for entry in entries if mine.fullmatch(entry.name)]:
            found = os.lstat(path)
            stale = stat.S_ISSOCK(found.st_mode) and found.st_uid == os.getuid()
            if stale and not os.path.lexists(f"{path}.lock") and not _answers(path):
                Path(path).unlink(missing_ok=True)


def _answers(path: str) -> bool:
    """Return True when somebody accepts connections on `path`."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except BlockingIOError:  # its backlog is full
            return True
        except OSError:
            return False
    return True


def _is_file(path: str, held: os.stat_result) -> bool:
    """Return True while `path` still names the file `held`."""
    try:
        found = os.lstat(path)
    except OSError:
        return False
    return (found.st_dev, found.st_ino) == (held.st_dev, held.st_ino)
