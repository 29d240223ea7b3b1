"""`f5ctl say`: text in, audio out."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from f5ctl.cli.base.completing import offer
from f5ctl.cli.base.connecting import connect
from f5ctl.cli.base.parameters import PRIORITIES, QUALITIES, Number, _listed
from f5ctl.cli.base.settings import LongVerb, Settings, common_options, option
from f5ctl.client import new_id
from f5ctl.printing import emit_json, warn
from f5ctl.progress import StatusLine
from f5ctl.protocol import BOUNDS, Say
from f5ctl.speech.inputs import read_recording, read_text
from f5ctl.speech.output import FORMATS, Format, Output, choose_output
from f5ctl.speech.say import speak

if TYPE_CHECKING:
    from f5ctl.cli.base.script import Reading
    from f5ctl.speech.pieces import Pieces


@click.command(
    cls=LongVerb,
    options_metavar="[OPTIONS]",
    examples="f5ctl say -o hello.wav 'Hello there.'\ngit log -1 --format=%s | f5ctl say -v slt --play",
)
@click.argument("words", metavar="[TEXT]...", nargs=-1)
@option(
    "-f", "--file", metavar="FILE", section="Text", help="Read the text, or .srt cues, from FILE (- is stdin)."
)
@option("-c", "--config", metavar="FILE", section="Text", help="Speak a story of f5-tts: a TOML file.")
@option(
    "--paragraph-pause",
    metavar="TIME",
    section="Text",
    rare=True,
    help="Silence between paragraphs: 800ms, 1.5s.",
)
@option(
    "-o",
    "--output",
    metavar="FILE",
    section="Output",
    help="Write FILE, in its suffix's format (- is stdout).",
)
@option(
    "--format",
    "format_",
    metavar="NAME",
    type=click.Choice(FORMATS),
    section="Output",
    rare=True,
    help=f"One of {' '.join(FORMATS)}, whatever the suffix.",
)
@option("--output-raw", is_flag=True, section="Output", help="Samples on stdout: s16le, 24 kHz, mono.")
@option("--dry-run", is_flag=True, section="Output", help="Show what would be said, when, and the wait.")
@option(
    "--no-receipt-text",
    is_flag=True,
    section="Output",
    rare=True,
    help="Keep the text out of the file's receipt.",
)
@option("--play", is_flag=True, section="Output", help="Play it ($F5CTL_PLAYER).")
@option("--json", "as_json", is_flag=True, section="Output", help="Print the receipt as a line of JSON.")
@option("--subtitles", metavar="FILE", section="Output", help="Write subtitles, .srt or .vtt.")
@option(
    "-v",
    "--voice",
    metavar="NAME",
    section="Speech",
    shell_complete=offer("voices"),
    help="A voice of `f5ctl voices`.",
)
@option("--ref-audio", metavar="FILE", section="Speech", help="A recording of the voice to speak in.")
@option("--ref-text", metavar="TEXT", section="Speech", help="What the recording says.")
@option(
    "-m",
    "--model",
    metavar="NAME",
    section="Speech",
    shell_complete=offer("models"),
    help="The model, if not the default.",
)
@option("--speed", type=Number("speed", float), section="Speech", help=f"Tempo, {BOUNDS['speed']}.")
@option("--seed", type=Number("seed", int), section="Speech", help="Same seed, same audio.")
@option(
    "--quality",
    metavar="NAME",
    type=click.Choice(list(QUALITIES)),
    section="Speech",
    help=f"{_listed(QUALITIES)}: {_listed(QUALITIES.values())} ODE steps.",
)
@option(
    "--nfe-step",
    type=Number("nfe_step", int),
    section="Fine tuning",
    rare=True,
    help=f"ODE steps, {BOUNDS['nfe_step']}.",
)
@option(
    "--cfg-strength",
    type=Number("cfg_strength", float),
    section="Fine tuning",
    rare=True,
    help=f"Guidance, {BOUNDS['cfg_strength']}.",
)
@option(
    "--sway-sampling-coef",
    type=Number("sway_sampling_coef", float),
    section="Fine tuning",
    rare=True,
    help=f"Sway, {BOUNDS['sway_sampling_coef']}.",
)
@option(
    "--fix-duration",
    type=Number("fix_duration", float),
    section="Fine tuning",
    rare=True,
    help="Length with the recording's, in seconds.",
)
@option(
    "--cross-fade-duration",
    type=Number("cross_fade_duration", float),
    section="Fine tuning",
    rare=True,
    help="Overlap of segments, in seconds.",
)
@option(
    "--target-rms",
    type=Number("target_rms", float),
    section="Fine tuning",
    rare=True,
    help=f"Loudness, {BOUNDS['target_rms']}.",
)
@option(
    "--language",
    metavar="CODE",
    section="Speech",
    help="Read numbers out in en, pt or none; default: the voice's.",
)
@option(
    "--remove-silence/--no-remove-silence",
    default=None,
    section="Fine tuning",
    rare=True,
    help="Cut long pauses.",
)
@option(
    "--priority",
    metavar="NAME",
    type=click.Choice(list(PRIORITIES)),
    rare=True,
    help=f"{_listed(PRIORITIES)}: whose turn it is while others speak too.",
)
@option(
    "--timeout", "timeout_s", type=Number("timeout_s", float), rare=True, help="Give up after so many seconds."
)
@option("--retry", is_flag=True, help="Go on when the daemon dies or is full.")
@common_options
@click.pass_obj
def say(
    settings: Settings,
    /,
    *,
    words: tuple[str, ...],
    file: str | None,
    config: str | None,
    paragraph_pause: str | None,
    subtitles: str | None,
    output: str | None,
    format_: Format | None,
    output_raw: bool,
    play: bool,
    as_json: bool,
    dry_run: bool,
    quality: str | None,
    priority: str | None,
    no_receipt_text: bool,
    ref_audio: str | None,
    remove_silence: bool | None,
    retry: bool,
    **fields: Any,
) -> None:
    """Speak TEXT, or the text on stdin; [town] in it changes the voice, [pause 800ms] is a pause.

    The audio goes to -o FILE, else to stdout as WAV, on a terminal to a player. Text that is
    still being written to a pipe is spoken sentence by sentence.
    """
    reading = _reading(file, config, subtitles, paragraph_pause)
    if reading and output is None and not (output_raw or play):
        output = reading.output
    if dry_run and output is None and not output_raw:
        output = os.devnull
    target = choose_output(output, format_, raw=output_raw, play=play)
    _check_voice(fields, ref_audio)
    fields["nfe_step"] = _steps(quality, fields["nfe_step"])
    as_it_comes = target.is_stream and fields["fix_duration"] is None and not (reading or retry or dry_run)
    own = reading.text if reading and not (words or file) else None
    text = own or read_text(words, file, as_it_comes=as_it_comes)
    request = Say(
        new_id(),
        text if isinstance(text, str) else "",
        ref_audio=read_recording(ref_audio) if ref_audio else None,
        priority=None if priority is None else PRIORITIES[priority],
        remove_silence=bool(remove_silence),
        receipt_text=False if no_receipt_text else None,
        encoding=target.encoding,
        stream=target.is_stream,
        **fields,
    )
    request = _with_recording(request)
    if dry_run:
        from f5ctl.cli.base.script import Reading

        (reading or Reading()).preview(settings, request, remove_silence=remove_silence, as_json=as_json)
        return
    line = StatusLine(quiet=settings.quiet)

    def report(receipt: dict[str, Any]) -> None:
        line.clear()
        for warning in receipt.get("warnings") or []:
            warn(warning, quiet=settings.quiet)
        if as_json:
            emit_json(receipt, to_stderr=target.is_stdout)

    reading = reading or _reading_of_marks(text)
    if reading:
        if retry:
            raise click.UsageError("--retry is for a text that is one request, without tags, pauses or cues")
        reading.speak(settings, request, target, report, remove_silence=remove_silence)
    else:
        _speak_plainly(settings, request, text, target, retry=retry, line=line, report=report)


def _reading(
    file: str | None, config: str | None, subtitles: str | None, paragraph_pause: str | None
) -> Reading | None:
    """Return how to read a text of several requests; None when no option asks for that."""
    is_srt = (file or "").lower().endswith(".srt")
    if not (is_srt or config or subtitles or paragraph_pause):
        return None
    from f5ctl.cli.base.script import read_options

    return read_options(config, subtitles, paragraph_pause, is_srt=is_srt)


def _reading_of_marks(text: str | Pieces) -> Reading | None:
    """Return how to read a text with voice tags or pauses in it, None for any other."""
    if not isinstance(text, str) or "[" not in text:
        return None
    from f5ctl.cli.base.script import Reading, is_plain

    return None if is_plain(text) else Reading()


def _check_voice(fields: dict[str, Any], ref_audio: str | None) -> None:
    if ref_audio and fields["voice"]:
        raise click.UsageError("--voice and --ref-audio exclude each other")
    if fields["ref_text"] and not ref_audio:
        raise click.UsageError("--ref-text belongs to --ref-audio")


def _steps(quality: str | None, nfe_step: int | None) -> int | None:
    if quality is None:
        return nfe_step
    if nfe_step is not None:
        raise click.UsageError("--quality and --nfe-step exclude each other")
    return QUALITIES[quality]


def _speak_plainly(
    settings: Settings,
    request: Say,
    text: str | Pieces,
    target: Output,
    *,
    retry: bool,
    line: StatusLine,
    report: Callable[[dict[str, Any]], None],
) -> None:
    """Speak a text that is one request, or one that is still being written."""
    try:
        with target.open() as sink, connect(settings, line, start=True, timeout_s=request.timeout_s) as client:
            if retry:
                from f5ctl.speech.retry import Retry

                again = partial(connect, settings, line, start=True)
                report(Retry(client, request, again).speak(sink, line))
            elif isinstance(text, str):
                report(speak(client, request, sink, line))
            else:
                from f5ctl.speech.feed import Feed

                Feed(client, request, text, sink, line=line, report=report).speak()
    finally:
        line.clear()


def _with_recording(request: Say) -> Say:
    """Return the request with the recording of its voice if that is one of the user's own."""
    if request.voice is None:
        return request
    from f5ctl.voicebox import with_private_voice

    return with_private_voice(request)
