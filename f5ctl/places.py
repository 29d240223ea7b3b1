"""A user's folders by the XDG Base Directory Specification: a relative or empty variable does not count.

The home folder is HOME's, else the account's. No pathlib here: it costs a call of f5ctl milliseconds.
"""

from __future__ import annotations

import os
from collections.abc import Mapping


def config_home(environ: Mapping[str, str] = os.environ) -> str:
    """Return where configurations lie."""
    return _folder("XDG_CONFIG_HOME", environ) or f"{_home(environ)}/.config"


def user_config(environ: Mapping[str, str] = os.environ) -> str:
    """Return the user's f5d.toml, whether it exists or not."""
    return f"{config_home(environ)}/f5d/f5d.toml"


def data_home(environ: Mapping[str, str] = os.environ) -> str:
    """Return where lies what a user keeps."""
    return _folder("XDG_DATA_HOME", environ) or f"{_home(environ)}/.local/share"


def state_home(environ: Mapping[str, str] = os.environ) -> str:
    """Return where logs lie."""
    return _folder("XDG_STATE_HOME", environ) or f"{_home(environ)}/.local/state"


def cache_home(environ: Mapping[str, str] = os.environ) -> str:
    """Return where lies what can be fetched again."""
    return _folder("XDG_CACHE_HOME", environ) or f"{_home(environ)}/.cache"


def runtime_folder(environ: Mapping[str, str] = os.environ) -> str:
    """Return where the sockets of a session lie; "" outside of one, and in another user's."""
    folder = _folder("XDG_RUNTIME_DIR", environ)
    return "" if folder and foreign_owner(folder) is not None else folder


def foreign_owner(folder: str) -> int | None:
    """Return whose `folder` is where nothing of ours belongs into it; None where it may lie there.

    What root made in a user's folder (`sudo -E`) could not be used by that user any more. Anybody else may
    write where the system lets them.
    """
    try:
        owner = os.stat(folder).st_uid
    except OSError:  # not there (yet)
        return None
    if owner == os.getuid() or (os.getuid() != 0 and os.access(folder, os.W_OK | os.X_OK)):
        return None
    return owner


def can_make(path: str) -> bool:
    """Return True where this user may write the file or the folder `path`, or make it where it is missing."""
    if os.path.lexists(path):
        return os.access(path, os.W_OK)
    folder = nearest_folder(path)
    return foreign_owner(folder) is None and os.access(folder, os.W_OK | os.X_OK)


def temporary_folder(environ: Mapping[str, str] = os.environ) -> str:
    """Return where Python makes temporary files; "" where it knows no folder that can be written."""
    named = [environ.get(name, "") for name in ("TMPDIR", "TEMP", "TMP")]
    return _first_writable(*named, "/tmp", "/var/tmp", "/usr/tmp")  # noqa: S108 - tempfile's own list


def with_temporary(folder: str, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return `environ` for a child that makes temporary files, or imports torch, which looks for a place.

    Where Python would find none, it is `folder`, or memory.
    """
    if temporary_folder(environ):
        return dict(environ)
    return {**environ, "TMPDIR": _first_writable(folder, "/dev/shm")}  # noqa: S108 - as above


def nearest_folder(path: str) -> str:
    """Return `path`, or the folder nearest above it that exists."""
    path = os.path.abspath(path)
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    return path


def _first_writable(*folders: str) -> str:
    return next((folder for folder in folders if os.access(folder, os.W_OK | os.X_OK)), "")


def _folder(variable: str, environ: Mapping[str, str]) -> str:
    value = environ.get(variable, "")
    return value if value.startswith("/") else ""


def _home(environ: Mapping[str, str]) -> str:
    if home := environ.get("HOME"):
        return home
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:  # a number without an account, as in a container
        return ""
