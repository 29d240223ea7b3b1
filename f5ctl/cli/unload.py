"""`f5ctl unload`: a model out of memory."""

from __future__ import annotations

import click

from f5ctl.cli.base.connecting import connect
from f5ctl.cli.base.settings import Settings, Verb, common_options, offer
from f5ctl.client import new_id
from f5ctl.protocol import Unload


@click.command(cls=Verb, examples="f5ctl unload\nf5ctl unload starter")
@click.argument("model", required=False, shell_complete=offer("models"))
@common_options
@click.pass_obj
def unload(settings: Settings, model: str | None) -> None:
    """Unload MODEL (every model when left out) once its jobs are done; gives back all its memory."""
    with connect(settings) as client:
        client.call(Unload(new_id(), model), silence_s=None)
