"""What a model is: audio constants, the shape of its backbone and where its files lie.

Knows upstream's config keys (f5_tts/configs/*.yaml and plain JSON). Imports neither torch nor f5_tts:
the broker reads these without paying for them.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeAlias, get_args, get_type_hints

import msgspec
from msgspec import Meta

from f5ctl import protocol
from f5ctl.bounds import shown
from f5ctl.errors import ConfigError
from f5ctl.extras import require
from f5ctl.files import read_regular
from f5ctl.parameters import PARAMETERS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

SAMPLE_RATE_HZ: Final = protocol.SAMPLE_RATE_HZ  # what a model makes is sent as it is
HOP_SAMPLES: Final = 256
FFT_SAMPLES: Final = 1_024
MEL_CHANNELS: Final = 100
MAX_ARCHITECTURE_BYTES: Final = 16_384  # upstream's files have 2,000
MAX_DEPTH: Final = 20  # of what is nested in one

FRAMES_PER_SECOND: Final = SAMPLE_RATE_HZ / HOP_SAMPLES  # 93.75, one frame is 10.67 ms

Backbone = Literal["DiT", "UNetT", "MMDiT"]
SkipConnect = Literal["add", "concat", "none"]
MOST_LAYERS: Final = 256  # ten times those of the largest model; also of heads, and of a head's channels
Width: TypeAlias = Annotated[int, Meta(ge=1, le=16_384)]  # of a layer; four times that of the largest model
Count: TypeAlias = Annotated[int, Meta(ge=1, le=MOST_LAYERS)]

BACKBONES: Final[tuple[Backbone, ...]] = get_args(Backbone)

POSITION_GROUPS: Final = 16  # of the position convolution

UPSTREAM_GAP: Final = "  "  # ". " ends the reference text, one more space joins the generated text

_TRAINING_ONLY: Final = frozenset({"dropout", "attn_backend", "attn_mask_enabled", "checkpoint_activations"})
_COMMON: Final = frozenset({"dim", "depth", "heads", "dim_head", "ff_mult", "text_mask_padding", "qk_norm"})
_TEXT_ENCODER: Final = frozenset({"text_dim", "conv_layers", "pe_attn_head"})
_KEYS: Final[dict[str, frozenset[str]]] = {
    "DiT": _COMMON | _TEXT_ENCODER | {"long_skip_connection", "text_embedding_average_upsampling"},
    "UNetT": _COMMON | _TEXT_ENCODER | {"skip_connect_type"},
    "MMDiT": _COMMON,
}


@dataclass(frozen=True, slots=True)
class Architecture:
    """The shape of a backbone, in upstream's names (f5_tts/model/backbones/*.py).

    `text_dim` None means as wide as the mel. `pe_attn_head` None rotates every head,
    a number only the first ones. `skip_connect_type` matters to UNetT alone.
    """

    backbone: Backbone
    dim: Width
    depth: Count = 8
    heads: Count = 8
    dim_head: Count = 64
    ff_mult: Annotated[float, Meta(gt=0, le=64)] = 4
    text_dim: Width | None = None
    conv_layers: Annotated[int, Meta(ge=0, le=MOST_LAYERS)] = 0
    text_mask_padding: bool = True
    qk_norm: Literal["rms_norm"] | None = None
    pe_attn_head: Count | None = None
    long_skip_connection: bool = False
    text_embedding_average_upsampling: bool = False
    skip_connect_type: SkipConnect = "concat"

    @property
    def text_width(self) -> int:
        """Channels of the text embedding."""
        return MEL_CHANNELS if self.text_dim is None else self.text_dim

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any], *, backbone: str = "DiT") -> Architecture:
        """Return the architecture that upstream's constructor arguments describe.

        Training-only keys are ignored. Raises ConfigError that names an unknown key or a wrong value.
        """
        known = _KEYS.get(backbone)
        if known is None:
            raise ConfigError(f"unknown backbone {shown(backbone)}; known: {', '.join(BACKBONES)}")
        wanted = {key: value for key, value in mapping.items() if key not in _TRAINING_ONLY}
        unknown = [key for key in wanted if key not in known]
        if unknown:
            raise ConfigError(f"unknown architecture key {shown(unknown[0])} for a {backbone} backbone")
        if "dim" not in wanted:
            raise ConfigError(f"the architecture of a {backbone} backbone has no dim")
        kinds = get_type_hints(cls, include_extras=True)
        for key, value in wanted.items():
            _check(key, value, kinds[key])
        architecture = cls(backbone=backbone, **wanted)  # type: ignore[arg-type]  # checked above
        architecture._check_combination()
        return architecture

    def upstream_arguments(self) -> dict[str, Any]:
        """Keyword arguments of upstream's backbone class, without the vocabulary size."""
        return {name: value for name, value in asdict(self).items() if name in _KEYS[self.backbone]}

    def _check_combination(self) -> None:
        if self.dim % POSITION_GROUPS:
            raise ConfigError(f"dim is {self.dim}; it must be a multiple of {POSITION_GROUPS}")
        if self.text_embedding_average_upsampling and not self.text_mask_padding:
            raise ConfigError("text_embedding_average_upsampling needs text_mask_padding")
        if self.dim_head % 2:
            raise ConfigError(f"dim_head is {self.dim_head}; it must be even")
        if self.backbone == "UNetT" and self.depth % 2:
            raise ConfigError(f"depth is {self.depth}; a UNetT backbone needs an even one")


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A model that can be asked for by name, with the places of its files.

    A place is a local path or `hf://org/repo/path`. `vocoder` is a folder or `hf://org/repo`.
    `reference_gap` is what stands between the reference text's last visible character and the
    generated text. `max_segment_bytes` bounds a segment below what the reference's length allows;
    `short_text_extra_s` is how much longer texts under ten bytes take, at most; `nfe_step` is
    the default number of ODE steps, `sentence_pause` the pause after a sentence in seconds.
    `frames_per_byte` is the number of mel frames per byte of text that references are re-timed to, for a
    model that speaks at one tempo. `language` is the one that numbers are read out in by default. `clones`
    is False for a model that has voices of its own. `ema` takes the moving average of the weights where
    there is one.
    """

    name: str
    architecture: Architecture
    checkpoint: str
    vocab: str
    vocoder: str
    reference_gap: str = UPSTREAM_GAP
    default_voice: str = "slt"
    max_segment_bytes: int | None = None
    short_text_extra_s: float = 0.3
    nfe_step: int = 32
    sentence_pause: float = PARAMETERS["sentence_pause"].default or 0.0
    frames_per_byte: int | None = None
    language: str = "none"
    clones: bool = True
    ema: bool = True


def read_architecture(path: Path) -> Architecture:
    """Return the architecture in upstream's YAML (its `model:` section) or in plain JSON of arguments.

    Raises ConfigError for a file that is missing, unreadable or not an architecture.
    """
    document = _read_document(path)
    try:
        return _architecture_of(document)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error.message}") from None


def _architecture_of(document: dict[str, Any]) -> Architecture:
    model = document.get("model", document)
    if not isinstance(model, dict):
        raise ConfigError("the model section is not a table")
    mel = model.get("mel_spec") or {}
    for section, value in (("arch", model.get("arch", {})), ("mel_spec", mel)):
        if not isinstance(value, dict):
            raise ConfigError(f"the {section} section is not a table")
    mel_kind = mel.get("mel_spec_type", "vocos")
    if mel_kind != "vocos":
        raise ConfigError(f"mel_spec_type {shown(mel_kind)} is not supported; known: vocos")
    arguments = model.get("arch", {key: value for key, value in model.items() if key != "backbone"})
    return Architecture.from_mapping(arguments, backbone=str(model.get("backbone", "DiT")))


def _read_document(path: Path) -> dict[str, Any]:
    try:
        text = read_regular(path, MAX_ARCHITECTURE_BYTES).decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigError(f"cannot read architecture file {path}: {reason}") from None
    document = _parse(path, text)
    if not isinstance(document, dict):
        raise ConfigError(f"{path} does not hold a table of architecture keys")
    return document


def _parse(path: Path, text: str) -> object:
    if path.suffix == ".json":
        try:
            parsed: object = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ConfigError(f"{path} is not JSON: {error}") from None
        return parsed
    require("engine", f"the YAML file {path}")
    import yaml

    try:
        _refuse_growth(yaml.parse(text))
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"{path} is not YAML: {' '.join(str(error).split())}") from None


def _refuse_growth(events: Iterator[Any]) -> None:
    """Raise YAMLError for a document that would be larger, or deeper, than what was written of it."""
    from yaml import AliasEvent, CollectionEndEvent, CollectionStartEvent, YAMLError

    depth = 0
    for event in events:
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        if isinstance(event, AliasEvent):
            raise YAMLError(f"it has an alias (*{event.anchor:.40}); write out what that stands for")
        if depth > MAX_DEPTH:
            raise YAMLError(f"it is nested more than {MAX_DEPTH} deep")


def _check(key: str, value: object, kind: Any) -> None:
    """Raise ConfigError with key, value and limit when `value` is none of the field's type."""
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        reason = str(error)[:1].lower() + str(error)[1:]
        raise ConfigError(f"{key} = {shown(value)} is not a valid architecture value: {reason}") from None
