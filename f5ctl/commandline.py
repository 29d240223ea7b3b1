"""What the command lines of f5ctl and f5d share. Knows no command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import click

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
