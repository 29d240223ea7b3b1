"""What the door tells of itself and of the voices: the daemon's and this user's own. No engine is woken."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from wyoming.info import Attribution, Info, TtsProgram, TtsVoice

from f5ctl import __version__
from f5ctl.errors import BadRequestError
from f5ctl.voicebox import private_store

_BY: Final = Attribution(name="F5-TTS", url="https://github.com/SWivid/F5-TTS")


def info_of(status: Mapping[str, Any], languages: tuple[str, ...]) -> Info:
    """Return the answer to `describe`, from the daemon's status."""
    known = dict(_of_status(status)) | dict(_own())  # one's own come first
    voices = [
        TtsVoice(
            name=name,
            attribution=_BY,
            installed=True,
            description=name,
            version=None,
            languages=_languages(language, languages),
        )
        for name, language in known.items()
    ]
    programme = TtsProgram(
        name="f5d",
        attribution=_BY,
        installed=True,
        description="F5-TTS, kept warm",
        version=__version__,
        voices=voices,
        supports_synthesize_streaming=True,
    )
    return Info(tts=[programme])


def _of_status(status: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
    for voice in status.get("voices", []):
        yield str(voice["name"]), voice.get("language")


def _own() -> Iterator[tuple[str, str | None]]:
    store = private_store()
    for name in store.names():
        try:
            language = store.read(name).defaults.get("language")
        except BadRequestError:
            continue  # `f5ctl voices` tells of it
        yield name, language if isinstance(language, str) else None


def _languages(own: str | None, languages: tuple[str, ...]) -> list[str]:
    return list(dict.fromkeys([own, *languages] if own and own != "none" else languages))
