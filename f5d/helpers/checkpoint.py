"""What can be said of a checkpoint before it is loaded: the table of `f5ctl info`.

A safetensors file is judged by its header (no torch); torch's formats have to be read with torch, without
running any code in them. The content tells which it is, not the name.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from f5d.catalog.architectures import named_architectures
from f5d.catalog.checkpoint_files import checkpoint_format
from f5d.catalog.header import read_header, read_number
from f5d.catalog.hub import lack_of_code
from f5d.catalog.shapes import TEXT_EMBEDDING, backbone_of, deduce_dit, dit_shapes
from f5d.catalog.spec import Architecture
from f5d.catalog.vocab import Vocabulary
from f5d.catalog.weight_names import STEPS, WeightSets, plain_name, weight_sets

CARDS: Final = ("model_card.md", "readme.md")  # in any case, the first that lies beside the model
MAX_CARD_BYTES: Final = 65_536
_NAMED: Final = 3
_SAFETENSORS_TYPES: Final = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}


@dataclass(frozen=True, slots=True)
class _Weight:
    """A weight's shape and number format."""

    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True, slots=True)
class _Content:
    """The sets of weights that a file holds, and its training step."""

    sets: WeightSets[_Weight]
    step: int | None


def describe(
    checkpoint: Path,
    vocab: Path | None = None,
    architecture: Architecture | None = None,
    *,
    ema: bool = True,
) -> dict[str, Any]:
    """Return what `f5ctl info` prints: plain values, `problems` empty when the model can be loaded.

    `architecture` is the configured one; without it the checkpoint's own is deduced and checked. `ema` is the
    configured choice of weights. Raises SynthesisError (model_error) for a file that cannot be read at all.
    """
    form = checkpoint_format(checkpoint)
    content = _of_header(checkpoint) if form == "safetensors" else _of_torch(checkpoint)
    lacking = content.sets.lack(ema=ema)
    weights = content.sets.chosen(ema=ema or lacking is not None)
    shapes = {name: weight.shape for name, weight in weights.items()}
    backbone = backbone_of(shapes)
    deduced = deduce_dit(shapes) if backbone == "DiT" else None
    embedding = shapes.get(TEXT_EMBEDDING)
    tokens = embedding[0] - 1 if embedding else None
    wanted, shown = architecture or deduced, deduced or architecture
    types = Counter(weight.dtype for weight in weights.values())
    problems = [f"it {lacking}"] if lacking else []
    return {
        "checkpoint": str(checkpoint),
        "format": form,
        "size_bytes": checkpoint.stat().st_size,
        "backbone": backbone,
        "architecture": {key: value for key, value in asdict(shown).items() if value is not None}
        if shown
        else None,
        "same_as": _same_as(shapes, tokens) if deduced else [],
        "parameters": sum(math.prod(shape) for shape in shapes.values()),
        "dtype": ", ".join(name for name, _count in types.most_common()),
        "weights": content.sets.names,
        "ema": weights is content.sets.ema,
        "step": content.step,
        "vocab_size": tokens,
        "vocab": str(vocab) if vocab else None,
        "problems": problems + _problems(shapes, backbone, wanted, tokens, vocab),
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
    sets = weight_sets(
        {
            name: _Weight(one.shape, _SAFETENSORS_TYPES.get(one.dtype, one.dtype.lower()))
            for name, one in tensors.items()
        }
    )
    counters = {plain_name(key)[0]: tensor for key, tensor in tensors.items()}
    numbers = (read_number(path, counters[name]) for name in STEPS if name in counters)
    return _Content(sets, next((number for number in numbers if number is not None), None))


def _of_torch(path: Path) -> _Content:
    from f5d.model.weights import find_weights, read_tensors

    content = read_tensors(path)
    found = find_weights(path, content)
    ema, plain = (
        {name: _Weight(tuple(one.shape), str(one.dtype).removeprefix("torch.")) for name, one in part.items()}
        for part in (found.ema, found.plain)
    )
    step = next((content[name] for name in STEPS if isinstance(content.get(name), int)), None)
    return _Content(WeightSets(ema, plain), step)


def _same_as(shapes: Mapping[str, tuple[int, ...]], tokens: int | None) -> list[str]:
    """Return the named architectures whose weights have these names and shapes."""
    return [
        name
        for name, architecture in named_architectures().items()
        if architecture.backbone == "DiT" and dit_shapes(architecture, tokens or 0) == dict(shapes)
    ]


def _problems(
    shapes: Mapping[str, tuple[int, ...]],
    backbone: str | None,
    architecture: Architecture | None,
    tokens: int | None,
    vocab: Path | None,
) -> list[str]:
    if backbone is None or tokens is None:
        held = ", ".join(list(shapes)[:_NAMED]) or "nothing"
        return [f"it is no F5-TTS or E2-TTS model (it holds: {held})"]
    lacking = lack_of_code(backbone, f"a {backbone}")
    problems = [lacking] if lacking else []
    if architecture is not None and architecture.backbone != backbone:
        problems.append(f"it is a {backbone}, the configured architecture a {architecture.backbone}")
    elif architecture is not None and backbone == "DiT":
        problems += _differences(shapes, dit_shapes(architecture, tokens))
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
