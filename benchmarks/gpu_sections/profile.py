"""Kernels of a step by time, and the time in which the device waits for the host."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import torch
from torch.profiler import ProfilerActivity

from gpu_sections.lab import header, row

if TYPE_CHECKING:
    from collections.abc import Sequence

    from f5d.model.sampler import Row
    from gpu_sections.lab import Counted, Lab

WARM_STEPS, STEPS = 3, 2
SHOWN = 22
NAME_CHARS = 100
GAP_US = 5.0  # shorter ones lie between any two kernels


def measure(lab: Lab) -> None:
    """Profile one row and a full step, replayed and not."""
    dit = lab.chosen(lab.weights())
    count = max(2, lab.budget_frames // lab.frames)
    for what, record, batch in (
        ("one row, replayed", True, 1),
        ("one row, not recorded", False, 1),
        (f"{count} rows at different times, replayed", True, count),
    ):
        print(f"\n### {what}\n")
        backend = lab.backend(dit, record=record)
        rows = opened(lab, backend, batch)
        tell(profiled(lab, backend, rows))


def opened(lab: Lab, backend: Counted, batch: int) -> list[Row]:
    """Return rows that have a step at least behind them, at different times, their shape recorded."""
    rows = [backend.open_row(lab.spec(seed, nfe_step=32)) for seed in range(batch)]
    for index, each in enumerate(rows):
        for _ in range(1 + index % 3):
            backend.step([each])
    for _ in range(WARM_STEPS):
        backend.step(rows)
    while backend.warm_up_next():
        pass
    backend.step(rows)
    lab.wait()
    return rows


def profiled(lab: Lab, backend: Counted, rows: Sequence[Row]) -> list[Any]:
    """Return the events of some steps, by when they began: of the device, or on a CPU of the host."""
    activities = [ProfilerActivity.CPU] if lab.dry else [ProfilerActivity.CPU, ProfilerActivity.CUDA]
    with torch.profiler.profile(activities=activities) as seen:
        for _ in range(STEPS):
            backend.step(rows)
        lab.wait()
    kind = "CPU" if lab.dry else "CUDA"
    events = [event for event in seen.events() or [] if event.device_type.name == kind]
    return sorted(events, key=lambda event: event.time_range.start)


def tell(events: Sequence[Any]) -> None:
    """Print the sums, the gaps, and the kernels that take longest."""
    if not events:
        print("- the profiler saw no kernel")
        return
    by_name: dict[str, list[float]] = defaultdict(list)
    for event in events:
        by_name[event.name[:NAME_CHARS].replace("|", "/")].append(event.time_range.elapsed_us())
    busy_us = sum(map(sum, by_name.values()))
    gaps_us, end_us = [], events[0].time_range.end
    for event in events[1:]:
        gaps_us.append(max(0.0, event.time_range.start - end_us))
        end_us = max(end_us, event.time_range.end)
    whole_us = end_us - events[0].time_range.start
    long_us = [gap for gap in gaps_us if gap > GAP_US]
    print(f"- a step: {whole_us / STEPS:.0f} us, {len(events) / STEPS:.0f} kernels of {busy_us / STEPS:.0f} us")
    print(
        f"- between them the device waits {sum(gaps_us) / STEPS:.0f} us, {sum(gaps_us) / max(whole_us, 1):.0%}"
    )
    print(f"- {sum(long_us) / STEPS:.0f} us of that in {len(long_us) / STEPS:.0f} gaps over {GAP_US:.0f} us,")
    print(f"  the longest {max(gaps_us, default=0.0):.0f} us")
    header("kernel", "times a step", "us a step", "share")
    for name, took_us in sorted(by_name.items(), key=lambda item: -sum(item[1]))[:SHOWN]:
        row(name, f"{len(took_us) / STEPS:.1f}", f"{sum(took_us) / STEPS:.1f}", f"{sum(took_us) / busy_us:.1%}")
