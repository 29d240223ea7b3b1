"""The daemon's configuration: built-in defaults < TOML file < F5D_* environment < flags.

Pure but for reading the one file. Every wrong value ends in a ConfigError of one line that names
where it came from, the key, the value and what is possible. keys.py has the keys.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from f5ctl.bounds import Rule, shown
from f5ctl.errors import ConfigError, F5Error
from f5ctl.files import is_file, read_regular
from f5ctl.names import unknown_key
from f5ctl.parameters import PARAMETERS, named
from f5ctl.places import user_config
from f5ctl.protocol import MAX_NAME_BYTES
from f5ctl.socketpath import default_socket_path
from f5d.catalog.models import model_spec_from_table
from f5d.catalog.spec import ModelSpec
from f5d.catalog.voices import Voice
from f5d.keys import FILLED, FILLED_WORDS, KEYS, duration_s

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SYSTEM_FILE: Final = Path("/etc/f5d/f5d.toml")
MAX_CONFIG_BYTES: Final = 2**20
_OF_VOICE: Final = {
    "audio": Rule(pattern=FILLED, words=FILLED_WORDS),
    "text": Rule(pattern=FILLED, words=FILLED_WORDS),
    "prepared": Rule(kind=bool),
    "language": PARAMETERS["language"],
}
TABLES: Final = ("defaults", "pronunciation", "models", "voices")


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """What a daemon runs with: a field for each of `KEYS`, then the tables."""

    socket: str
    model: str = "auto"
    device: str = "auto"
    dtype: str = "auto"
    threads: int = 0
    keep_alive: str | float = "5m"
    max_jobs: int = 64
    max_loaded_models: int = 1
    max_batch_frames: int = 0
    asr_model: str = "openai/whisper-large-v3-turbo"
    language: str = "auto"
    allowed_models: str = "all"
    spare: str = "auto"
    core_dumps: str = "off"
    metrics_address: str = "off"
    drain_timeout_s: float = 90.0
    log_level: str = "info"
    defaults: dict[str, float] = {}  # parameters of requests that leave them out
    pronunciation: dict[str, str] = {}  # what is said for a word
    models: tuple[ModelSpec, ...] = ()
    voices: tuple[Voice, ...] = ()

    @property
    def keep_alive_s(self) -> float | None:
        """How long an idle model stays loaded, None for ever."""
        return duration_s(self.keep_alive)


class WrongConfigError(ConfigError):
    """A configuration with `faults`, of which the message tells the first."""

    def __init__(self, faults: Sequence[str]) -> None:
        more = f" (and {len(faults) - 1} more: f5d check-config tells all)" if len(faults) > 1 else ""
        super().__init__(faults[0] + more)
        self.faults = faults


class Faults:
    """Collects what is wrong, so that one fault hides no other."""

    def __init__(self) -> None:
        self._found: list[str] = []

    @contextmanager
    def one(self, where: str = "") -> Iterator[None]:
        """Note a fault of what is done meanwhile, and go on."""
        try:
            yield
        except F5Error as error:
            self._found.append(where + error.message)

    def refuse(self) -> None:
        """Raise WrongConfigError if anything is wrong."""
        if self._found:
            raise WrongConfigError(self._found)


@contextmanager
def one_line_for_any_fault() -> Iterator[None]:
    """Turn whatever reading a configuration raises into a ConfigError: no file ends a daemon that has jobs."""
    try:
        yield
    except F5Error:
        raise
    except Exception as error:
        raise ConfigError(f"configuration: {type(error).__name__}: {_reason(error):.200}") from error


@one_line_for_any_fault()
def load_config(
    flags: Mapping[str, str | int | float | None] | None = None,
    *,
    file: str | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Config:
    """Return the configuration of this machine and call.

    `flags` holds keys of `KEYS`; None stands for a flag that was not given. `file` is `--config`.

    Raises:
        ConfigError: a file that cannot be read.
        WrongConfigError: unknown keys, wrong values.
    """
    faults = Faults()
    values: dict[str, Any] = {"socket": default_socket_path()}
    document: dict[str, Any] = {}
    path = config_path(file, environ)
    if path is not None:
        document = _read(path)
    for source, name, value in _given(path, document, environ, flags or {}):
        with faults.one():
            values[name] = _checked(source, name, value)
    tables = _tables(path, document, faults) if path else {}
    faults.refuse()
    return Config(**values, **tables)


def unchangeable(old: Config, new: Config) -> list[str]:
    """Return the keys that differ and that a running daemon cannot take."""
    return [
        name for name, key in KEYS.items() if key.needs_restart and getattr(old, name) != getattr(new, name)
    ]


def config_path(file: str | None, environ: Mapping[str, str]) -> Path | None:
    """Return the file to read: `--config`, else F5D_CONFIG, else the user's, else the system's, else None."""
    if file or environ.get("F5D_CONFIG"):
        return Path(file or environ["F5D_CONFIG"])
    candidates = (Path(user_config(environ)), SYSTEM_FILE)
    return next((path for path in candidates if is_file(path)), None)


def _read(path: Path) -> dict[str, Any]:
    try:
        text = read_regular(path, MAX_CONFIG_BYTES).decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else _reason(error)
        raise ConfigError(f"config {path} cannot be read: {reason}") from None
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"config {path} is not TOML: {error}") from None


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


@contextmanager
def _paths_of(where: str) -> Iterator[None]:
    """Turn what a path can raise (no such user after ~, a name too long, NUL) into a ConfigError."""
    try:
        yield
    except (OSError, RuntimeError, ValueError) as error:
        raise ConfigError(f"{where}: {_reason(error)}") from None


def _given(
    path: Path | None,
    document: Mapping[str, Any],
    environ: Mapping[str, str],
    flags: Mapping[str, str | int | float | None],
) -> Iterator[tuple[str, str, Any]]:
    """Yield what is said of the top level's keys: where, which, what; the last counts."""
    yield from ((str(path), name, value) for name, value in document.items() if name not in TABLES)
    for name in KEYS:
        text = environ.get(f"F5D_{name.upper()}")
        if text:
            yield f"F5D_{name.upper()}", name, KEYS[name].read(text)
    for name, value in flags.items():
        if value is not None:
            given = KEYS[name].read(value) if isinstance(value, str) else value
            yield f"--{name.replace('_', '-')}", name, given


def _checked(source: str, name: str, value: Any) -> Any:
    """Return `value` as key `name` holds it, or raise ConfigError that says where it came from."""
    key = KEYS.get(name)
    if key is None:
        raise ConfigError(f"{source}: {unknown_key(name, [*KEYS, *TABLES])}")
    if fault := key.fault(value):
        raise ConfigError(f"{source}: {name} is {fault}")
    return key.held(value)


def _tables(path: Path, document: Mapping[str, Any], faults: Faults) -> dict[str, Any]:
    """Return the fields that the file's tables make."""
    readers = {"defaults": _default, "pronunciation": _said, "models": _model, "voices": _voice}
    held: dict[str, dict[str, Any]] = {name: {} for name in TABLES}
    for name in TABLES:
        table = document.get(name, {})
        with faults.one():
            if not isinstance(table, dict):
                raise ConfigError(f"{path}: {name} is {shown(table)}; it can be a table")
            for key, value in table.items():
                with faults.one():
                    held[name][key] = readers[name](path, key, value)
    return {**held, "models": tuple(held["models"].values()), "voices": tuple(held["voices"].values())}


def _default(path: Path, name: str, value: Any) -> Any:
    where = f"{path}: [defaults]"
    if name not in named("config"):
        raise ConfigError(f"{where}: {unknown_key(name, named('config'))}")
    if fault := PARAMETERS[name].fault(value):
        raise ConfigError(f"{where} {name} is {fault}")
    return value


def _said(path: Path, word: str, said: Any) -> str:
    if not word.strip() or not isinstance(said, str):
        raise ConfigError(f"{path}: [pronunciation] {shown(word)} is {shown(said)}; it can be a text")
    return said


def _model(path: Path, name: str, table: Any) -> ModelSpec:
    if not isinstance(table, dict):
        raise ConfigError(f"{path}: [models.{name}] is {shown(table)}; it can be a table")
    try:
        with _paths_of(f"[models.{name}]"):
            return model_spec_from_table(name, table, path.absolute().parent)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error.message}") from None


def _voice(path: Path, name: str, table: Any) -> Voice:
    where = f"{path}: [voices.{name}]"
    if not isinstance(table, dict):
        raise ConfigError(f"{where} is {shown(table)}; it can be a table")
    if not name.strip() or len(name.encode()) > MAX_NAME_BYTES:
        raise ConfigError(f"{where}: the limit of a voice's name is 1 to {MAX_NAME_BYTES} bytes")
    for key, value in table.items():
        if key not in _OF_VOICE:
            raise ConfigError(f"{where}: {unknown_key(key, _OF_VOICE)}")
        if fault := _OF_VOICE[key].fault(value):
            raise ConfigError(f"{where}: {key} is {fault}")
    if "audio" not in table:
        raise ConfigError(f"{where}: audio is missing; it can be a path")
    told = f"{where}: audio is {shown(table['audio'])}"
    with _paths_of(told):
        audio = path.absolute().parent / Path(table["audio"]).expanduser()
        try:
            kind = audio.stat().st_mode
        except FileNotFoundError:
            raise ConfigError(f"{told}; there is no such file: {audio}") from None
    if not stat.S_ISREG(kind):
        raise ConfigError(f"{told}; it is no regular file: {audio}")
    prepared = table.get("prepared", False)
    return Voice(name, audio, table.get("text"), prepared, source="config", language=table.get("language"))
