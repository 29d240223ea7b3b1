from __future__ import annotations

from pathlib import Path

import pytest

from f5ctl.errors import SynthesisError
from f5d.catalog.models import catalog
from f5d.catalog.vocab import Vocabulary

from .support import Upstream


@pytest.mark.parametrize("content", [" \na\nb\n", " \na\na\nzh\u00e9", " \r\nx\r\n", "\u3000\n \nni3\n"])
def test_a_vocabulary_is_read_as_upstream_reads_it(upstream: Upstream, tmp_path: Path, content: str) -> None:
    """Every line is a token, nothing is stripped but the line's end, repeated lines count once."""
    from f5_tts.model.utils import get_tokenizer

    path = tmp_path / "vocab.txt"
    path.write_bytes(content.encode())
    wanted, size = get_tokenizer(str(path), "custom")
    vocabulary = Vocabulary.load(path)
    assert len(vocabulary) == size
    assert vocabulary.encode(list(wanted)) == list(wanted.values())
    assert upstream.cfm


def test_a_byte_order_mark_is_no_token(tmp_path: Path) -> None:
    """An editor that writes a BOM does not make the space unknown."""
    plain, marked = tmp_path / "plain.txt", tmp_path / "marked.txt"
    plain.write_text(" \na\nb\n")
    marked.write_text(" \na\nb\n", encoding="utf-8-sig")
    tokens = [" ", "a", "b"]
    assert Vocabulary.load(marked).encode(tokens) == Vocabulary.load(plain).encode(tokens)
    assert Vocabulary.load(marked).unknown(tokens) == []


def test_the_published_vocabulary_begins_with_the_space() -> None:
    """Unknown tokens become id 0, which is the space."""
    vocabulary = Vocabulary.load(Path(catalog()["F5TTS_v1_Base"].vocab))
    assert vocabulary.encode([" ", "\U0001f600", "a"])[:2] == [0, 0]
    assert vocabulary.unknown(["\U0001f600", "a", "\u0416\u0416", "\U0001f600"]) == [
        "\u0416\u0416",
        "\U0001f600",
    ]
    assert vocabulary.unknown(["a"]) == []


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe"])
def test_an_unreadable_vocabulary_is_named(tmp_path: Path, content: bytes | None) -> None:
    """A vocabulary that is missing, empty or not UTF-8 is an error with its path."""
    path = tmp_path / "vocab.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SynthesisError, match=str(path)):
        Vocabulary.load(path)
