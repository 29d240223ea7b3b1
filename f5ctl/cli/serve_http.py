"""`f5ctl serve http`: the OpenAI speech API."""

from __future__ import annotations

import hashlib
import re

import click

from f5ctl.cli.base.settings import Settings, Verb, common_options, option
from f5ctl.commandline import FILE
from f5ctl.errors import ConfigError
from f5ctl.extras import require


@click.command(
    cls=Verb,
    examples="f5ctl serve http\n"
    "f5ctl serve http --host 0.0.0.0 --api-keys keys.txt\n"
    "f5ctl serve http --uds $XDG_RUNTIME_DIR/f5d/http.sock",
)
@option("--host", metavar="HOST", default="127.0.0.1", show_default=True, help="The address to listen on.")
@option(
    "--port",
    metavar="N",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    help="The port; 0 takes a free one.",
)
@option("--uds", metavar="PATH", type=FILE, help="Listen on a Unix socket of this user's alone instead.")
@option("--api-keys", metavar="FILE", type=FILE, help="Keys, one on a line, of which every request has one.")
@option(
    "--allow-origin",
    "origins",
    metavar="ORIGIN",
    multiple=True,
    help="Let pages of ORIGIN (https://chat.example) call from a browser; may be repeated.",
)
@option(
    "--voice-alias",
    "aliases",
    metavar="NAME=VOICE",
    multiple=True,
    help="Speak in VOICE where a request says NAME; 'default' is the daemon's. May be repeated.",
)
@option(
    "--max-voices",
    metavar="N",
    type=click.IntRange(0, 10000),
    default=100,
    show_default=True,
    help="How many voices may be stored before an upload is refused.",
)
@option("--no-page", is_flag=True, help="Serve no page to speak from.")
@common_options
@click.pass_obj
def http(
    settings: Settings,
    *,
    host: str,
    port: int,
    uds: str | None,
    api_keys: str | None,
    origins: tuple[str, ...],
    aliases: tuple[str, ...],
    max_voices: int,
    no_page: bool,
) -> None:
    """Serve OpenAI's speech API until it is stopped: POST /v1/audio/speech and what belongs to it.

    Who hangs up cancels. A systemd socket comes before --host and --uds. Needs the extra `http`.
    """
    require("http", "f5ctl serve http")
    from f5ctl.doors.http.options import ALIASES, Options
    from f5ctl.doors.http.server import serve
    from f5ctl.doors.listening import is_loopback, passed_socket, tcp_socket, unix_socket

    digests = _digests(api_keys) if api_keys is not None else ()
    if uds is None and not is_loopback(host) and not digests:
        raise ConfigError(f"{host} is reached by others; --api-keys FILE names the keys that they have to send")
    passed = passed_socket()
    sock = passed or (unix_socket(uds) if uds is not None else tcp_socket(host, port))
    options = Options(
        socket_path=settings.socket if settings.socket_is_named else None,
        start=settings.start,
        key_digests=digests,
        origins=origins,
        loopback_only=passed is None and uds is None and is_loopback(host) and not digests,
        page=not no_page,
        aliases={**ALIASES, **_pairs(aliases)},
        most_voices=max_voices,
    )
    serve(sock, options)


def _pairs(aliases: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for alias in aliases:
        name, equals, voice = alias.partition("=")
        if not (name and equals and voice):
            raise click.UsageError(f"--voice-alias {alias!r:.80}; it has to be NAME=VOICE")
        found[name.lower()] = voice
    return found


def _digests(path: str) -> tuple[bytes, ...]:
    try:
        with open(path, encoding="utf-8") as file:
            lines = [line.strip() for line in file]
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the keys cannot be read: {getattr(error, 'strerror', error)}: {path}") from None
    keys = [line for line in lines if line and not line.startswith("#")]
    if not keys:
        raise ConfigError(f"{path} holds no key; write one on a line")
    for number, key in enumerate(keys, 1):
        if not re.fullmatch(r"[!-~]{8,512}", key):
            raise ConfigError(f"key {number} in {path} is no key: 8 to 512 letters, digits and signs of ASCII")
    return tuple(hashlib.sha256(key.encode()).digest() for key in keys)
