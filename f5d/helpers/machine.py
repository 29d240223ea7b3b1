"""`python -m f5d.helpers.machine`: what the engine would find on this machine, as one line of JSON.

Imports torch, which the caller (`f5ctl doctor`) must not, and reads the configuration as `f5d serve` would;
without the extra `engine` it tells versions alone.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import sys
import warnings
from collections.abc import Callable
from typing import Any, Final

from f5ctl.errors import F5Error
from f5ctl.extras import missing

PACKAGES: Final = ("pyzmq", "msgpack", "torch", "torchaudio", "soundfile", "f5-tts", "transformers")


def versions() -> dict[str, str]:
    """Return the version of each package that f5d stands on and that is installed."""
    installed = {entry.name.lower(): entry.version for entry in importlib.metadata.distributions()}
    return {package: installed[package] for package in PACKAGES if package in installed}


def check() -> dict[str, Any]:
    """Return versions, device, number format, torchaudio's state and the audio formats; errors as text."""
    state: dict[str, Any] = {"versions": versions(), "python": sys.version.split()[0], "errors": {}}
    if not missing("engine"):
        state["config"] = configuration()
        for name, find in (("torch", _torch), ("torchaudio", _torchaudio), ("formats", _formats)):
            state |= _found(find, name, state["errors"])
    return state


def configuration() -> dict[str, Any]:
    """Return what `f5d serve` would read and what it would refuse of it; its socket if that is no usual one."""
    from f5ctl.socketpath import default_socket_path
    from f5d.config import config_path, load_config
    from f5d.daemon import known_names

    found: dict[str, Any] = {"path": str(config_path(None, os.environ) or ""), "faults": [], "socket": ""}
    try:
        config = load_config()
        known_names(config)
    except F5Error as error:
        return {**found, "faults": list(getattr(error, "faults", None) or [error.message])}
    return found if config.socket == default_socket_path() else {**found, "socket": config.socket}


def _found(find: Callable[[], dict[str, Any]], name: str, errors: dict[str, str]) -> dict[str, Any]:
    try:
        return find()
    except (F5Error, ImportError, OSError, RuntimeError) as error:
        errors[name] = " ".join(str(error).split())[:200]
        return {}


def _torch() -> dict[str, Any]:
    import torch

    from f5d.model.load import device_fault, pick_device, pick_dtype

    device = pick_device("auto")
    dtype = pick_dtype("auto", device)
    if device != "cpu":
        device, dtype = _spoken_on()
    gpus = range(torch.cuda.device_count()) if torch.cuda.is_available() else range(0)
    faults = {f"cuda:{index}": device_fault(f"cuda:{index}") for index in gpus}
    return {
        "device": device,
        "dtype": dtype,
        "threads": torch.get_num_threads(),
        "gpus": [torch.cuda.get_device_name(index) for index in gpus],
        "gpu_faults": [f"{name}: {fault}" for name, fault in faults.items() if fault],
        "cuda_build": torch.version.cuda,
    }


def _spoken_on() -> tuple[str, str]:
    """Return where and in which type the bundled model speaks, as an engine with `auto` would."""
    from f5d.catalog.models import catalog, fetch
    from f5d.model.load import load_model

    model = load_model(fetch(catalog()["starter"]), device="auto", dtype="auto")
    return model.device, model.dtype


def _torchaudio() -> dict[str, Any]:
    from f5d.model.torchaudio_compat import import_torchaudio, stand_in_active

    import_torchaudio()
    return {"torchaudio_stand_in": stand_in_active()}


def _formats() -> dict[str, Any]:
    import soundfile

    known = soundfile.available_formats()
    subtypes = soundfile.available_subtypes("OGG")
    missing = [name for name in ("WAV", "FLAC", "OGG", "MP3") if name not in known]
    return {"missing_formats": missing + ([] if "OPUS" in subtypes else ["OPUS"])}


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    sys.stdout.write(json.dumps(check()) + "\n")
