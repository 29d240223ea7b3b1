"""Upstream's TOML files (`f5-tts_infer-cli -c story.toml`) as they are: voices, text, parameters, output.

Paths are relative to the working directory, and those that hold `infer/examples/` lie in the f5-tts
package, as upstream has it; what is not there is looked for beside the file.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from f5ctl.errors import BadRequestError
from f5ctl.extras import require, upstream_file
from f5ctl.parameters import PARAMETERS, named
from f5ctl.speech.inputs import read_file, read_recording, read_start
from f5ctl.speech.marks import MAIN
from f5ctl.speech.texts import checked_text

EXAMPLES: Final = "infer/examples/"
MAX_FILE_BYTES: Final = 2**20

_NUMBERS: Final = named("story", numbers=True)
_TEXTS: Final = ("model", "ref_audio", "ref_text", "gen_text", "gen_file", "output_dir", "output_file")
_OF_VOICE: Final = frozenset({"ref_audio", "ref_text", "speed"})
# What upstream loads besides its released models: here a table of the daemon's configuration.
_CHECKPOINT: Final = ("ckpt_file", "vocab_file", "model_cfg")
_NO_MATTER: Final = frozenset({"device", "load_vocoder_from_local", "save_chunk", "no_legacy_text"})
# Upstream's own examples leave these recordings without a text; it is known, so nothing need recognise it.
_STELLA: Final = (
    "Six spoons of fresh snow peas, five thick slabs of blue cheese, and maybe a snack for her brother Bob."
)
_RAINBOW: Final = (
    "The difference in the rainbow depends considerably upon the size of the drops, and the width of the"
    " colored band increases as the size of the drops increases."
)
_KNOWN_TEXTS: Final = {
    "4abb1107771ce7e14926fde879b959dde6db6e572476b98684f04e45e978ab19": _STELLA,
    "bb15708b4b3875e37beec46591a5d89e1a9a63fdad3b8fe4a5c8738f4f554400": _STELLA,
    "e7d069b8ebd5180c3b30fde5d378f0a1ddac96722d62cf43537efc3c3f3a3ce8": _RAINBOW,
}


@dataclass(frozen=True, slots=True)
class StoryVoice:
    """A recording, what it says (None: the daemon listens for itself) and its own tempo."""

    ref_audio: bytes
    ref_text: str | None
    speed: float | None = None


@dataclass(frozen=True, slots=True)
class Story:
    """What a file asks for; `output` and `text` are None where it leaves them to the call."""

    voices: Mapping[str, StoryVoice]
    model: str | None = None
    text: str | None = None
    output: str | None = None
    remove_silence: bool = False
    parameters: Mapping[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def read_story(path: str) -> Story:
    """Return the story in the file at `path`.

    Raises:
        BadRequestError: it or a file that it names cannot be read, or a value is wrong.
        ConfigError: it names an example of the f5-tts package, which is not installed.
    """
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        document = tomllib.loads(read_file(path, MAX_FILE_BYTES, "bad_text").decode("utf-8"))
    except ValueError as error:  # TOMLDecodeError and UnicodeDecodeError are
        raise BadRequestError("bad_parameter", f"{path} is not TOML: {error}") from None
    return _Reader(path, document).story()


class _Reader:
    """Reads one document; `path` is where relative names are tried at last, and for messages."""

    def __init__(self, path: str, document: dict[str, Any]) -> None:
        self._path = path
        self._document = document

    def story(self) -> Story:
        """Return what the document says."""
        document = self._document
        for name in _TEXTS:
            if not isinstance(document.get(name, ""), str):
                raise self._wrong(name, document[name], "it must be a text")
        for name in _CHECKPOINT:
            if document.get(name):
                line = (
                    f"{self._path}: {name} is for the daemon: a [models.NAME] table of f5d.toml, then -m NAME"
                )
                raise BadRequestError("bad_parameter", line)
        if document.get("vocoder_name", "vocos") != "vocos":
            raise self._wrong("vocoder_name", document["vocoder_name"], "only vocos is served")
        known = {*_TEXTS, *_NUMBERS, *_CHECKPOINT, *_NO_MATTER, "remove_silence", "vocoder_name", "voices"}
        ignored = sorted(
            name for name in document if name not in known or (name in _NO_MATTER and document[name])
        )
        parameters: dict[str, float] = {
            name: self._value(name, document[name]) for name in _NUMBERS if name in document
        }
        remove_silence = self._value("remove_silence", document.get("remove_silence", False))
        told: list[str] = []
        text = self._text(told.append)
        return Story(
            voices=self._voices(),
            model=document.get("model") or None,
            text=text,
            output=self._output(),
            remove_silence=remove_silence,
            parameters=parameters,
            warnings=(*(f"{self._path}: {name} is ignored" for name in ignored), *told),
        )

    def _voices(self) -> dict[str, StoryVoice]:
        tables = self._document.get("voices", {})
        if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
            raise BadRequestError("bad_parameter", f"{self._path}: voices must be tables such as [voices.town]")
        voices = {name: self._voice(f"voices.{name}.", table) for name, table in tables.items()}
        if self._document.get("ref_audio"):
            own = {name: value for name, value in self._document.items() if name in ("ref_audio", "ref_text")}
            voices[MAIN] = self._voice("", own)
        return voices

    def _voice(self, prefix: str, table: Mapping[str, Any]) -> StoryVoice:
        for name, value in table.items():
            if name not in _OF_VOICE:
                raise self._wrong(prefix + name, value, f"known are {', '.join(sorted(_OF_VOICE))}")
            if name != "speed" and not isinstance(value, str):
                raise self._wrong(prefix + name, value, "it must be a text")
        if not table.get("ref_audio"):
            raise BadRequestError("bad_parameter", f"{self._path}: {prefix}ref_audio is missing")
        audio = read_recording(self._find(table["ref_audio"]))
        text = table.get("ref_text", "").strip() or _KNOWN_TEXTS.get(hashlib.sha256(audio).hexdigest())
        speed = float(self._value("speed", table["speed"])) if "speed" in table else None
        return StoryVoice(audio, text, speed)

    def _value(self, name: str, value: Any) -> Any:
        """Return the value of parameter `name`, or raise BadRequestError."""
        if fault := PARAMETERS[name].fault(value):
            raise BadRequestError("bad_parameter", f"{self._path}: {name} is {fault}")
        return value

    def _text(self, tell: Callable[[str], None]) -> str | None:
        if file := self._document.get("gen_file"):
            return checked_text(read_start(self._find(file), -1, "bad_text"), None, name=file, tell=tell)
        return self._document.get("gen_text", "").strip() or None

    def _output(self) -> str | None:
        name = self._document.get("output_file")
        return os.path.join(self._document.get("output_dir") or "tests", name) if name else None

    def _find(self, name: str) -> str:
        is_example = EXAMPLES in name
        if is_example and (found := upstream_file(name)):
            return found
        for path in (name, os.path.join(os.path.dirname(self._path), name)):
            if os.path.exists(path):
                return path
        if is_example:
            require("upstream", f"{self._path}: {name}")
        return name

    def _wrong(self, name: str, value: Any, why: str) -> BadRequestError:
        return BadRequestError("bad_parameter", f"{self._path}: {name} is {value!r:.80}; {why}")
