"""`f5ctl status`: what the daemon is doing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from f5ctl.cli.base.connecting import connect
from f5ctl.cli.base.settings import Settings, Verb, common_options, option
from f5ctl.printing import duration, emit, emit_json, emit_table, size


@click.command(cls=Verb, examples="f5ctl status\nf5ctl status --json | jq .queue")
@option("--json", "as_json", is_flag=True, help="Print everything as one line of JSON.")
@common_options
@click.pass_obj
def status(settings: Settings, *, as_json: bool) -> None:
    """Show the daemon's version, engines, queue and jobs.

    Starts none. Exit status 0 when it answers, 69 when none does: a probe for containers and watchdogs.
    """
    with connect(settings) as client:
        state = client.status()
    if as_json:
        emit_json(state)
        return
    for line in _summary(state):
        emit(line)
    if jobs := state.get("jobs"):
        emit("")
        emit_table(["JOB", "STATE", "MODEL", "VOICE", "SEGMENTS", "TIME"], [_job_row(job) for job in jobs])


def _summary(state: dict[str, Any]) -> Iterator[str]:
    draining = ", finishing its jobs before it stops" if state.get("draining") else ""
    up = duration(state.get("uptime_s") or 0)
    yield f"f5d {state.get('version')}, pid {state.get('pid')}, up {up}{draining}"
    yield f"socket   {state.get('socket')}"
    names = [str(model.get("name")) for model in state.get("models", []) if model.get("installed")]
    yield f"models   {', '.join(names) or 'none'} (default {state.get('default_model')})"
    yield f"voices   {', '.join(str(voice.get('name')) for voice in state.get('voices', [])) or 'none'}"
    for engine in state.get("engines", []):
        parts = (engine.get("device"), engine.get("dtype"), engine.get("state"), f"pid {engine.get('pid')}")
        memory = size(engine.get("memory_bytes"))
        yield f"engine   {engine.get('model')} on {', '.join(str(part) for part in parts)}, {memory}"
    if not state.get("engines"):
        yield "engine   none loaded"
    queue = state.get("queue", {})
    running, waiting = queue.get("running", 0), queue.get("waiting", 0)
    yield f"queue    {running} running, {waiting} waiting (limit {queue.get('limit')})"
    counters = state.get("counters", {})
    counted = ", ".join(
        f"{counters.get(name, 0)} {name}" for name in ("done", "failed", "cancelled", "refused")
    )
    spoken = duration(counters.get("audio_s") or 0)
    yield f"so far   {counted}; {spoken} of speech, {counters.get('engine_restarts', 0)} engine restarts"


def _job_row(job: dict[str, Any]) -> list[str]:
    state = str(job.get("state"))
    if state == "queued":
        state = f"queued ({job.get('position', 0)} ahead)"
    segments = f"{job.get('segments_done', 0)} of {job.get('segments') or '?'}"
    elapsed = duration(job.get("elapsed_s") or 0)
    return [str(job.get("job")), state, str(job.get("model")), str(job.get("voice") or "-"), segments, elapsed]
