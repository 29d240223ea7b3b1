"""How fast this engine is, measured on the steps it takes, to say beforehand how long a text will need."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from f5d.engine.synthesizer import Plan, Synthesizer

KEPT: Final = 0.98  # of what is known stays at each new step


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
