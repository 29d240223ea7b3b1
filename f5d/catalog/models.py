"""The models that can be asked for by name, and whether their files are here.

Imports no torch: the broker says from this file which models there are. huggingface_hub is imported only when
a model of the hub is looked for.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from f5ctl.bounds import Rule, is_utf8, shown
from f5ctl.errors import BadRequestError, ConfigError
from f5ctl.extras import require, upstream_file
from f5ctl.names import unknown, unknown_key
from f5ctl.parameters import PARAMETERS
from f5ctl.protocol import LANGUAGE_PATTERN, LANGUAGE_WORDS
from f5d.catalog.architectures import STARTER, STARTER_DIR, UPSTREAM, find_architecture
from f5d.catalog.hub import HUB_SCHEME, LocalModel, check_vocoder_place, fetch, is_installed, split_hub_place
from f5d.catalog.spec import UPSTREAM_GAP, ModelSpec
from f5d.catalog.voices import default_voice

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

__all__ = ["LocalModel", "catalog", "fetch", "is_installed", "model_spec_from_table", "resolve"]

AUTO: Final = "auto"
VOCOS_HUB: Final = "hf://charactr/vocos-mel-24khz"
PUBLISHED: Final[dict[str, str]] = {
    "F5TTS_v1_Base": "hf://SWivid/F5-TTS/F5TTS_v1_Base/model_1250000.safetensors",
    "F5TTS_Base": "hf://SWivid/F5-TTS/F5TTS_Base/model_1200000.safetensors",
    "E2TTS_Base": "hf://SWivid/E2-TTS/E2TTS_Base/model_1200000.safetensors",
}
AUTO_ORDER: Final = ("F5TTS_v1_Base", "F5TTS_Base")

_VOCAB: Final = "infer/examples/vocab.txt"  # of the f5-tts package; the published models have the same
TABLE_KEYS: Final = (
    "checkpoint",
    "vocab",
    "vocoder",
    "architecture",
    "reference_gap",
    "default_voice",
    "language",
    "sentence_pause",
    "ema",
)
_OF_MODEL: Final[Mapping[str, Rule]] = {
    "sentence_pause": PARAMETERS["sentence_pause"],
    "ema": Rule(kind=bool),
}
_FORMER_KEY: Final = "tokenizer"  # chose between names of one and the same front end

log = logging.getLogger(__name__)


def catalog(
    custom: Mapping[str, ModelSpec] | None = None, *, published: Collection[str] = tuple(PUBLISHED)
) -> dict[str, ModelSpec]:
    """Return every model by name: the bundled starter, upstream's `published` ones, then `custom`.

    A custom model may take the place of a built-in one.
    """
    specs = {STARTER: _starter()}
    for name in published:
        checkpoint = PUBLISHED[name]
        specs[name] = ModelSpec(
            name=name,
            architecture=UPSTREAM[name],
            checkpoint=checkpoint,
            vocab=upstream_file(_VOCAB) or f"{checkpoint.rpartition('/')[0]}/vocab.txt",
            vocoder=VOCOS_HUB,
            default_voice=default_voice(),
        )
    specs.update(custom or {})
    return specs


def resolve(name: str, specs: Mapping[str, ModelSpec]) -> ModelSpec:
    """Return the model called `name`: exactly, else whatever the case; `auto` is the best installed one.

    Raises BadRequestError (unknown_model) with one line that lists the known names.
    """
    if name in specs:
        return specs[name]
    if name.lower() == AUTO:
        return _best_installed(specs)
    matches = [spec for known, spec in specs.items() if known.lower() == name.lower()]
    if len(matches) == 1:
        return matches[0]
    raise BadRequestError("unknown_model", unknown("model", name, [AUTO, *specs]))


def model_spec_from_table(name: str, table: Mapping[str, Any], base_dir: Path) -> ModelSpec:
    """Return the model that a `[models.NAME]` table of the daemon's configuration describes.

    Relative paths count from `base_dir`; `~` is the home folder. Raises ConfigError with key and value.
    """
    where = f"[models.{name}]"
    if name.lower() == AUTO:
        raise ConfigError(f"{where}: {AUTO!r} is reserved for the best installed model")
    _check_table(where, table)
    architecture = str(table.get("architecture", "F5TTS_v1_Base"))
    vocab = table.get("vocab")
    vocoder = str(table.get("vocoder", VOCOS_HUB))
    check_vocoder_place(vocoder)
    return ModelSpec(
        name=name,
        architecture=find_architecture(architecture, base_dir, f"{where}: architecture"),
        checkpoint=_file_place(str(table["checkpoint"]), base_dir),
        vocab=_file_place(str(vocab), base_dir) if vocab else _upstream_vocab(where),
        vocoder=_place(vocoder, base_dir),
        reference_gap=str(table.get("reference_gap", UPSTREAM_GAP)),
        default_voice=str(table.get("default_voice") or default_voice()),
        language=str(table.get("language", "none")),
        sentence_pause=float(table.get("sentence_pause", PARAMETERS["sentence_pause"].default)),
        ema=table.get("ema", True),
    )


def _starter() -> ModelSpec:
    return ModelSpec(
        name=STARTER,
        architecture=find_architecture(STARTER, STARTER_DIR),
        checkpoint=str(STARTER_DIR / "model.safetensors"),
        vocab=str(STARTER_DIR / "vocab.txt"),
        vocoder=str(STARTER_DIR / "vocoder"),
        reference_gap=" ",  # it was trained so; upstream's two spaces shift its alignment
        default_voice="rms",
        max_segment_bytes=70,  # it was trained on at most 126 characters, reference included
        short_text_extra_s=0.0,  # and at an even rate
        nfe_step=7,  # as well understood as with 16 (starter/README.md), in less than half the time
        frames_per_byte=6,  # it was trained at 5 to 7, and is clearest in the middle
        language="en",
        clones=False,
    )


def _best_installed(specs: Mapping[str, ModelSpec]) -> ModelSpec:
    for name in AUTO_ORDER:
        spec = specs.get(name)
        if spec is not None and is_installed(spec):
            return spec
    return specs[STARTER]


def _check_table(where: str, table: Mapping[str, Any]) -> None:
    for key, value in table.items():
        if key == _FORMER_KEY:
            log.warning("%s: %s does nothing, whatever its value; take it out", where, key)
            continue
        if key not in TABLE_KEYS:
            raise ConfigError(f"{where}: {unknown_key(key, TABLE_KEYS)}")
        if rule := _OF_MODEL.get(key):
            if fault := rule.fault(value):
                raise ConfigError(f"{where}: {key} is {fault}")
        elif not isinstance(value, str) or (not value and key != "reference_gap"):
            raise ConfigError(f"{where}: {key} = {shown(value)} is not a text")
    if "checkpoint" not in table:
        raise ConfigError(f"{where}: checkpoint is missing")
    if not LANGUAGE_PATTERN.fullmatch(table.get("language", "none")):
        raise ConfigError(f"{where}: language = {table['language']!r}; it can be {LANGUAGE_WORDS}")
    if table.get("reference_gap", "").strip():
        raise ConfigError(f"{where}: reference_gap = {table['reference_gap']!r} is not made of spaces")


def _place(value: str, base_dir: Path) -> str:
    if value.startswith(HUB_SCHEME):
        return value
    if not is_utf8(str(base_dir)):  # else no engine could be told of it
        raise ConfigError(f"{shown(value)} lies in a folder whose name is not UTF-8: {base_dir}")
    return str((base_dir / Path(value).expanduser()).absolute())


def _file_place(value: str, base_dir: Path) -> str:
    if value.startswith(HUB_SCHEME):
        split_hub_place(value)
    return _place(value, base_dir)


def _upstream_vocab(where: str) -> str:
    """Return the vocabulary of upstream's models, for a table that names none."""
    path = upstream_file(_VOCAB)
    if path is None:
        require("upstream", f"{where}: vocab is missing, and upstream's own")
        raise ConfigError(f"{where}: vocab is missing, and so is {_VOCAB} of the f5-tts package")
    return path
