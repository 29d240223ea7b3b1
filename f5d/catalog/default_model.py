"""Which model speaks by default: the `model` key of an f5d.toml, changed in place."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from f5ctl.errors import ConfigError, OutputError
from f5ctl.places import user_config


def user_file(environ: Mapping[str, str]) -> Path:
    """Return the user's configuration: F5D_CONFIG, else f5d/f5d.toml in the user's configuration folder."""
    return Path(environ.get("F5D_CONFIG") or user_config(environ))


def set_default(path: Path, name: str) -> None:
    """Make `name` the `model` of a configuration, leaving every byte of the other lines as it is.

    Raises ConfigError for a file that is no TOML, OutputError when it cannot be written.
    """
    try:
        text = path.read_bytes().decode() if path.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"config {path} cannot be read: {error}") from None
    changed = with_model(text, name, path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        target = path.resolve()
        mode = target.stat().st_mode & 0o7777 if target.exists() else 0o644
        with tempfile.NamedTemporaryFile("wb", dir=target.parent, delete=False) as file:
            try:
                file.write(changed.encode())
                file.flush()
                os.fsync(file.fileno())
                Path(file.name).chmod(mode)
                Path(file.name).replace(target)
            except BaseException:
                Path(file.name).unlink()
                raise
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from None


def with_model(text: str, name: str, path: Path) -> str:
    """Return a configuration's text with `model = "NAME"` among its top-level keys."""
    import tomlkit  # of all that reads a configuration, nothing else writes one
    from tomlkit.exceptions import TOMLKitError

    try:
        document = tomlkit.parse(text)
        document["model"] = name
    except TOMLKitError as error:
        raise ConfigError(f"config {path} is not TOML: {' '.join(str(error).split())}") from None
    return tomlkit.dumps(document)
