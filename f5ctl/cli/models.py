"""`f5ctl ps`, `load` and `unload`: which models are in memory."""

from __future__ import annotations

from typing import Any

import click

from f5ctl.cli.base import Settings, Verb, common_options, connect, emit_json, emit_table, offer, option
from f5ctl.client import answer, new_id
from f5ctl.progress import StatusLine
from f5ctl.protocol import Load, Reply, Status, Unload


@click.command(cls=Verb, examples="f5ctl ps\nf5ctl ps --json | jq -r '.[].model'")
@option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
@common_options
@click.pass_obj
def ps(settings: Settings, *, as_json: bool) -> None:
    """List the loaded models, each with the process that holds it."""
    with connect(settings, StatusLine(quiet=True)) as client:
        engines = client.call(Status(new_id())).get("engines", [])
    if as_json:
        emit_json(engines)
    else:
        emit_table(["NAME", "PID", "PROCESSOR", "STATE", "SIZE", "UNTIL"], [_row(engine) for engine in engines])


@click.command(cls=Verb, examples="f5ctl load\nf5ctl load F5TTS_v1_Base")
@click.argument("model", required=False, shell_complete=offer("models"))
@common_options
@click.pass_obj
def load(settings: Settings, model: str | None) -> None:
    """Load MODEL (the default one when left out), so that the next say does not wait for it."""
    line = StatusLine(quiet=settings.quiet)
    request = Load(new_id(), model)
    try:
        with connect(settings, line, start=True) as client:
            last: Reply | None = None
            for last in client.replies(client.send(request)):
                line.report(last)
            answer(last)
    finally:
        line.clear()


@click.command(cls=Verb, examples="f5ctl unload\nf5ctl unload starter")
@click.argument("model", required=False, shell_complete=offer("models"))
@common_options
@click.pass_obj
def unload(settings: Settings, model: str | None) -> None:
    """Unload MODEL (every model when left out) once its jobs are done; gives back all its memory."""
    with connect(settings, StatusLine(quiet=True)) as client:
        client.call(Unload(new_id(), model), silence_s=None)


def size(count_bytes: Any) -> str:
    """Return a number of bytes for people: 1.6 GB."""
    if not isinstance(count_bytes, (int, float)) or count_bytes <= 0:
        return "-"
    scaled = float(count_bytes)
    for unit in ("B", "kB", "MB"):
        if scaled < 1000:
            return f"{scaled:.0f} {unit}"
        scaled /= 1000
    return f"{scaled:.1f} GB"


def duration(seconds: float) -> str:
    """Return a length of time for people, in its two largest units at most: 1 h 20 min."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, hours, days = whole // 60, whole // 3600, whole // 86_400
    if minutes < 60:
        return f"{minutes} min"
    if hours < 24:
        return f"{hours} h {minutes % 60} min"
    return f"{days} d {hours % 24} h"


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
