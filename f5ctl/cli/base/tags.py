"""The options that say which brackets of a text are tags, and what they mean."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from f5ctl.cli.base.connecting import connect
from f5ctl.cli.base.settings import Decorated, Settings, option
from f5ctl.printing import warn
from f5ctl.progress import StatusLine

if TYPE_CHECKING:
    from f5ctl.speech.marks import Marks, Treatment


def tag_options(section: str) -> Callable[[Decorated], Decorated]:
    """Return the options --no-tags and --strict-tags, as click's decorator."""

    def decorate(function: Decorated) -> Decorated:
        none = option(
            "--no-tags", is_flag=True, section=section, rare=True, help="Nothing in brackets is a tag."
        )
        strict = option(
            "--strict-tags",
            is_flag=True,
            section=section,
            rare=True,
            help="A word in brackets that names no voice is an error.",
        )
        return none(strict(function))

    return decorate


def check_tags(*, no_tags: bool, strict_tags: bool) -> None:
    """Raise click.UsageError when both options are given."""
    if no_tags and strict_tags:
        raise click.UsageError("--no-tags and --strict-tags exclude each other")


def marks(settings: Settings, line: StatusLine | None, *, no_tags: bool, strict_tags: bool) -> Marks:
    """Return what knows which brackets are tags; it asks the daemon for its voices when it has to know them.

    `line` is cleared for a warning and shows what takes its time, where there is one.
    """
    from f5ctl.speech.marks import Marks, Tags

    def served() -> list[str]:
        from f5ctl.voicebox import private_store

        with connect(settings, line, start=True) as client:
            found = client.status().get("voices", [])
        return [*(str(voice.get("name")) for voice in found), *private_store().names()]

    def tell(text: str) -> None:
        if line:
            line.clear()
        warn(text, quiet=settings.quiet)

    treatment: Treatment = "none" if no_tags else "strict" if strict_tags else "lenient"
    return Marks(Tags(served=served, warn=tell, treatment=treatment))
