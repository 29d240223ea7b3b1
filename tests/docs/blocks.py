"""The fenced blocks of a Markdown page, and what stands in them. Pure: pages in, blocks and scripts out.

A fence's words say what its block is: its language and, where it cannot run in a test, `no-test: why`. A block
that is no shell and begins with a comment that is a file's name (`# story.toml`) is that file.
"""

from __future__ import annotations

import re
import shlex
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

_FENCE: Final = re.compile(r"^( *)```(\w*)([^\n]*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_FILE: Final = re.compile(r"(?:#|//) ([~\w./-]*\w\.\w+|Makefile)\n")
_OPERATORS: Final = frozenset({"|", "||", "&", "&&", ";", ";;", ">", ">>", "<", "(", ")"})


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block; `reason` is why no test runs it, `path` the file that it is."""

    at: str  # page:line
    language: str
    text: str
    reason: str = ""
    path: str = ""


def blocks(page: Path) -> Iterator[Block]:
    """Yield the blocks of a page in order."""
    content = page.read_text(encoding="utf-8")
    for match in _FENCE.finditer(content):
        _indent, language, words, body = match.groups()
        text = textwrap.dedent(body)
        named = _FILE.match(text) if language != "sh" else None
        _, marked, reason = words.partition("no-test:")
        if bool(marked) != bool(words.strip()) or (marked and not reason.strip()):
            raise ValueError(f"{page.name}: {words!r} is no reason; write `no-test: why`")
        line = content.count("\n", 0, match.start()) + 1
        yield Block(f"{page.name}:{line}", language, text, reason.strip(), named[1] if named else "")


def calls(script: str) -> Iterator[list[str]]:
    """Yield the words of each call of f5ctl or f5d in a shell script."""
    for line in script.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        try:
            words = list(lexer)
        except ValueError:
            continue  # one line of a text with quotation marks in it
        while words:
            end = next((place for place, word in enumerate(words) if word in _OPERATORS), len(words))
            call, words = words[:end], words[end + 1 :]
            start = next((place for place, word in enumerate(call) if Path(word).name == "f5ctl"), None)
            if call and Path(call[0]).name == "f5d":
                start = 0
            if start is not None:
                yield call[start:]


def parse(call: list[str], commands: dict[str, click.Group]) -> None:
    """Return when the call's verb and options exist.

    Raises:
        click.UsageError: they do not.
    """
    name = Path(call[0]).name
    command: click.Command = commands[name]
    parent: click.Context | None = None
    args = call[1:]
    while True:
        try:
            ctx = command.make_context(name, args, parent=parent)
        except click.exceptions.Exit:
            return  # --version, --help
        left = [*ctx._protected_args, *ctx.args]
        if not isinstance(command, click.Group) or not left:
            return
        found, inner, args = command.resolve_command(ctx, left)
        if inner is None:
            raise click.UsageError(f"no such verb: {found}")
        command, name, parent = inner, str(found), ctx


def script(page: list[Block], folder: Path) -> str:
    """Return a shell script that does what the page says, block after block; their texts go into `folder`.

    Blocks of Python that follow one another share a process, each with names of its own.
    """
    lines = ["set -eEo pipefail", "trap 'echo \"STOPPED in $at: $BASH_COMMAND\" >&2' ERR"]
    pending: list[str] = []

    def run_python() -> None:
        if pending:
            lines.append(f"python {folder}/run_all.py {' '.join(pending)}")
            pending.clear()

    for number, block in enumerate(page):
        file = folder / f"{number}.{block.language or 'txt'}"
        file.write_text(block.text, encoding="utf-8")
        runs_python = block.language == "python" and not (block.path or block.reason)
        if not runs_python:
            run_python()
        if not block.reason:
            lines.append(f"at={block.at}")
        if block.reason:
            continue
        if block.path:
            path = block.path.replace("~", '"$HOME"', 1)
            lines += [f"mkdir -p $(dirname {path})", f"cat {file} >> {path}"]
        elif runs_python:
            pending.append(str(file))
        elif block.language == "sh":
            lines.append(block.text)
    run_python()
    (folder / "run_all.py").write_text(_RUN_ALL)
    # What was started in the background has to end well, or by a `kill` of the page.
    lines.append("at=background; for job in $(jobs -p); do wait $job || [ $? = 143 ]; done")
    return "\n".join([*lines, ""])


_RUN_ALL: Final = """import runpy, sys
for path in sys.argv[1:]:
    sys.argv = [path]
    runpy.run_path(path, run_name="__main__")
"""
