"""Verbs that have verbs of their own: `f5ctl` itself, `f5ctl voices add`, `f5ctl models pull`."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click

from f5ctl.cli.base.settings import WithExamples
from f5ctl.commandline import Family


class VerbFamily(WithExamples, Family):
    """A group that knows its verbs by name and imports one only to run it.

    `verbs` maps a verb to (module under f5ctl.cli, name of the command there, line in the help).
    """

    def __init__(self, *args: Any, verbs: Mapping[str, tuple[str, str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._verbs = verbs

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the verbs in the order of the help."""
        return list(self._verbs)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Return the command behind a verb."""
        if cmd_name not in self._verbs:
            return None
        module, name, _line = self._verbs[cmd_name]
        command: click.Command = getattr(import_module(f"f5ctl.cli.{module}"), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the verbs without importing them."""
        with formatter.section("Verbs"):
            formatter.write_dl([(verb, line) for verb, (_module, _name, line) in self._verbs.items()])
