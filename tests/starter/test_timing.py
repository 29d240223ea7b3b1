"""Where words lie in speech, and how frames are moved to even them out."""

from __future__ import annotations

import numpy as np
import pytest

from starter.flite import Phone
from starter.timing import cut, labels_at, retimed_centres

TEXT = "so, go on."
PHONES = (
    Phone("pau", 0.2, -1),
    Phone("s", 0.3, 0),
    Phone("ow", 0.5, 0),
    Phone("pau", 0.7, -1),
    Phone("g", 0.8, 1),
    Phone("ow", 1.0, 1),
    Phone("aa", 1.1, 2),
    Phone("n", 1.3, 2),
    Phone("pau", 1.6, -1),
)


def test_a_cut_keeps_the_speech_and_anchors_words_and_pauses() -> None:
    """Silence at the ends goes; each word start and each pause is a character and a time."""
    part = cut(TEXT, PHONES)
    assert (part.start_s, part.end_s) == pytest.approx((0.17, 1.42))
    assert part.characters == (0, 2, 4, 7, 9, 10)  # so|, |go |on|.|
    assert part.times_s == pytest.approx((0.0, 0.33, 0.53, 0.83, 1.13, 1.25))


def test_speech_of_other_words_is_refused() -> None:
    """A text that was spoken in another number of words has no anchors."""
    with pytest.raises(ValueError, match="4 words were written, 3 spoken"):
        cut("so, go on now.", PHONES)


def test_evenness_one_gives_every_character_the_same_time() -> None:
    """Each word starts where its characters say; evenness 0 is the recording itself."""
    part = cut(TEXT, PHONES)
    even = retimed_centres(part.characters, part.times_s, 100, evenness=1.0)
    assert even[20] == pytest.approx(0.33)
    assert even[70] == pytest.approx(0.83)
    natural = retimed_centres(part.characters, part.times_s, 100, evenness=0.0)
    assert natural == pytest.approx(np.arange(100) / 100 * 1.25)


def test_time_never_runs_backwards() -> None:
    """Re-timed frames stay in the order of the recording."""
    part = cut(TEXT, PHONES)
    for evenness in (0.0, 0.3, 0.7, 1.0):
        assert (np.diff(retimed_centres(part.characters, part.times_s, 333, evenness=evenness)) > 0).all()


def test_a_phone_is_found_by_its_time() -> None:
    """A time belongs to the phone that has not ended; beyond the last it is the last."""
    assert labels_at(np.array([0.0, 0.25, 0.3, 9.0]), [0.2, 0.3, 0.5]).tolist() == [0, 1, 2, 2]
