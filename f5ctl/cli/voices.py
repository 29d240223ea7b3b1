"""`f5ctl voices`: which voices the daemon knows."""

from __future__ import annotations

import click

from f5ctl.cli.base import Settings, Verb, common_options, connect, emit, emit_json, option
from f5ctl.client import new_id
from f5ctl.progress import StatusLine
from f5ctl.protocol import Status


@click.command(
    cls=Verb, examples="f5ctl voices\nfor v in $(f5ctl voices); do f5ctl say -v $v -o $v.wav Hello; done"
)
@option("--json", "as_json", is_flag=True, help="Print the list as JSON, with sources and texts.")
@common_options
@click.pass_obj
def voices(settings: Settings, *, as_json: bool) -> None:
    """List the names of the voices, one on a line."""
    with connect(settings, StatusLine(quiet=True)) as client:
        known = client.call(Status(new_id())).get("voices", [])
    if as_json:
        emit_json(known)
        return
    for voice in known:
        emit(str(voice.get("name", "")))
