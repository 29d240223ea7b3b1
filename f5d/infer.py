"""`f5d infer`: speak once, in this process or through the daemon, with a checkpoint's own flags.

For scripts that name a checkpoint, a vocabulary and a recording in every call. In process each call
pays for the imports and the load; with --use-service the daemon that serves the checkpoint speaks.
"""

from __future__ import annotations

import os
import signal
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import click

from f5ctl.cli.base.parameters import parameter
from f5ctl.commandline import FILE, FOLDER, Family
from f5ctl.errors import BadRequestError, ConfigError, F5Error, OutputError, SynthesisError
from f5ctl.extras import require
from f5ctl.parameters import named
from f5ctl.printable import printable
from f5ctl.progress import StatusLine
from f5ctl.protocol import SAMPLE_RATE_HZ
from f5ctl.signals import die_of
from f5ctl.speech.sinks import ReaderGoneError

_NUMBERS: Final = named("infer", numbers=True)
_SHORT: Final = {"nfe_step": "-n", "speed": "-s"}  # the earlier tool's


def _numbers(function: Any) -> Any:
    """Add an option for each number of the table that this command takes."""
    for name in reversed(_NUMBERS):
        function = parameter(name, short=_SHORT.get(name, ""))(function)
    return function


@click.group(
    cls=Family,
    invoke_without_command=True,
    short_help="Speak a text once, in this process or through the daemon.",
)
@click.option("-c", "--checkpoint", metavar="FILE", type=FILE, help="The model, as upstream has it.")
@click.option("-v", "--vocab", metavar="FILE", type=FILE, help="Its vocab.txt.")
@click.option(
    "--architecture",
    metavar="NAME",
    type=FILE,
    default="F5TTS_v1_Base",
    show_default=True,
    help="A published one's name, or a .yaml or .json file.",
)
@click.option("--no-ema", is_flag=True, help="Take the weights, not their average.")
@click.option("--vocoder", metavar="DIR", type=FOLDER, help="A Vocos folder other than upstream's.")
@click.option("-t", "--text", metavar="TEXT", help="What to say.")
@click.option("-r", "--ref-audio", metavar="FILE", type=FILE, help="A recording of the voice, 12 s at most.")
@click.option("--ref-text", metavar="TEXT", default="", help="What it says; transcribed when left out.")
@_numbers
@click.option("--remove-silence", is_flag=True, help="Shorten long pauses.")
@parameter("loudness")
@click.option(
    "-o", "--output", metavar="FILE", type=FILE, help="Where the audio goes, in the format of its suffix."
)
@click.option(
    "-d", "--device", metavar="D", default="auto", show_default=True, help="auto, cpu, cuda, cuda:N or mps."
)
@click.option("--dtype", metavar="D", default="auto", show_default=True, help="As for `f5d serve`.")
@click.option("--use-service", is_flag=True, help="Let the daemon speak, which knows it.")
@click.option("--socket", metavar="PATH", type=FILE, help="The daemon's socket ($F5D_SOCKET).")
@click.pass_context
def infer(ctx: click.Context, /, **given: Any) -> None:
    """Speak --text in the voice of --ref-audio into --output, once.

    Errors and exit statuses are those of `f5ctl say`.
    """
    if ctx.invoked_subcommand is not None:
        return
    needed = ["text", "ref_audio", "output"]
    if not given["use_service"]:
        needed += ["checkpoint", "vocab"]
    for name in needed:
        if not given[name]:
            raise click.UsageError(f"--{name.replace('_', '-')} is missing")
    try:
        seconds = _through_daemon(given) if given["use_service"] else _in_process(given)
    except ReaderGoneError:
        die_of(signal.SIGPIPE)
    except KeyboardInterrupt:
        die_of(signal.SIGINT)
    click.echo(printable(f"{given['output']}: {seconds:.1f} s of speech"), err=True)


@infer.command("info", short_help="Show what a checkpoint holds.")
@click.option(
    "-c", "--checkpoint", metavar="FILE", type=FILE, required=True, help="The model: .safetensors or .pt."
)
@click.option("--vocab", metavar="FILE", type=FILE, help="Its vocab.txt, to see whether they fit.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as a line of JSON.")
def info(checkpoint: str, vocab: str | None, *, as_json: bool) -> None:
    """Show what a checkpoint holds and whether it can speak, as `f5ctl info --checkpoint`."""
    from f5ctl.__main__ import run

    arguments = ["--checkpoint", checkpoint, *(["--vocab", vocab] if vocab else [])]
    sys.exit(run(["info", *arguments, *(["--json"] if as_json else [])], "f5d"))


def _in_process(given: dict[str, Any]) -> float:
    """Load, speak, write; return the seconds of speech."""
    config = {"architecture": given["architecture"], "dtype": given["dtype"], "ema": not given["no_ema"]}
    if given["vocoder"]:
        config["vocoder"] = given["vocoder"]
    parameters = {name: given[name] for name in _NUMBERS if given[name] is not None}
    require("engine", "f5d infer")
    with _errors(), StatusLine() as line:
        line.show("loading the model")
        from f5d.inference import F5TTSInference

        model = F5TTSInference(given["checkpoint"], given["vocab"], device=given["device"], config=config)
        line.show("speaking")
        wave = model.generate(
            given["text"],
            given["ref_audio"],
            given["ref_text"],
            remove_silence=given["remove_silence"],
            loudness=given["loudness"] is not False,
            **parameters,
        )
    try:
        model.save_audio(wave, given["output"])
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    except OSError as error:
        raise OutputError(f"cannot write {given['output']}: {error.strerror}", while_writing=True) from None
    return len(wave) / SAMPLE_RATE_HZ


def _through_daemon(given: dict[str, Any]) -> float:
    """Have the daemon speak; return the seconds of speech."""
    from f5ctl.cli.base.connecting import connect
    from f5ctl.cli.base.settings import Settings
    from f5ctl.client import new_id
    from f5ctl.protocol import Say
    from f5ctl.speech.inputs import read_recording
    from f5ctl.speech.output import choose_output
    from f5ctl.speech.say import speak
    from f5ctl.speech.texts import checked_text

    target = choose_output(given["output"], None, raw=False, play=False)
    settings = Settings()
    settings.socket = given["socket"] or settings.socket
    start = not os.environ.get("F5CTL_NO_START")
    request = Say(
        new_id(),
        checked_text(given["text"].encode()),
        model=_served_name(given["checkpoint"], ema=not given["no_ema"]),
        ref_audio=read_recording(given["ref_audio"]),
        ref_text=given["ref_text"] or None,
        remove_silence=given["remove_silence"],
        loudness=given["loudness"],
        encoding=target.encoding,
        **{name: given[name] for name in _NUMBERS},
    )
    with StatusLine() as line, target.open() as sink, connect(settings, line, start=start) as client:
        receipt = speak(client, request, sink, line)
    return float(receipt["duration_s"])


def _served_name(checkpoint: str | None, *, ema: bool) -> str | None:
    """Return the name under which the daemon's configuration holds `checkpoint`, a path or already a name."""
    if not ema and (checkpoint is None or not Path(checkpoint).exists()):
        line = (
            "--no-ema needs --checkpoint FILE; a model of the daemon has ema = false in its table of f5d.toml"
        )
        raise click.UsageError(line)
    if checkpoint is None:
        return None
    from f5d.config import load_config

    path = Path(checkpoint)
    if not path.exists():
        return checkpoint
    for spec in load_config().models:
        held = Path(spec.checkpoint)
        if spec.ema == ema and held.exists() and held.samefile(path):
            return spec.name
    what = f"model from {checkpoint}{'' if ema else ' without EMA'}"
    raise ConfigError(
        f"the daemon serves no {what}; give it a name in f5d.toml:"
        f' [models.NAME] with checkpoint = "{path.resolve()}"{"" if ema else ", ema = false"} and vocab,'
        " or leave --use-service out"
    )


@contextmanager
def _errors() -> Iterator[None]:
    """Turn Python's errors of the in-process interface into the project's, with their exit statuses."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except F5Error:
        raise
    except (FileNotFoundError, ValueError) as error:
        raise BadRequestError("bad_parameter", str(error)) from None
    except RuntimeError as error:
        raise SynthesisError("synthesis_failed", str(error)) from None
