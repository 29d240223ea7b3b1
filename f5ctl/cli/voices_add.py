"""`f5ctl voices add` and `set`: what goes into a stored voice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import click

from f5ctl.cli.base.connecting import connect
from f5ctl.cli.base.parameters import parameter
from f5ctl.cli.base.settings import Decorated, Settings, Verb, common_options, offer, option
from f5ctl.cli.voices import shared_option, store_of
from f5ctl.client import new_id
from f5ctl.commandline import FILE
from f5ctl.errors import BadRequestError, F5Error, InterruptedRequest
from f5ctl.helper import VOICE_CHECK, ask_once
from f5ctl.printing import warn
from f5ctl.progress import StatusLine
from f5ctl.protocol import (
    LANGUAGE_WORDS,
    MAX_REF_TEXT_BYTES,
    SAMPLE_RATE_HZ,
    Say,
)
from f5ctl.speech.conversation import Conversation
from f5ctl.speech.inputs import read_recording, read_text
from f5ctl.speech.sinks import wav_header
from f5ctl.voicebox import DEFAULTS, Store, StoredVoice, check_name

PREVIEW_CHARACTERS: Final = 160


def default_options(function: Decorated) -> Decorated:
    """Add an option for each default parameter of a voice."""
    of_voice = "Defaults of the voice"
    texts = {
        "model": "The model that it is for.",
        "language": f"Numbers are read out in it: {LANGUAGE_WORDS}.",
    }
    for name in reversed(DEFAULTS):
        short = "-m" if name == "model" else ""
        function = parameter(name, short=short, section=of_voice, told=texts.get(name, ""))(function)
    return function


@click.command(
    cls=Verb,
    examples="f5ctl voices add anna anna.wav --text 'What she says there.'\n"
    "f5ctl voices add joana joana.flac -f joana.txt -m my_pt_br --speed 0.95",
)
@click.argument("name")
@click.argument("recording", metavar="FILE", type=FILE)
@option("--text", metavar="TEXT", help="What the recording says (transcribed when left out).")
@option("-f", "--file", "text_file", metavar="PATH", type=FILE, help="Likewise, from PATH.")
@option("--force", is_flag=True, help="Take the place of a voice of that name.")
@option("--no-preview", is_flag=True, help="Do not speak a preview (needs --text; starts no daemon).")
@shared_option
@default_options
@common_options
@click.pass_obj
def add(
    settings: Settings,
    /,
    *,
    name: str,
    recording: str,
    text: str | None,
    text_file: str | None,
    force: bool,
    no_preview: bool,
    shared: bool,
    **defaults: Any,
) -> None:
    """Store the recording FILE as voice NAME, with its transcript, default parameters and a preview.

    The recording is checked first; `voices doctor` says more about it.
    """
    transcript = transcript_of(text, text_file)
    if transcript is None and no_preview:
        raise click.UsageError("--no-preview needs --text or --file")
    store = store_for(name, shared=shared, force=force)
    given = {key: value for key, value in defaults.items() if value is not None}
    voice = StoredVoice(read_recording(recording), transcript or "", None, given)
    keep(settings, store, name, voice, recording, force=force, preview=not no_preview)


@click.command(
    "set",
    cls=Verb,
    examples="f5ctl voices set anna --speed 0.9 --nfe-step 32\nf5ctl voices set anna --unset speed",
)
@click.argument("name", shell_complete=offer("stored"))
@option("--text", metavar="TEXT", help="What the recording says.")
@option("-f", "--file", "text_file", metavar="PATH", type=FILE, help="Likewise, from PATH.")
@option(
    "--unset",
    metavar="PARAMETER",
    multiple=True,
    type=click.Choice(DEFAULTS),
    help="Forget a default; may be repeated.",
)
@shared_option
@default_options
@common_options
def set_voice(
    *,
    name: str,
    text: str | None,
    text_file: str | None,
    unset: tuple[str, ...],
    shared: bool,
    **defaults: Any,
) -> None:
    """Change the transcript or the default parameters of voice NAME."""
    store = store_of(shared=shared)
    voice = store.read(name)
    transcript = transcript_of(text, text_file)
    kept = {key: value for key, value in voice.defaults.items() if key not in unset}
    kept |= {key: value for key, value in defaults.items() if value is not None}
    changed = replace(voice, text=transcript or voice.text, defaults=kept)
    if changed == voice:
        raise click.UsageError("nothing to change; give --text, a parameter or --unset")
    store.write(name, changed, force=True)


def store_for(name: str, *, shared: bool, force: bool) -> Store:
    """Return where a new voice is stored.

    Raises:
        BadRequestError: it cannot have that name, or with `force` unset another voice has it.
        OutputError: nothing can be stored there.
    """
    store = store_of(shared=shared)
    check_name(name)
    if store.has(name) and not force:
        line = f"there is already a {store.source} voice {name}; choose another name, or pass --force"
        raise BadRequestError("bad_parameter", line)
    store.check_writable()
    return store


def keep(
    settings: Settings, store: Store, name: str, voice: StoredVoice, source: str, *, force: bool, preview: bool
) -> None:
    """Check the recording, which comes from `source`, and store the voice, with a preview if one is wanted."""
    refuse_unusable(voice.audio, voice.text or None, source, quiet=settings.quiet)
    if preview:
        voice = _with_preview(settings, name, voice)
    store.write(name, voice, force=force)


def refuse_unusable(audio: bytes, text: str | None, name: str, *, quiet: bool) -> None:
    """Raise BadRequestError for a recording that no voice can be made of; warn of what could be better."""
    for finding in ask_once(VOICE_CHECK, audio=audio, text=text)["findings"]:
        line = f"{name}: {finding['value']}"
        if finding["grade"] == "error":
            raise BadRequestError("bad_audio", f"{line} ({finding['fix']})")
        if finding["grade"] == "warning":
            warn(f"{name}: {finding['check']}: {finding['value']}; {finding['fix']}", quiet=quiet)


def transcript_of(text: str | None, file: str | None) -> str | None:
    """Return the transcript that the options give; None when they give none (BadRequestError: too long)."""
    if text is None and file is None:
        return None
    transcript = str(read_text((text,) if text is not None else (), file))
    size = len(transcript.encode())
    if size > MAX_REF_TEXT_BYTES:
        line = f"the transcript is {size} bytes; the limit is {MAX_REF_TEXT_BYTES}"
        raise BadRequestError("bad_text", line)
    return transcript


def _with_preview(settings: Settings, name: str, voice: StoredVoice) -> StoredVoice:
    """Return the voice with its own words spoken by the daemon, and with a transcript if it had none.

    Without a daemon, or with a model that cannot read the words, a voice with a transcript has no preview.
    """
    try:
        with StatusLine(quiet=settings.quiet) as line, connect(settings, line, start=True) as client:
            known = client.status().get("voices", [])
            if any(one.get("name") == name and one.get("source") == "built-in" for one in known):
                raise BadRequestError("bad_parameter", f"{name} is a built-in voice; choose another name")
            with Conversation(client, line.report) as talk:
                part = talk.ask(_preview_request(voice))
                while part.last is None:
                    talk.hear()
            receipt = part.receipt()
            text = voice.text or str(receipt.get("ref_text") or "")
            pcm = b"".join(part.take())
            return replace(voice, text=text, preview=wav_header(SAMPLE_RATE_HZ, len(pcm)) + pcm)
    except InterruptedRequest:
        raise
    except F5Error as error:
        fatal = isinstance(error, BadRequestError) and error.code in ("bad_audio", "bad_parameter")
        if fatal or not voice.text:
            error.message = error.message.replace("--ref-text", "--text")
            raise
        warn(f"no preview: {error.message}", quiet=settings.quiet)
        return voice


def _preview_request(voice: StoredVoice) -> Say:
    words = voice.text[:PREVIEW_CHARACTERS]
    if len(voice.text) > PREVIEW_CHARACTERS and " " in words:
        words = words[: words.rindex(" ")]
    return Say(
        new_id(),
        words or "La la la.",  # nobody has said yet what the recording says
        ref_audio=voice.audio,
        ref_text=voice.text or None,
        **voice.defaults,  # type: ignore[arg-type] # of the options' types
    )
