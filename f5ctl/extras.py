"""What parts of f5d need besides its core: the extras of pyproject.toml, which an environment has or not.

Packages are located, never imported. Nothing here is on the way of a `say` to a daemon that listens.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import Final

from f5ctl.errors import ConfigError

# The first one missing is the one that a line names.
EXTRAS: Final[dict[str, tuple[str, ...]]] = {
    "engine": (
        "torch",
        "torchaudio",
        "numpy",
        "soundfile",
        "loudness",
        "safetensors",
        "huggingface-hub",
        "loudness",
        "pypinyin",
        "rjieba",
        "pyyaml",
        "tomlkit",
    ),
    "upstream": ("f5-tts",),
    "asr": ("transformers",),
    "http": ("starlette", "uvicorn", "python-multipart"),
    "wyoming": ("wyoming",),
    "zeroconf": ("zeroconf",),
}
_MODULES: Final = {
    "f5-tts": "f5_tts",
    "huggingface-hub": "huggingface_hub",
    "pyyaml": "yaml",
    "python-multipart": "python_multipart",
}


def missing(extra: str) -> list[str]:
    """Return the packages of an extra that are not installed here."""
    return [package for package in EXTRAS[extra] if find_spec(_MODULES.get(package, package)) is None]


def remedy(extra: str) -> str:
    """Return how an extra is installed."""
    return f"install f5d with its extra {extra}, in its checkout: pip install -c constraints.txt '.[{extra}]'"


def lack(extra: str, what: str) -> str | None:
    """Return the line that says why `what` cannot be done here, None when it can."""
    packages = missing(extra)
    return f"{what} needs {packages[0]}, which is not installed here: {remedy(extra)}" if packages else None


def require(extra: str, what: str) -> None:
    """Raise ConfigError, one line that names the extra, when `what` needs packages that are missing."""
    if line := lack(extra, what):
        raise ConfigError(line)


def upstream_file(relative: str) -> str | None:
    """Return a file of the installed f5-tts package, None without it; importing that would take 7 s."""
    found = find_spec("f5_tts")
    for location in (found.submodule_search_locations or ()) if found else ():
        path = os.path.join(location, relative)
        if os.path.exists(path):
            return path
    return None
