"""References are re-timed for a model that speaks at one whole number of frames per character."""

from __future__ import annotations

import pytest

from f5ctl.errors import BadRequestError
from f5d.engine.text import retimed_frames


@pytest.mark.parametrize("ref_frames", [60, 239, 240, 241, 960])
def test_every_byte_gets_as_many_frames(ref_frames: int) -> None:
    """Forty bytes take 240 frames, whatever they took in the recording."""
    assert retimed_frames(ref_frames=ref_frames, ref_text="x" * 40, frames_per_byte=6) == 240


@pytest.mark.parametrize("ref_frames", [59, 984])
def test_a_transcript_of_something_else_is_refused(ref_frames: int) -> None:
    """Forty bytes for half a second or ten seconds of speech are not what the recording says."""
    with pytest.raises(
        BadRequestError, match=r"ref_text has 40 bytes with its full stop and space; a recording of \d"
    ):
        retimed_frames(ref_frames=ref_frames, ref_text="x" * 40, frames_per_byte=6)
