"""The names of a batch's outputs: which ones are possible, and that no two are in each other's way.

Everything that would fail when the file is written, hours later, is found here. Looks at the folder only.
"""

from __future__ import annotations

import os
import re
from typing import Final

import click

from f5ctl.speech.output import FORMATS, Format, format_of

MOST_BYTES: Final = 250  # of a name; its receipt's is five longer, and the kernel's limit is 255
SUFFIXES: Final = (*(f".{name}" for name in FORMATS), ".raw")
_DRIVE: Final = re.compile(r"[A-Za-z]:|//")


class Outputs:
    """Owns the names that are taken, each with the line that has it; `folder` is where the files will lie."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._files: dict[str, int] = {}
        self._folders: dict[str, int] = {}

    def take(self, output: str, place: int) -> None:
        """Give `output` to the line at `place`, or raise click.UsageError."""
        normal = os.path.normpath(output)
        _check_name(output, normal)
        parents = list(_parents(normal))
        if normal in self._files:
            raise click.UsageError(f"output {output} is line {self._files[normal]}'s already")
        for name in (normal, f"{normal}.json"):  # the second: among the receipts
            if name in self._folders:
                raise click.UsageError(f"output {output} is line {self._folders[name]}'s folder already")
        for parent in parents:
            for name in (parent, parent.removesuffix(".json")):
                if name in self._files:
                    whose = f"line {self._files[name]}'s file"
                    raise click.UsageError(f"output {output} needs a folder {parent}; {name} is {whose}")
        self._check_folder(output, normal, parents)
        self._files[normal] = place
        for parent in parents:
            self._folders.setdefault(parent, place)

    def _check_folder(self, output: str, normal: str, parents: list[str]) -> None:
        if os.path.isdir(os.path.join(self._folder, normal)):
            raise click.UsageError(f"output {output} is a folder in {self._folder}")
        for parent in parents:
            path = os.path.join(self._folder, parent)
            if parent not in self._folders and os.path.exists(path) and not os.path.isdir(path):
                raise click.UsageError(f"output {output} needs a folder, but {path} is a file")


def with_format(output: str, own: Format | None, default: Format) -> tuple[str, Format]:
    """Return a name with a suffix, `own` or `default` where it has none, and the format that it has.

    Raises:
        click.UsageError: the suffix names no format, or another than `own`.
    """
    output = output.replace("\\", "/")  # of Windows
    if len(output.encode()) > MOST_BYTES or any(not char.isprintable() for char in output):
        raise click.UsageError(f"output is {output!r:.80}; use at most {MOST_BYTES} printable bytes")
    if output.endswith("/"):
        raise _no_file(output)
    if not os.path.splitext(output)[1]:
        output = f"{output}.{own or default}"
    format_ = format_of(output)
    if own not in (None, format_):
        raise click.UsageError(f"output is {output!r}, but format is {own!r}; leave one of them out")
    return output, format_


def _check_name(output: str, normal: str) -> None:
    parts = normal.split("/")
    if os.path.isabs(output) or parts[0] == ".." or _DRIVE.match(output):
        raise _no_file(output)
    if len(output.encode()) > MOST_BYTES:
        raise click.UsageError(f"output is {output!r:.80}; use at most {MOST_BYTES} printable bytes")
    if any(part.startswith(".") for part in parts):
        raise click.UsageError(f"output is {output!r}; names with a leading dot are kept for receipts")


def _no_file(output: str) -> click.UsageError:
    return click.UsageError(f"output is {output!r}; it must be the name of a file inside the folder")


def _parents(normal: str) -> list[str]:
    parts = normal.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]
