"""The silence between the parts of a script, by what they are: f5ctl/pauses.py for Speech and Silence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from f5ctl.pauses import Gaps, boundary_between
from f5ctl.protocol import SAMPLE_BYTES, SAMPLE_RATE_HZ, Say
from f5ctl.receipts import silence_tags
from f5ctl.speech.parts import Silence, Speech

_SECOND: Final = bytes(SAMPLE_RATE_HZ * SAMPLE_BYTES)


def put_silence(samples: int, put: Callable[[bytes], None], note: Callable[[str], None]) -> None:
    """Put so many samples of silence by the second, however many they are, and note their receipts."""
    for tag in silence_tags(samples):
        note(tag)
    for left in range(samples, 0, -SAMPLE_RATE_HZ):
        put(_SECOND[: left * SAMPLE_BYTES])


class Joints:
    """Account of one output, which is told of every part in order. Slots stand at their own times."""

    def __init__(self) -> None:
        self._gaps = Gaps()
        self._before: Say | None = None  # what was spoken, if nothing came after it

    @property
    def edges(self) -> dict[str, Any]:
        """The parameters, of what was spoken last, that the next pause depends on."""
        return self._gaps.edges

    def before_s(self, part: Speech) -> float:
        """Return the seconds between what was spoken and a part; it is asked for once."""
        if self._before is None:
            return 0.0
        begins = part.begins_paragraph
        return self._gaps.between_s(boundary_between(self._before, part.request, begins_paragraph=begins))

    def spoke(self, part: Speech, parameters: Mapping[str, Any] | None) -> None:
        """Take note of a part that has been spoken with these parameters of its receipt."""
        self._gaps.spoke({"parameters": parameters})
        self._before = part.request

    def of_s(self, pause: Silence, *, last: bool = False) -> float:
        """Return the seconds that make a mark's pause; with `last` nothing comes after it."""
        self._before = None
        return self._gaps.of_s(pause.duration_s, last=last)
