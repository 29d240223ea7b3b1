"""The daemon's configuration: built-in defaults < TOML file < F5D_* environment < flags.

Pure but for reading the one file. Every wrong value ends in a ConfigError of one line that names
where it came from, the key, the value and what is possible. systemd/f5d.toml documents each key.
"""

from __future__ import annotations

import math
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from f5ctl.durations import parse_duration
from f5ctl.errors import ConfigError
from f5ctl.places import user_config
from f5ctl.protocol import BOUNDS, LANGUAGE_PATTERN, LANGUAGE_WORDS, MAX_NAME_BYTES, Bound
from f5ctl.socketpath import default_socket_path
from f5d.catalog.models import model_spec_from_table
from f5d.catalog.spec import ModelSpec
from f5d.catalog.voices import Voice
from f5d.system.journal import LOG_LEVELS

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SYSTEM_FILE: Final = Path("/etc/f5d/f5d.toml")


@dataclass(frozen=True, slots=True)
class Key:
    """One key of the file's top level: its default, and the values it admits."""

    default: str | int | float
    kind: type = str
    bound: Bound | None = None
    pattern: str | None = None
    possible: str = "a text that is not empty"

    @property
    def limits(self) -> str:
        """What the key admits, in words."""
        return f"the limit is {self.bound}" if self.bound else f"it can be {self.possible}"


KEYS: Final[dict[str, Key]] = {
    "socket": Key("", pattern=r"[^\0]+", possible="a path"),
    "model": Key("auto"),
    "device": Key("auto", pattern=r"auto|cpu|cuda(:\d{1,3})?", possible="auto, cpu, cuda or cuda:N"),
    "dtype": Key(
        "auto",
        pattern=r"auto|float32|bfloat16|float16|int8",
        possible="auto, float32, bfloat16, float16 or int8",
    ),
    "threads": Key(0, int, Bound(0, 1024)),
    "keep_alive": Key(
        "5m", pattern=r".*", possible="a duration such as 10m, 1h30m or 300 (seconds), 0, or -1 for ever"
    ),
    "max_jobs": Key(64, int, Bound(1, 1_000)),
    "max_loaded_models": Key(1, int, Bound(1, 16)),
    "max_batch_frames": Key(0, int, Bound(256, 1_000_000, or_zero=True)),
    "asr_model": Key("openai/whisper-large-v3-turbo"),
    "language": Key("auto", pattern=rf"auto|{LANGUAGE_PATTERN.pattern}", possible=f"auto, {LANGUAGE_WORDS}"),
    "allowed_models": Key("all", pattern="all|configured", possible="all or configured"),
    "core_dumps": Key("off", pattern="on|off", possible="on or off"),
    "metrics_address": Key(
        "off",
        pattern=r"off|(127(\.\d{1,3}){3}|localhost|\[::1\]):\d{1,5}",
        possible="off or a port of this machine such as 127.0.0.1:9105",
    ),
    "drain_timeout_s": Key(90.0, float, Bound(0, 86_400, "s")),
    "log_level": Key("info", pattern="|".join(LOG_LEVELS), possible=", ".join(LOG_LEVELS)),
}
TABLES: Final = ("defaults", "pronunciation", "models", "voices")
DEFAULT_PARAMETERS: Final = (
    "nfe_step",
    "cfg_strength",
    "sway_sampling_coef",
    "speed",
    "cross_fade_duration",
    "target_rms",
)


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """What a daemon runs with. `keep_alive_s` None keeps engines for ever."""

    socket: str
    model: str = "auto"
    device: str = "auto"
    dtype: str = "auto"
    threads: int = 0
    keep_alive_s: float | None = 300.0
    max_jobs: int = 64
    max_loaded_models: int = 1
    max_batch_frames: int = 0
    asr_model: str = "openai/whisper-large-v3-turbo"
    language: str = ""  # none: the model's
    allowed_models: str = "all"
    core_dumps: str = "off"
    metrics_address: str = "off"
    drain_timeout_s: float = 90.0
    log_level: str = "info"
    defaults: dict[str, float] = {}  # parameters of requests that leave them out
    pronunciation: dict[str, str] = {}  # what is said for a word
    models: tuple[ModelSpec, ...] = ()
    voices: tuple[Voice, ...] = ()


def load_config(
    flags: Mapping[str, str | int | float | None] | None = None,
    *,
    file: str | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Config:
    """Return the configuration of this machine and call.

    `flags` holds keys of `KEYS`; None stands for a flag that was not given. `file` is `--config`.

    Raises:
        ConfigError: a file that cannot be read, an unknown key, a wrong value.
    """
    values: dict[str, Any] = {name: key.default for name, key in KEYS.items()}
    values["socket"] = default_socket_path()
    document: dict[str, Any] = {}
    path = config_path(file, environ)
    if path is not None:
        document = _read(path)
        known = {name: value for name, value in document.items() if name not in TABLES}
        values.update({name: _checked(str(path), name, value) for name, value in known.items()})
    for name in KEYS:
        text = environ.get(f"F5D_{name.upper()}")
        if text:
            values[name] = _checked(f"F5D_{name.upper()}", name, _from_text(KEYS[name], text))
    for name, value in (flags or {}).items():
        if value is not None:
            values[name] = _checked(f"--{name.replace('_', '-')}", name, _from_text(KEYS[name], value))
    values["language"] = "" if values["language"] == "auto" else values["language"]
    values["keep_alive_s"] = duration_s(values.pop("keep_alive"))
    return Config(**values, **_tables(path, document))


def unchangeable(old: Config, new: Config) -> list[str]:
    """Return the keys that differ and that a running daemon cannot take."""
    return [key for key in ("socket", "metrics_address") if getattr(old, key) != getattr(new, key)]


def config_path(file: str | None, environ: Mapping[str, str]) -> Path | None:
    """Return the file to read: `--config`, else F5D_CONFIG, else the user's, else the system's, else None."""
    if file or environ.get("F5D_CONFIG"):
        return Path(file or environ["F5D_CONFIG"])
    candidates = (Path(user_config(environ)), SYSTEM_FILE)
    return next((path for path in candidates if path.is_file()), None)


def duration_s(value: str | float) -> float | None:
    """Return seconds for `10m`, `1h30m`, `90s`, `300` or 300; None (for ever) for any negative number.

    Raises:
        ValueError: it is no duration.
    """
    try:
        seconds = float(value)
    except ValueError:
        seconds = parse_duration(str(value).strip())
    if not math.isfinite(seconds):
        raise ValueError(f"{value!r} is not a duration")
    return None if seconds < 0 else seconds


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise ConfigError(f"config {path} cannot be read: {reason}") from None
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"config {path} is not TOML: {error}") from None


def _checked(source: str, name: str, value: Any) -> Any:
    """Return `value` as key `name` holds it, or raise ConfigError that says where it came from."""
    key = KEYS.get(name)
    if key is None:
        raise ConfigError(f"{source}: unknown key {name!r}; known: {', '.join([*KEYS, *TABLES])}")
    if name == "keep_alive" and not isinstance(value, bool) and isinstance(value, str | int | float):
        try:
            duration_s(value)
        except ValueError:
            raise ConfigError(f"{source}: keep_alive is {value!r}; {key.limits}") from None
        return value
    if key.kind is str:
        good = isinstance(value, str) and re.fullmatch(key.pattern or r"\S.*", value) is not None
    else:
        good = _is_number(value, key.kind) and (key.bound is None or key.bound.admits(value))
    if not good:
        raise ConfigError(f"{source}: {name} is {value!r}; {key.limits}")
    return key.kind(value)


def _is_number(value: Any, kind: type) -> bool:
    return isinstance(value, int if kind is int else int | float) and not isinstance(value, bool)


def _from_text(key: Key, value: str | float) -> Any:
    """Return what an environment variable or a flag means; what is no number stays for the check."""
    if key.kind is str or not isinstance(value, str):
        return value
    try:
        return int(value) if key.kind is int else float(value)
    except ValueError:
        return value


def _tables(path: Path | None, document: Mapping[str, Any]) -> dict[str, Any]:
    if path is None:
        return {}
    for name in TABLES:
        if not isinstance(document.get(name, {}), dict):
            raise ConfigError(f"{path}: {name} is {document[name]!r}; it can be a table")
    base_dir = path.absolute().parent
    models: dict[str, Any] = document.get("models", {})
    voices: dict[str, Any] = document.get("voices", {})
    return {
        "defaults": _defaults(path, document.get("defaults", {})),
        "pronunciation": _pronunciation(path, document.get("pronunciation", {})),
        "models": tuple(_model(path, name, table, base_dir) for name, table in models.items()),
        "voices": tuple(_voice(path, name, table, base_dir) for name, table in voices.items()),
    }


def _defaults(path: Path, table: Mapping[str, Any]) -> dict[str, float]:
    for name, value in table.items():
        where = f"{path}: [defaults] {name}"
        if name not in DEFAULT_PARAMETERS:
            raise ConfigError(f"{where} is not a known key; known: {', '.join(DEFAULT_PARAMETERS)}")
        kind = int if name == "nfe_step" else float
        if not _is_number(value, kind) or not BOUNDS[name].admits(value):
            raise ConfigError(f"{where} is {value!r}; the limit is {BOUNDS[name]}")
    return dict(table)


def _pronunciation(path: Path, table: Mapping[str, Any]) -> dict[str, str]:
    for word, said in table.items():
        if not word.strip() or not isinstance(said, str):
            raise ConfigError(f"{path}: [pronunciation] {word!r} is {said!r}; it can be a text")
    return dict(table)


def _model(path: Path, name: str, table: Any, base_dir: Path) -> ModelSpec:
    if not isinstance(table, dict):
        raise ConfigError(f"{path}: [models.{name}] is {table!r}; it can be a table")
    try:
        return model_spec_from_table(name, table, base_dir)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error.message}") from None


def _voice(path: Path, name: str, table: Any, base_dir: Path) -> Voice:
    where = f"{path}: [voices.{name}]"
    kinds: dict[str, type] = {"audio": str, "text": str, "prepared": bool, "language": str}
    if not isinstance(table, dict):
        raise ConfigError(f"{where} is {table!r}; it can be a table")
    if not name.strip() or len(name.encode()) > MAX_NAME_BYTES:
        raise ConfigError(f"{where}: the limit of a voice's name is 1 to {MAX_NAME_BYTES} bytes")
    for key, value in table.items():
        if key not in kinds:
            raise ConfigError(f"{where}: unknown key {key!r}; known: {', '.join(kinds)}")
        if not isinstance(value, kinds[key]) or value == "":
            raise ConfigError(f"{where}: {key} is {value!r}; it can be {_words(kinds[key])}")
    if "audio" not in table:
        raise ConfigError(f"{where}: audio is missing; it can be a path")
    audio = base_dir / Path(table["audio"]).expanduser()
    if not audio.is_file():
        raise ConfigError(f"{where}: audio is {table['audio']!r}; there is no such file: {audio}")
    language = table.get("language")
    if language is not None and not LANGUAGE_PATTERN.fullmatch(language):
        raise ConfigError(f"{where}: language is {language!r}; it can be {LANGUAGE_WORDS}")
    prepared = table.get("prepared", False)
    return Voice(name, audio, table.get("text"), prepared, source="config", language=language)


def _words(kind: type) -> str:
    return "true or false" if kind is bool else "a text that is not empty"
