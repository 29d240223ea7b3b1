"""The named voices: stored ones (f5ctl/voicebox.py), those of the configuration, built-in ones.

A name from a request is looked up here; it becomes a path only when it can be a stored voice's name.
Recordings are read when a job needs them, so a voice that was just added can be used at once. Imports
neither f5_tts (seven seconds) nor anything of audio.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from errno import EFBIG
from pathlib import Path
from typing import Final, Literal

import msgspec

from f5ctl.errors import BadRequestError
from f5ctl.extras import upstream_file
from f5ctl.files import read_regular
from f5ctl.names import unknown
from f5ctl.protocol import MAX_REF_AUDIO_BYTES
from f5ctl.voicebox import Default, Source, Store, private_store, shared_store

_STARTER_VOICES: Final = Path(__file__).resolve().parents[1] / "starter" / "voices"
_STARTER_NAMES: Final = {"rms": "rms_0", "slt": "slt_0", "awb": "awb_0"}
_UPSTREAM_VOICES: Final = {  # in the f5-tts package, where that is installed
    "basic_en": (
        "infer/examples/basic/basic_ref_en.wav",
        "Some call me nature, others call me mother nature.",
        "en",
    ),
    "basic_zh": ("infer/examples/basic/basic_ref_zh.wav", "对，这就是我，万人敬仰的太乙真人。", "zh"),
}

log = logging.getLogger(__name__)


class Reference(msgspec.Struct, frozen=True):
    """A recording to clone: a whole audio file and its transcript.

    `text` None asks the engine to transcribe. `prepared` recordings are used sample for sample,
    without trimming (the bundled voices are cut to whole frames a character).
    """

    audio: bytes
    text: str | None
    prepared: bool = False


@dataclass(frozen=True, slots=True)
class Voice:
    """A named recording; `text` None means that it is transcribed when it is used.

    `prepared` recordings are used sample for sample, without trimming. `language` is what numbers are
    read out in, None the daemon's or the model's. `store` is where a stored voice lies, which `audio` then
    is the file of. `defaults` hold where a request says nothing.
    """

    name: str
    audio: Path
    text: str | None
    prepared: bool = False
    source: Literal["built-in", "config"] | Source = "built-in"
    language: str | None = None
    store: Store | None = None
    defaults: Mapping[str, Default] = field(default_factory=dict)

    @property
    def model(self) -> str | None:
        """The model that requests with this voice take by default."""
        model = self.defaults.get("model")
        return model if isinstance(model, str) else None

    @property
    def parameters(self) -> dict[str, float]:
        """The numbers among the defaults."""
        return {key: value for key, value in self.defaults.items() if not isinstance(value, str)}

    def reference(self) -> Reference:
        """Return the recording's bytes and text.

        Raises:
            BadRequestError: `unknown_voice` when the file cannot be read, `bad_audio` when it is too large.
        """
        if self.store is not None:
            stored = self.store.read(self.name)
            return Reference(audio=stored.audio, text=stored.text)
        try:
            audio = read_regular(self.audio, MAX_REF_AUDIO_BYTES)
        except OSError as error:
            line = f"voice {self.name} cannot be read: {error.strerror}: {self.audio}"
            raise BadRequestError("bad_audio" if error.errno == EFBIG else "unknown_voice", line) from None
        return Reference(audio=audio, text=self.text, prepared=self.prepared)


class VoiceTable(Mapping[str, Voice]):
    """Every voice by name, stored ones as they are at the moment.

    Of two with one name the first of these counts: this user's own, the configuration's, the machine's
    shared one, the built-in one. A stored voice that cannot be read is left out of the listing. The stores are
    this user's and this machine's where none are given.
    """

    def __init__(
        self, configured: Iterable[Voice] = (), *, own: Store | None = None, shared: Store | None = None
    ) -> None:
        self._configured = {voice.name: voice for voice in configured}
        self._built_in = {voice.name: voice for voice in _built_in()}
        self._own, self._shared = own or private_store(), shared or shared_store()
        self._read: dict[tuple[str, int, int], Voice] = {}  # by path, time and size of the file

    def __getitem__(self, name: str) -> Voice:
        if self._own.has(name):
            return self._stored(self._own, name)
        if name in self._configured:
            return self._configured[name]
        if self._shared.has(name):
            return self._stored(self._shared, name)
        return self._built_in[name]

    def __iter__(self) -> Iterator[str]:
        names = dict.fromkeys((*self._built_in, *self._configured))
        for store in (self._shared, self._own):
            names |= dict.fromkeys(name for name in store.names() if self._is_readable(store, name))
        return iter(names)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _is_readable(self, store: Store, name: str) -> bool:
        try:
            self._stored(store, name)
        except BadRequestError as error:
            log.debug("voice %s is left out: %s", name, error.message)
            return False
        return True

    def _stored(self, store: Store, name: str) -> Voice:
        """Return a stored voice without its recording, read again only when its file has changed."""
        path = Path(store.path(name))
        try:
            found = path.stat()
        except OSError as error:
            line = f"voice {name} cannot be read: {error.strerror}: {path}"
            raise BadRequestError("unknown_voice", line) from None
        key = (str(path), found.st_mtime_ns, found.st_size)
        if key not in self._read:
            voice = store.read(name)
            for old in [old for old in self._read if old[0] == key[0]]:
                del self._read[old]
            language = voice.defaults.get("language")
            self._read[key] = Voice(
                name,
                path,
                voice.text,
                source=store.source,
                language=language if isinstance(language, str) else None,
                store=store,
                defaults=voice.defaults,
            )
        return self._read[key]


def find_voice(name: str, table: Mapping[str, Voice]) -> Voice:
    """Return the voice called `name`, or raise BadRequestError (unknown_voice) that lists the names."""
    voice = table.get(name)
    if voice is None:
        raise BadRequestError("unknown_voice", unknown("voice", name, sorted(table)))
    return voice


def default_voice() -> str:
    """Return the voice of a model that names none: upstream's example where it is, else a bundled one."""
    return "basic_en" if upstream_file(_UPSTREAM_VOICES["basic_en"][0]) else "slt"


def _built_in() -> list[Voice]:
    voices = [_starter_voice(name, stem) for name, stem in _STARTER_NAMES.items()]
    for name, (file, text, language) in _UPSTREAM_VOICES.items():
        if audio := upstream_file(file):
            voices.append(Voice(name, Path(audio), text, language=language))
    return voices


def _starter_voice(name: str, stem: str) -> Voice:
    text = (_STARTER_VOICES / f"{stem}.txt").read_text(encoding="utf-8").strip()
    return Voice(name, _STARTER_VOICES / f"{stem}.wav", text, prepared=True, language="en")
