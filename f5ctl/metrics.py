"""The daemon's state in Prometheus' words; `f5ctl metrics` and the daemon's listener say the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

State = dict[str, Any]


class StateCollector(Collector):
    """Makes metrics of what `ask` returns, the result of a `status`, each time that they are collected."""

    def __init__(self, ask: Callable[[], State]) -> None:
        self._ask = ask

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics."""
        state = self._ask()
        yield InfoMetricFamily("f5d", "The daemon.", {"version": state["version"]})
        yield GaugeMetricFamily("f5d_uptime_seconds", "Time since the daemon started.", state["uptime_s"])
        yield GaugeMetricFamily("f5d_draining", "1 when no new work is taken.", int(state["draining"]))
        yield from _jobs(state)
        yield from _engines(state["engines"])
        for name, found in state.get("histograms", {}).items():  # an older daemon has none
            if name in _HISTOGRAMS:
                yield _histogram(*_HISTOGRAMS[name], found)


_HISTOGRAMS = {
    "first_audio_s": ("f5d_first_audio_seconds", "From acceptance to the first audio of a finished job."),
    "rtf": ("f5d_real_time_factor", "Engine seconds for a second of audio of a finished job."),
}
_PER_ENGINE = {
    "memory_bytes": ("f5d_engine_memory_bytes", "Device memory on a GPU, resident memory on a CPU."),
    "jobs": ("f5d_engine_jobs", "Jobs that the engine has."),
    "budget_frames": ("f5d_engine_budget_frames", "Most mel frames that one ODE step holds."),
}
_PER_ENGINE_TOTAL = {
    "steps": ("f5d_engine_steps", "ODE steps of the engine since it was loaded."),
    "step_rows": ("f5d_engine_step_rows", "Segments in those steps, so rows / steps is the batch size."),
    "step_frames": ("f5d_engine_step_frames", "Mel frames in those steps."),
}


def _jobs(state: State) -> Iterator[Metric]:
    counters, queue = state["counters"], state["queue"]
    ended = CounterMetricFamily("f5d_jobs", "Requests by how they ended.", labels=["outcome"])
    for outcome in ("done", "failed", "cancelled", "refused"):
        ended.add_metric([outcome], counters[outcome])
    yield ended
    yield CounterMetricFamily("f5d_audio_seconds", "Speech made.", counters["audio_s"])
    yield CounterMetricFamily(
        "f5d_engine_restarts", "Engines that died and were replaced.", counters["engine_restarts"]
    )
    alive = GaugeMetricFamily("f5d_queue_jobs", "Jobs that wait or run.", labels=["state"])
    for word in ("waiting", "running"):
        alive.add_metric([word], queue[word])
    yield alive
    yield GaugeMetricFamily("f5d_queue_limit", "Most jobs that may wait and run.", queue["limit"])


def _engines(engines: list[State]) -> Iterator[Metric]:
    kinds: dict[str, type[GaugeMetricFamily | CounterMetricFamily]] = {
        **dict.fromkeys(_PER_ENGINE, GaugeMetricFamily),
        **dict.fromkeys(_PER_ENGINE_TOTAL, CounterMetricFamily),
    }
    for key, (name, words) in (_PER_ENGINE | _PER_ENGINE_TOTAL).items():
        family = kinds[key](name, words, labels=["model", "device"])
        for engine in engines:
            family.add_metric([engine["model"], engine["device"] or "loading"], engine.get(key, 0))
        yield family


def _histogram(name: str, words: str, found: State) -> Metric:
    bounds = [*map(str, found["bounds"]), "+Inf"]
    return HistogramMetricFamily(
        name, words, list(zip(bounds, found["counts"], strict=True)), sum_value=found["sum"]
    )


def exposition(state: State) -> str:
    """Return the result of a `status` as Prometheus text."""
    registry = CollectorRegistry()
    registry.register(StateCollector(lambda: state))
    return generate_latest(registry).decode()
