"""The verbs of `f5ctl`. Only the module of the verb that runs is imported."""

from __future__ import annotations

from importlib import import_module
from typing import Final

import click

from f5ctl import __version__
from f5ctl.cli.base import common_options

# verb: (module under f5ctl.cli, line in `f5ctl --help`)
VERBS: Final = {
    "say": ("say", "Speak text: to a file, a pipe or the loudspeaker."),
    "batch": ("batch", "Speak every line of a manifest into a file of its own."),
    "status": ("daemon", "Show what the daemon is doing."),
    "metrics": ("metrics", "Print the daemon's counters for Prometheus."),
    "ps": ("models", "List the loaded models."),
    "voices": ("voices", "List the voices; add, try and check your own."),
    "models": ("catalog", "List the models; fetch, remove or choose one."),
    "info": ("catalog", "Show what a model or a checkpoint file holds."),
    "inspect": ("receipts", "Show what an audio file was made of."),
    "replay": ("receipts", "Make an audio file again and compare the two."),
    "load": ("models", "Load a model now, so that the next say does not wait."),
    "unload": ("models", "Unload a model and give its memory back."),
    "cancel": ("jobs", "Cancel a job, or all of them."),
    "stop": ("daemon", "Stop the daemon once its jobs are done."),
    "doctor": ("doctor", "Check the installation, with a fix for each finding."),
    "bench": ("bench", "Measure how fast the daemon speaks here."),
    "completion": ("completion", "Print the shell's completion script."),
    "service": ("service", "Let systemd start the daemon, and watch over it."),
    "version": ("daemon", "Show the versions of f5ctl and of the daemon."),
}


class VerbGroup(click.Group):
    """A group that knows its verbs by name and imports one only to run it."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the verbs in the order of the help."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Return the command behind a verb."""
        if cmd_name not in VERBS:
            return None
        command: click.Command = getattr(import_module(f"f5ctl.cli.{VERBS[cmd_name][0]}"), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the verbs without importing them."""
        with formatter.section("Verbs"):
            formatter.write_dl([(verb, line) for verb, (_module, line) in VERBS.items()])


@click.group(
    cls=VerbGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
    epilog="Try: f5ctl say 'Hello there.'   or: echo Hello | f5ctl say -o hello.wav",
)
@common_options
@click.version_option(__version__, message="%(prog)s %(version)s", help="Show the version.")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Speak through f5d, the daemon that keeps F5-TTS warm."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
