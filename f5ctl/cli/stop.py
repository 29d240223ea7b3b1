"""`f5ctl stop`: the end of the daemon."""

from __future__ import annotations

import contextlib
from typing import Final

import click

from f5ctl.cli.base.connecting import connect
from f5ctl.cli.base.settings import Settings, Verb, common_options, option
from f5ctl.client import new_id
from f5ctl.errors import NoDaemonError
from f5ctl.processes import wait_for_end, watched
from f5ctl.progress import StatusLine
from f5ctl.protocol import Stop

EXIT_WAIT_S: Final = 10.0  # between closing its socket and being gone


@click.command(cls=Verb, examples="f5ctl stop\nf5ctl stop --force")
@option("--force", is_flag=True, help="Cancel the jobs instead of finishing them.")
@common_options
@click.pass_obj
def stop(settings: Settings, *, force: bool) -> None:
    """Stop the daemon once its jobs are done, and wait until it is gone."""
    with StatusLine(quiet=settings.quiet) as line, connect(settings, line) as client:
        pid = client.status().get("pid")
        with watched(pid) as process:
            line.show("stopping" if force else "waiting for the jobs to end")
            with contextlib.suppress(NoDaemonError):  # it was faster than its answer
                client.call(Stop(new_id(), force=force), silence_s=None)
            client.wait_until_gone()
            wait_for_end(process, EXIT_WAIT_S)
