"""`f5ctl ps`: which models are in memory."""

from __future__ import annotations

from typing import Any

import click

from f5ctl.cli.base.connecting import connect
from f5ctl.cli.base.settings import Settings, Verb, common_options, option
from f5ctl.printing import duration, emit_json, emit_table, size


@click.command(cls=Verb, examples="f5ctl ps\nf5ctl ps --json | jq -r '.[].model'")
@option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
@common_options
@click.pass_obj
def ps(settings: Settings, *, as_json: bool) -> None:
    """List the loaded models, each with the process that holds it."""
    with connect(settings) as client:
        engines = client.status().get("engines", [])
    if as_json:
        emit_json(engines)
    else:
        emit_table(["NAME", "PID", "PROCESSOR", "STATE", "SIZE", "UNTIL"], [_row(engine) for engine in engines])


def _row(engine: dict[str, Any]) -> list[str]:
    processor = ", ".join(str(part) for part in (engine.get("device"), engine.get("dtype")) if part)
    return [
        str(engine.get("model", "-")),
        str(engine.get("pid", "-")),
        processor or "-",
        str(engine.get("state", "-")),
        size(engine.get("memory_bytes")),
        _until(engine),
    ]


def _until(engine: dict[str, Any]) -> str:
    if engine.get("jobs"):
        return "in use"
    expires_s = engine.get("expires_s")
    return "forever" if expires_s is None else f"{duration(expires_s)} from now"
