"""Reading checkpoints: formats, sets of weights, and one clear line for every way a file can be wrong.

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
from f5d.catalog.checkpoint_files import checkpoint_format, is_zip
from f5d.catalog.header import read_header
from f5d.catalog.shapes import TEXT_EMBEDDING
from f5d.catalog.weight_names import WeightSets, weight_sets

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from f5d.catalog.vocab import Vocabulary

_HASH_BLOCK_BYTES: Final = 1 << 20
# Under which a training keeps its weights: upstream's first, then those of other frameworks.
_AVERAGED: Final = ("ema_model_state_dict", "ema")
_PLAIN: Final = ("model_state_dict", "state_dict", "model")
_TRUNCATED: Final = "is truncated or not a torch checkpoint"
_NAMED: Final = 3  # keys shown before "and N more"


def load_state(path: Path, *, ema: bool = True) -> dict[str, torch.Tensor]:
    """Return the backbone's weights in `path` by upstream's names (f5d/catalog/weight_names.py).

    Takes .safetensors and torch's formats, with EMA, plain or bare weights. With `ema` the average is taken
    where there is one. Tensors may be mapped from the file. Raises SynthesisError (model_error) with one line
    for a file that is missing, truncated, holds code, is no checkpoint or lacks the wanted weights.
    """
    sets = find_weights(path, read_tensors(path))
    chosen = sets.chosen(ema=ema)
    if not chosen:
        raise _fault(path, sets.lack(ema=ema) or "holds no model weights")
    return dict(chosen)


def find_weights(path: Path, content: Mapping[str, Any]) -> WeightSets[torch.Tensor]:
    """Return the sets of weights in what `read_tensors` read from `path`.

    Raises SynthesisError (model_error) when it is no checkpoint of upstream's kind.
    """
    averaged, plain = (_first_held(content, keys) for keys in (_AVERAGED, _PLAIN))
    if averaged is not None or plain is not None:
        inner, outer = weight_sets(_tensors_of(averaged)), weight_sets(_tensors_of(plain))
        if not inner.names:
            return outer
        return WeightSets({**inner.plain, **inner.ema}, {**outer.ema, **outer.plain})
    if not _tensors_of(content):
        raise _fault(path, f"is not an F5-TTS checkpoint (it holds: {_first(list(content))})")
    return weight_sets(_tensors_of(content))


def read_tensors(path: Path) -> dict[str, Any]:
    """Return what a .safetensors or torch file holds, without executing any of it.

    Raises SynthesisError (model_error) with one line.
    """
    return _read_safetensors(path) if checkpoint_format(path) == "safetensors" else _read_pickle(path)


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


def content_hash(path: Path, *, ema: bool = True) -> str:
    """Return the first 16 hex digits of the SHA-256 of the file's bytes; without `ema`, of those and a mark."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_HASH_BLOCK_BYTES):
            digest.update(block)
    if not ema:
        digest.update(b"\0plain weights")  # one file, two voices: a receipt tells them apart
    return digest.hexdigest()[:HASH_CHARS]


def _first_held(content: Mapping[str, Any], keys: Iterable[str]) -> dict[str, Any] | None:
    return next((held for key in keys if isinstance(held := content.get(key), dict)), None)


def _tensors_of(content: object) -> dict[str, torch.Tensor]:
    held = content if isinstance(content, dict) else {}
    return {str(key): value for key, value in held.items() if isinstance(value, torch.Tensor)}


def _read_safetensors(path: Path) -> dict[str, Any]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    read_header(path)  # says better than the library what is wrong with it
    try:
        return dict(load_file(path))
    except (SafetensorError, OSError, ValueError) as error:
        raise _fault(path, f"is not a complete safetensors file: {_one_line(error)}") from None


def _read_pickle(path: Path) -> dict[str, Any]:
    try:
        with warnings.catch_warnings():  # torch warns of unusual pickles; they are read or refused below
            warnings.simplefilter("ignore")
            content = _load_pickle(path)
    except pickle.UnpicklingError as error:
        refused = str(error).startswith("Weights only load failed")
        if refused and "Unsupported operand" not in str(error):  # an unknown opcode is noise, not a call
            raise _fault(path, "refused: it contains code, not only weights") from None
        raise _fault(path, f"{_TRUNCATED}; fetch it again") from None
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _fault(path, f"{_TRUNCATED} ({_one_line(error)}); fetch it again") from None
    except Exception:  # noqa: BLE001 - bytes that are no pickle fail as they please: IndexError, struct.error
        raise _fault(path, f"{_TRUNCATED}; fetch it again") from None
    if not isinstance(content, dict):
        raise _fault(path, f"is not an F5-TTS checkpoint (it holds a {type(content).__name__})")
    return {str(key): value for key, value in content.items()}


def _load_pickle(path: Path) -> Any:
    with path.open("rb") as file:
        if path.suffix == ".safetensors":  # torch would believe the name; a file without one is not mapped
            return torch.load(file, map_location="cpu", weights_only=True)
        mapped = is_zip(file.read(4))
    return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)


def _fault(path: Path, what: str) -> SynthesisError:
    return SynthesisError("model_error", f"{path} {what}")


def _first(keys: list[str]) -> str:
    shown = ", ".join(str(key) for key in keys[:_NAMED]) or "nothing"
    return shown if len(keys) <= _NAMED else f"{shown}, and {len(keys) - _NAMED} more"


def _one_line(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0][:160] or type(error).__name__
