"""What steps' times say about company: a device that computes frame by frame, one that has room."""

from __future__ import annotations

import sys

import pytest

from f5d.engine.pace import NOTICED, StepTime

SIZES = (300, 900, 400, 1_000, 600, 300)


def measured(fixed_s: float, frame_s: float, sizes: tuple[int, ...] = SIZES) -> StepTime:
    """Return what is known of a device after some steps."""
    times = StepTime()
    for size in sizes:
        times.note(size, fixed_s + size * frame_s)
    return times


def test_company_costs_its_share_where_each_frame_does() -> None:
    """A processor that is full: a tenth more frames take a tenth longer."""
    assert measured(0.0, 1e-4).company(300) == pytest.approx(NOTICED * 300, abs=1)


def test_company_is_free_where_a_step_takes_as_long_anyway() -> None:
    """A large GPU: thousands of frames join for a tenth of the time, or as many as come."""
    assert measured(0.01, 1e-7).company(300) > 9_000
    assert measured(0.01, 0.0).company(300) == sys.maxsize


def test_what_was_not_measured_is_taken_to_cost() -> None:
    """Before the first step, and while all steps had one size."""
    assert StepTime().company(300) == 0
    assert measured(0.01, 1e-7, (300, 300, 305)).company(300) == pytest.approx(NOTICED * 300, abs=2)


def test_a_device_that_computes_by_itself_is_a_step_late() -> None:
    """What a step takes to be queued is the time of the one before; nothing is, after a wave was waited for."""
    fixed_s, frame_s = 0.002, 1e-6
    times, before = StepTime(is_late=True), 0
    for turn, size in enumerate(SIZES * 20):
        times.note(size, fixed_s + before * frame_s if before else 0.0)
        before = size
        if turn % 7 == 3:
            times.forget()
            before = 0
    assert times.company(800) == pytest.approx(NOTICED * (fixed_s / frame_s + 800), rel=0.02)


def test_the_latest_steps_count_most() -> None:
    """A device that another program fills is known again after some steps."""
    times = measured(0.01, 1e-7)
    for _ in range(100):
        for size in SIZES:
            times.note(size, size * 1e-4)
    assert times.company(300) == pytest.approx(NOTICED * 300, rel=0.05)
