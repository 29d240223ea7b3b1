"""The vocabulary of a model: which text token is which row of its embedding. Imports no torch."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final

from f5ctl.errors import SynthesisError
from f5ctl.files import read_regular

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


MAX_VOCAB_BYTES: Final = 16 * 2**20  # upstream's has 14,000


class _Ids(dict[str, int]):
    """Has 0 for a token that it does not hold; asking for one does not add it."""

    def __missing__(self, token: str) -> int:
        return 0


class Vocabulary:
    """Text tokens and their ids; an unknown token has id 0, the space (upstream's convention)."""

    def __init__(self, ids: Mapping[str, int]) -> None:
        self._ids = _Ids(ids)

    @classmethod
    def load(cls, path: Path) -> Vocabulary:
        """Return the vocabulary in `path`: one token a line, UTF-8 with or without a BOM, line endings cut off.

        Reads as upstream does (f5_tts/model/utils.py, get_tokenizer): nothing is stripped, so a line
        of one space is the space; the last character of a file without a final newline is lost.
        Raises SynthesisError (model_error) for a file that cannot be read or is empty.
        """
        try:
            data = io.BytesIO(read_regular(path, MAX_VOCAB_BYTES))
            with io.TextIOWrapper(data, encoding="utf-8-sig") as file:  # a BOM makes the space an unknown token
                ids = {line[:-1]: index for index, line in enumerate(file)}
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise SynthesisError("model_error", f"cannot read vocabulary {path}: {reason}") from None
        if not ids:
            raise SynthesisError("model_error", f"vocabulary {path} is empty")
        return cls(ids)

    @property
    def ids(self) -> dict[str, int]:
        """Every token and its id."""
        return self._ids

    def __len__(self) -> int:
        return len(self._ids)

    def __contains__(self, token: object) -> bool:
        return token in self._ids

    def encode(self, tokens: Sequence[str]) -> list[int]:
        """Return one id a token, 0 for an unknown one."""
        return list(map(self._ids.__getitem__, tokens))

    def unknown(self, tokens: Sequence[str]) -> list[str]:
        """Return the tokens that the model never learned, sorted, each once."""
        return sorted(set(tokens).difference(self._ids))
