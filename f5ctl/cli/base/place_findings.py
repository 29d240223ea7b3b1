"""`f5ctl doctor` on places: may socket, log, temporary files and models lie where they would."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Final

from f5ctl.cli.base.findings import Finding
from f5ctl.daemon_log import log_places, open_stream
from f5ctl.errors import ConfigError
from f5ctl.places import cache_home, can_make, foreign_owner, nearest_folder, temporary_folder
from f5ctl.printing import size
from f5ctl.socketpath import check_socket_path, no_place

LEAST_FREE_BYTES: Final = 2 * 10**9  # a large model and its vocoder


def socket_fault(path: str) -> Finding | None:
    """Return why no daemon can serve `path`, None where one can, or does."""
    try:
        check_socket_path(path)
    except ConfigError as error:
        return Finding("socket", "fault", error.message, "set F5D_SOCKET to a shorter path")
    folder = os.path.dirname(path)
    if os.path.exists(path) or can_make(folder):
        return None
    how, _, fix = no_place(folder, "cannot be written").partition("; ")
    return Finding("socket", "fault", how, f"{fix}; in a container: mount a tmpfs for it")


def examine_session(socket: str) -> Iterator[Finding]:
    """Yield a note where root was called in a user's session, of which it uses nothing."""
    folder = os.environ.get("XDG_RUNTIME_DIR", "")
    owner = foreign_owner(folder) if folder.startswith("/") else None
    if owner is not None:
        how = f"XDG_RUNTIME_DIR {folder} is user {owner}'s, and nothing is put there; the socket is {socket}"
        fix = f"call it as that user; or reach that user's daemon: F5D_SOCKET={folder}/f5d/f5d.sock"
        yield Finding("session", "note", how, fix)


def examine_places() -> Iterator[Finding]:
    """Yield where the log and the models lie, and whether temporary files can be made."""
    yield _log()
    if not temporary_folder():
        how = "neither TMPDIR nor /tmp nor /var/tmp can be written; the daemon takes its socket's folder"
        fix = "set TMPDIR to a place with room, or mount a tmpfs on /tmp"
        yield Finding("temporary files", "note", how, fix)
    yield _models()


def _log() -> Finding:
    usual, *others = log_places()
    if can_make(usual):
        folder = nearest_folder(os.path.dirname(usual))
        return Finding("log", "ok", f"{usual}; {size(shutil.disk_usage(folder).free)} free")
    other = next(filter(can_make, others), "")
    stream = None if other else open_stream()
    if stream:
        os.close(stream.descriptor)
    goes = f"is {other}" if other else f"goes to {stream.name}" if stream else "is not kept"
    fix = "set XDG_STATE_HOME to a place of your own, or run `f5d serve`, which logs to its stderr"
    return Finding("log", "note", f"{usual} cannot be written; a daemon's log {goes}", fix)


def _models() -> Finding:
    cache = os.environ.get("HF_HOME") or f"{cache_home()}/huggingface"
    folder = nearest_folder(cache)
    free = shutil.disk_usage(folder).free
    if not can_make(cache):
        how = f"{cache} cannot be written: none can be fetched"
        return Finding("models", "note", how, "set HF_HOME to a place of your own")
    if free < LEAST_FREE_BYTES:
        fix = "a downloaded model takes up to 1.5 GB: set HF_HOME to a place with room"
        return Finding("models", "note", f"{size(free)} free under {folder}", fix)
    return Finding("models", "ok", f"{cache}; {size(free)} free")
