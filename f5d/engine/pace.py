"""How fast this engine is, measured on the steps it takes.

So it can say beforehand how long a text will need, and knows what company costs a row in a step.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from f5d.engine.synthesizer import Plan, Synthesizer

KEPT: Final = 0.98  # of what is known stays at each new step
SPREAD: Final = 0.1  # of the mean: sizes that differ less say nothing of what a frame costs


NOTICED: Final = 0.1  # of a step's time: what a listener who waits for a first sound may wait longer


class StepTime:
    """A step's time as a fixed part and one for each frame, by least squares; the latest steps count most.

    Where the device computes by itself (`is_late`), what is noted of a step is how long the one before took.
    """

    def __init__(self, *, is_late: bool = False) -> None:
        self._is_late = is_late
        self._before: int | None = None  # frames of the step before, if the next one waits for it
        self._weight = self._frames = self._elapsed_s = self._squares = self._products = 0.0

    def note(self, frames: int, elapsed_s: float) -> None:
        """Take in one step over so many frames."""
        if self._is_late:
            before, self._before = self._before, frames
            if before is None:
                return
            frames = before
        self._weight = self._weight * KEPT + 1
        self._frames = self._frames * KEPT + frames
        self._elapsed_s = self._elapsed_s * KEPT + elapsed_s
        self._squares = self._squares * KEPT + frames * frames
        self._products = self._products * KEPT + frames * elapsed_s

    def forget(self) -> None:
        """Take note that something else has waited for the last step."""
        self._before = None

    def company(self, frames: int) -> int:
        """Return how many frames a step over `frames` may hold besides, to take `NOTICED` longer at most.

        Where steps of different sizes are not known yet, time is taken to go with the frames.
        """
        if not self._weight:
            return 0
        mean, mean_s = self._frames / self._weight, self._elapsed_s / self._weight
        variance = self._squares / self._weight - mean * mean
        slope = mean_s / mean
        if variance > (SPREAD * mean) ** 2:
            slope = min(slope, (self._products / self._weight - mean * mean_s) / variance)
        step_s = mean_s + slope * (frames - mean)
        return sys.maxsize if slope <= 0 else int(NOTICED * step_s / slope)


class Pace:
    """The mean time of a step for each frame in it, the latest steps counting most."""

    def __init__(self) -> None:
        self._frames = 0.0
        self._elapsed_s = 0.0

    def note(self, frames: float, elapsed_s: float) -> None:
        """Take in one step over `frames` frames, as `cost` counts them."""
        self._frames = self._frames * KEPT + frames
        self._elapsed_s = self._elapsed_s * KEPT + elapsed_s

    def measure(self, synthesizer: Synthesizer, plan: Plan) -> None:
        """Take steps that nobody needs, for their time; the first one warms up and does not count."""
        row = synthesizer.open_row(plan, 0)
        while not (row.finished or self.known):
            row.state[0, 0].item()  # waits for a device that computes by itself
            started_s = time.monotonic()
            synthesizer.step([row])
            row.state[0, 0].item()
            if row.steps_done == min(2, row.step_count):
                self.note(cost(plan, 0, 1), time.monotonic() - started_s)

    @property
    def known(self) -> bool:
        """True once a step has been measured."""
        return self._frames > 0

    def predicted_s(self, frames: float) -> float:
        """Return how long `frames` frames will take, 0.0 while nothing is known."""
        return frames * self._elapsed_s / self._frames if self.known else 0.0


def cost(plan: Plan, index: int, steps: int) -> float:
    """Return the frames that segment `index` of a plan takes through the model; guidance doubles them."""
    passes = 2 if plan.parameters.cfg_strength else 1
    return float(plan.segments[index].total_frames * passes * steps)
