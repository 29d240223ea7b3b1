"""From a model's places to files on this machine.

Knows the Hugging Face hub's cache; asks the network only for what is not cached.
huggingface_hub is imported only when a model names it.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from f5ctl.errors import ConfigError, SynthesisError
from f5ctl.extras import lack
from f5ctl.files import is_file

if TYPE_CHECKING:
    from f5d.catalog.spec import ModelSpec

HUB_SCHEME: Final = "hf://"
VOCODER_CONFIG: Final = "config.yaml"
VOCODER_WEIGHTS: Final = ("model.safetensors", "pytorch_model.bin")  # the first that a local folder has
_KNOCK_TIMEOUT_S: Final = 5.0
HUB_VOCODER_WEIGHTS: Final = "pytorch_model.bin"  # what charactr/vocos-mel-24khz publishes


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A model whose files are all on this machine."""

    spec: ModelSpec
    checkpoint: Path
    vocab: Path
    vocoder_config: Path
    vocoder_weights: Path


def is_installed(spec: ModelSpec) -> bool:
    """True when every file of `spec` is here, so that loading it needs no network."""
    return all(find_file(place) is not None for place in file_places(spec))


def file_places(spec: ModelSpec) -> list[str]:
    """Return the place of every file of `spec`: checkpoint, vocabulary, the vocoder's two."""
    return [spec.checkpoint, spec.vocab, *_vocoder_places(spec)]


def fetch(spec: ModelSpec) -> LocalModel:
    """Return `spec` with every file on this machine, downloading the ones that are not cached.

    A cached file is used as it is, without asking the hub. Honours HF_ENDPOINT, HF_HOME and
    HF_HUB_OFFLINE. Raises SynthesisError (model_error) with one line on what is missing and what to do, at once
    for a backbone whose code is not installed.
    """
    if line := lack_of_code(spec.architecture.backbone, f"model {spec.name}"):
        raise SynthesisError("model_error", line)
    config, weights = _vocoder_places(spec)
    return LocalModel(
        spec=spec,
        checkpoint=_obtain(spec, "checkpoint", spec.checkpoint),
        vocab=_obtain(spec, "vocabulary", spec.vocab),
        vocoder_config=_obtain(spec, "vocoder configuration", config),
        vocoder_weights=_obtain(spec, "vocoder", weights),
    )


def lack_of_code(backbone: str, what: str) -> str | None:
    """Return why a model of that backbone cannot run here, None when it can: our own code knows DiT alone."""
    return None if backbone == "DiT" else lack("upstream", what)


def split_hub_place(place: str) -> tuple[str, str]:
    """Return (`org/repo`, path) of an `hf://org/repo/path` place. Raises ConfigError for any other shape."""
    parts = place.removeprefix(HUB_SCHEME).split("/", 2)
    if len(parts) != 3 or not all(parts):
        raise ConfigError(f"{place!r} is not hf://org/repo/path")
    return f"{parts[0]}/{parts[1]}", parts[2]


def check_vocoder_place(place: str) -> None:
    """Raise ConfigError for an `hf://` vocoder that is not `hf://org/repo`."""
    parts = place.removeprefix(HUB_SCHEME).rstrip("/").split("/")
    if place.startswith(HUB_SCHEME) and (len(parts) != 2 or not all(parts)):
        raise ConfigError(f"{place!r} is not hf://org/repo")


def _vocoder_places(spec: ModelSpec) -> tuple[str, str]:
    folder = spec.vocoder.rstrip("/")
    if folder.startswith(HUB_SCHEME):
        return f"{folder}/{VOCODER_CONFIG}", f"{folder}/{HUB_VOCODER_WEIGHTS}"
    present = [name for name in VOCODER_WEIGHTS if is_file(f"{folder}/{name}")]
    return f"{folder}/{VOCODER_CONFIG}", f"{folder}/{present[0] if present else HUB_VOCODER_WEIGHTS}"


def find_file(place: str) -> Path | None:
    """Return the file of a place if it is already here."""
    if not place.startswith(HUB_SCHEME):
        return Path(place) if is_file(place) else None
    repo, filename = split_hub_place(place)
    from huggingface_hub import try_to_load_from_cache

    cached = try_to_load_from_cache(repo, filename)
    return Path(cached) if isinstance(cached, str) else None


def _obtain(spec: ModelSpec, what: str, place: str) -> Path:
    found = find_file(place)
    if found is not None:
        return found
    if place.startswith(HUB_SCHEME):
        return _download(spec, what, place)
    raise SynthesisError("model_error", f"{what} {place} does not exist")


def _download(spec: ModelSpec, what: str, place: str) -> Path:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.utils import disable_progress_bars

    repo, filename = split_hub_place(place)
    disable_progress_bars()  # a daemon has no terminal; its stderr is a log
    try:
        knock()
        return Path(hf_hub_download(repo, filename))
    except Exception as error:  # httpx, requests, OSError and the hub's own tree, by hub version
        raise SynthesisError(
            "model_error",
            f"model {spec.name}: its {what} {filename} of {repo} is not on this machine and cannot be "
            f"downloaded ({reason(error)}); connect to the internet once and run "
            f"`f5ctl load {spec.name}`, or use `-m starter`",
        ) from error


def knock() -> None:
    """Raise OSError at once when nothing answers at the hub's address.

    Without it hf_hub_download repeats for 23 s on a machine without a network. Behind a proxy only the
    proxy can tell, so the download itself has to find out.
    """
    from urllib.request import getproxies

    from huggingface_hub import constants

    address = urlsplit(constants.ENDPOINT)
    if constants.HF_HUB_OFFLINE or address.hostname is None or getproxies():
        return
    port = address.port or (80 if address.scheme == "http" else 443)
    with socket.create_connection((address.hostname, port), timeout=_KNOCK_TIMEOUT_S):
        pass


def reason(error: Exception) -> str:
    """Return why a download failed, in a few words; the hub's own messages run over many lines."""
    from huggingface_hub import constants, errors

    if constants.HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE is set"
    if isinstance(error, errors.LocalEntryNotFoundError | ConnectionError | TimeoutError | socket.gaierror):
        return f"the hub at {constants.ENDPOINT} cannot be reached"
    if isinstance(error, errors.RepositoryNotFoundError):
        return "the hub has no such repository, or it is private"
    if isinstance(error, errors.EntryNotFoundError):
        return "the hub has no such file"
    first_line = str(error).strip().split("\n", 1)[0]
    return f"{type(error).__name__}: {first_line[:120]}" if first_line else type(error).__name__
