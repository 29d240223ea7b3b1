"""The shapes of models by name: the starter's, and upstream's as its f5_tts/configs/*.yaml have them.

With the f5-tts package installed, its files count for names that this table lacks.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path
from typing import Final

from f5ctl.errors import ConfigError
from f5ctl.extras import upstream_file
from f5d.catalog.spec import Architecture, read_architecture

STARTER: Final = "starter"
STARTER_DIR: Final = Path(__file__).resolve().parents[1] / "starter"

_F5_BASE: Final = Architecture(
    backbone="DiT", dim=1024, depth=22, heads=16, ff_mult=2, text_dim=512, conv_layers=4
)
_F5_SMALL: Final = replace(_F5_BASE, dim=768, depth=18, heads=12)
_E2_BASE: Final = Architecture(
    backbone="UNetT", dim=1024, depth=24, heads=16, text_mask_padding=False, pe_attn_head=1
)
UPSTREAM: Final[dict[str, Architecture]] = {
    "E2TTS_Base": _E2_BASE,
    "E2TTS_Small": replace(_E2_BASE, dim=768, depth=20, heads=12),
    "F5TTS_Base": replace(_F5_BASE, text_mask_padding=False, pe_attn_head=1),
    "F5TTS_Small": replace(_F5_SMALL, text_mask_padding=False, pe_attn_head=1),
    "F5TTS_v1_Base": _F5_BASE,
    "F5TTS_v1_Small": _F5_SMALL,
}


def named_architectures() -> dict[str, Architecture]:
    """Return every architecture that has a name; a file of the package that holds none is left out."""
    known = _own()
    for name, path in _package_files().items():
        if name not in known:
            with contextlib.suppress(ConfigError):
                known[name] = read_architecture(path)
    return known


def _own() -> dict[str, Architecture]:
    return {STARTER: read_architecture(STARTER_DIR / "dit.json"), **UPSTREAM}


def _package_files() -> dict[str, Path]:
    configs = upstream_file("configs")
    return {path.stem: path for path in sorted(Path(configs).glob("*.yaml"))} if configs else {}


def find_architecture(value: str, base_dir: Path, what: str = "architecture") -> Architecture:
    """Return the architecture that a name stands for, or a .yaml or .json file describes.

    Relative paths count from `base_dir`. Raises ConfigError, in which the value is called `what`.
    """
    if value.endswith((".yaml", ".yml", ".json")):
        return read_architecture((base_dir / Path(value).expanduser()).absolute())
    if found := _own().get(value):
        return found
    if path := _package_files().get(value):
        return read_architecture(path)
    line = (
        f"{what} = {value!r:.80} is neither a .yaml or .json path nor one of {', '.join(named_architectures())}"
    )
    raise ConfigError(line)
