"""The `f5d` command: `f5d serve` runs the daemon in the foreground, `f5d infer` speaks once."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

from f5ctl import __version__
from f5ctl.errors import F5Error
from f5ctl.extras import require
from f5d.infer import infer
from f5d.keys import KEYS

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="f5d")
def main() -> None:
    """Keep an F5-TTS model warm and serve f5ctl over a Unix socket."""


def settings(function: Decorated) -> Decorated:
    """Add the flag of each key of the configuration that has one."""
    for name in reversed([name for name, key in KEYS.items() if key.metavar]):
        key = KEYS[name]
        function = click.option(f"--{name.replace('_', '-')}", metavar=key.metavar, help=key.phrase)(function)
    return function


@main.command(short_help="Run the daemon in the foreground.")
@click.option("--config", "config_file", metavar="FILE", help="Configuration file (TOML); must exist.")
@settings
@click.option("--on-demand", is_flag=True, help="An f5ctl of another version may replace this daemon.")
def serve(config_file: str | None, *, on_demand: bool, **flags: Any) -> None:
    """Run the daemon in the foreground until SIGTERM, Ctrl-C or `f5ctl stop`.

    A second signal does not wait for the accepted jobs. SIGHUP reads the configuration again.
    """
    from functools import partial

    from f5d import daemon
    from f5d.config import load_config
    from f5d.system import journal

    read_config = partial(load_config, flags, file=config_file)
    try:
        require("engine", "f5d serve")
        config = read_config()
        journal.configure(config.log_level)
        daemon.run(config, read_config=read_config, on_demand=on_demand)
    except F5Error as error:
        click.echo(f"f5d: {error.message}", err=True)
        sys.exit(error.exit_status)


main.add_command(infer)


if __name__ == "__main__":
    main(prog_name="f5d")
