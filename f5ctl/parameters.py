"""Every field of a `say`: what it means, what it admits, its default, and where it can be set.

The one table of parameters. From it come the wire's checks, the options of `say`, `batch`, `voices` and
`f5d infer`, the fields of manifests, stories and stored voices, `[defaults]` of f5d.toml, and the tables of
the pages (`make pages`). Adding a parameter is a row here and a field of `protocol.Say`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from f5ctl.bounds import Bound, Rule
from f5ctl.errors import BadRequestCode, BadRequestError
from f5ctl.protocol import (
    ENCODINGS,
    LANGUAGE_PATTERN,
    LANGUAGE_WORDS,
    MAX_NAME_BYTES,
    MAX_REF_AUDIO_BYTES,
    MAX_REF_TEXT_BYTES,
    MAX_TEXT_BYTES,
)

# Where a parameter can be set: options of three commands, a line of a manifest, upstream's TOML, a stored
# voice, [defaults] of f5d.toml, the Python class.
Place = Literal["say", "batch", "infer", "manifest", "story", "voice", "config", "python"]

QUALITIES: Final = {"draft": 7, "fast": 16, "standard": 32, "high": 64}  # ODE steps
PRIORITIES: Final = {"low": -1, "normal": 0, "high": 1}
JOINS: Final = ("cross_fade_duration", "sentence_pause")
SEED_STRIDE: Final = 1000  # between requests that share a seed; the segments of each count on from its own


class Parameter(Rule):
    """A field of a `say`.

    `help` is a phrase for option pages, `note` what other pages add to it; `places` are words of `Place`.
    `default` is what holds when nobody sets it, `told` how pages tell it. `code` is the error's when a request
    has a wrong value, `rule` what the value may be.
    """

    def __init__(
        self,
        kind: type,
        help_: str,
        places: str,
        told: str,
        *,
        default: float | None = None,
        note: str = "",
        code: BadRequestCode = "bad_parameter",
        **rule: Any,
    ) -> None:
        super().__init__(kind=kind, **rule)
        self.help = help_
        self.places = frozenset(places.split())
        self.told = told
        self.default = default
        self.note = note
        self.code: BadRequestCode = code

    @property
    def meaning(self) -> str:
        """The phrase with the limits, for pages; without one of 19 digits."""
        limits = "" if self.bound and self.bound.high == SEED_BOUND.high else self.limits
        return ", ".join(filter(None, (self.help, limits)))


SEED_BOUND: Final = Bound(0, 2**63 - 1)
SPEED_BOUND: Final = Bound(0.5, 2)
_ALL: Final = "say batch infer manifest story voice config python"
_MOST: Final = "say manifest story voice config"
_OPTIONS: Final = "say batch manifest"
_NAME: Final[dict[str, Any]] = {"most_bytes": MAX_NAME_BYTES}
_OF_TEXT: Final = (
    "with a letter or digit; brackets are text ([what of them is read](scripts.md#brackets)): voices and pauses"
    " in brackets are f5ctl's alone, and `[pause 1s]` is read as words; `\\[` and `\\]` are brackets"
)
_LANGUAGE: Final[dict[str, Any]] = {"pattern": LANGUAGE_PATTERN.pattern, "words": LANGUAGE_WORDS}

# fmt: off
PARAMETERS: Final[Mapping[str, Parameter]] = {
    "text": Parameter(str, "what to say", "manifest", "required",
                      most_bytes=MAX_TEXT_BYTES, code="bad_text", note=_OF_TEXT),
    "model": Parameter(str, "a name of `status.models`, or `auto`", f"{_OPTIONS} voice", "the daemon's",
                       **_NAME, note="in any case"),
    "voice": Parameter(str, "a name of `status.voices`", _OPTIONS, "the model's", **_NAME,
                       note="in its own case; not with `ref_audio`"),
    "ref_audio": Parameter(bytes, "a whole audio file in any format of libsndfile or ffmpeg", _OPTIONS, "none",
                           most_bytes=MAX_REF_AUDIO_BYTES, code="bad_audio"),
    "ref_text": Parameter(str, "what `ref_audio` says", _OPTIONS, "transcribed",
                          most_bytes=MAX_REF_TEXT_BYTES, code="bad_text", note="only with `ref_audio`"),
    "nfe_step": Parameter(int, "ODE steps", _ALL, "32 (`starter`: 7)", bound=Bound(1, 128), default=32),
    "cfg_strength": Parameter(float, "guidance", _ALL, "2", bound=Bound(1, 3, or_zero=True), default=2.0,
                              note="0 is none, and twice as fast"),
    "sway_sampling_coef": Parameter(float, "where the steps are dense", f"{_MOST} infer python", "-1",
                                    bound=Bound(-1, 1), default=-1.0),
    "speed": Parameter(float, "tempo", _ALL, "1", bound=SPEED_BOUND, default=1.0),
    "seed": Parameter(int, "the same seed, the same audio", f"{_OPTIONS} infer voice python",
                      "drawn, told in the receipt", bound=SEED_BOUND),
    "fix_duration": Parameter(float, "length, the recording's included", "say infer manifest story python",
                              "from the text", bound=Bound(0.1, 3600, "s"), note="longer than the recording"),
    "language": Parameter(str, "whose words numbers, dates and units are read out in",
                          f"{_OPTIONS} voice",
                          "the voice's, else the daemon's, else the model's", **_LANGUAGE,
                          note="in any case; what is in another language than `en` and `pt` is left as it is"),
    "remove_silence": Parameter(bool, "shorten pauses over a second", "say infer manifest story python",
                                "false", note="one second of each is left, 30 ms at the ends"),
    "stream": Parameter(bool, "a short first segment, so that audio starts early", "", "false"),
    "sentence_pause": Parameter(float, "pause after a sentence", _ALL, "0.3 (or the model's)",
                                bound=Bound(0, 5, "s"), default=0.3,
                                note="a third of it within one, twice as much after a paragraph"),
    "cross_fade_duration": Parameter(float, "overlap of segments, instead of pauses", f"{_MOST} infer python",
                                     "none", bound=Bound(0, 1, "s"), note="upstream's is 0.15"),
    "target_rms": Parameter(float, "level that quiet recordings are raised to", _MOST, "0.1",
                            bound=Bound(0.001, 0.5), default=0.1, note="RMS of full scale"),
    "loudness": Parameter(bool, "bring speech to -19 LUFS, peaks to -1 dBTP at most",
                          "say batch infer manifest python", "true", note="false: as the model makes it"),
    "volume": Parameter(float, "loudness above or below the usual", _ALL, "0",
                        bound=Bound(-30, 12, "dB"), default=0.0),
    "timeout_s": Parameter(float, "give up after so long", "say", "none", bound=Bound(0.01, 86_400, "s"),
                           note="from acceptance; then `deadline_exceeded`"),
    "priority": Parameter(int, "whose turn it is while others speak too", "", "0", bound=Bound(-1, 1),
                          note="higher ones go first"),
    "label": Parameter(str, "a name for `ref_audio` in receipts", "", "none", **_NAME,
                       note="only with `ref_audio`"),
    "receipt_text": Parameter(bool, "false keeps the texts out of a file's metadata", "", "true"),
    "encoding": Parameter(str, "of the audio", "", "`pcm`", choices=ENCODINGS),
}
# fmt: on


def named(place: Place, *, numbers: bool = False) -> tuple[str, ...]:
    """Return the names of the parameters that can be set at `place`; with `numbers` only the numeric ones."""
    return tuple(
        name
        for name, parameter in PARAMETERS.items()
        if place in parameter.places and (parameter.bound or not numbers)
    )


def check(name: str, value: Any) -> None:
    """Raise BadRequestError, with the value and the limit, unless parameter `name` can have `value`."""
    parameter = PARAMETERS[name]
    if fault := parameter.fault(value):
        raise BadRequestError(parameter.code, f"{name} is {fault}")


def layered(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Return what layers of settings say together; a later one counts more.

    Pauses and a cross-fade are two ways of joining: a layer that names one undoes what earlier ones say of the
    other. Of one that names both the cross-fade counts.
    """
    found: dict[str, Any] = {}
    for layer in layers:
        if any(name in layer for name in JOINS):
            found = {name: value for name, value in found.items() if name not in JOINS}
        found |= layer
        if JOINS[0] in found:
            found.pop(JOINS[1], None)
    return found


def seed_after(seed: int, count: int) -> int:
    """Return the seed of a request that comes `count` requests, or tries, after the one with `seed`."""
    return (seed + SEED_STRIDE * count) % (int(SEED_BOUND.high) + 1)
