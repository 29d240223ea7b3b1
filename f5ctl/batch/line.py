"""One line of a batch: what is to be made, or why it cannot be. Pure."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from f5ctl.errors import BadRequestCode
from f5ctl.parameters import PRIORITIES
from f5ctl.speech.output import Format

_SEED_BYTES: Final = 4  # drawn seeds are as short as the daemon's


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """One output: what to say, with every default of the call filled in.

    `parameters` holds the protocol's fields but text, voice, recording, seed and priority. `ref_audio` is a
    path, `ref_hash` the SHA-256 of what was in it, or in the file of the user's own voice. `own_seed` is True
    when the manifest or the call named it. `own` are the columns that are the user's, not ours. `parts` is the
    hash of what the tags make of a text of several requests, None for a text of one.
    """

    number: int  # of the record, from 1, which names its file
    place: int  # in the manifest: the line that it begins in
    where: str  # for messages: "line 7 of a.csv"
    text: str
    output: str  # relative to the folder
    format: Format
    seed: int
    own_seed: bool
    voice: str | None = None
    ref_audio: str | None = None
    ref_hash: str | None = None
    ref_text: str | None = None
    priority: int | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    own: Mapping[str, Any] = field(default_factory=dict)
    parts: str | None = None

    @property
    def key(self) -> str:
        """The content's address: SHA-256 of everything that decides the bytes of the output."""
        said = [self.text, self.voice, self.ref_hash, self.ref_text, self.parameters, self.seed, self.format]
        return digest(said if self.parts is None else [*said, self.parts])

    def record(self) -> dict[str, Any]:
        """Return the line as a manifest would have it, with its output and seed written out."""
        names = {value: name for name, value in PRIORITIES.items()}
        record = {
            "text": self.text,
            "output": self.output,
            "voice": self.voice,
            "ref_audio": self.ref_audio and os.path.abspath(self.ref_audio),
            "ref_text": self.ref_text,
            "priority": None if self.priority is None else names[self.priority],
            **self.parameters,
            "seed": self.seed,
            **self.own,
        }
        return {name: value for name, value in record.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Bad:
    """A line that cannot be spoken: `what` is wrong with it, and the fields that could be read."""

    number: int
    place: int
    where: str
    output: str
    code: BadRequestCode
    what: str
    fields: Mapping[str, Any]
    own: Mapping[str, Any]

    @property
    def told(self) -> str:
        """The whole sentence: "line 7 of a.csv: speed is 3; the limit is 0.5 to 2"."""
        gap = " " if self.what.startswith(("is ", "has ")) else ": "
        return f"{self.where}{gap}{self.what}"

    def record(self) -> dict[str, Any]:
        """Return the line as it was written, to be mended."""
        return {"output": self.output, **self.fields}


def derived_seed(line: Line, root: int | None) -> int:
    """Return a seed that the line's words and voice decide, so that a rerun makes the same audio."""
    content = [root, line.text, line.voice, line.ref_hash, line.ref_text, line.parameters.get("model")]
    return int.from_bytes(bytes.fromhex(digest(content))[:_SEED_BYTES], "big")


def digest(content: Any) -> str:
    """Return the SHA-256 of what JSON can hold."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=True).encode()).hexdigest()
