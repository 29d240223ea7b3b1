"""Reading checkpoints: formats, EMA names, and one clear line for every way a file can be wrong.

Never runs a checkpoint's code: pickles are read with weights_only, always.
"""

from __future__ import annotations

import hashlib
import pickle
import warnings
from typing import TYPE_CHECKING, Any, Final

import torch

from f5ctl.errors import SynthesisError
from f5ctl.receipts import HASH_CHARS
from f5d.catalog.shapes import TEXT_EMBEDDING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from f5d.catalog.vocab import Vocabulary

_HASH_BLOCK_BYTES: Final = 1 << 20
_NAMED: Final = 3  # keys shown before "and N more"
_EMA_COUNTERS: Final = ("initted", "step", "update")
_DERIVED: Final = "inv_freq"  # rotary frequencies follow from dim_head


def load_state(path: Path) -> dict[str, torch.Tensor]:
    """Return the backbone's weights in `path` by upstream's names, without `ema_model.transformer.`.

    Takes .safetensors, and .pt/.bin with EMA, plain or bare weights; EMA wins. Tensors may be
    mapped from the file. Raises SynthesisError (model_error) with one line for a file that is missing,
    truncated, holds code, or is no checkpoint.
    """
    state: dict[str, torch.Tensor] = {}
    for key, value in _weights_of(path, read_tensors(path)).items():
        name = key.removeprefix("ema_model.")
        if name in _EMA_COUNTERS or name.startswith("mel_spec.") or name.endswith(_DERIVED):
            continue
        if isinstance(value, torch.Tensor):
            state[name.removeprefix("transformer.")] = value
    if not state:
        raise _fault(path, "holds no model weights")
    return state


def read_tensors(path: Path) -> dict[str, Any]:
    """Return what a .safetensors or torch file holds, without executing any of it.

    Raises SynthesisError (model_error) with one line.
    """
    if not path.is_file():
        raise SynthesisError("model_error", f"checkpoint {path} does not exist")
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    return _read_pickle(path)


def check_state(
    path: Path, state: Mapping[str, torch.Tensor], expected: Mapping[str, tuple[int, ...]], backbone: str
) -> None:
    """Raise SynthesisError (model_error) unless `state` has exactly the `expected` names and shapes."""
    missing = [key for key in expected if key not in state]
    unexpected = [key for key in state if key not in expected]
    if missing or unexpected:
        faults = [
            f"{len(keys)} weights {what} ({_first(keys)})"
            for what, keys in (("missing", missing), ("unexpected", unexpected))
            if keys
        ]
        raise _fault(path, f"does not fit the configured {backbone} architecture: {'; '.join(faults)}")
    for key, shape in expected.items():
        if tuple(state[key].shape) != shape:
            what = f"{key} is {list(state[key].shape)}, expected {list(shape)}"
            raise _fault(path, f"does not fit the configured {backbone} architecture: {what}")


def check_vocabulary(
    path: Path, state: Mapping[str, torch.Tensor], vocabulary: Vocabulary, vocab_path: Path
) -> None:
    """Raise SynthesisError (model_error) unless the embedding has one row a token and one filler row."""
    embedding = state.get(TEXT_EMBEDDING)
    if embedding is None or embedding.ndim != 2:
        raise _fault(path, f"has no text embedding ({TEXT_EMBEDDING})")
    if embedding.shape[0] != len(vocabulary) + 1:
        trained = embedding.shape[0] - 1
        raise _fault(
            path, f"was trained with {trained} tokens but vocabulary {vocab_path} has {len(vocabulary)}"
        )


def content_hash(path: Path) -> str:
    """Return the first 16 hex digits of the SHA-256 of the file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_HASH_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()[:HASH_CHARS]


def _weights_of(path: Path, content: Mapping[str, Any]) -> Mapping[str, Any]:
    for wrapper in ("ema_model_state_dict", "model_state_dict"):
        wrapped = content.get(wrapper)
        if isinstance(wrapped, dict):
            return wrapped
    if any(isinstance(value, torch.Tensor) for value in content.values()):
        return content
    raise _fault(path, f"is not an F5-TTS checkpoint (it holds: {_first(list(content))})")


def _read_safetensors(path: Path) -> dict[str, Any]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return dict(load_file(path))
    except (SafetensorError, OSError, ValueError) as error:
        raise _fault(path, f"is not a complete safetensors file: {_one_line(error)}") from None


def _read_pickle(path: Path) -> dict[str, Any]:
    try:
        with warnings.catch_warnings():  # torch warns of unusual pickles; they are read or refused below
            warnings.simplefilter("ignore")
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=_is_zip(path))
    except pickle.UnpicklingError as error:
        refused = str(error).startswith("Weights only load failed")
        if refused and "Unsupported operand" not in str(error):  # an unknown opcode is noise, not a call
            raise _fault(path, "refused: it contains code, not only weights") from None
        raise _fault(path, "is truncated or not a torch checkpoint") from None
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _fault(path, f"is truncated or not a torch checkpoint: {_one_line(error)}") from None
    if not isinstance(content, dict):
        raise _fault(path, f"is not an F5-TTS checkpoint (it holds a {type(content).__name__})")
    return {str(key): value for key, value in content.items()}


def _is_zip(path: Path) -> bool:
    """True for torch's zip format, the only one that can be mapped instead of read."""
    with path.open("rb") as file:
        return file.read(4) == b"PK\x03\x04"


def _fault(path: Path, what: str) -> SynthesisError:
    return SynthesisError("model_error", f"{path} {what}")


def _first(keys: list[str]) -> str:
    shown = ", ".join(str(key) for key in keys[:_NAMED]) or "nothing"
    return shown if len(keys) <= _NAMED else f"{shown}, and {len(keys) - _NAMED} more"


def _one_line(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0][:160] or type(error).__name__
