"""`f5ctl models` and `f5ctl info`: which models there are, fetching and choosing them, what a file holds."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from typing import Any, Final

import click

from f5ctl.cli.base import Settings, Verb, common_options, connect, emit, emit_json, emit_table, offer, option
from f5ctl.cli.family import VerbFamily
from f5ctl.cli.models import size
from f5ctl.client import Client, new_id
from f5ctl.errors import BadRequestError, F5Error
from f5ctl.helper import MODEL_DESK, ask, ask_once
from f5ctl.progress import StatusLine
from f5ctl.protocol import Status

VERBS: Final = {
    "list": ("catalog", "list_models", "List every model, and which are on this machine."),
    "pull": ("catalog", "pull", "Fetch a model, going on where a fetch broke off."),
    "show": ("catalog", "show", "Show what is known of a model, as `f5ctl info`."),
    "rm": ("catalog", "remove", "Remove a fetched model from this machine."),
    "default": ("catalog", "default", "Show or choose the model for calls without -m."),
}
EXIT_INCOMPATIBLE: Final = 65
RELOAD_S: Final = 3.0
_ROWS: Final = (
    "name", "source", "installed", "checkpoint", "format", "size_bytes", "backbone", "same_as", "parameters",
    "dtype", "ema", "step", "vocab_size", "vocab", "vocoder", "language", "default_voice",
)  # fmt: skip
_SHAPE: Final = ("dim", "depth", "heads", "ff_mult", "text_dim", "conv_layers", "qk_norm")


@click.group(
    cls=VerbFamily,
    verbs=VERBS,
    invoke_without_command=True,
    examples="f5ctl models pull F5TTS_v1_Base\nf5ctl models default F5TTS_v1_Base",
)
@common_options
@click.pass_context
def models(ctx: click.Context) -> None:
    """List the models; with a verb, fetch, show, remove or choose one."""
    if ctx.invoked_subcommand is None:
        _print_models(as_json=False)


@click.command("list", cls=Verb, examples="f5ctl models list\nf5ctl models list --json | jq -r '.[].name'")
@option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
@common_options
def list_models(*, as_json: bool) -> None:
    """List every model: bundled, published on the hub, and those of your f5d.toml."""
    _print_models(as_json=as_json)


@click.command(cls=Verb, examples="f5ctl models pull F5TTS_v1_Base")
@click.argument("model", shell_complete=offer("models"))
@common_options
@click.pass_obj
def pull(settings: Settings, model: str) -> None:
    """Fetch MODEL with its vocoder from the hub, and check what is there already.

    Interrupted, it goes on where it stopped when it is called again. Every file's checksum is compared
    with the hub's. HF_ENDPOINT, HF_HOME and HF_TOKEN count.
    """
    with _Bar(quiet=settings.quiet) as bar:
        fetched = 0
        for answer in ask(MODEL_DESK, do="pull", model=model):
            bar.show(answer)
            fetched = int(answer.get("fetched", 0))
    if not settings.quiet:
        emit(f"{model}: {'fetched' if fetched else 'already here'}, complete and intact", to_stderr=True)


@click.command(cls=Verb, examples="f5ctl models show starter")
@click.argument("model", shell_complete=offer("models"))
@option("--json", "as_json", is_flag=True, help="Print everything as a line of JSON.")
@common_options
def show(model: str, *, as_json: bool) -> int:
    """Show what is known of MODEL, as `f5ctl info MODEL`."""
    return _print_info(ask_once(MODEL_DESK, do="info", model=model), as_json=as_json)


@click.command("rm", cls=Verb, examples="f5ctl models rm F5TTS_Base")
@click.argument("model", shell_complete=offer("models"))
@common_options
@click.pass_obj
def remove(settings: Settings, model: str) -> None:
    """Remove the fetched files of MODEL, but those that another fetched model needs too."""
    freed = ask_once(MODEL_DESK, do="rm", model=model)["freed_bytes"]
    if not settings.quiet:
        emit(f"{model}: removed, {size(freed)} freed", to_stderr=True)


@click.command(cls=Verb, examples="f5ctl models default\nf5ctl models default F5TTS_v1_Base")
@click.argument("model", required=False, shell_complete=offer("models"))
@option("--system", is_flag=True, help="Change /etc/f5d/f5d.toml, for the system's daemon.")
@common_options
@click.pass_obj
def default(settings: Settings, model: str | None, *, system: bool) -> None:
    """Print the model for calls without -m, or make MODEL it (`auto`: the best one installed).

    Writes the `model` key of your f5d.toml and has a running daemon read it again.
    """
    if model is None:
        emit(str(ask_once(MODEL_DESK, do="default")["model"]))
        return
    answer = ask_once(MODEL_DESK, do="default", model=model, system=system)
    if not answer["installed"] and not settings.quiet:
        emit(f"f5ctl: warning: fetch it first: f5ctl models pull {answer['model']}", to_stderr=True)
    spoken = _reload(settings, str(answer["model"]))
    if spoken is not None and not settings.quiet:
        line = f"the running daemon still takes {spoken}: it has another configuration, or a flag says so"
        emit(f"f5ctl: warning: {line}", to_stderr=True)


@click.command(
    cls=Verb,
    examples="f5ctl info starter\nf5ctl info --checkpoint model_last.safetensors --vocab vocab.txt",
)
@click.argument("model", required=False, shell_complete=offer("models"))
@option("--checkpoint", metavar="FILE", help="A checkpoint that is no model of f5d yet.")
@option("--vocab", metavar="FILE", help="Its vocab.txt, to see whether they fit.")
@option("--architecture", metavar="NAME", help="What it ought to be; a name or a YAML (default: what it is).")
@option("--json", "as_json", is_flag=True, help="Print everything as a line of JSON.")
@common_options
def info(
    model: str | None, *, checkpoint: str | None, vocab: str | None, architecture: str | None, as_json: bool
) -> int:
    """Show what MODEL or a checkpoint FILE holds, and whether f5d can speak with it.

    Exits with 65 when it cannot.
    """
    if model is not None and checkpoint is not None:
        raise click.UsageError("MODEL and --checkpoint exclude each other")
    if checkpoint is None and (vocab or architecture):
        raise click.UsageError("--vocab and --architecture belong to --checkpoint")
    for path in (vocab,):
        if path is not None and not os.path.isfile(path):
            raise BadRequestError("bad_parameter", f"{path} does not exist")
    if architecture is not None and os.path.exists(architecture):
        architecture = os.path.abspath(architecture)
    facts = ask_once(
        MODEL_DESK,
        do="info",
        model=model,
        checkpoint=checkpoint and os.path.abspath(checkpoint),
        vocab=vocab and os.path.abspath(vocab),
        architecture=architecture,
    )
    return _print_info(facts, as_json=as_json)


def _print_models(*, as_json: bool) -> None:
    known = ask_once(MODEL_DESK, do="list")["models"]
    if as_json:
        emit_json(known)
        return
    rows = [
        [
            f"{one['name']}{' *' if one['default'] else ''}",
            size(one["size_bytes"]) if one["installed"] else "not here",
            one["source"],
            one["backbone"],
            one["checkpoint"],
        ]
        for one in known
    ]
    emit_table(["NAME (* default)", "SIZE", "SOURCE", "KIND", "CHECKPOINT"], rows)


def _print_info(facts: dict[str, Any], *, as_json: bool) -> int:
    problems = facts.get("problems") or []
    if as_json:
        emit_json(facts)
        return EXIT_INCOMPATIBLE if problems else 0
    for key in _ROWS:
        value = facts.get(key)
        if value not in (None, []) and not (key == "size_bytes" and facts.get("installed") is False):
            emit(f"{key.removesuffix('_bytes').replace('_', ' '):<14} {_shown(key, value)}")
        if key == "backbone" and facts.get("architecture"):
            shape = facts["architecture"]
            told = ", ".join(f"{name} {_number(shape[name])}" for name in _SHAPE if shape.get(name))
            emit(f"{'architecture':<14} {told}")
    emit(f"{'compatible':<14} {'no' if problems else 'yes'}")
    for problem in problems:
        emit(f"{'':<14} {problem}")
    if facts.get("card"):
        emit("")
        emit(str(facts["card"]).rstrip())
    return EXIT_INCOMPATIBLE if problems else 0


def _shown(key: str, value: Any) -> str:
    if key.endswith("_bytes"):
        return size(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return " or ".join(map(str, value))
    if isinstance(value, int):
        return f"{value:,}".replace(",", " ") + (f" ({value / 1e6:.1f} M)" if key == "parameters" else "")
    return str(value)


def _number(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _reload(settings: Settings, wanted: str) -> str | None:
    """Have a running daemon read its configuration; return its default model if that is another one."""
    try:
        with connect(settings, StatusLine(quiet=True)) as client:
            state = client.call(Status(new_id()))
            with contextlib.suppress(OSError):
                os.kill(int(state["pid"]), signal.SIGHUP)
            until = time.monotonic() + RELOAD_S
            while state.get("default_model") != wanted and time.monotonic() < until:
                time.sleep(0.1)
                state = _state(client)
            return None if state.get("default_model") == wanted else str(state.get("default_model"))
    except F5Error:
        return None  # none runs; the next one reads the file


def _state(client: Client) -> dict[str, Any]:
    return client.call(Status(new_id()))


class _Bar:
    """A progress bar of rich on a terminal, a line for each file elsewhere."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._progress: Any = None
        self._task: Any = None

    def __enter__(self) -> _Bar:  # noqa: PYI034 - typing.Self is of Python 3.11
        if not self._quiet and sys.stderr is not None and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import (
                BarColumn,
                DownloadColumn,
                Progress,
                TextColumn,
                TimeRemainingColumn,
                TransferSpeedColumn,
            )

            columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
            self._progress = Progress(
                TextColumn("{task.description}"), *columns, console=Console(stderr=True), transient=True
            )
            self._progress.start()
            self._task = self._progress.add_task("looking", total=None)
        return self

    def __exit__(self, *_error: object) -> None:
        if self._progress is not None:
            self._progress.stop()

    def show(self, answer: dict[str, Any]) -> None:
        """Show where the fetching stands."""
        stage, file = answer["stage"], answer.get("file", "")
        if stage == "damaged" and not self._quiet:
            emit(f"f5ctl: warning: {file} is damaged and is fetched again", to_stderr=True)
        if self._progress is not None and stage in ("checking", "fetching", "done"):
            self._progress.update(
                self._task,
                description=f"{stage} {os.path.basename(file)}",
                completed=answer.get("bytes", 0),
                total=answer.get("total"),
            )
        elif stage == "done" and not self._quiet:
            emit(f"{file}: fetched ({size(answer['bytes'])} of {size(answer['total'])})", to_stderr=True)
