"""Stored voices: one file each, in a folder of the user's (private) or of the machine's (shared).

A voice file is one msgpack map: `f5d_voice` (the format, 1), `text`, `defaults`, `audio` (a whole audio
file, as it was given) and `preview` (a WAV, or nil). One file, so that adding, replacing, renaming
and removing a voice is one step of the file system, and reading one is a snapshot. Used by the client
and by the daemon alike; the file's name is the voice's, checked before it ever becomes a path.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, TypeAlias

import msgpack

from f5ctl.errors import BadRequestError, OutputError
from f5ctl.files import read_regular
from f5ctl.parameters import PARAMETERS, layered, named
from f5ctl.places import data_home, nearest_folder
from f5ctl.protocol import MAX_NAME_BYTES, MAX_REF_AUDIO_BYTES, MAX_REF_TEXT_BYTES, Say

FORMAT: Final = 1
SUFFIX: Final = ".voice"
SHARED_FOLDER: Final = "/usr/local/share/f5d/voices"
MAX_PREVIEW_BYTES: Final = 4 * 2**20  # 87 s
MAX_FILE_BYTES: Final = MAX_REF_AUDIO_BYTES + MAX_PREVIEW_BYTES + 2**16
NAME: Final = re.compile(r"\w[\w.-]*")
DEFAULTS: Final = named("voice")  # what a voice can say for the requests that name it
Source: TypeAlias = Literal["private", "shared"]
Default: TypeAlias = str | int | float


@dataclass(frozen=True, slots=True)
class StoredVoice:
    """A recording, what it says, and what a request that names the voice takes where it says nothing.

    `defaults` has keys of `DEFAULTS`.
    """

    audio: bytes
    text: str
    preview: bytes | None = None
    defaults: Mapping[str, Default] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Store:
    """A folder of voice files; it is made when the first voice is put into it."""

    folder: str
    source: Source

    def names(self) -> list[str]:
        """Return the names of the voices here, sorted; none where the folder cannot be read."""
        try:
            files = os.listdir(self.folder)
        except OSError:
            return []
        names = [file.removesuffix(SUFFIX) for file in files if file.endswith(SUFFIX)]
        return sorted(name for name in names if is_name(name))

    def path(self, name: str) -> str:
        """Return the file of a voice.

        Raises:
            BadRequestError: `bad_parameter`, no voice can have that name.
        """
        return os.path.join(self.folder, check_name(name) + SUFFIX)

    def has(self, name: str) -> bool:
        """Return True when a voice of that name is here; a name that none can have is not."""
        return is_name(name) and os.path.isfile(os.path.join(self.folder, name + SUFFIX))

    def read(self, name: str) -> StoredVoice:
        """Return a voice.

        Raises:
            BadRequestError: `unknown_voice` when there is none, or it cannot be read; `bad_audio` when its
                file is damaged.
        """
        path = self.path(name)
        try:
            data = read_regular(path, MAX_FILE_BYTES)
        except FileNotFoundError:
            raise BadRequestError("unknown_voice", f"there is no {self.source} voice {name!r}") from None
        except OSError as error:
            line = f"voice {name} cannot be read: {error.strerror}: {path}"
            raise BadRequestError("unknown_voice", line) from None
        return unpack(data, path)

    def check_writable(self) -> None:
        """Raise OutputError (73) unless this user may put voices here."""
        folder = nearest_folder(self.folder)
        if not os.access(folder, os.W_OK | os.X_OK):
            whose = (
                "shared voices are the administrator's"
                if self.source == "shared"
                else "it is read-only or another user's; XDG_DATA_HOME names another place"
            )
            raise OutputError(f"cannot write to {folder}: {whose}")

    def write(self, name: str, voice: StoredVoice, *, force: bool = False) -> None:
        """Put a voice here, whole or not at all; `force` takes the place of one of that name.

        Raises:
            BadRequestError: `bad_parameter` for a bad name, or one that is taken.
            OutputError: 73 or 74, the file cannot be written.
        """
        check_defaults(voice.defaults, name)
        path = self.path(name)
        part = os.path.join(self.folder, f".{os.getpid()}-{os.urandom(4).hex()}.part")
        private = self.source == "private"
        try:
            os.makedirs(self.folder, mode=0o700 if private else 0o755, exist_ok=True)
            try:
                _write_file(part, pack(voice), 0o600 if private else 0o644)
                (os.replace if force else os.link)(part, path)
                _sync_folder(self.folder)
            finally:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(part)
        except FileExistsError:
            raise _taken(name, self.source) from None
        except OSError as error:
            raise OutputError(f"cannot write {path}: {error.strerror}", while_writing=True) from None

    def rename(self, old: str, new: str) -> None:
        """Give a voice another name that is not taken (BadRequestError; OutputError when it may not be)."""
        before, after = self.path(old), self.path(new)
        try:
            os.link(before, after)  # unlike rename, it takes nobody's place
            os.unlink(before)
            _sync_folder(self.folder)
        except FileNotFoundError:
            raise BadRequestError("unknown_voice", f"there is no {self.source} voice {old!r}") from None
        except FileExistsError:
            raise _taken(new, self.source) from None
        except OSError as error:
            raise OutputError(f"cannot rename {before}: {error.strerror}") from None

    def remove(self, name: str) -> None:
        """Remove a voice (BadRequestError when there is none; OutputError when it may not be)."""
        path = self.path(name)
        try:
            os.unlink(path)
        except FileNotFoundError:
            raise BadRequestError("unknown_voice", f"there is no {self.source} voice {name!r}") from None
        except OSError as error:
            raise OutputError(f"cannot remove {path}: {error.strerror}") from None


def private_store() -> Store:
    """Return this user's voices: $XDG_DATA_HOME/f5d/voices, else ~/.local/share/f5d/voices."""
    return Store(f"{data_home()}/f5d/voices", "private")


def shared_store() -> Store:
    """Return the machine's voices, which its administrator writes and everybody reads."""
    return Store(os.environ.get("F5D_SHARED_VOICES") or SHARED_FOLDER, "shared")


def with_private_voice(say: Say) -> Say:
    """Return `say` with the recording and the defaults of the private voice that it names, if it names one.

    So a private voice travels with the request, and every daemon can speak in it.
    """
    name = say.voice
    store = private_store()
    if name is None or not store.has(name):
        return say
    voice = store.read(name)
    given = {key: value for key in DEFAULTS if (value := getattr(say, key)) is not None}
    found = layered(voice.defaults, given)
    return replace(
        say,
        voice=None,
        ref_audio=voice.audio,
        ref_text=voice.text,
        label=name,
        **found,
    )


def is_name(name: str) -> bool:
    """Return True for a name that a voice can have: letters, digits and _ - . after the first character."""
    return NAME.fullmatch(name) is not None and len(os.fsencode(name)) <= MAX_NAME_BYTES


def check_name(name: str) -> str:
    """Return `name`, or raise BadRequestError (`bad_parameter`) with what is possible."""
    if not is_name(name):
        line = f"{name!r:.80} cannot be a voice's name; letters, digits, _, - and . can, not first - or ."
        raise BadRequestError("bad_parameter", f"{line}, at most {MAX_NAME_BYTES} bytes")
    return name


def pack(voice: StoredVoice) -> bytes:
    """Return the bytes of a voice file."""
    body = {
        "f5d_voice": FORMAT,
        "text": voice.text,
        "defaults": dict(voice.defaults),
        "audio": voice.audio,
        "preview": voice.preview,
    }
    packed: bytes = msgpack.packb(body)
    return packed


def unpack(data: bytes, name: str) -> StoredVoice:
    """Return the voice in the bytes of a voice file; `name` is the file's, for the error.

    Raises:
        BadRequestError: `bad_audio` when the file is no voice, damaged, too large or of a newer format.
    """
    if len(data) > MAX_FILE_BYTES:
        raise BadRequestError("bad_audio", f"{name} is larger than a voice can be ({MAX_FILE_BYTES} bytes)")
    try:
        body = msgpack.unpackb(data)
    except Exception:  # noqa: BLE001 - msgpack raises five unrelated classes for broken input
        body = None
    if not isinstance(body, dict) or "f5d_voice" not in body:
        raise BadRequestError("bad_audio", f"{name} is no voice of f5d, or is damaged")
    if body["f5d_voice"] != FORMAT:
        line = f"{name} has voice format {body['f5d_voice']!r:.20}; this version reads format {FORMAT}"
        raise BadRequestError("bad_audio", line)
    audio, text, preview, defaults = (body.get(key) for key in ("audio", "text", "preview", "defaults"))
    if not isinstance(audio, bytes) or not 0 < len(audio) <= MAX_REF_AUDIO_BYTES:
        raise _damaged(name, "audio")
    if not isinstance(text, str) or not 0 < len(text.encode()) <= MAX_REF_TEXT_BYTES:
        raise _damaged(name, "text")
    if preview is not None and (not isinstance(preview, bytes) or len(preview) > MAX_PREVIEW_BYTES):
        raise _damaged(name, "preview")
    return StoredVoice(audio, text, preview, check_defaults(defaults, name))


def check_defaults(defaults: Any, name: str) -> dict[str, Default]:
    """Return a voice's defaults if every one is known and within its bounds (else BadRequestError)."""
    if not isinstance(defaults, dict):
        raise _damaged(name, "defaults")
    for key, value in defaults.items():
        fault = PARAMETERS[key].fault(value) if key in DEFAULTS else "no parameter of a voice"
        if fault:
            raise BadRequestError(
                "bad_audio", f"the voice in {name} is damaged: its default {key!s:.40} is {fault}"
            )
    return defaults


def _damaged(name: str, what: str) -> BadRequestError:
    return BadRequestError("bad_audio", f"the voice in {name} is damaged: its {what} is missing or wrong")


def _taken(name: str, source: Source) -> BadRequestError:
    line = f"there is already a {source} voice {name}; choose another name, or replace it with --force"
    return BadRequestError("bad_parameter", line)


def _write_file(path: str, data: bytes, mode: int) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with open(fd, "wb") as file:
        os.fchmod(fd, mode)  # whatever the umask: shared ones are for everybody
        file.write(data)
        file.flush()
        os.fsync(fd)


def _sync_folder(folder: str) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
