"""The verbs of `f5ctl`. Only the module of the verb that runs is imported."""

from __future__ import annotations

from typing import Final

import click

from f5ctl import __version__
from f5ctl.cli.base.family import VerbFamily
from f5ctl.cli.base.settings import common_options

VERBS: Final = {  # each lies in the file of its name
    "say": "Speak text: to a file, a pipe or the loudspeaker.",
    "batch": "Speak every line of a manifest into a file of its own.",
    "status": "Show what the daemon is doing.",
    "metrics": "Print the daemon's counters for Prometheus.",
    "ps": "List the loaded models.",
    "voices": "List the voices; add, play and check your own.",
    "models": "List the models; fetch, remove or choose one.",
    "info": "Show what a model or a checkpoint file holds.",
    "inspect": "Show what an audio file was made of.",
    "replay": "Make an audio file again and compare the two.",
    "load": "Load a model now, so that the next say does not wait.",
    "unload": "Unload a model and give its memory back.",
    "cancel": "Cancel a job, or all of them.",
    "stop": "Stop the daemon once its jobs are done.",
    "doctor": "Check the installation, with a fix for each finding.",
    "bench": "Measure how fast the daemon speaks here.",
    "completion": "Print the shell's completion script.",
    "serve": "Serve other programs: the OpenAI API, Home Assistant.",
    "service": "Let systemd start the daemon, and watch over it.",
    "version": "Show the versions of f5ctl and of the daemon.",
    "help": "Show the help page of a verb.",
}


class Verbs(VerbFamily):
    """The verbs of f5ctl. A text in a verb's place is spoken; another program's verb is told what is meant."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the options before the verb; of one that `say` has, tell that (click.UsageError)."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            from f5ctl.cli.habits import misplaced

            raise misplaced(error, self.get_command(ctx, "say")) from None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the verb, `say` for a text, and what follows it."""
        if args[0] not in VERBS and not ctx.resilient_parsing:
            from f5ctl.cli.habits import is_text

            if is_text(args[0]):
                args = ["say", *args]
        return super().resolve_command(ctx, args)

    def unknown(self, ctx: click.Context, word: str) -> click.UsageError:
        """Return the error for a verb that is none, with what it is here."""
        from f5ctl.cli.habits import told

        return told(word, super().unknown(ctx, word))


@click.group(
    cls=Verbs,
    verbs={verb: (verb, verb, line) for verb, line in VERBS.items()},
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
