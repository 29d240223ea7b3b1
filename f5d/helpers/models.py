"""The helper of `f5ctl models` and `f5ctl info` (f5ctl/helper.py): one request in, answers out.

Reads the same configuration as a daemon of this user would. Imports no torch but for .pt checkpoints.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from f5ctl.errors import BadRequestError, SynthesisError
from f5d.catalog import default_model as defaults
from f5d.catalog import pull
from f5d.catalog.architectures import STARTER, find_architecture
from f5d.catalog.hub import file_places, find_file
from f5d.catalog.models import catalog, is_installed, resolve
from f5d.catalog.spec import Architecture, ModelSpec
from f5d.config import SYSTEM_FILE, load_config
from f5d.helpers.checkpoint import describe, model_card
from f5d.helpers.wire import serve

TELL_EVERY_S: Final = 0.2


def answers(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the answers to `request`, whose `do` names one of `_TASKS`."""
    yield from _TASKS[request["do"]](request)


def _list(_request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    config = load_config()
    specs = catalog({spec.name: spec for spec in config.models})
    default = resolve(config.model, specs).name
    own = {spec.name for spec in config.models}
    yield {"models": [_entry(spec, default=default, own=spec.name in own) for spec in specs.values()]}


def _entry(spec: ModelSpec, *, default: str, own: bool) -> dict[str, Any]:
    files = [find_file(place) for place in file_places(spec)]
    return {
        "name": spec.name,
        "installed": is_installed(spec),
        "default": spec.name == default,
        "source": "config" if own else "built-in" if spec.name == STARTER else "hub",
        "backbone": spec.architecture.backbone,
        "language": spec.language,
        "size_bytes": sum(path.stat().st_size for path in files if path is not None),
        "checkpoint": spec.checkpoint,
    }


def _info(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if request.get("checkpoint"):
        vocab = Path(request["vocab"]) if request.get("vocab") else None
        named = request.get("architecture")
        architecture = find_architecture(named, Path("/")) if named else None
        yield _described(Path(request["checkpoint"]), vocab, architecture)
        return
    config = load_config()
    specs = catalog({spec.name: spec for spec in config.models})
    spec = resolve(request.get("model") or config.model, specs)
    own = spec.name in {one.name for one in config.models}
    entry = _entry(spec, default=resolve(config.model, specs).name, own=own)
    checkpoint, vocab = find_file(spec.checkpoint), find_file(spec.vocab)
    if checkpoint is None or vocab is None:
        where = "it is not on this machine"
        todo = f"`f5ctl models pull {spec.name}` fetches it" if pull.wanted(spec) else f"see {spec.checkpoint}"
        yield entry | {"problems": [f"{where}; {todo}"], "vocab": spec.vocab, "card": None}
        return
    facts = _described(checkpoint, vocab, spec.architecture, ema=spec.ema)
    facts["card"] = facts["card"] or model_card(Path(spec.checkpoint).parent)
    yield {**entry, **facts, "vocoder": spec.vocoder, "default_voice": spec.default_voice}


def _described(
    checkpoint: Path, vocab: Path | None, architecture: Architecture | None, *, ema: bool = True
) -> dict[str, Any]:
    """Return `describe`'s facts; a file that cannot be read is the caller's mistake, and no engine's."""
    try:
        return describe(checkpoint, vocab, architecture, ema=ema)
    except SynthesisError as error:
        raise BadRequestError("bad_parameter", error.message) from None


def _pull(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    config = load_config()
    spec = resolve(request["model"], catalog({one.name: one for one in config.models}))
    places = pull.wanted(spec)
    for place in places:
        yield {"stage": "checking", "file": place.removeprefix("hf://")}
        if pull.drop_damaged(place):
            yield {"stage": "damaged", "file": place.removeprefix("hf://")}
    missing = [place for place in places if find_file(place) is None]
    remotes = [pull.look_up(spec, place) for place in missing]
    total = sum(remote.size_bytes for remote in remotes)
    done = 0
    for remote in remotes:
        with _Teller(remote, done, total):
            pull.download(spec, remote)
        done += remote.size_bytes
        yield {"stage": "done", "file": remote.name, "bytes": done, "total": total}
    yield {"stage": "complete", "model": spec.name, "installed": is_installed(spec), "fetched": len(remotes)}


class _Teller:
    """Writes how much of a file is there, again and again, while it is fetched."""

    def __init__(self, remote: pull.RemoteFile, before: int, total: int) -> None:
        self._remote, self._before, self._total = remote, before, total
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(TELL_EVERY_S):
            try:
                size = self._remote.part.stat().st_size
            except OSError:
                continue
            told = {"stage": "fetching", "file": self._remote.name, "bytes": self._before + size}
            sys.stdout.write(json.dumps(told | {"total": self._total}) + "\n")
            sys.stdout.flush()


def _rm(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    config = load_config()
    specs = catalog({spec.name: spec for spec in config.models})
    spec = resolve(request["model"], specs) if request["model"].lower() != "auto" else None
    if spec is None or spec.name == STARTER:
        raise BadRequestError("unknown_model", f"{request['model']} is part of f5d and cannot be removed")
    if not pull.wanted(spec):
        line = f"{spec.name} is your own file {spec.checkpoint}; remove it and its table in f5d.toml yourself"
        raise BadRequestError("unknown_model", line)
    if all(find_file(place) is None for place in pull.wanted(spec)):
        raise BadRequestError("unknown_model", f"{spec.name} is not on this machine")
    others = [one for one in specs.values() if one.name != spec.name and find_file(one.checkpoint) is not None]
    yield {"model": spec.name, "freed_bytes": pull.remove(spec, others)}


def _default(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    config = load_config()
    specs = catalog({spec.name: spec for spec in config.models})
    if request.get("model") is None:
        yield {"configured": config.model, "model": resolve(config.model, specs).name}
        return
    wanted = request["model"]
    name = "auto" if wanted.lower() == "auto" else resolve(wanted, specs).name
    path = SYSTEM_FILE if request.get("system") else defaults.user_file(os.environ)
    defaults.set_default(path, name)
    spec = resolve(name, specs)
    yield {"configured": name, "model": spec.name, "file": str(path), "installed": is_installed(spec)}


_TASKS: Final[dict[str, Callable[[dict[str, Any]], Iterator[dict[str, Any]]]]] = {
    "list": _list,
    "info": _info,
    "pull": _pull,
    "rm": _rm,
    "default": _default,
}


if __name__ == "__main__":
    serve(answers)
