"""Every field of a `say`: what it means, what it admits, its default, and where it can be set.

The one table of parameters. From it come the wire's checks, the options of `say`, `batch`, `voices` and
`f5d infer`, the fields of manifests, stories and stored voices, `[defaults]` of f5d.toml, and the tables of
the pages (`make pages`). Adding a parameter is a row here and a field of `protocol.Say`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
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
SEED_STRIDE: Final = 1000  # between requests that share a seed; the segments of each count on from its own


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter(Rule):
    """A field of a `say`.

    `help` is a phrase for option pages, `note` what the protocol's page adds to it. `default` is what holds
    when nobody sets it, `default_words` how pages tell it. `more` and `less` say what a larger and a smaller
    value do to the sound. `code` is the error's when a request has a wrong value.
    """

    help: str
    places: frozenset[Place]
    default: float | None = None
    default_words: str = "none"
    note: str = ""
    more: str = ""
    less: str = ""
    code: BadRequestCode = "bad_parameter"

    @property
    def meaning(self) -> str:
        """The phrase with the limits, for pages."""
        return ", ".join(filter(None, (self.help, self.limits)))


def _at(places: str) -> frozenset[Place]:
    return frozenset(places.split())  # type: ignore[arg-type] # a test holds every word to be a Place


SEED_BOUND: Final = Bound(0, 2**63 - 1)
SPEED_BOUND: Final = Bound(0.5, 2)
_EVERYWHERE: Final = "say batch infer manifest story voice config python"

PARAMETERS: Final[Mapping[str, Parameter]] = {
    "text": Parameter(
        help="what to say",
        places=_at("manifest"),
        most_bytes=MAX_TEXT_BYTES,
        default_words="required",
        note="with a letter or digit; `[name]` is refused (one `say` has one voice), `\\[` and `\\]` are"
        " brackets",
        code="bad_text",
    ),
    "model": Parameter(
        help="a name of `status.models`, or `auto`",
        places=_at("say batch manifest voice"),
        most_bytes=MAX_NAME_BYTES,
        default_words="the daemon's",
    ),
    "voice": Parameter(
        help="a name of `status.voices`",
        places=_at("say batch manifest"),
        most_bytes=MAX_NAME_BYTES,
        default_words="the model's",
        note="not with `ref_audio`",
    ),
    "ref_audio": Parameter(
        kind=bytes,
        help="a whole audio file in any format of libsndfile",
        places=_at("say batch manifest"),
        most_bytes=MAX_REF_AUDIO_BYTES,
        code="bad_audio",
    ),
    "ref_text": Parameter(
        help="what `ref_audio` says",
        places=_at("say batch manifest"),
        most_bytes=MAX_REF_TEXT_BYTES,
        default_words="transcribed",
        note="only with `ref_audio`",
        code="bad_text",
    ),
    "nfe_step": Parameter(
        kind=int,
        help="ODE steps",
        places=_at(_EVERYWHERE),
        bound=Bound(1, 128),
        default=32,
        default_words="32 (`starter`: 7)",
        more="finer, slower: the time grows with it",
        less="faster, rougher",
    ),
    "cfg_strength": Parameter(
        kind=float,
        help="guidance",
        places=_at(_EVERYWHERE),
        bound=Bound(1, 3, or_zero=True),
        default=2.0,
        default_words="2",
        note="0 is none, and twice as fast",
        more="closer to text and voice",
        less="freer; 0 (off) is twice as fast and less faithful",
    ),
    "sway_sampling_coef": Parameter(
        kind=float,
        help="where the steps are dense",
        places=_at("say infer manifest story voice config python"),
        bound=Bound(-1, 1),
        default=-1.0,
        default_words="-1",
        more="more steps late",
        less="more steps early, where words are decided",
    ),
    "speed": Parameter(
        kind=float,
        help="tempo",
        places=_at(_EVERYWHERE),
        bound=SPEED_BOUND,
        default=1.0,
        default_words="1",
        more="faster; above 1.3 words suffer",
        less="slower; below 0.8 it drags",
    ),
    "seed": Parameter(
        kind=int,
        help="the same seed, the same audio",
        places=_at("say batch infer manifest voice python"),
        bound=SEED_BOUND,
        default_words="drawn, told in the receipt",
        more="another take",
    ),
    "fix_duration": Parameter(
        kind=float,
        help="length, the recording's included",
        places=_at("say infer manifest story python"),
        bound=Bound(0.1, 3600, "s"),
        default_words="from the text",
        more="longer, slower",
    ),
    "language": Parameter(
        help="whose words numbers, dates and units are read out in",
        places=_at("say voice"),
        pattern=LANGUAGE_PATTERN.pattern,
        words=LANGUAGE_WORDS,
        default_words="the voice's, else the daemon's, else the model's",
        note="`en` and `pt` are read out, others left as they are",
    ),
    "remove_silence": Parameter(
        kind=bool,
        help="shorten pauses over a second",
        places=_at("say infer manifest story python"),
        default_words="false",
    ),
    "stream": Parameter(
        kind=bool,
        help="a short first segment, so that audio starts early",
        places=_at(""),
        default_words="false",
    ),
    "cross_fade_duration": Parameter(
        kind=float,
        help="overlap of segments",
        places=_at("say manifest story voice config"),
        bound=Bound(0, 1, "s"),
        default=0.15,
        default_words="0.15",
        more="softer joins of segments",
        less="0: they stand edge to edge",
    ),
    "target_rms": Parameter(
        kind=float,
        help="level that quiet recordings are raised to",
        places=_at("say manifest story voice config"),
        bound=Bound(0.001, 0.5),
        default=0.1,
        default_words="0.1",
        more="quiet recordings are raised further",
    ),
    "timeout_s": Parameter(
        kind=float,
        help="give up after so long",
        places=_at("say"),
        bound=Bound(0.01, 86_400, "s"),
        note="from acceptance; then `deadline_exceeded`",
    ),
    "priority": Parameter(
        kind=int,
        help="whose turn it is while others speak too",
        places=_at(""),
        bound=Bound(-1, 1),
        default_words="0",
        note="higher ones go first",
    ),
    "label": Parameter(
        help="a name for `ref_audio` in receipts",
        places=_at(""),
        most_bytes=MAX_NAME_BYTES,
        note="only with `ref_audio`",
    ),
    "receipt_text": Parameter(
        kind=bool,
        help="false keeps the texts out of a file's metadata",
        places=_at(""),
        default_words="true",
    ),
    "encoding": Parameter(
        help="of the audio",
        places=_at(""),
        choices=ENCODINGS,
        default_words="`pcm`",
    ),
}


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


def seed_after(seed: int, count: int) -> int:
    """Return the seed of a request that comes `count` requests, or tries, after the one with `seed`."""
    return (seed + SEED_STRIDE * count) % (int(SEED_BOUND.high) + 1)
