"""Where the daemon's socket lies."""

from __future__ import annotations

import os
import stat
from typing import Final

from f5ctl.bounds import is_utf8
from f5ctl.errors import ConfigError
from f5ctl.places import can_make, runtime_folder

MAX_SOCKET_PATH_BYTES: Final = 107  # sockaddr_un.sun_path is 108 bytes with its final NUL
_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH
SYSTEM_SOCKET: Final = "/run/f5d/f5d.sock"  # of the system's units
# For sockets outside of a session; the later ones where a container's /tmp is read-only.
SHARED_FOLDERS: Final = ("/tmp", "/run", "/dev/shm")  # noqa: S108 - owners are checked before use


def default_socket_path() -> str:
    """Return the socket that a user's daemon serves when nobody names one.

    `F5D_SOCKET`, else `f5d.sock` in `own_folder`.
    """
    if path := os.environ.get("F5D_SOCKET"):
        return path
    return f"{own_folder()}/f5d.sock"


def own_folder() -> str:
    """Return the folder of a user's daemon: the first of `own_folders` that can be used, else the first.

    It need not exist. Its owner has to be checked before use.
    """
    folders = own_folders()
    return next((folder for folder in folders if _is_usable(folder)), folders[0])


def own_folders() -> list[str]:
    """Return where a user's daemon may be: `$XDG_RUNTIME_DIR/f5d`, else `f5d-UID` in `SHARED_FOLDERS`."""
    session = runtime_folder()
    shared = [f"{folder}/f5d-{os.getuid()}" for folder in SHARED_FOLDERS]
    return [f"{session}/f5d", *shared] if session else shared


def no_place(folder: str, why: str) -> str:
    """Return the line that says that there can be no socket in `folder`, and what to do."""
    own = own_folders()
    if folder in own and not any(_is_usable(one) for one in own):
        tried = ", ".join(own)
        return f"no place for a socket, none of {tried} can be written; set F5D_SOCKET to one that can"
    return f"socket folder {folder} {why}; set F5D_SOCKET to another place"


def _is_usable(folder: str) -> bool:
    """Return True where `folder` is this user's and can be written, or can be made."""
    try:
        found = os.lstat(folder)
    except OSError:
        return can_make(folder)
    return found.st_uid == os.getuid() and os.access(folder, os.W_OK | os.X_OK)


def client_socket_path() -> str:
    """Return the socket that a client tries when nobody names one.

    The daemon's default, or the system's socket when only that exists and this user may use it.
    """
    path = default_socket_path()
    if not os.environ.get("F5D_SOCKET") and not os.path.exists(path) and may_use(SYSTEM_SOCKET):
        return SYSTEM_SOCKET
    return path


def refuse_strangers(path: str, uid: int) -> None:
    """Return when the user `uid`, who listens on `path`, may be told what this one says.

    That is this user, root, and whoever root lets have a socket in a folder of its own. Root may also name the
    socket of a user in that user's folder.

    Raises:
        ConfigError: anybody else, or somebody else's folder in the place of this user's own.
    """
    me, own = os.getuid(), own_folder()
    folder = os.path.dirname(path)
    if folder == own:
        found = os.lstat(own)
        if found.st_uid != me or found.st_mode & _OTHERS_WRITE or not stat.S_ISDIR(found.st_mode):
            whose = f"user {found.st_uid}'s" if found.st_uid != me else "not this user's alone"
            raise ConfigError(
                f"the folder {own} is {whose}: nothing was sent (F5D_SOCKET names another socket)"
            )
    if uid in (me, 0) or (folder != own and uid == _let_by(folder, path, me)):
        return
    raise ConfigError(f"user {uid} listens on {path}: nothing was sent (F5D_SOCKET names another socket)")


def _let_by(folder: str, path: str, me: int) -> int | None:
    """Return who owns the socket, where only its folder's owner may put one: root, or for root that user."""
    above, file = os.stat(folder), os.lstat(path)
    good = above.st_uid == 0 or (me == 0 and above.st_uid == file.st_uid)
    return file.st_uid if good and not above.st_mode & _OTHERS_WRITE else None


def lock_holder(path: str) -> str | None:
    """Return the process that holds the place of the socket `path`, as a daemon does; None without one."""
    try:
        inode = os.stat(f"{path}.lock").st_ino
        with open("/proc/locks", encoding="ascii") as locks:
            held = [fields for fields in map(str.split, locks) if fields[1] == "FLOCK" and len(fields) > 5]
    except OSError:
        return None
    return next((fields[4] for fields in held if fields[5].endswith(f":{inode}")), None)


def may_use(path: str) -> bool:
    """Return True when there is something at `path` that this user may connect to."""
    return os.access(path, os.R_OK | os.W_OK)


def check_socket_path(path: str) -> str:
    """Return `path` when a Unix socket can have that name.

    Raises:
        ConfigError: the path is longer than the kernel allows, or not UTF-8.
    """
    if not is_utf8(path):
        raise ConfigError(f"socket path is {path!r}; it holds bytes that are not UTF-8 (use another one)")
    size = len(os.fsencode(path))
    if size > MAX_SOCKET_PATH_BYTES:
        raise ConfigError(
            f"socket path is {size} bytes; the limit is {MAX_SOCKET_PATH_BYTES}: {path} (use a shorter one)"
        )
    return path
