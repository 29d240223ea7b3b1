"""What f5ctl does about a daemon of another version. Imported only when it meets one.

A daemon that a client started is replaced while nobody else needs it, and the request goes to the new
one. Every other daemon belongs to systemd or to a person: it gets the work, and the user one line.
"""

from __future__ import annotations

import time
from typing import Final

from f5ctl import __version__
from f5ctl.autostart import start_daemon
from f5ctl.cli.base.settings import Settings
from f5ctl.client import Client, new_id
from f5ctl.errors import NoDaemonError
from f5ctl.extras import missing
from f5ctl.printing import emit, warn
from f5ctl.processes import wait_for_end, watched
from f5ctl.progress import StatusLine
from f5ctl.protocol import Accepted, Done, Failed, Stop

REPLACE_S: Final = 15.0  # from the request to stop until the process is gone


def meet_another_version(
    settings: Settings, line: StatusLine, client: Client, reply: Accepted | Failed, *, may_replace: bool
) -> bool:
    """Return True when a daemon of this version has taken the other's place; say what was done or not.

    Raises:
        NoDaemonError: the other is gone and no new one came up.
    """
    theirs = f"f5d {reply.version} on {client.socket_path}"
    if may_replace and reply.on_demand and not missing("engine"):
        line.show("restarting the daemon")
        if _ended(client):
            start_daemon(client.socket_path)
            client.move()
            line.clear()
            if not settings.quiet:
                emit(f"f5ctl: note: f5d {reply.version} was restarted as f5d {__version__}", to_stderr=True)
            return True
        why = "it has jobs of others and is restarted later"
    else:
        why = "restart it to have this version; f5ctl stop ends it once its jobs are done"
    line.clear()
    if isinstance(reply, Accepted):
        warn(f"this is f5ctl {__version__} and {theirs}; {why}", quiet=settings.quiet)
    return False


def _ended(client: Client) -> bool:
    """Stop the daemon if nobody else has a job there; return True once its process is gone."""
    deadline = time.monotonic() + REPLACE_S
    try:
        answer = client.ask_aside(Stop(new_id(), alone=True), REPLACE_S)
    except NoDaemonError:  # somebody else was faster
        return True
    if not isinstance(answer, Done) or not answer.result.get("stopping"):
        return False
    with watched(answer.result.get("pid")) as process:
        gone = client.wait_until_gone(deadline - time.monotonic())
        return gone and wait_for_end(process, max(0.0, deadline - time.monotonic()))
