"""What every verb shares: its settings, its options and its help page."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Final, Literal, TypeVar

import click

from f5ctl.commandline import FILE
from f5ctl.socketpath import client_socket_path

Decorated = TypeVar("Decorated", bound=Callable[..., Any])
_HELP_ALL: Final = "f5ctl.help_all"  # key of the context's notes


class Settings:
    """What the options before and after the verb say together."""

    def __init__(self) -> None:
        self.socket = client_socket_path()
        self.socket_is_named = bool(os.environ.get("F5D_SOCKET"))
        self.start = True
        self.quiet = False


def common_options(function: Decorated) -> Decorated:
    """Add the options that stand before or after any verb."""

    def note(
        name: str, value_of: Callable[[Any], Any]
    ) -> Callable[[click.Context, click.Parameter, Any], None]:
        def callback(ctx: click.Context, _parameter: click.Parameter, value: Any) -> None:
            settings = ctx.ensure_object(Settings)
            if value:
                setattr(settings, name, value_of(value))
                settings.socket_is_named |= name == "socket"

        return callback

    for decorate in (
        option(
            "-q",
            "--quiet",
            is_flag=True,
            expose_value=False,
            callback=note("quiet", bool),
            help="No progress, no warnings.",
        ),
        option(
            "--no-start",
            rare=True,
            is_flag=True,
            expose_value=False,
            envvar="F5CTL_NO_START",
            callback=note("start", lambda _value: False),
            help="Never start a daemon.",
        ),
        option(
            "--socket",
            rare=True,
            metavar="PATH",
            type=FILE,
            expose_value=False,
            callback=note("socket", str),
            help="The daemon's socket ($F5D_SOCKET).",
        ),
    ):
        function = decorate(function)
    return function


class SectionOption(click.Option):
    """An option that knows its place in the help; a `LongVerb` shows rare ones in --help-all alone."""

    def __init__(self, *args: Any, section: str, rare: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.section = section
        self.rare = rare


def option(
    *declarations: str, section: str = "Options", rare: bool = False, **attributes: Any
) -> Callable[[Decorated], Decorated]:
    """Return click's decorator for an option that is listed under `section`."""
    return click.option(*declarations, cls=SectionOption, section=section, rare=rare, **attributes)


def offer(kind: Literal["voices", "stored", "models"]) -> Callable[..., Any]:
    """Return what completes a name in the shell: the daemon's and this user's, or the voices `stored`."""

    def complete(ctx: click.Context, parameter: click.Parameter, start: str) -> list[Any]:
        from f5ctl.cli.base.completing import offered

        files = "FILE" in (parameter.metavar or "")
        return offered(kind, ctx.ensure_object(Settings).socket, start, files=files)

    return complete


class WithExamples(click.Command):
    """A command whose help page ends with examples, which keep their lines."""

    def __init__(self, *args: Any, examples: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = examples

    def make_parser(self, ctx: click.Context) -> Any:
        """Return click's parser, made to look for a short option where it looks first: among the long ones.

        Otherwise it first searches all of these for one that is spelled like -o, and imports difflib for that.
        """
        parser = super().make_parser(ctx)
        parser._long_opt.update(parser._short_opt)  # noqa: SLF001 - so named since click 2
        return parser

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Show the examples as they are; without any, the epilog."""
        if not self.examples:
            super().format_epilog(ctx, formatter)
            return
        with formatter.section("Examples"):
            for line in self.examples.splitlines():
                formatter.write(f"  {line}\n")


class Verb(WithExamples):
    """A command whose options are listed in sections."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("context_settings", {})["token_normalize_func"] = _upstream_spelling
        super().__init__(*args, **kwargs)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the options section by section."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx) if self.shows(ctx, parameter) else None
            if record is not None and isinstance(parameter, click.Option):
                sections.setdefault(getattr(parameter, "section", "Options"), []).append(record)
        for section, records in sections.items():
            with formatter.section(section):
                formatter.write_dl(records)

    def shows(self, ctx: click.Context, parameter: click.Parameter) -> bool:  # noqa: ARG002
        """Return whether the help page lists `parameter`."""
        return True


class LongVerb(Verb):
    """A verb with more options than fit a screen: --help leaves the rare ones to --help-all."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the parameters with --help-all as the last one."""
        return [*super().get_params(ctx), self._help_all]

    def shows(self, ctx: click.Context, parameter: click.Parameter) -> bool:
        """Return whether the page that was asked for lists `parameter`."""
        return bool(ctx.meta.get(_HELP_ALL)) or not getattr(parameter, "rare", False)

    _help_all = click.Option(
        ["--help-all"],
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=lambda ctx, _parameter, value: _show_all(ctx) if value else None,
        help="Show the rare options too.",
    )


def _show_all(ctx: click.Context) -> None:
    """Print the whole help page and end the verb."""
    ctx.meta[_HELP_ALL] = True
    click.echo(ctx.get_help())
    ctx.exit()


def _upstream_spelling(name: str) -> str:
    """Accept f5-tts_infer-cli's spelling of an option: --nfe_step for --nfe-step."""
    return name.replace("_", "-")
