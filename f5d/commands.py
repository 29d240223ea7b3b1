"""The command line of `f5d`: `f5d serve` runs the daemon in the foreground, `f5d infer` speaks once."""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeVar

import click

from f5ctl import __version__
from f5ctl.commandline import FILE, Family, fail, status_of
from f5ctl.errors import EXIT_OK, F5Error
from f5ctl.extras import require
from f5ctl.printable import printable
from f5ctl.signals import die_of
from f5ctl.socketpath import check_socket_path
from f5d.infer import infer
from f5d.keys import KEYS

_OF_F5CTL: Final = (
    "say",
    "batch",
    "status",
    "ps",
    "voices",
    "models",
    "load",
    "unload",
    "cancel",
    "stop",
    "doctor",
)
Decorated = TypeVar("Decorated", bound=Callable[..., Any])


class CommandLine(Family):
    """The commands of f5d. What is wrong is told in one line and an exit status, as by f5ctl."""

    def unknown(self, ctx: click.Context, word: str) -> click.UsageError:
        """Return the error for a verb that is none, or one of f5ctl."""
        if word in _OF_F5CTL:
            return click.UsageError(f"f5d has no verb {word!r}: it is f5ctl {word}", ctx)
        return super().unknown(ctx, word)

    def main(self, *args: Any, standalone_mode: bool = True, **extra: Any) -> Any:
        """Run a command line and end the process, unless `standalone_mode` is false."""
        run = partial(super().main, *args, standalone_mode=False, **extra)
        if not standalone_mode:
            return run()
        try:
            status = status_of("f5d", run)
        except click.Abort:
            die_of(signal.SIGINT)
        except OSError as error:
            if error.errno not in (errno.EBADF, errno.ENOSPC) or error.filename:
                raise
            sys.stdout = None  # what it still holds would be tried again
            status = fail("f5d", f"cannot write the answer: {error.strerror}", 74)
        sys.exit(status)


@click.group(
    cls=CommandLine, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(__version__, prog_name="f5d")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Keep an F5-TTS model warm and serve f5ctl over a Unix socket."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def settings(function: Decorated) -> Decorated:
    """Add the flag of each key of the configuration that has one."""
    for name in reversed([name for name, key in KEYS.items() if key.metavar]):
        key = KEYS[name]
        kind = FILE if key.metavar == "PATH" else None
        flag = f"--{name.replace('_', '-')}"
        function = click.option(flag, metavar=key.metavar, type=kind, help=key.phrase)(function)
    return function


@main.command(short_help="Run the daemon in the foreground.")
@click.option(
    "--config", "config_file", metavar="FILE", type=FILE, help="Configuration file (TOML); must exist."
)
@settings
@click.option("--on-demand", is_flag=True, help="An f5ctl of another version may replace this daemon.")
@click.option("--log-to", type=int, hidden=True)  # of f5ctl: a descriptor, for what is said once it serves
def serve(config_file: str | None, *, on_demand: bool, log_to: int | None, **flags: Any) -> None:
    """Run the daemon in the foreground until SIGTERM, Ctrl-C or `f5ctl stop`.

    A second signal does not wait for the accepted jobs. SIGHUP reads the configuration again.
    """
    from f5d import daemon
    from f5d.config import load_config
    from f5d.system import journal

    read_config = partial(load_config, flags, file=config_file)
    require("engine", "f5d serve")
    config = read_config()
    journal.configure(config.log_level, own_file=on_demand)
    daemon.run(config, read_config=read_config, on_demand=on_demand, log_to=log_to)


@main.command("check-config", short_help="Read the configuration as `serve` would.")
@click.option(
    "--config", "config_file", metavar="FILE", type=FILE, help="Configuration file (TOML); must exist."
)
def check_config(config_file: str | None) -> int:
    """Read the configuration as `f5d serve` would, print `ok` and what is in it, or each fault in a line.

    The exit status is 78 if anything is wrong. A running daemon is not looked at.
    """
    from f5d.config import WrongConfigError, config_path, load_config
    from f5d.daemon import known_names

    try:
        require("engine", "f5d check-config")
        config = load_config(file=config_file)
        names = known_names(config)
        check_socket_path(config.socket)
    except F5Error as error:
        for fault in error.faults if isinstance(error, WrongConfigError) else [error.message]:
            fail("f5d", fault, error.exit_status)
        return error.exit_status
    path = config_path(config_file, os.environ)
    found = {
        "file": str(path or "none; the defaults hold"),
        "socket": config.socket,
        "model": config.model,
        "models": ", ".join(names.specs),
        "voices": ", ".join(names.voices),
    }
    click.echo("ok")
    for what, value in found.items():
        click.echo(printable(f"{what:<8} {value}"))
    return EXIT_OK


main.add_command(infer)
