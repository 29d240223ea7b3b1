"""The page of `f5ctl info` and `f5ctl models show`: what is known of a model."""

from __future__ import annotations

from textwrap import indent
from typing import Any, Final

from f5ctl.printing import emit, emit_json, emit_lines, size

EXIT_INCOMPATIBLE: Final = 65
_ROWS: Final = (
    "name", "source", "installed", "checkpoint", "format", "size_bytes", "backbone", "same_as", "parameters",
    "dtype", "weights", "ema", "step", "vocab_size", "vocab", "vocoder", "language", "default_voice",
)  # fmt: skip
_SHAPE: Final = ("dim", "depth", "heads", "ff_mult", "text_dim", "conv_layers", "qk_norm")


def print_info(facts: dict[str, Any], *, as_json: bool) -> int:
    """Print the page and return the exit status: 65 when the model cannot be used."""
    problems = facts.get("problems") or []
    if as_json:
        emit_json(facts)
        return EXIT_INCOMPATIBLE if problems else 0
    for key in _ROWS:
        value = facts.get(key)
        if value not in (None, []) and not (key == "size_bytes" and facts.get("installed") is False):
            emit(f"{key.removesuffix('_bytes').replace('_', ' '):<14} {_shown(key, value)}")
        if key == "backbone" and facts.get("architecture"):
            shape = facts["architecture"]
            told = ", ".join(f"{name} {_number(shape[name])}" for name in _SHAPE if shape.get(name))
            emit(f"{'architecture':<14} {told}")
    emit(f"{'compatible':<14} {'no' if problems else 'yes'}")
    for problem in problems:
        emit(f"{'':<14} {problem}")
    if facts.get("card"):
        emit("")
        emit_lines(indent(str(facts["card"]).rstrip(), "  "))  # none of its lines passes for one of ours
    return EXIT_INCOMPATIBLE if problems else 0


def _shown(key: str, value: Any) -> str:
    if key.endswith("_bytes"):
        return size(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return (" and " if key == "weights" else " or ").join(map(str, value))
    if isinstance(value, int):
        return f"{value:,}".replace(",", " ") + (f" ({value / 1e6:.1f} M)" if key == "parameters" else "")
    return str(value)


def _number(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
