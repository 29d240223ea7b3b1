"""`python docs/manual.py FOLDER`: the manual pages f5ctl(1), f5d(8) and f5d.toml(5).

`python docs/manual.py FILE.md` writes the first two as Markdown (docs/commands.md). They come from the
commands themselves, the last one from systemd/f5d.toml.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

import click

from f5ctl import __version__
from f5ctl.cli import cli
from f5ctl.socketpath import SYSTEM_SOCKET
from f5ctl.voicebox import SHARED_FOLDER
from f5d.commands import main as daemon

SETTINGS: Final = Path(__file__).resolve().parents[1] / "systemd" / "f5d.toml"
_HELP: Final = frozenset({"--help", "--help-all"})
_SETTING: Final = re.compile(r"\[[\w.]+\]|\w+ = ")
_HEADER: Final = """# Commands

Every command with all of its options, rare ones included. The options of `f5ctl` itself stand before or after
any of its verbs. `make pages` writes this page from the commands, as `make man` does f5ctl(1) and f5d(8).
"""
_EXIT_STATUS: Final = {
    "0": "Done.",
    "1": "Some of it failed, and what did is listed; replay: not identical; doctor: something is at fault.",
    "2": "Wrong usage.",
    "65": "A bad request: text, voice, audio or a parameter.",
    "69": "No daemon.",
    "70": "Synthesis failed.",
    "73, 74": "The output cannot be created, or could not be written.",
    "75": "Try again: overloaded, or the deadline has passed.",
    "78": "The configuration is wrong, or an extra is not installed.",
    "130, 143": "Interrupted, terminated.",
}
_BOTH: Final = {
    "F5D_SHARED_VOICES": f"The folder of the machine's voices. Default: {SHARED_FOLDER}.",
    "XDG_RUNTIME_DIR": "Its folder f5d holds the socket. Default: /tmp/f5d-UID.",
    "XDG_CONFIG_HOME, XDG_DATA_HOME, XDG_STATE_HOME, XDG_CACHE_HOME": (
        "Where settings, voices, the log and fetched models lie, if absolute. Default: ~/.config,"
        " ~/.local/share, ~/.local/state and ~/.cache."
    ),
    "HF_HOME, HF_ENDPOINT, HF_TOKEN, HF_HUB_OFFLINE": "Where models lie and come from, as for huggingface_hub.",
    "NO_COLOR, FORCE_COLOR": "Not empty: no colour, or colour also where there is no terminal.",
}
_ENVIRONMENT: Final = {
    "f5ctl": {
        "F5D_SOCKET": "The daemon's socket; --socket counts more.",
        "F5CTL_NO_START": "Not empty: never start a daemon, as --no-start.",
        "F5CTL_PLAYER": "The command that plays: it gets WAV on its standard input.",
        "F5CTL_RECORDER": "The command that records: into the WAV file whose name follows it.",
        "F5CTL_DEBUG": "Not empty: show where an unexpected error arose, and what helper processes say.",
        "F5D_CONFIG": "The f5d.toml that `models default` changes, and that a started daemon reads.",
        **_BOTH,
        "LISTEN_FDS, LISTEN_PID, LISTEN_FDNAMES": "From systemd, for `f5ctl serve`: sd_listen_fds(3).",
        "TERM": "dumb: neither progress nor colour.",
    },
    "f5d": {
        "F5D_CONFIG": "The configuration file; --config counts more.",
        "F5D_KEY": "The key KEY of f5d.toml, such as F5D_SOCKET; the flag counts more.",
        "F5CTL_NO_START": "Not empty: `infer --use-service` starts no daemon.",
        **_BOTH,
        "LISTEN_FDS, LISTEN_PID, NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID": "From systemd: sd_notify(3).",
        "JOURNAL_STREAM, RUNTIME_DIRECTORY": "From systemd: systemd.exec(5).",
    },
}
_BOTH_FILES: Final = {
    "$XDG_RUNTIME_DIR/f5d/f5d.sock": "A user's socket; /tmp/f5d-UID/f5d.sock outside of a session.",
    SYSTEM_SOCKET: "The socket of the system's daemon.",
    "~/.config/f5d/f5d.toml": "The user's configuration.",
    "/etc/f5d/f5d.toml": "The system's, for users who have none.",
    SHARED_FOLDER: "The machine's voices.",
}
_FILES: Final = {
    "f5ctl": {
        **_BOTH_FILES,
        "~/.local/share/f5d/voices/NAME.voice": "A voice of one's own.",
        "~/.local/state/f5d/f5d.log": "What a daemon says that f5ctl has started.",
        ".FILE.f5ctl": "Beside FILE, until it is complete: what say --retry or batch has made of it.",
    },
    "f5d": {**_BOTH_FILES, "~/.cache/huggingface": "Fetched models."},
}
_EXAMPLES: Final = {  # of commands that have none on their help page
    "f5d serve": "f5d serve --device cpu --keep-alive 30m\nF5D_MODEL=starter f5d serve --socket /tmp/f5d.sock",
    "f5d check-config": "f5d check-config --config new.toml",
    "f5d infer": "f5d infer -c model.safetensors -v vocab.txt -t 'And now this.' -r me.wav -o this.wav",
    "f5d infer info": "f5d infer info -c model.safetensors",
}


def command_page(name: str, section: int, group: click.Group) -> str:
    """Return the page of a command and all its subcommands, as roff."""
    ctx = click.Context(group, info_name=name)
    what = (group.help or "").rstrip(".")
    lines = [*_head(name, section, what), ".SH SYNOPSIS", f".B {name}", _escape("[OPTIONS] COMMAND [ARGS]...")]
    lines += [".SH OPTIONS", *_options(group, ctx), ".SH COMMANDS"]
    for verb, command in _inner(group, ctx):
        lines += _command(command, click.Context(command, info_name=verb, parent=ctx))
    for title, entries in (
        ("ENVIRONMENT", _ENVIRONMENT[name]),
        ("FILES", _FILES[name]),
        ("EXIT STATUS", _EXIT_STATUS),
    ):
        lines.append(f".SH {title}")
        for entry, meaning in entries.items():
            lines += [".TP", f".B {_escape(entry)}", _escape(meaning)]
    examples = [_examples(inner, click.Context(inner, ctx, verb))[0] for verb, inner in _inner(group, ctx)]
    lines += [".SH EXAMPLES", *_shown(examples)]
    also = "f5d (8)" if name == "f5ctl" else "f5ctl (1)"
    return "\n".join([*lines, ".SH SEE ALSO", f".BR {also},", ".BR f5d.toml (5)", ""])


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
    for name in ("f5ctl", "f5d"):
        lines += _rows(f"Environment of {name}", "variable", _ENVIRONMENT[name])
        lines += _rows(f"Files of {name}", "file", _FILES[name])
    return "\n".join([*lines, *_rows("Exit status", "status", _EXIT_STATUS)])


def _rows(title: str, first: str, entries: Mapping[str, str]) -> list[str]:
    shown = "{}" if first == "status" else "`{}`"
    rows = [f"| {shown.format(entry)} | {meaning} |" for entry, meaning in entries.items()]
    return [f"## {title}\n", f"| {first} | meaning |", "|---|---|", *rows, ""]


def _examples(command: click.Command, ctx: click.Context) -> list[str]:
    return (getattr(command, "examples", "") or _EXAMPLES.get(ctx.command_path, "")).splitlines()


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
    if examples := _examples(command, ctx):
        lines += [".PP", *_shown(examples)]
    for name, inner in _inner(command, ctx):
        lines += _command(inner, click.Context(inner, info_name=f"{ctx.info_name} {name}", parent=ctx))
    return lines


def _shown(lines: Iterable[str]) -> list[str]:
    return [".EX", *map(_escape, lines), ".EE"]


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
