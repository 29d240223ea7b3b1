"""References are re-timed for a model that speaks at whole numbers of frames per character."""

from __future__ import annotations

import pytest
import torch

from f5ctl.errors import BadRequestError
from f5d.engine.text import whole_rate_frames
from f5d.model.mel import retimed


@pytest.mark.parametrize(
    ("ref_frames", "frames"),
    [(200, 200), (219, 200), (221, 240), (100, 200), (840, 280)],
)
def test_the_nearest_rate_within_the_bounds_is_taken(ref_frames: int, frames: int) -> None:
    """Forty bytes take 5, 6 or 7 frames each, whatever they took in the recording."""
    found = whole_rate_frames(ref_frames=ref_frames, ref_text="x" * 40, least=5, most=7)
    assert found == frames


@pytest.mark.parametrize("ref_frames", [49, 1121])
def test_a_transcript_of_something_else_is_refused(ref_frames: int) -> None:
    """Forty bytes for half a second or twelve seconds of speech are not what the recording says."""
    with pytest.raises(BadRequestError, match="ref_text has 40 bytes; a recording of"):
        whole_rate_frames(ref_frames=ref_frames, ref_text="x" * 40, least=5, most=7)


def test_a_retimed_mel_keeps_its_ends_and_its_course() -> None:
    """Stretching a straight line of values gives a straight line."""
    mel = torch.linspace(0, 1, 11)[:, None].expand(11, 100)
    stretched = retimed(mel, 21)
    assert stretched.shape == (21, 100)
    assert torch.allclose(stretched[:, 0], torch.linspace(0, 1, 21), atol=1e-6)
