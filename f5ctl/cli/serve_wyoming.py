"""`f5ctl serve wyoming`: speech for Home Assistant."""

from __future__ import annotations

import re

import click

from f5ctl.cli.base.settings import Settings, Verb, common_options, option
from f5ctl.errors import ConfigError
from f5ctl.extras import require
from f5ctl.protocol import LANGUAGE_PATTERN, LANGUAGE_WORDS

_SECONDS = click.FloatRange(0, 10)


@click.command(
    cls=Verb,
    examples="f5ctl serve wyoming\n"
    "f5ctl serve wyoming --uri tcp://0.0.0.0:10200 --public --zeroconf ''\n"
    "f5ctl serve wyoming --uri unix:///run/user/1000/f5d/wyoming.sock",
)
@option(
    "--uri",
    metavar="URI",
    default="tcp://127.0.0.1:10200",
    show_default=True,
    help="Where clients connect: tcp://HOST:PORT, unix:///PATH or stdio://. A socket of systemd's comes first.",
)
@option("--public", is_flag=True, help="Let a host be reached by others; the protocol knows no passwords.")
@option(
    "--zeroconf",
    metavar="NAME",
    help="Announce the server by this name in the local network; '' takes the machine's address as name.",
)
@option(
    "--language",
    "languages",
    metavar="TAG",
    multiple=True,
    default=("en",),
    show_default=True,
    help="A language that the voices speak, beside their own; may be repeated.",
)
@option(
    "--sentence-silence",
    metavar="S",
    type=_SECONDS,
    default=0.2,
    show_default=True,
    help="Seconds of silence between sentences.",
)
@option(
    "--tail-silence",
    metavar="S",
    type=_SECONDS,
    default=0.3,
    show_default=True,
    help="Seconds of silence after the last one, for players that cut the end.",
)
@option(
    "--patience",
    metavar="S",
    type=click.FloatRange(0.1, 3600),
    default=30.0,
    show_default=True,
    help="Seconds after which a client is closed that stops in the middle of a message or takes no audio.",
)
@option(
    "--max-clients",
    metavar="N",
    type=click.IntRange(1, 1000),
    default=32,
    show_default=True,
    help="How many clients are served at a time.",
)
@common_options
@click.pass_obj
def wyoming(
    settings: Settings,
    *,
    uri: str,
    public: bool,
    zeroconf: str | None,
    languages: tuple[str, ...],
    sentence_silence: float,
    tail_silence: float,
    patience: float,
    max_clients: int,
) -> None:
    """Serve Home Assistant, or any other client of the Wyoming protocol, until it is stopped.

    Every sentence is a request to the daemon of its own; who hangs up cancels. Needs the extra `wyoming`.
    """
    require("wyoming", "f5ctl serve wyoming")
    from f5ctl.doors.wyoming.options import Options
    from f5ctl.doors.wyoming.place import place_of
    from f5ctl.doors.wyoming.server import serve

    for tag in languages:
        if not re.fullmatch(LANGUAGE_PATTERN, tag):
            raise click.UsageError(f"--language {tag!r:.40}; it can be {LANGUAGE_WORDS}")
    place = place_of(uri, public=public)
    if zeroconf is not None:
        require("zeroconf", "--zeroconf")
        if place.kind != "tcp":
            raise ConfigError(f"--zeroconf announces a tcp server; --uri is {uri:.80}")
    options = Options(
        settings.socket if settings.socket_is_named else None,
        settings.start,
        languages,
        sentence_silence,
        tail_silence,
        patience,
        max_clients,
    )
    serve(place, options, zeroconf=zeroconf)
