"""What can be said of a checkpoint before it is loaded: the table of `f5ctl info`.

A .safetensors file is judged by its header (no torch); a .pt file has to be read with torch, without
running any code in it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from f5ctl.errors import SynthesisError
from f5d.catalog.architectures import named_architectures
from f5d.catalog.header import TensorInfo, read_header, read_number
from f5d.catalog.hub import lack_of_code
from f5d.catalog.shapes import TEXT_EMBEDDING, backbone_of, deduce_dit, dit_shapes
from f5d.catalog.spec import Architecture
from f5d.catalog.vocab import Vocabulary

CARDS: Final = ("model_card.md", "readme.md")  # in any case, the first that lies beside the model
MAX_CARD_BYTES: Final = 65_536
_COUNTERS: Final = ("step", "update", "initted")
_NAMED: Final = 3
_SAFETENSORS_TYPES: Final = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}


@dataclass(frozen=True, slots=True)
class _Content:
    """The backbone's weights by upstream's names: shapes and types; and what else the file tells."""

    shapes: Mapping[str, tuple[int, ...]]
    types: Mapping[str, str]
    is_ema: bool
    step: int | None


def describe(
    checkpoint: Path, vocab: Path | None = None, architecture: Architecture | None = None
) -> dict[str, Any]:
    """Return what `f5ctl info` prints: plain values, `problems` empty when the model can be loaded.

    `architecture` is the configured one; without it the checkpoint's own is deduced and checked.
    Raises SynthesisError (model_error) for a file that cannot be read at all.
    """
    if not checkpoint.is_file():
        raise SynthesisError("model_error", f"checkpoint {checkpoint} does not exist")
    is_safetensors = checkpoint.suffix == ".safetensors"
    content = _of_header(checkpoint) if is_safetensors else _of_torch(checkpoint)
    backbone = backbone_of(content.shapes)
    deduced = deduce_dit(content.shapes) if backbone == "DiT" else None
    embedding = content.shapes.get(TEXT_EMBEDDING)
    tokens = embedding[0] - 1 if embedding else None
    wanted, shown = architecture or deduced, deduced or architecture
    types = Counter(content.types[name] for name in content.shapes)
    return {
        "checkpoint": str(checkpoint),
        "format": "safetensors" if is_safetensors else "torch",
        "size_bytes": checkpoint.stat().st_size,
        "backbone": backbone,
        "architecture": {key: value for key, value in asdict(shown).items() if value is not None}
        if shown
        else None,
        "same_as": _same_as(content.shapes, tokens) if deduced else [],
        "parameters": sum(math.prod(shape) for shape in content.shapes.values()),
        "dtype": ", ".join(name for name, _count in types.most_common()),
        "ema": content.is_ema,
        "step": content.step,
        "vocab_size": tokens,
        "vocab": str(vocab) if vocab else None,
        "problems": list(_problems(content, backbone, wanted, tokens, vocab)),
        "card": model_card(checkpoint.parent),
    }


def model_card(folder: Path) -> str | None:
    """Return the text of the model card that lies in a folder, None without one."""
    try:
        files = {path.name.lower(): path for path in folder.iterdir() if path.is_file()}
    except OSError:
        return None
    for name in CARDS:
        if name in files:
            with files[name].open("rb") as file:
                return file.read(MAX_CARD_BYTES).decode("utf-8", "replace")
    return None


def _of_header(path: Path) -> _Content:
    tensors = read_header(path)
    plain = {_plain_name(name): name for name in tensors}
    weights = {name: tensors[key] for name, key in plain.items() if _is_weight(name)}
    return _Content(
        {name: tensor.shape for name, tensor in weights.items()},
        {name: _SAFETENSORS_TYPES.get(tensor.dtype, tensor.dtype.lower()) for name, tensor in weights.items()},
        any(name.startswith("ema_model.") for name in tensors),
        _step(path, {name: tensors[key] for name, key in plain.items() if name in _COUNTERS}),
    )


def _step(path: Path, counters: Mapping[str, TensorInfo]) -> int | None:
    numbers = (read_number(path, counters[name]) for name in ("update", "step") if name in counters)
    return next((number for number in numbers if number is not None), None)


def _of_torch(path: Path) -> _Content:
    from f5d.model.weights import load_state, read_tensors

    content = read_tensors(path)
    state = load_state(path)
    step = next((content[name] for name in ("update", "step") if isinstance(content.get(name), int)), None)
    return _Content(
        {name: tuple(value.shape) for name, value in state.items()},
        {name: str(value.dtype).removeprefix("torch.") for name, value in state.items()},
        "ema_model_state_dict" in content or any(name.startswith("ema_model.") for name in content),
        step,
    )


def _plain_name(name: str) -> str:
    return name.removeprefix("ema_model.").removeprefix("transformer.")


def _is_weight(name: str) -> bool:
    return name not in _COUNTERS and not name.startswith("mel_spec.") and not name.endswith("inv_freq")


def _same_as(shapes: Mapping[str, tuple[int, ...]], tokens: int | None) -> list[str]:
    """Return the named architectures whose weights have these names and shapes."""
    return [
        name
        for name, architecture in named_architectures().items()
        if architecture.backbone == "DiT" and dit_shapes(architecture, tokens or 0) == dict(shapes)
    ]


def _problems(
    content: _Content,
    backbone: str | None,
    architecture: Architecture | None,
    tokens: int | None,
    vocab: Path | None,
) -> list[str]:
    if backbone is None or tokens is None:
        held = ", ".join(list(content.shapes)[:_NAMED]) or "nothing"
        return [f"it is no F5-TTS or E2-TTS model (it holds: {held})"]
    lacking = lack_of_code(backbone, f"a {backbone}")
    problems = [lacking] if lacking else []
    if architecture is not None and architecture.backbone != backbone:
        problems.append(f"it is a {backbone}, the configured architecture a {architecture.backbone}")
    elif architecture is not None and backbone == "DiT":
        problems += _differences(content.shapes, dit_shapes(architecture, tokens))
    if vocab is not None:
        size = len(Vocabulary.load(vocab))
        if size != tokens:
            problems.append(f"it was trained with {tokens} tokens, {vocab} has {size}")
    return problems


def _differences(found: Mapping[str, tuple[int, ...]], wanted: Mapping[str, tuple[int, ...]]) -> list[str]:
    lines = []
    for what, names in (
        ("missing", [name for name in wanted if name not in found]),
        ("unexpected", [name for name in found if name not in wanted]),
    ):
        if names:
            more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
            lines.append(f"{len(names)} weights are {what}: {', '.join(names[:_NAMED])}{more}")
    for name, shape in wanted.items():
        if name in found and found[name] != shape:
            lines.append(f"{name} is {list(found[name])}, expected {list(shape)}")
            break
    return lines
