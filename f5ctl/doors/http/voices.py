"""The voices over HTTP: their list in the shapes that clients read, and this user's own, which come and go."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from python_multipart.exceptions import MultipartParseError
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from f5ctl.aio import Client
from f5ctl.doors.http.bodies import pieces_of
from f5ctl.doors.http.errors import Refusal, refusal_of
from f5ctl.doors.http.options import Options
from f5ctl.errors import BadRequestError, F5Error
from f5ctl.helper import VOICE_CHECK, ask_once
from f5ctl.protocol import MAX_REF_AUDIO_BYTES, MAX_REF_TEXT_BYTES, SAMPLE_RATE_HZ
from f5ctl.speech.sinks import wav_header
from f5ctl.voicebox import StoredVoice, check_name, private_store

MAX_UPLOAD_BYTES: Final = MAX_REF_AUDIO_BYTES + 2**18
_RECORDING_FIELDS: Final = ("audio_sample", "file", "audio")  # as several servers name it
_SPOKEN: Final = "La la la."  # by a voice whose transcript is to be found


class Voices:
    """The routes of voices."""

    def __init__(self, client: Client, options: Options) -> None:
        self._client = client
        self._options = options
        self._adding = asyncio.Lock()

    async def listed(self, request: Request) -> Response:
        """`GET /v1/audio/voices`: objects; with `?legacy=true` names."""
        found = [*await self._known(), *await asyncio.to_thread(_own)]
        by_name = {str(voice["name"]): voice for voice in found}
        if request.query_params.get("legacy", "").lower() in {"1", "true", "yes"}:
            return JSONResponse({"voices": list(by_name)})
        return JSONResponse({"voices": [_shown(voice) for voice in by_name.values()]})

    async def add(self, request: Request) -> Response:
        """`POST /v1/audio/voices`: a form with `name`, `audio_sample` (or `file`) and perhaps `ref_text`."""
        name, audio, text = await self._upload(request)
        try:
            async with self._adding:
                shown = await self._store(name, audio, text)
        except F5Error as error:
            raise _about_the_form(error) from error
        return JSONResponse(shown, 201)

    async def remove(self, request: Request) -> Response:
        """`DELETE /v1/audio/voices/{name}`: one of this user's own."""
        name = request.path_params["name"]
        store = private_store()
        if not store.has(name):
            line = f"there is no voice {name!r:.80} of this user's own to remove"
            raise Refusal(404, line, param="voice", code="unknown_voice")
        await asyncio.to_thread(store.remove, name)
        return JSONResponse({"id": name, "object": "voice", "deleted": True})

    async def _known(self) -> list[dict[str, Any]]:
        status = await self._client.status()
        return [dict(voice) for voice in status.get("voices", [])]

    async def _upload(self, request: Request) -> tuple[str, bytes, str]:
        kind = request.headers.get("content-type", "")
        if not kind.startswith("multipart/form-data"):
            line = "a voice comes as multipart/form-data with the fields name, audio_sample and ref_text"
            raise Refusal(400, line, code="bad_form")
        pieces = pieces_of(request.receive, MAX_UPLOAD_BYTES, self._options.patience_s)
        parser = MultiPartParser(request.headers, pieces, max_files=4, max_fields=32)
        try:
            form = await parser.parse()
        except (MultiPartException, MultipartParseError, KeyError) as error:
            raise Refusal(400, f"the form cannot be read: {error}", code="bad_form") from None
        try:
            name = form.get("name")
            text = form.get("ref_text")
            files = [form[key] for key in _RECORDING_FIELDS if isinstance(form.get(key), UploadFile)]
            if not isinstance(name, str) or not name:
                raise Refusal(400, "name is missing; it is what the voice is to be called", param="name")
            if not files or not isinstance(files[0], UploadFile):
                raise Refusal(400, "audio_sample is missing; it is the recording", param="audio_sample")
            audio = await files[0].read()
        finally:
            await form.close()
        return name, audio, text.strip() if isinstance(text, str) else ""

    async def _store(self, name: str, audio: bytes, text: str) -> dict[str, Any]:
        store = private_store()
        check_name(name)
        if store.has(name):
            raise Refusal(409, f"there is already a voice {name}", param="name", code="voice_exists")
        if any(
            voice.get("name") == name and voice.get("source") == "built-in" for voice in await self._known()
        ):
            raise Refusal(409, f"{name} is a built-in voice", param="name", code="voice_exists")
        if len(store.names()) >= self._options.most_voices:
            line = f"{self._options.most_voices} voices are stored, which is the limit; remove one"
            raise Refusal(403, line, code="voice_quota")
        if len(text.encode()) > MAX_REF_TEXT_BYTES:
            line = f"ref_text is {len(text.encode())} bytes; the limit is {MAX_REF_TEXT_BYTES}"
            raise Refusal(400, line, param="ref_text", code="bad_text")
        if not audio or len(audio) > MAX_REF_AUDIO_BYTES:
            line = f"the recording is {len(audio)} bytes; it can be 1 to {MAX_REF_AUDIO_BYTES}"
            raise Refusal(413 if audio else 400, line, param="audio_sample", code="bad_audio")
        warnings = await asyncio.to_thread(_examined, audio, text)
        spoken = await self._client.say(text[:160] or _SPOKEN, ref_audio=audio, ref_text=text or None)
        known = text or str(spoken.receipt.get("ref_text") or "")
        preview = wav_header(SAMPLE_RATE_HZ, len(spoken.pcm)) + spoken.pcm
        await asyncio.to_thread(store.write, name, StoredVoice(audio, known, preview, {}))
        return {**_shown({"name": name, "source": "private", "text": known}), "warnings": warnings}


def _examined(audio: bytes, text: str) -> list[str]:
    """Return what could be better in a recording; BadRequestError when no voice can be made of it."""
    warnings = []
    for finding in ask_once(VOICE_CHECK, audio=audio, text=text or None)["findings"]:
        line = f"{finding['check']}: {finding['value']}; {finding['fix']}"
        if finding["grade"] == "error":
            raise BadRequestError("bad_audio", f"the recording {finding['value']} ({finding['fix']})")
        if finding["grade"] == "warning":
            warnings.append(line)
    return warnings


def _about_the_form(error: F5Error) -> Refusal:
    refusal = refusal_of(error)
    names = {"bad_audio": "audio_sample", "bad_text": "ref_text", "bad_parameter": "name"}
    refusal.param = names.get(error.code, refusal.param)
    return refusal


def _own() -> list[dict[str, Any]]:
    store = private_store()
    found = []
    for name in store.names():
        try:
            voice = store.read(name)
        except BadRequestError:
            continue
        found.append({"name": name, "source": "private", "text": voice.text, "defaults": dict(voice.defaults)})
    return found


def _shown(voice: dict[str, Any]) -> dict[str, Any]:
    """Return a voice as clients know one."""
    return {
        "id": voice["name"],
        "object": "voice",
        "name": voice["name"],
        "language": (voice.get("defaults") or {}).get("language"),
        "description": voice.get("text") or "",
        "source": voice.get("source"),
    }
