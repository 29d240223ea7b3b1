"""The wire between a client and f5d: messages, codec, version and limits.

Pure: no sockets, no clock, nothing imported but msgpack. docs/protocol.md is this file in prose; what the
fields of a `say` mean and admit is the table of parameters.py.

A message is one ZeroMQ frame that holds one msgpack map with string keys. Every map carries
`v` (the protocol version), `type` and `id`; `id` is chosen by the client, and every reply to a
request carries the same one. A request gets any number of `accepted`, `progress` and `audio`
messages and then exactly one terminal message: `done`, `failed` or `cancelled`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import Any, Final, Literal, TypeAlias, get_args

import msgpack

from f5ctl.errors import BadRequestError, NoDaemonError

PROTOCOL_VERSION: Final = 1

Encoding = Literal["pcm", "wav", "flac", "ogg", "opus", "mp3"]
ENCODINGS: Final[tuple[str, ...]] = get_args(Encoding)
SAMPLE_RATE_HZ: Final = 24_000
SAMPLE_BYTES: Final = 2

MAX_TEXT_BYTES: Final = 65_536
MAX_REF_TEXT_BYTES: Final = 4_096
MAX_REF_AUDIO_BYTES: Final = 16 * 2**20
MAX_MESSAGE_BYTES: Final = MAX_REF_AUDIO_BYTES + 2**20
MAX_NAME_BYTES: Final = 128
MAX_REQUEST_ITEMS: Final = 64  # fields of a request; it holds no other maps or arrays

_LANGUAGES: Final = (  # ISO 639-1
    "aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de "
    "dv dz ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id "
    "ie ig ii ik io is it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu "
    "lv mg mh mi mk ml mn mr ms mt my na nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu "
    "rm rn ro ru rw sa sc sd se sg si sk sl sm sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr "
    "ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu"
)
LANGUAGE_PATTERN: Final = re.compile(
    rf"(?i:none|(?:{_LANGUAGES.replace(' ', '|')})(?:[-_][a-z0-9]{{2,8}}){{0,2}})"
)
LANGUAGE_WORDS: Final = "en or pt, another code of two letters such as fr or zh-TW, or none"
ID_PATTERN: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")


# Requests: client to daemon.


@dataclass(frozen=True, slots=True)
class Say:
    """Speak `text`. Fields left out take the daemon's or the model's default.

    The voice is a name (`voice`) or a recording (`ref_audio`: a whole audio file in any format
    that libsndfile or ffmpeg reads, `ref_text`: what it says, transcribed when left out). With `stream` the
    first segment is short, so that audio starts early. `label` names `ref_audio` in receipts;
    with `receipt_text` false a file's metadata holds hashes of the texts alone.
    """

    id: str
    text: str
    model: str | None = None
    voice: str | None = None
    ref_audio: bytes | None = None
    ref_text: str | None = None
    nfe_step: int | None = None
    cfg_strength: float | None = None
    sway_sampling_coef: float | None = None
    speed: float | None = None
    seed: int | None = None
    fix_duration: float | None = None
    language: str | None = None
    remove_silence: bool = False
    stream: bool = False
    sentence_pause: float | None = None
    cross_fade_duration: float | None = None
    target_rms: float | None = None
    loudness: bool | None = None
    volume: float | None = None
    timeout_s: float | None = None
    priority: int | None = None
    label: str | None = None
    receipt_text: bool | None = None
    encoding: Encoding = "pcm"


@dataclass(frozen=True, slots=True)
class Plan(Say):
    """Say how a `say` with the same fields would be spoken and how long that would take; speaks nothing."""


@dataclass(frozen=True, slots=True)
class Status:
    """Ask for the daemon's state; answered at once, also while every engine is busy."""

    id: str


@dataclass(frozen=True, slots=True)
class Load:
    """Load a model now, so that the next `say` does not wait for it."""

    id: str
    model: str | None = None


@dataclass(frozen=True, slots=True)
class Unload:
    """End the engine of `model` (of every model when left out) once its jobs are done."""

    id: str
    model: str | None = None


@dataclass(frozen=True, slots=True)
class Cancel:
    """Cancel one job: by `job` ("all" for every job), or by `request`, an id of this connection."""

    id: str
    job: str | None = None
    request: str | None = None


@dataclass(frozen=True, slots=True)
class Stop:
    """Finish the accepted jobs and exit; with `force` cancel them first.

    With `alone` likewise, but only when no other connection has a job; else nothing happens.
    """

    id: str
    force: bool = False
    alone: bool | None = None


Request: TypeAlias = Say | Plan | Status | Load | Unload | Cancel | Stop
REQUEST_TYPES: Final[dict[str, type[Request]]] = {
    "say": Say,
    "plan": Plan,
    "status": Status,
    "load": Load,
    "unload": Unload,
    "cancel": Cancel,
    "stop": Stop,
}


# Replies: daemon to client.

JobState = Literal["queued", "loading", "running"]


@dataclass(frozen=True, slots=True)
class Accepted:
    """The request became job `job`; `position` jobs are ahead of it.

    `version` is the daemon's; `on_demand` is true of one that a client started and may replace.
    """

    id: str
    job: str
    position: int
    version: str | None = None
    on_demand: bool | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a job stands; sent at least once a second while it lives."""

    id: str
    job: str
    state: JobState
    model: str
    position: int = 0
    segments_done: int = 0
    segments: int = 0
    elapsed_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Audio:
    """A chunk of audio, `seq` counting from 0.

    With encoding `pcm`, mono little-endian signed 16-bit samples, sent as soon as they are made;
    with any other encoding, consecutive pieces of one finished file.
    """

    id: str
    seq: int
    data: bytes
    sample_rate_hz: int = SAMPLE_RATE_HZ


@dataclass(frozen=True, slots=True)
class Done:
    """Terminal: the request succeeded. `result` is the receipt of a `say`, the answer otherwise."""

    id: str
    result: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Failed:
    """Terminal: the request failed; `code` is one of f5ctl.errors' codes.

    `version` and `on_demand` (see `Accepted`) come with `unsupported_version` and `shutting_down`.
    """

    id: str
    code: str
    message: str
    retryable: bool = False
    retry_after_s: float | None = None
    version: str | None = None
    on_demand: bool | None = None


@dataclass(frozen=True, slots=True)
class Cancelled:
    """Terminal: the job was cancelled; `reason` says by whom in a few words."""

    id: str
    reason: str


Reply: TypeAlias = Accepted | Progress | Audio | Done | Failed | Cancelled
REPLY_TYPES: Final[dict[str, type[Reply]]] = {
    "accepted": Accepted,
    "progress": Progress,
    "audio": Audio,
    "done": Done,
    "failed": Failed,
    "cancelled": Cancelled,
}
TERMINAL_TYPES: Final = (Done, Failed, Cancelled)
LASTING_TYPES: Final = frozenset({"status", "stop", "done", "failed"})  # read whatever their `v`

_TYPE_NAMES: Final = {cls: name for table in (REQUEST_TYPES, REPLY_TYPES) for name, cls in table.items()}


def encode(message: Request | Reply) -> bytes:
    """Return the one frame that carries `message`; fields that are None are left out.

    Raises:
        BadRequestError: `bad_message` when a text in it is none that UTF-8 can hold.
    """
    cls = type(message)
    body: dict[str, Any] = {"v": PROTOCOL_VERSION, "type": _TYPE_NAMES[cls]}
    values = ((field.name, getattr(message, field.name)) for field in fields(cls))
    body.update((name, value) for name, value in values if value is not None)
    try:
        packed: bytes = msgpack.packb(body, use_bin_type=True)
    except UnicodeEncodeError as error:
        line = f"{error.object!r:.80} holds half a character, or bytes that are not UTF-8"
        raise BadRequestError("bad_message", line) from None
    return packed


def decode(frame: bytes | memoryview, *, most_items: int = -1) -> dict[str, Any]:
    """Return the map in a frame; no map or array in it may hold more than `most_items`, if that is given.

    A declared length is memory taken before a single item has been read.

    Raises:
        BadRequestError: `bad_message` when it is not one msgpack map with string keys,
            `unsupported_version` when it speaks another protocol version and is none of
            `LASTING_TYPES`, by which two versions part.
    """
    try:
        body = msgpack.unpackb(
            frame, raw=False, strict_map_key=True, max_array_len=most_items, max_map_len=most_items
        )
    except Exception as error:  # noqa: BLE001 - msgpack raises five unrelated classes for broken input
        raise BadRequestError("bad_message", f"the message is not valid msgpack: {_one_line(error)}") from None
    if not isinstance(body, dict) or not all(isinstance(key, str) for key in body):
        raise BadRequestError("bad_message", "the message is not a msgpack map with string keys")
    version, kind = body.get("v"), body.get("type")
    lasting = type(version) is int and isinstance(kind, str) and kind in LASTING_TYPES
    if not lasting and (version != PROTOCOL_VERSION or isinstance(version, bool)):
        raise BadRequestError(
            "unsupported_version",
            f"protocol version {version!r:.40} is not supported; this side speaks version {PROTOCOL_VERSION}",
        )
    return body


def parse_reply(frame: bytes) -> Reply:
    """Return the reply in a frame, ignoring fields that this version does not know.

    Raises:
        NoDaemonError: what answers on the socket does not speak this protocol.
    """
    try:
        body = decode(frame)
    except BadRequestError as error:
        raise NoDaemonError(f"the daemon's answer cannot be read: {error.message}") from None
    cls = REPLY_TYPES.get(body.get("type", ""))
    if cls is None:
        raise NoDaemonError(f"the daemon sent an unknown message type: {body.get('type')!r:.40}")
    known = {field.name for field in fields(cls)}
    try:
        return cls(**{key: value for key, value in body.items() if key in known})
    except TypeError as error:
        raise NoDaemonError(f"the daemon's {body['type']} message is incomplete: {_one_line(error)}") from None


def _one_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:200]
