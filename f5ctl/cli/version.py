"""`f5ctl version`: the versions of both sides."""

from __future__ import annotations

import contextlib
from typing import Any

import click

from f5ctl import __version__
from f5ctl.cli.base.connecting import connect
from f5ctl.cli.base.settings import Settings, Verb, common_options, option
from f5ctl.errors import NoDaemonError
from f5ctl.printing import emit, emit_json


@click.command(cls=Verb, examples="f5ctl version\nf5ctl version --json")
@option("--json", "as_json", is_flag=True, help="Print both versions as one line of JSON.")
@common_options
@click.pass_obj
def version(settings: Settings, *, as_json: bool) -> None:
    """Show the version of f5ctl, and of the daemon if one runs."""
    state: dict[str, Any] = {}
    with contextlib.suppress(NoDaemonError), connect(settings) as client:
        state = client.status()
    if as_json:
        emit_json({"f5ctl": __version__, "f5d": state.get("version")})
        return
    emit(f"f5ctl {__version__}")
    emit(f"f5d {state.get('version')} (pid {state.get('pid')})" if state else "f5d is not running")
