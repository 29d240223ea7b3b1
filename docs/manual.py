"""`python docs/manual.py FOLDER`: the manual pages f5ctl(1), f5d(8) and f5d.toml(5).

`python docs/manual.py FILE.md` writes the first two as Markdown (docs/commands.md). They come from the
commands themselves, the last one from systemd/f5d.toml.
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
_HELP: Final = frozenset({"--help", "--help-all"})
_SETTING: Final = re.compile(r"\[[\w.]+\]|\w+ = ")
_HEADER: Final = """# Commands

Every command with all of its options, rare ones included. The options of `f5ctl` itself stand before or after
any of its verbs. `make pages` writes this page from the commands, as `make man` does f5ctl(1) and f5d(8).
"""
_EXIT_STATUS: Final = {
    "0": "Done.",
    "1": "Some of it failed, and what did is listed; replay: the audio is not identical.",
    "2": "Wrong usage.",
    "3": "replay: the audio is that of the receipt; the file keeps no samples that could be compared.",
    "65": "A bad request: text, voice, audio or a parameter.",
    "69": "No daemon.",
    "70": "Synthesis failed.",
    "73, 74": "The output cannot be created, or could not be written.",
    "75": "Try again: overloaded, or the deadline has passed.",
    "78": "The configuration is wrong, or an extra is not installed.",
    "130, 143": "Interrupted, terminated.",
}


def command_page(name: str, section: int, group: click.Group) -> str:
    """Return the page of a command and all its subcommands, as roff."""
    ctx = click.Context(group, info_name=name)
    what = (group.help or "").rstrip(".")
    lines = [*_head(name, section, what), ".SH SYNOPSIS", f".B {name}", _escape("[OPTIONS] COMMAND [ARGS]...")]
    lines += [".SH OPTIONS", *_options(group, ctx), ".SH COMMANDS"]
    for verb, command in _inner(group, ctx):
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


def reference() -> str:
    """Return docs/commands.md: both commands and all their subcommands."""
    lines = [_HEADER]
    for name, group in (("f5ctl", cli), ("f5d", daemon)):
        lines += _section(group, click.Context(group, info_name=name))
    lines += ["## Exit status\n", "| status | meaning |", "|---|---|"]
    lines += [f"| {status} | {meaning} |" for status, meaning in _EXIT_STATUS.items()]
    return "\n".join([*lines, ""])


def _section(command: click.Command, ctx: click.Context) -> list[str]:
    usage = " ".join([ctx.command_path, *command.collect_usage_pieces(ctx)])
    lines = [f"## {ctx.command_path}\n", "```", usage, "```\n"]
    lines += [f"{text}\n" for text in _texts(command)]
    root = ctx.find_root()
    known = set(_records(root.command, root)) if ctx.parent else set()
    own = [record for record in _records(command, ctx) if record not in known]
    rows = [f"| `{_cell(names)}` | {_cell(meaning)} |" for names, meaning in own]
    if rows:
        lines += ["| option | meaning |", "|---|---|", *rows, ""]
    for name, inner in _inner(command, ctx):
        lines += _section(inner, click.Context(inner, info_name=name, parent=ctx))
    return lines


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _head(name: str, section: int, what: str) -> list[str]:
    title = f'.TH {name.upper()} {section} "" "f5d {__version__}"'
    return [title, ".SH NAME", f"{_escape(name)} \\- {_escape(what)}"]


def _command(command: click.Command, ctx: click.Context) -> list[str]:
    usage = " ".join(command.collect_usage_pieces(ctx))
    lines = [f'.SS "{_escape(f"{ctx.info_name} {usage}")}"']
    for text in _texts(command):
        lines += [".PP", _escape(text)]
    lines += _options(command, ctx)
    for name, inner in _inner(command, ctx):
        lines += _command(inner, click.Context(inner, info_name=f"{ctx.info_name} {name}", parent=ctx))
    return lines


def _options(command: click.Command, ctx: click.Context) -> list[str]:
    lines = []
    for names, meaning in _records(command, ctx):
        lines += [".TP", f".B {_escape(names)}", _escape(meaning)]
    return lines


def _inner(command: click.Command, ctx: click.Context) -> Iterator[tuple[str, click.Command]]:
    """Yield the subcommands of a group with their names."""
    if isinstance(command, click.Group):
        for name in command.list_commands(ctx):
            inner = command.get_command(ctx, name)
            if inner is not None:
                yield name, inner


def _records(command: click.Command, ctx: click.Context) -> Iterator[tuple[str, str]]:
    """Yield names and meaning of each option but those that print help."""
    for parameter in command.get_params(ctx):
        record = parameter.get_help_record(ctx) if isinstance(parameter, click.Option) else None
        if record is not None and not _HELP.intersection(parameter.opts):
            yield record


def _texts(command: click.Command) -> list[str]:
    """Return the paragraphs of a command's help, each as one line."""
    return [" ".join(text.replace("\b", "").split()) for text in (command.help or "").split("\n\n")]


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
    """Write the three pages, or the reference."""
    if len(sys.argv) != 2:
        sys.exit("usage: python docs/manual.py FOLDER, or FILE.md")
    folder = Path(sys.argv[1])
    if folder.suffix == ".md":
        folder.write_text(reference(), encoding="utf-8")
        return
    folder.mkdir(parents=True, exist_ok=True)
    for name, page in (
        ("f5ctl.1", command_page("f5ctl", 1, cli)),
        ("f5d.8", command_page("f5d", 8, daemon)),
        ("f5d.toml.5", settings_page(SETTINGS.read_text(encoding="utf-8"))),
    ):
        (folder / name).write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
