"""The body of a request for speech, read: what the daemon is asked for, and in what form it is answered."""

from __future__ import annotations

import base64
import binascii
import json
import math
from dataclasses import dataclass, replace
from typing import Any, Final

from f5ctl.api import request_of
from f5ctl.doors.http.errors import Refusal
from f5ctl.doors.http.options import Options
from f5ctl.parameters import QUALITIES, SPEED_BOUND
from f5ctl.protocol import SAMPLE_RATE_HZ, Say
from f5ctl.voicebox import is_name, private_store

CONTENT_TYPES: Final = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg; codecs=opus",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}
RATES_HZ: Final = (8000, 16000, 22050, 24000, 44100, 48000)
_OPUS_RATES_HZ: Final = (8000, 16000, 24000, 48000)
_SPEEDS: Final = (0.25, 4.0)  # OpenAI's
_OTHERS_MODELS: Final = ("tts-1", "gpt-4o-mini-tts", "f5-tts", "default")  # and what begins so
_FINE_MODEL: Final = "tts-1-hd"
_KINDS: Final[dict[type, str]] = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
}


@dataclass(frozen=True, slots=True)
class Wish:
    """A request for speech; `notes` are the headers that say what was done otherwise than asked."""

    say: Say
    format: str  # a key of CONTENT_TYPES
    rate_hz: int
    whole: bool  # sent when all of it is made
    events: bool  # server-sent events instead of the bare audio
    notes: dict[str, str]

    @property
    def content_type(self) -> str:
        """Of the answer."""
        if self.events:
            return "text/event-stream"
        known = CONTENT_TYPES[self.format]
        return (
            f"{known}; rate={self.rate_hz}"
            if self.format == "pcm" and self.rate_hz != SAMPLE_RATE_HZ
            else known
        )


def wish_of(body: bytes, options: Options) -> Wish:
    """Return what a body asks for; fields that are not known are left alone.

    Raises:
        Refusal: it is no object of JSON, or a field cannot be served.
        BadRequestError: what no daemon would take.
    """
    fields = _object(body)
    notes: dict[str, str] = {}
    text = _field(fields, "input", str)
    if text is None:
        raise Refusal(400, "input is missing; it is the text to speak", param="input", code="missing_field")
    form = _one_of(fields, "response_format", tuple(CONTENT_TYPES), "mp3")
    rate_hz = _field(fields, "sample_rate", int) or SAMPLE_RATE_HZ
    rates_hz = _OPUS_RATES_HZ if form == "opus" else RATES_HZ
    if rate_hz not in rates_hz:
        known = ", ".join(map(str, rates_hz))
        raise Refusal(400, f"sample_rate is {rate_hz}; {form} can have {known}", param="sample_rate")
    if _field(fields, "instructions", str) not in {None, "", "None"}:
        notes["x-f5d-ignored"] = "instructions"
    parameters: dict[str, Any] = {
        **_model(fields),
        **_voice(fields, options),
        "speed": _speed(fields, notes),
        "seed": _field(fields, "seed", int),
        "language": _field(fields, "language", str) or _field(fields, "lang_code", str) or None,
    }
    if (steps := _field(fields, "nfe_step", int)) is not None:
        parameters["nfe_step"] = steps
    events = _one_of(fields, "stream_format", ("audio", "sse"), "audio") == "sse"
    whole = not events and _field(fields, "stream", bool) is False
    say = replace(request_of(text, parameters), stream=not whole)
    return Wish(say, form, rate_hz, whole, events, notes)


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise Refusal(400, "the body is no JSON", code="bad_json") from None
    if not isinstance(found, dict):
        raise Refusal(400, "the body is no object of JSON", code="bad_json")
    return found


def _field(fields: dict[str, Any], name: str, kind: type) -> Any:
    value: Any = fields.get(name)
    if value is None:
        return None
    if kind is float and type(value) is int:
        value = float(value) if abs(value) < 2**53 else math.inf
    is_finite = not isinstance(value, float) or math.isfinite(value)
    if type(value) is not kind or not is_finite:
        raise Refusal(
            400, f"{name} is {value!r:.60}; it has to be {_KINDS[kind]}", param=name, code="wrong_type"
        )
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise Refusal(400, f"{name} holds half a character", param=name, code="bad_text") from None
    return value


def _one_of(fields: dict[str, Any], name: str, known: tuple[str, ...], usual: str) -> str:
    value: str = _field(fields, name, str) or usual
    if value not in known:
        raise Refusal(400, f"{name} is {value!r:.60}; it can be {', '.join(known)}", param=name)
    return value


def _model(fields: dict[str, Any]) -> dict[str, Any]:
    name = (_field(fields, "model", str) or "").strip()
    if name.lower().startswith(_FINE_MODEL):
        return {"nfe_step": QUALITIES["high"]}
    if not name or name.lower().startswith(_OTHERS_MODELS):
        return {}
    return {"model": name}


def _voice(fields: dict[str, Any], options: Options) -> dict[str, Any]:
    recording = _field(fields, "ref_audio", str)
    if recording is not None:
        return {"ref_audio": _data(recording), "ref_text": _field(fields, "ref_text", str) or None}
    voice = fields.get("voice")
    if isinstance(voice, dict):
        voice = voice.get("id")
    if voice is None or voice == "":
        return {}
    if not isinstance(voice, str):
        line = f'voice is {voice!r:.60}; it has to be a name, or an object such as {{"id": "slt"}}'
        raise Refusal(400, line, param="voice", code="wrong_type")
    own = is_name(voice) and private_store().has(voice)
    name = voice if own else options.aliases.get(voice.lower(), voice)
    return {} if name.lower() == "default" and not own else {"voice": name}


def _data(url: str) -> bytes:
    head, comma, data = url.partition(",")
    if not (comma and head.startswith("data:") and head.endswith(";base64")):
        line = "ref_audio has to be a whole audio file as data:audio/wav;base64,...; nothing is fetched for it"
        raise Refusal(400, line, param="ref_audio", code="bad_audio")
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise Refusal(400, "ref_audio is no base64", param="ref_audio", code="bad_audio") from None


def _speed(fields: dict[str, Any], notes: dict[str, str]) -> float | None:
    speed: float | None = _field(fields, "speed", float)
    if speed is None:
        return None
    least, most = _SPEEDS
    if not least <= speed <= most:
        raise Refusal(400, f"speed is {speed:g}; it can be {least:g} to {most:g}", param="speed")
    used = min(max(speed, float(SPEED_BOUND.low)), float(SPEED_BOUND.high))
    if used != speed:
        notes["x-f5d-speed"] = f"{used:g}"
    return used
