"""What the broker tells about itself: the receipt of a job, the answers to `load` and `status`.

Functions from the broker's state to plain maps, which change nothing; only a status looks at the disk, for the
models that are installed. docs/protocol.md describes every key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from f5ctl import __version__
from f5ctl.errors import F5Error
from f5ctl.protocol import PROTOCOL_VERSION, SAMPLE_RATE_HZ
from f5ctl.receipts import HASH_CHARS, short_hash, tag_of
from f5d.broker.admission import Order
from f5d.broker.engine_process import EngineProcess
from f5d.broker.fleet import Fleet, Slot
from f5d.broker.jobs import Job, JobTable
from f5d.broker.reserve import Reserve
from f5d.catalog.models import is_installed, resolve
from f5d.catalog.spec import ModelSpec
from f5d.catalog.voices import Voice
from f5d.engine.types import Loaded, Predicted


@dataclass(frozen=True, slots=True)
class DaemonFacts:
    """What does not change while the daemon lives, and what only its loop knows."""

    pid: int
    socket: str
    started_at: float  # monotonic
    model: str  # as configured
    on_demand: bool = False  # started by a client, which may put another version in its place


@dataclass(frozen=True, slots=True)
class DaemonState:
    """The parts that a status is read from."""

    facts: DaemonFacts
    jobs: JobTable
    fleet: Fleet
    engines: Mapping[str, EngineProcess]
    reserve: Reserve
    specs: Mapping[str, ModelSpec]
    voices: Mapping[str, Voice]


def receipt(job: Job, loaded: Loaded, now: float) -> dict[str, Any]:
    """Return the `result` of a finished `say`."""
    if job.order is None:
        raise ValueError(f"job {job.id} is a {job.kind}, it has no receipt")
    first_s = None if job.first_audio_at is None else _rounded_s(job.first_audio_at - job.accepted_at)
    return {
        **_origin(job, job.order, loaded),
        "encoding": job.order.encoding,
        **_made(job, job.order),
        "duration_s": _rounded_s(job.duration_s),
        "segments": job.segments_done,
        "timeline": job.timeline,
        "queue_s": _rounded_s(job.spent_s.get("queued", 0.0)),
        "load_s": _rounded_s(job.spent_s.get("loading", 0.0)),
        "first_audio_s": first_s,
        "synthesis_s": _rounded_s(job.synthesis_s),
        "total_s": _rounded_s(now - job.accepted_at),
        "rtf": job.rtf,
        "warnings": list(job.warnings),
    }


def prediction(job: Job, loaded: Loaded, predicted: Predicted, waiting_s: float) -> dict[str, Any]:
    """Return the `result` of a `plan`; `waiting_s` is what the jobs before the engine's will take."""
    if job.order is None:
        raise ValueError(f"job {job.id} is a {job.kind}, it has no text")
    segments, start_s = [], 0.0
    for text, duration_s in zip(predicted.texts, predicted.durations_s, strict=True):
        segments.append(
            {
                "text": text,
                "start_s": _rounded_s(start_s),
                "duration_s": _rounded_s(duration_s),
            }
        )
        start_s += duration_s
    return {
        **_origin(job, job.order, loaded),
        "segments": segments,
        "duration_s": _rounded_s(start_s),
        "synthesis_s": _rounded_s(predicted.synthesis_s),
        "wait_s": _rounded_s(predicted.ahead_s + waiting_s),
        "warnings": list(predicted.warnings),
    }


def _origin(job: Job, order: Order, loaded: Loaded) -> dict[str, Any]:
    """Return what decides the audio besides the text."""
    return {
        "job": job.id,
        "version": __version__,
        "model": job.model,
        "model_hash": loaded.model_hash,
        "device": loaded.device,
        "dtype": loaded.dtype,
        "voice": order.voice,
        "voice_hash": job.voice_hash,
        "ref_text": job.ref_text,
        "seed": order.parameters.seed,
        "parameters": msgspec.structs.asdict(order.parameters),
    }


def _made(job: Job, order: Order) -> dict[str, Any]:
    """Return what tells the audio, and the text it was made of, from any other."""
    return {
        "sample_rate_hz": SAMPLE_RATE_HZ,
        "samples": job.samples,
        "audio_hash": job.audio_digest.hexdigest()[:HASH_CHARS],
        "text_hash": short_hash(order.text.encode()),
    }


def file_tag(job: Job, order: Order, loaded: Loaded) -> str:
    """Return what the file made for a `say` says about itself."""
    text = order.text if order.receipt_text else None
    return tag_of({**_origin(job, order, loaded), **_made(job, order)}, text)


def load_result(model: str, pid: int, loaded: Loaded) -> dict[str, Any]:
    """Return the `result` of a `load`."""
    return {"model": model, "pid": pid, **msgspec.structs.asdict(loaded), "load_s": _rounded_s(loaded.load_s)}


def status_result(state: DaemonState, *, draining: bool, now: float, wall: float) -> dict[str, Any]:
    """Return the `result` of a `status`; `wall` is the time of day that belongs to `now`."""
    facts, jobs, fleet, specs = state.facts, state.jobs, state.fleet, state.specs
    counters, waiting = jobs.counters, len(jobs.waiting)
    return {
        "version": __version__,
        "protocol": PROTOCOL_VERSION,
        "pid": facts.pid,
        "uptime_s": _rounded_s(now - facts.started_at),
        "socket": facts.socket,
        "default_model": _default_model(facts.model, specs),
        "draining": draining,
        "models": [{"name": spec.name, "installed": is_installed(spec)} for spec in specs.values()],
        "voices": [
            {
                "name": voice.name,
                "source": voice.source,
                "text": voice.text,
                "language": voice.language,
                "defaults": dict(voice.defaults),
            }
            for voice in state.voices.values()
        ],
        "engines": [
            _engine(slot, state.engines[slot.model], fleet, now, wall)
            for slot in fleet.slots.values()
            if slot.model in state.engines
        ],
        "spare": state.reserve.pid,
        "queue": {"waiting": waiting, "running": len(jobs.work) - waiting, "limit": jobs.limit},
        "jobs": [_job(job, jobs, now) for job in jobs],
        "counters": {
            "done": counters.done,
            "failed": counters.failed,
            "cancelled": counters.cancelled,
            "refused": counters.refused,
            "audio_s": _rounded_s(counters.audio_s),
            "engine_restarts": counters.engine_restarts,
        },
        "histograms": {"first_audio_s": counters.first_audio_s.as_map(), "rtf": counters.rtf.as_map()},
    }


def _default_model(name: str, specs: Mapping[str, ModelSpec]) -> str | None:
    try:
        return resolve(name, specs).name
    except F5Error:
        return None


def _engine(slot: Slot, engine: EngineProcess, fleet: Fleet, now: float, wall: float) -> dict[str, Any]:
    loaded = slot.loaded
    expires_s = None
    if slot.state == "ready" and not slot.is_busy and fleet.keep_alive_s is not None:
        expires_s = _rounded_s(max(0.0, slot.idle_since + fleet.keep_alive_s - now))
    return {
        "pid": engine.pid,
        "model": slot.model,
        "device": loaded.device if loaded else None,
        "dtype": loaded.dtype if loaded else None,
        "state": "busy" if slot.state == "ready" and slot.is_busy else slot.state,
        **msgspec.structs.asdict(engine.beat),
        "loaded_since": None if slot.loaded_at is None else _rounded_s(wall - (now - slot.loaded_at)),
        "expires_s": expires_s,
        "jobs": len(slot.jobs),
        "restarts": slot.restarts,
    }


def _job(job: Job, jobs: JobTable, now: float) -> dict[str, Any]:
    return {
        "job": job.id,
        "kind": job.kind,
        "state": job.state,
        "model": job.model,
        "voice": job.order.voice if job.order else None,
        "segments": job.segments,
        "segments_done": job.segments_done,
        "position": jobs.position(job),
        "elapsed_s": _rounded_s(now - job.accepted_at),
    }


def _rounded_s(seconds: float) -> float:
    """Return a time in seconds to the millisecond."""
    return round(seconds, 3)
