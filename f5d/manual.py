"""`python -m f5d.manual FOLDER`: the manual pages f5ctl(1), f5d(8) and f5d.toml(5).

The first two come from the commands themselves, the last from systemd/f5d.toml.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from f5ctl import __version__
from f5ctl.cli import cli
from f5d.__main__ import main as daemon

SETTINGS: Final = Path(__file__).resolve().parents[1] / "systemd" / "f5d.toml"
_SETTING: Final = re.compile(r"\[[\w.]+\]|\w+ = ")
_EXIT_STATUS: Final = {
    "0": "Done.",
    "1": "Some of it failed, and what did is listed; replay: the audio is not identical.",
    "2": "Wrong usage.",
    "65": "A bad request: text, voice, audio or a parameter.",
    "69": "No daemon.",
    "70": "Synthesis failed.",
    "73, 74": "The output cannot be created, or could not be written.",
    "75": "Try again: overloaded, or the deadline has passed.",
    "78": "The configuration is wrong.",
    "130, 143": "Interrupted, terminated.",
}


def command_page(name: str, section: int, group: click.Group) -> str:
    """Return the page of a command and all its subcommands, as roff."""
    ctx = click.Context(group, info_name=name)
    what = (group.help or "").rstrip(".")
    lines = [*_head(name, section, what), ".SH SYNOPSIS", f".B {name}", _escape("[OPTIONS] COMMAND [ARGS]...")]
    lines += [".SH OPTIONS", *_options(group, ctx), ".SH COMMANDS"]
    for verb in group.list_commands(ctx):
        command = group.get_command(ctx, verb)
        if command is not None:
            lines += _command(command, click.Context(command, info_name=verb, parent=ctx))
    lines.append(".SH EXIT STATUS")
    for status, meaning in _EXIT_STATUS.items():
        lines += [".TP", f".B {status}", meaning]
    also = "f5d (8), f5d.toml (5)" if name == "f5ctl" else "f5ctl (1), f5d.toml (5)"
    return "\n".join([*lines, ".SH SEE ALSO", *(f".BR {page}" for page in also.split(", ")), ""])


def settings_page(document: str) -> str:
    """Return f5d.toml(5) from a file in which a comment stands above each setting."""
    lines = [*_head("f5d.toml", 5, "The configuration of f5d"), ".SH SETTINGS"]
    for comment, setting in _settings(document):
        lines += [".TP", f".B {_escape(setting)}", *(_escape(line) for line in comment)]
    lines += [".SH SEE ALSO", ".BR f5d (8)", ""]
    return "\n".join(lines)


def _head(name: str, section: int, what: str) -> list[str]:
    title = f'.TH {name.upper()} {section} "" "f5d {__version__}"'
    return [title, ".SH NAME", f"{_escape(name)} \\- {_escape(what)}"]


def _command(command: click.Command, ctx: click.Context) -> list[str]:
    usage = " ".join(command.collect_usage_pieces(ctx))
    lines = [f'.SS "{_escape(f"{ctx.info_name} {usage}")}"', *_paragraphs(command.help or "")]
    lines += _options(command, ctx)
    if isinstance(command, click.Group):
        for name in command.list_commands(ctx):
            inner = command.get_command(ctx, name)
            if inner is not None:
                lines += _command(inner, click.Context(inner, info_name=f"{ctx.info_name} {name}", parent=ctx))
    return lines


def _options(command: click.Command, ctx: click.Context) -> list[str]:
    lines = []
    for parameter in command.get_params(ctx):
        record = parameter.get_help_record(ctx) if isinstance(parameter, click.Option) else None
        if record is not None and "--help" not in parameter.opts:
            lines += [".TP", f".B {_escape(record[0])}", _escape(record[1])]
    return lines


def _paragraphs(text: str) -> list[str]:
    lines = []
    for paragraph in text.split("\n\n"):
        lines += [".PP", _escape(" ".join(paragraph.replace("\b", "").split()))]
    return lines


def _settings(document: str) -> Iterator[tuple[list[str], str]]:
    """Yield (comment lines, setting) for each setting and table; a setting may itself be commented out."""
    comment: list[str] = []
    for line in document.splitlines():
        shown = line.removeprefix("# ")
        setting, _, beside = shown.partition(" # ")
        if _SETTING.match(setting):
            yield comment + ([beside.strip()] if beside else []), setting.strip()
            comment = []
        elif line.startswith("# "):
            comment.append(shown)
        else:
            comment = []


def _escape(text: str) -> str:
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace('"', "\\(dq")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped


def main() -> None:
    """Write the three pages."""
    if len(sys.argv) != 2:
        sys.exit("usage: python -m f5d.manual FOLDER")
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, page in (
        ("f5ctl.1", command_page("f5ctl", 1, cli)),
        ("f5d.8", command_page("f5d", 8, daemon)),
        ("f5d.toml.5", settings_page(SETTINGS.read_text(encoding="utf-8"))),
    ):
        (folder / name).write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
