"""What the command lines of f5ctl and f5d share: names of files, and one line for what is wrong."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Literal

import click

from f5ctl.errors import EXIT_OK, EXIT_USAGE, F5Error
from f5ctl.names import nearest

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


class FileName(click.ParamType):  # type: ignore[type-arg] # generic only since click 8.5
    """The name of a file or a folder, which shells complete; whether it is there turns out where it is used."""

    name = "path"

    def __init__(self, kind: Literal["file", "dir"]) -> None:
        self._kind = kind

    def shell_complete(
        self,
        ctx: click.Context,  # noqa: ARG002
        param: click.Parameter,  # noqa: ARG002
        incomplete: str,
    ) -> list[CompletionItem]:
        """Let the shell do it."""
        from click.shell_completion import CompletionItem

        return [CompletionItem(incomplete, type=self._kind)]


FILE: Final = FileName("file")
FOLDER: Final = FileName("dir")

_SYNONYMS: Final = {  # of verbs, in other programs
    "ls": "list",
    "remove": "rm",
    "delete": "rm",
    "del": "rm",
    "new": "add",
    "create": "add",
    "clone": "add",
    "mv": "rename",
    "info": "show",
    "edit": "set",
    "fetch": "pull",
    "download": "pull",
    "use": "default",
    "check": "doctor",
}


class Family(click.Group):
    """A group that tells, of a verb that it does not have, which one was probably meant."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the verb that `args` begin with (click.UsageError when it is none), and what follows it."""
        is_option = args[0].startswith("-") and args[0] != "-"
        if not (ctx.resilient_parsing or is_option or args[0] in self.list_commands(ctx)):
            raise self.unknown(ctx, args[0])
        return super().resolve_command(ctx, args)

    def unknown(self, ctx: click.Context, word: str) -> click.UsageError:
        """Return the error for a verb that is none."""
        verbs = self.list_commands(ctx)
        near = _SYNONYMS.get(word.lower())
        near = near if near in verbs else nearest(word.strip().lower(), verbs)
        line = f"{ctx.command_path} has no verb {word!r:.80}"
        return click.UsageError(f"{line}; did you mean {near}?" if near else line, ctx)


def status_of(program: str, call: Callable[[], Any]) -> int:
    """Return the exit status of a command line that `call` runs; a line on stderr tells of an error."""
    try:
        code = call()
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx else program
        return fail(program, f"{_told(error)} (see {where} --help)", EXIT_USAGE)
    except F5Error as error:
        after_s = getattr(error, "retry_after_s", None)
        retry = ", or with --retry" if program == "f5ctl" else ""
        hint = f" (try again in {after_s:g} s{retry})" if after_s else ""
        return fail(program, error.message + hint, error.exit_status)
    return code if isinstance(code, int) else EXIT_OK


def fail(program: str, message: str, status: int) -> int:
    """Print `message` as one line on stderr, and return `status`."""
    from f5ctl.colour import coloured
    from f5ctl.printable import printable

    if sys.stderr is not None:
        error = coloured("error:", "red", sys.stderr)
        sys.stderr.write(f"{program}: {error} {printable(' '.join(message.split()))}\n")
        sys.stderr.flush()
    return status


def _told(error: click.UsageError) -> str:
    """Return what is wrong with a command line, of an unknown option which one was probably meant."""
    if not isinstance(error, click.NoSuchOption) or error.ctx is None:
        return error.format_message()
    word = error.option_name.replace("_", "-")
    if not word.strip("- "):
        return "a text that begins with - stands behind --"
    flags = [flag for one in error.ctx.command.get_params(error.ctx) for flag in one.opts + one.secondary_opts]
    near = nearest(word, [flag for flag in flags if flag.startswith("--")]) if len(word) > 2 else None
    line = f"{error.ctx.command_path} has no option {error.option_name!r:.80}"
    if near:
        return f"{line}; did you mean {near}?"
    takes_text = any(one.name == "words" for one in error.ctx.command.params)
    return f"{line}; a text that begins with - stands behind --" if takes_text else line
