"""The named voices: built-in ones and those of the configuration.

A name from a request is looked up in this table and never becomes a path. Recordings are read
when a job needs them. Imports neither f5_tts (seven seconds) nor anything of audio.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from f5ctl.errors import BadRequestError
from f5ctl.protocol import MAX_REF_AUDIO_BYTES
from f5d.engine.types import Reference

_STARTER_VOICES: Final = Path(__file__).resolve().parent / "starter" / "voices"
_STARTER_NAMES: Final = {"rms": "rms_0", "slt": "slt_0", "awb": "awb_0"}
_UPSTREAM_EXAMPLES: Final = Path("infer") / "examples" / "basic"
_UPSTREAM_VOICES: Final = {
    "basic_en": ("basic_ref_en.wav", "Some call me nature, others call me mother nature."),
    "basic_zh": ("basic_ref_zh.wav", "对，这就是我，万人敬仰的太乙真人。"),
}


@dataclass(frozen=True, slots=True)
class Voice:
    """A named recording; `text` None means that it is transcribed when it is used.

    `prepared` recordings are used sample for sample, without trimming.
    """

    name: str
    audio: Path
    text: str | None
    prepared: bool = False
    source: Literal["built-in", "config"] = "built-in"

    def reference(self) -> Reference:
        """Return the recording's bytes and text.

        Raises:
            BadRequestError: `unknown_voice` when the file cannot be read, `bad_audio` when it is too large.
        """
        try:
            audio = self.audio.read_bytes()
        except OSError as error:
            line = f"voice {self.name} cannot be read: {error.strerror}: {self.audio}"
            raise BadRequestError("unknown_voice", line) from None
        if len(audio) > MAX_REF_AUDIO_BYTES:
            line = f"voice {self.name} is {len(audio)} bytes; the limit is {MAX_REF_AUDIO_BYTES}"
            raise BadRequestError("bad_audio", line)
        return Reference(audio=audio, text=self.text, prepared=self.prepared)


def voice_table(configured: Iterable[Voice] = ()) -> dict[str, Voice]:
    """Return every voice by name; a configured voice takes the place of a built-in one."""
    table = {voice.name: voice for voice in _built_in()}
    table.update({voice.name: voice for voice in configured})
    return table


def find_voice(name: str, table: Mapping[str, Voice]) -> Voice:
    """Return the voice called `name`, or raise BadRequestError (unknown_voice) that lists the names."""
    voice = table.get(name)
    if voice is None:
        known = ", ".join(sorted(table))
        raise BadRequestError("unknown_voice", f"unknown voice {name!r}; known voices: {known}")
    return voice


def _built_in() -> list[Voice]:
    voices = [_starter_voice(name, stem) for name, stem in _STARTER_NAMES.items()]
    found = importlib.util.find_spec("f5_tts")  # a top-level name: located, not executed
    for location in (found.submodule_search_locations or ()) if found is not None else ():
        for name, (file_name, text) in _UPSTREAM_VOICES.items():
            audio = Path(location) / _UPSTREAM_EXAMPLES / file_name
            if audio.is_file():
                voices.append(Voice(name, audio, text))
    return voices


def _starter_voice(name: str, stem: str) -> Voice:
    text = (_STARTER_VOICES / f"{stem}.txt").read_text(encoding="utf-8").strip()
    return Voice(name, _STARTER_VOICES / f"{stem}.wav", text, prepared=True)
