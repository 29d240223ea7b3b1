"""Which model speaks by default: the `model` key of an f5d.toml, changed in place."""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from f5ctl.errors import ConfigError, OutputError
from f5ctl.places import user_config

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_KEY: Final = re.compile(r"^[ \t]*model[ \t]*=.*$", re.MULTILINE)
_TABLE: Final = re.compile(r"^[ \t]*\[", re.MULTILINE)


def user_file(environ: Mapping[str, str]) -> Path:
    """Return the user's configuration: F5D_CONFIG, else f5d/f5d.toml in the user's configuration folder."""
    return Path(environ.get("F5D_CONFIG") or user_config(environ))


def set_default(path: Path, name: str) -> None:
    """Make `name` the `model` of a configuration, leaving every other byte of it as it is.

    Raises ConfigError for a file that is no TOML, OutputError when it cannot be written.
    """
    try:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"config {path} cannot be read: {error}") from None
    changed = with_model(text, name, path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        target = path.resolve()
        mode = target.stat().st_mode & 0o7777 if target.exists() else 0o644
        with tempfile.NamedTemporaryFile("w", dir=target.parent, encoding="utf-8", delete=False) as file:
            try:
                file.write(changed)
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
    before = _parsed(text, path)
    line = f"model = {json.dumps(name)}"  # a JSON string is one of TOML's
    table = _TABLE.search(text)
    top = text[: table.start()] if table else text
    rest = text[len(top) :]
    if _KEY.search(top):
        changed = _KEY.sub(lambda _match: line, top, count=1) + rest
    elif top and not top.endswith("\n"):
        changed = f"{top}\n{line}\n{rest}"
    else:
        changed = f"{top}{line}\n{rest}"
    if _parsed(changed, path) != {**before, "model": name}:  # a key inside a text of several lines, say
        raise ConfigError(f"config {path} is too unusual to change; put {line} into it yourself")
    return changed


def _parsed(text: str, path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"config {path} is not TOML: {error}") from None
