"""`f5ctl voices record`: a voice from the microphone."""

from __future__ import annotations

import contextlib
import math
import os
import termios
import time
from collections.abc import Iterator
from typing import Any, Final

import click

from f5ctl.cli.base.settings import Settings, Verb, common_options, option
from f5ctl.cli.voices import shared_option
from f5ctl.cli.voices_add import default_options, keep, store_for, transcript_of
from f5ctl.commandline import FILE
from f5ctl.errors import BadRequestError
from f5ctl.extras import require
from f5ctl.helper import MODEL_DESK, ask_once
from f5ctl.printing import emit, emit_lines
from f5ctl.progress import StatusLine
from f5ctl.speech.recorder import find_recorder, record
from f5ctl.voicebox import StoredVoice

COUNTDOWN_S: Final = 3
STDIN: Final = 0
# Five to eight seconds of speech with many of the language's sounds.
SENTENCES: Final = {
    "en": "The quick train left before sunrise, and every child on the bridge was waving at the people inside.",
    "pt": "O trem partiu antes do amanhecer, e todas as crianças na ponte acenavam para as pessoas lá dentro.",
    "zh": "火车在天亮之前就出发了，桥上的孩子们都在向车里的人挥手。",
    "es": "El tren salió antes del amanecer, y todos los niños del puente saludaban a la gente que iba dentro.",
    "fr": "Le train est parti avant l'aube, et tous les enfants sur le pont saluaient les gens à l'intérieur.",
    "de": "Der Zug fuhr vor Sonnenaufgang ab, und alle Kinder auf der Brücke winkten den Leuten darin zu.",
    "it": "Il treno è partito prima dell'alba, e tutti i bambini sul ponte salutavano le persone a bordo.",
}


@click.command(
    "record",
    cls=Verb,
    examples="f5ctl voices record me --language pt --seconds 12\n"
    "F5CTL_RECORDER='arecord -D hw:1 -f cd' f5ctl voices record me",
)
@click.argument("name")
@option(
    "--seconds",
    metavar="N",
    type=click.FloatRange(1, 30),
    default=10.0,
    help="At most (10); on a terminal the Enter key ends it.",
)
@option("--text", metavar="TEXT", help="What you will say, instead of the sentence that is shown.")
@option("-f", "--file", "text_file", metavar="PATH", type=FILE, help="Likewise, from PATH.")
@option("--force", is_flag=True, help="Take the place of a voice of that name.")
@option("--no-preview", is_flag=True, help="Do not speak a preview (starts no daemon).")
@shared_option
@default_options
@common_options
@click.pass_obj
def record_voice(
    settings: Settings,
    /,
    *,
    name: str,
    seconds: float,
    text: str | None,
    text_file: str | None,
    force: bool,
    no_preview: bool,
    shared: bool,
    **defaults: Any,
) -> None:
    """Record yourself reading a sentence, and store that as voice NAME, as `add` does.

    The sentence is in the --language, else in the model's. $F5CTL_RECORDER writes the WAV file named last.
    """
    require("engine", "f5ctl voices record")  # before anything is said in vain
    command = find_recorder()
    store = store_for(name, shared=shared, force=force)
    said = transcript_of(text, text_file) or _sentence(defaults["language"], defaults["model"])
    emit_lines(f"Read this aloud, in the way that the voice is to speak:\n\n    {said}\n", to_stderr=True)
    with StatusLine(quiet=settings.quiet) as line:
        for second in range(COUNTDOWN_S, 0, -1) if os.isatty(STDIN) and os.isatty(2) else ():
            line.show(f"recording begins in {second} s")
            time.sleep(1)
        enough = STDIN if os.isatty(STDIN) else None
        ends = " (the Enter key ends it)" if enough is not None else ""

        def tell(left_s: float) -> None:
            line.show(f"recording, {math.ceil(left_s)} s left{ends}")

        with _naming_the_recorder():
            audio = record(command, seconds, tell, enough)
        if enough is not None:
            termios.tcflush(STDIN, termios.TCIFLUSH)  # the line that ended it is not for the shell
    given = {key: value for key, value in defaults.items() if value is not None}
    voice = StoredVoice(audio, said, None, given)
    with _naming_the_recorder():
        keep(settings, store, name, voice, "the recording", force=force, preview=not no_preview)
    if not settings.quiet:
        emit(f"{name}: stored; to hear it: f5ctl voices play {name}", to_stderr=True)


def _sentence(language: str | None, model: str | None) -> str:
    """Return a sentence in the language, else in the model's; English where that says none."""
    if language is None:
        for one in ask_once(MODEL_DESK, do="list")["models"]:
            if one["name"] == model or (model is None and one["default"]):
                language = one["language"]
    code = "en" if language in (None, "none") else str(language).lower()[:2]
    if code not in SENTENCES:
        raise click.UsageError(f"there is no sentence in {language} here; say with --text what you will read")
    return SENTENCES[code]


@contextlib.contextmanager
def _naming_the_recorder() -> Iterator[None]:
    """Tell with whatever is wrong with the recording how another microphone is named."""
    try:
        yield
    except BadRequestError as error:
        if error.code == "bad_audio":
            error.message += "; another program or device: F5CTL_RECORDER"
        raise
