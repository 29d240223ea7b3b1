"""How a verb reaches the daemon: the one that listens, the system's, or one that it starts."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable

from f5ctl.cli.base.settings import Settings
from f5ctl.client import CONNECT_S, Client, Meeting
from f5ctl.errors import NoDaemonError
from f5ctl.places import foreign_owner
from f5ctl.printing import warn
from f5ctl.progress import StatusLine
from f5ctl.protocol import Accepted, Failed
from f5ctl.socketpath import SYSTEM_SOCKET, may_use


def connect(
    settings: Settings, line: StatusLine | None = None, *, start: bool = False, timeout_s: float | None = None
) -> Client:
    """Return a client of the daemon; with `start`, one is started unless the user forbade it.

    `line` shows what takes its time, where there is one. A connection, and a start, take `timeout_s` at most.

    Raises:
        NoDaemonError: none listens, and none was or could be started.
    """
    line = line or StatusLine(quiet=True)
    meet = _meeting(settings, line, start=start and settings.start)
    connect_s = min(CONNECT_S, timeout_s or CONNECT_S)
    try:
        return Client(settings.socket, meet=meet, connect_s=connect_s)
    except NoDaemonError:
        if not settings.socket_is_named and settings.socket != SYSTEM_SOCKET and may_use(SYSTEM_SOCKET):
            with contextlib.suppress(NoDaemonError):
                return Client(SYSTEM_SOCKET, meet=meet)  # what lies at the user's path was left behind
        if not (start and settings.start):
            raise
    from f5ctl.autostart import START_S, refuse_for_systemd, start_daemon

    if not settings.socket_is_named:
        refuse_for_systemd(settings.socket)
        _tell_of_another_s_session(settings)
    line.show("starting daemon")
    start_daemon(settings.socket, timeout_s=min(START_S, timeout_s or START_S), tell=_teller(settings, line))
    return Client(settings.socket, meet=meet)


def _tell_of_another_s_session(settings: Settings) -> None:
    folder = os.environ.get("XDG_RUNTIME_DIR", "")
    if folder.startswith("/") and (owner := foreign_owner(folder)) is not None:
        line = f"XDG_RUNTIME_DIR {folder} is user {owner}'s: a daemon is started on {settings.socket}"
        warn(line, quiet=settings.quiet)


def _teller(settings: Settings, line: StatusLine) -> Callable[[str], None]:
    def tell(text: str) -> None:
        line.clear()
        warn(text, quiet=settings.quiet)

    return tell


def _meeting(settings: Settings, line: StatusLine, *, start: bool) -> Meeting:
    """Return what happens when the daemon turns out to be of another version."""

    def meet(client: Client, reply: Accepted | Failed) -> bool:
        from f5ctl.cli.base.versions import meet_another_version

        return meet_another_version(settings, line, client, reply, may_replace=start)

    return meet
