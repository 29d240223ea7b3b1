"""`f5ctl help`: the page that a verb shows with --help."""

from __future__ import annotations

from typing import Any

import click

from f5ctl.cli.base.family import VerbFamily
from f5ctl.cli.base.settings import Verb, common_options
from f5ctl.printing import emit_lines


def _offer(ctx: click.Context, parameter: click.Parameter, start: str) -> list[Any]:
    """Return the verbs that may follow those that stand there already."""
    from click.shell_completion import CompletionItem

    page = _page(ctx.find_root(), ctx.params.get(parameter.name or "") or ())
    verbs = page.command.list_commands(page) if isinstance(page.command, VerbFamily) else []
    return [CompletionItem(verb) for verb in verbs if verb.startswith(start)]


@click.command("help", cls=Verb, examples="f5ctl help say\nf5ctl help voices add")
@click.argument("verbs", metavar="[VERB [SUBVERB]]", nargs=-1, shell_complete=_offer)
@common_options
@click.pass_context
def help(ctx: click.Context, *, verbs: tuple[str, ...]) -> None:  # noqa: A001 - so the verb is called
    """Show the help page of VERB, of its SUBVERB, or of f5ctl."""
    emit_lines(_page(ctx.find_root(), verbs).get_help())


def _page(page: click.Context, verbs: tuple[str, ...]) -> click.Context:
    """Return the context of the last one of `verbs` (click.UsageError when one is none)."""
    for verb in verbs:
        family = page.command
        if not isinstance(family, VerbFamily):
            raise click.UsageError(f"{page.command_path} has no verbs", page)
        command = family.get_command(page, verb)
        if command is None:
            raise family.unknown(page, verb)
        page = click.Context(command, page, verb, **command.context_settings)
    return page
