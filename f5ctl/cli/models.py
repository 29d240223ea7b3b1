"""`f5ctl models`: which models there are, fetching, removing and choosing them."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from typing import Any, Final

import click

from f5ctl.cli.base.connecting import connect
from f5ctl.cli.base.family import VerbFamily
from f5ctl.cli.base.model_facts import print_info
from f5ctl.cli.base.settings import Settings, Verb, common_options, offer, option
from f5ctl.errors import F5Error
from f5ctl.helper import MODEL_DESK, ask, ask_once
from f5ctl.printing import emit, emit_json, emit_table, size, warn
from f5ctl.progress import Bar

VERBS: Final = {
    "list": ("models", "list_models", "List every model, and which are on this machine."),
    "pull": ("models", "pull", "Fetch a model, going on where a fetch broke off."),
    "show": ("models", "show", "Show what is known of a model, as `f5ctl info`."),
    "rm": ("models", "remove", "Remove a fetched model from this machine."),
    "default": ("models", "default", "Show or choose the model for calls without -m."),
}
RELOAD_S: Final = 3.0


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
    with Bar(quiet=settings.quiet, of_bytes=True) as bar:
        fetched = 0
        for answer in ask(MODEL_DESK, do="pull", model=model):
            _show_fetching(bar, answer, quiet=settings.quiet)
            fetched = int(answer.get("fetched", 0))
    if not settings.quiet:
        emit(f"{model}: {'fetched' if fetched else 'already here'}, complete and intact", to_stderr=True)


@click.command(cls=Verb, examples="f5ctl models show starter")
@click.argument("model", shell_complete=offer("models"))
@option("--json", "as_json", is_flag=True, help="Print everything as a line of JSON.")
@common_options
def show(model: str, *, as_json: bool) -> int:
    """Show what is known of MODEL, as `f5ctl info MODEL`."""
    return print_info(ask_once(MODEL_DESK, do="info", model=model), as_json=as_json)


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
    if not answer["installed"]:
        warn(f"fetch it first: f5ctl models pull {answer['model']}", quiet=settings.quiet)
    spoken = _reload(settings, str(answer["model"]))
    if spoken is not None:
        line = f"the running daemon still takes {spoken}: it has another configuration, or a flag says so"
        warn(line, quiet=settings.quiet)


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


def _reload(settings: Settings, wanted: str) -> str | None:
    """Have a running daemon read its configuration; return its default model if that is another one."""
    try:
        with connect(settings) as client:
            state = client.status()
            with contextlib.suppress(OSError):
                os.kill(int(state["pid"]), signal.SIGHUP)
            until = time.monotonic() + RELOAD_S
            while state.get("default_model") != wanted and time.monotonic() < until:
                time.sleep(0.1)
                state = client.status()
            return None if state.get("default_model") == wanted else str(state.get("default_model"))
    except F5Error:
        return None  # none runs; the next one reads the file


def _show_fetching(bar: Bar, answer: dict[str, Any], *, quiet: bool) -> None:
    """Show where the fetching stands, without a bar in a line for each file."""
    stage, file = answer["stage"], answer.get("file", "")
    if stage == "damaged":
        warn(f"{file} is damaged and is fetched again", quiet=quiet, tell=bar.print)
    elif bar.is_drawn:
        bar.show(f"{stage} {os.path.basename(file)}", answer.get("bytes", 0), answer.get("total"))
    elif stage == "done" and not quiet:
        emit(f"{file}: fetched ({size(answer['bytes'])} of {size(answer['total'])})", to_stderr=True)
