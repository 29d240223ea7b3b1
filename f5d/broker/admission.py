"""From a frame to a request that may become a job: strict in, one clear line out.

Pure: no sockets, no clock, no table of jobs. Everything a client can get wrong is refused here
with the value and the limit; what passes is safe for the rest of the broker.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

import msgspec

from f5ctl.brackets import has_words
from f5ctl.errors import BadRequestError, F5Error
from f5ctl.parameters import PARAMETERS, check, layered
from f5ctl.protocol import (
    ID_PATTERN,
    MAX_REQUEST_ITEMS,
    REQUEST_TYPES,
    Cancel,
    Request,
    Say,
    decode,
)
from f5d.catalog.spec import ModelSpec
from f5d.catalog.voices import Reference
from f5d.engine.types import Parameters

_ENVELOPE: Final = frozenset({"v", "type"})
_NUMBERS: Final = tuple(
    name for name, parameter in PARAMETERS.items() if parameter.bound and name in Parameters.__struct_fields__
)


@dataclass(frozen=True, slots=True)
class Order:
    """What a `say` asks for, every default filled in; `voice` names its recording, None has no name."""

    text: str
    voice: str | None
    reference: Reference
    parameters: Parameters
    encoding: str
    priority: int = 0
    receipt_text: bool = True


class Refusal(F5Error):
    """A request that is answered with `error` under `request_id` ("" when it could not be read)."""

    def __init__(self, request_id: str, error: F5Error) -> None:
        super().__init__(error.message)
        self.request_id = request_id
        self.error = error


def parse_request(frame: bytes | memoryview) -> Request:
    """Return the checked request in a frame, or raise Refusal."""
    request_id = ""
    try:
        body = decode(frame, most_items=MAX_REQUEST_ITEMS)
        request_id = _request_id(body)
        request = _convert(body)
        if isinstance(request, Say):
            _check_say(request)
        elif isinstance(request, Cancel) and (request.job is None) == (request.request is None):
            raise BadRequestError("bad_parameter", "cancel needs either job or request")
        elif (model := getattr(request, "model", None)) is not None:
            check("model", model)
    except F5Error as error:
        raise Refusal(request_id, error) from None
    return request


def fill_parameters(
    say: Say, configured: Mapping[str, float], spec: ModelSpec, *, language: str, seed: int
) -> Parameters:
    """Return `say`'s parameters: its own, else the daemon's, else the model's; `seed` when it names none."""
    own = {name: value for name in _NUMBERS if (value := getattr(say, name)) is not None}
    model = {"nfe_step": spec.nfe_step, "sentence_pause": spec.sentence_pause, "seed": seed}
    found = layered(model, configured, own)
    return Parameters(
        **{"sentence_pause": None, **found},
        language=language,
        remove_silence=say.remove_silence,
        stream=say.stream,
        loudness=say.loudness is not False,
    )


def _request_id(body: dict[str, Any]) -> str:
    value = body.get("id")
    if not isinstance(value, str) or ID_PATTERN.fullmatch(value) is None:
        raise BadRequestError("bad_message", f"id is {value!r:.80}; it must match {ID_PATTERN.pattern}")
    return value


def _convert(body: dict[str, Any]) -> Request:
    name = body.get("type")
    cls = REQUEST_TYPES.get(name) if isinstance(name, str) else None
    if cls is None:
        raise BadRequestError("bad_message", f"unknown type {name!r:.80}; known: {', '.join(REQUEST_TYPES)}")
    known = [field.name for field in fields(cls)]
    for field in body:
        if field not in known and field not in _ENVELOPE:
            known_fields = ", ".join(known)
            raise BadRequestError("bad_message", f"{name}: unknown field {field!r:.80}; known: {known_fields}")
    encoding = body.get("encoding")
    if isinstance(encoding, str) and issubclass(cls, Say):
        check("encoding", encoding)
    given = {name: value for name, value in body.items() if value is not None}  # nil is left out
    try:
        # bytes among the built-in types: msgspec would else read a text as base64
        return msgspec.convert(given, cls, strict=True, builtin_types=(bytes,))
    except msgspec.ValidationError as error:
        raise BadRequestError("bad_message", f"{name}: {error}") from None


def _check_say(say: Say) -> None:
    for name in PARAMETERS:
        value = getattr(say, name)
        if value is not None:
            check(name, value)
    if not say.text.strip():
        raise BadRequestError("bad_text", "text is empty")
    if not has_words(say.text):
        raise BadRequestError("bad_text", "text has no letter or digit; there is nothing to speak")
    if say.ref_audio is None:
        for name in ("ref_text", "label"):
            if getattr(say, name) is not None:
                raise BadRequestError("bad_parameter", f"{name} is given without ref_audio")
    elif say.voice is not None:
        raise BadRequestError("bad_parameter", "voice and ref_audio are both given; choose one")
    if say.ref_text is not None and not say.ref_text.strip():
        raise BadRequestError("bad_text", "ref_text is empty; leave it out to have it transcribed")
