"""The names in a manifest that only the daemon knows: voices and models. Looked up before a line is spoken."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from f5ctl.batch.line import Bad, Line
from f5ctl.batch.manifest import Manifest
from f5ctl.errors import BadRequestCode
from f5ctl.names import unknown

_AUTO: Final = "auto"  # the best model that is installed


def names_something(lines: Sequence[Line]) -> bool:
    """Return True when the daemon has to be asked: a line names a voice that is no own one, or a model."""
    return any(_voice(line) or _model(line) for line in lines)


def with_unknown_names(manifest: Manifest, missing: Sequence[Line], status: Mapping[str, Any]) -> Manifest:
    """Return the manifest, with those of the `missing` lines that name what a daemon has not as bad ones.

    What is made already needs no name any more. `status` is the daemon's answer; what it does not list is not
    looked up.
    """
    voices, models = (_listed(status, key) for key in ("voices", "models"))
    wrong: list[Bad] = []
    for line in missing:
        voice, model = _voice(line), _model(line)
        if voice and voices and voice not in voices:
            wrong.append(_bad(line, "unknown_voice", unknown("voice", voice, sorted(voices))))
        elif model and models and model.lower() != _AUTO and model not in models:
            wrong.append(_bad(line, "unknown_model", unknown("model", model, [_AUTO, *models])))
    if not wrong:
        return manifest
    numbers = {bad.number for bad in wrong}
    lines = [line for line in manifest.lines if line.number not in numbers]
    return replace(manifest, lines=lines, bad=sorted([*manifest.bad, *wrong], key=lambda bad: bad.number))


def _voice(line: Line) -> str | None:
    return line.voice if line.ref_hash is None else None


def _model(line: Line) -> str | None:
    model = line.parameters.get("model")
    return model if isinstance(model, str) else None


def _listed(status: Mapping[str, Any], key: str) -> Collection[str]:
    return [str(found["name"]) for found in status.get(key) or []]


def _bad(line: Line, code: BadRequestCode, what: str) -> Bad:
    fields = {name: value for name, value in line.record().items() if name not in line.own and name != "output"}
    return Bad(line.number, line.place, line.where, line.output, code, what, fields, line.own)
