"""`f5ctl load`: a model into memory, before anybody waits for it."""

from __future__ import annotations

import click

from f5ctl.cli.base.connecting import connect
from f5ctl.cli.base.settings import Settings, Verb, common_options, offer
from f5ctl.client import new_id
from f5ctl.progress import StatusLine
from f5ctl.protocol import Load


@click.command(cls=Verb, examples="f5ctl load\nf5ctl load F5TTS_v1_Base")
@click.argument("model", required=False, shell_complete=offer("models"))
@common_options
@click.pass_obj
def load(settings: Settings, model: str | None) -> None:
    """Load MODEL (the default one when left out), so that the next say does not wait for it."""
    with StatusLine(quiet=settings.quiet) as line, connect(settings, line, start=True) as client:
        client.call(Load(new_id(), model), tell=line.report)
