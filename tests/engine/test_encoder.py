"""The thread that makes files of finished speech."""

from __future__ import annotations

import select

import numpy as np
import pytest

from f5d.engine.audio import encode_file
from f5d.engine.encoder import Encoder
from f5d.engine.types import Encode, Encoded, Failed

MINUTE = (3_000 * np.sin(np.arange(60 * 24_000) / 20)).astype("<i2").tobytes()


def next_of(encoder: Encoder) -> list[Encoded | Failed]:
    assert select.select([encoder.descriptor], [], [], 60)[0]
    return encoder.finished()


@pytest.mark.parametrize("encoding", ["wav", "flac", "opus", "mp3", "ogg"])
def test_a_file_is_what_is_made_at_once(encoding: str) -> None:
    """Made second by second it is the same file; a length of half a second more is no exception."""
    pcm = MINUTE[: 48_000 * 7 + 24_000]
    encoder = Encoder()
    encoder.submit(Encode("a", encoding, pcm, "tag"))
    (made,) = next_of(encoder)
    assert isinstance(made, Encoded)
    # An Ogg stream has a random number of its own.
    assert len(made.data) == len(encode_file(pcm, encoding, "tag"))
    assert encoding in {"opus", "ogg"} or made.data == encode_file(pcm, encoding, "tag")


def test_a_long_file_holds_no_short_one_up() -> None:
    """Whoever has least left goes first, whenever it came."""
    encoder = Encoder()
    encoder.submit(Encode("long", "opus", MINUTE * 20))
    encoder.submit(Encode("middle", "opus", MINUTE))
    encoder.submit(Encode("short", "opus", MINUTE[:48_000]))
    assert [answer.job for answer in next_of(encoder) + next_of(encoder)] == ["short", "middle"]
    assert encoder.cancel("long")
    encoder.submit(Encode("next", "wav", MINUTE[:2]))
    assert [answer.job for answer in next_of(encoder)] == ["next"]
    assert not encoder


def test_what_cannot_be_encoded_is_that_job_s_alone() -> None:
    """The thread goes on."""
    encoder = Encoder()
    encoder.submit(Encode("odd", "none", MINUTE[:2]))
    encoder.submit(Encode("good", "wav", MINUTE))
    answers = next_of(encoder)
    while len(answers) < 2:
        answers += next_of(encoder)
    assert [type(answer) for answer in answers] == [Failed, Encoded]
