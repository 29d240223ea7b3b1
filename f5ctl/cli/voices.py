"""`f5ctl voices`: which voices there are, and what is stored of them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any, Final

import click

from f5ctl.cli.base.connecting import connect
from f5ctl.cli.base.family import VerbFamily
from f5ctl.cli.base.settings import Settings, Verb, common_options, offer, option
from f5ctl.errors import BadRequestError
from f5ctl.names import unknown
from f5ctl.printing import emit, emit_json, emit_table, size, warn
from f5ctl.progress import StatusLine
from f5ctl.voicebox import Store, StoredVoice, private_store, shared_store

SHOWN_TEXT: Final = 44  # characters of a transcript in the list

VERBS: Final = {
    "list": ("voices", "list_voices", "List every voice with its source and transcript."),
    "add": ("voices_add", "add", "Store a recording as a voice of your own."),
    "record": ("voices_record", "record_voice", "Record a voice of your own with the microphone."),
    "show": ("voices", "show", "Show what is stored of a voice."),
    "set": ("voices_add", "set_voice", "Change a voice's transcript or default parameters."),
    "rename": ("voices", "rename", "Give a voice another name."),
    "rm": ("voices", "remove", "Remove voices."),
    "play": ("voices_files", "play", "Hear a voice."),
    "doctor": ("voices_files", "doctor", "Say what is wrong with recordings, and how to fix it."),
    "export": ("voices_files", "export", "Write a voice into one file."),
    "import": ("voices_files", "import_voice", "Store the voice in a file of `export`."),
}

shared_option = option("--shared", is_flag=True, help="The machine's voices, not your own (administrators).")


@click.group(
    cls=VerbFamily,
    verbs=VERBS,
    invoke_without_command=True,
    examples="for v in $(f5ctl voices); do f5ctl say -v $v -o $v.wav Hello; done\n"
    "f5ctl voices add anna anna.wav --text 'What she says there.'",
)
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
@common_options
@click.pass_context
def voices(ctx: click.Context, *, as_json: bool) -> None:
    """List the names of the voices, one on a line; with a verb, do more."""
    if ctx.invoked_subcommand is not None:
        if as_json:
            raise click.UsageError("--json stands after the verb: f5ctl voices list --json")
        return
    known = known_voices(ctx.ensure_object(Settings))
    if as_json:
        emit_json(known)
        return
    for voice in known:
        emit(str(voice.get("name", "")))


@click.command("list", cls=Verb, examples="f5ctl voices list\nf5ctl voices list --json | jq -r '.[].name'")
@option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
@common_options
@click.pass_obj
def list_voices(settings: Settings, *, as_json: bool) -> None:
    """List every voice: your own, the machine's shared ones, the configuration's, the built-in ones."""
    known = known_voices(settings)
    if as_json:
        emit_json(known)
        return
    rows = [
        [
            str(voice.get("name")),
            str(voice.get("source")),
            settings_line(voice.get("defaults") or {}),
            _cut(str(voice.get("text") or "(transcribed when used)")),
        ]
        for voice in known
    ]
    emit_table(["NAME", "SOURCE", "DEFAULTS", "TEXT"], rows)


@click.command(cls=Verb, examples="f5ctl voices show anna\nf5ctl voices show anna --json")
@click.argument("name", shell_complete=offer("voices"))
@option("--json", "as_json", is_flag=True, help="Print it as a line of JSON.")
@common_options
@click.pass_obj
def show(settings: Settings, name: str, *, as_json: bool) -> None:
    """Show the source, transcript, default parameters and recording of voice NAME."""
    facts = _stored_facts(name) or _daemon_facts(settings, name)
    if as_json:
        emit_json(facts)
        return
    for key, value in facts.items():
        if value is not None:
            shown = settings_line(value) if isinstance(value, dict) else value
            shown = size(value) if key.endswith("_bytes") else shown
            emit(f"{key.removesuffix('_bytes'):<10} {shown}")


@click.command(cls=Verb, examples="f5ctl voices rename anna anna_studio")
@click.argument("old", shell_complete=offer("stored"))
@click.argument("new")
@shared_option
@common_options
def rename(old: str, new: str, *, shared: bool) -> None:
    """Give voice OLD the name NEW, which must be free."""
    store_of(shared=shared).rename(old, new)


@click.command("rm", cls=Verb, examples="f5ctl voices rm anna\nsudo f5ctl voices rm --shared house")
@click.argument("names", metavar="NAME...", nargs=-1, required=True, shell_complete=offer("stored"))
@shared_option
@common_options
def remove(names: tuple[str, ...], *, shared: bool) -> None:
    """Remove stored voices: recording, transcript and preview."""
    store = store_of(shared=shared)
    for name in names:
        if not store.has(name):
            raise BadRequestError("unknown_voice", f"there is no {store.source} voice {name!r:.80} to remove")
    for name in names:
        store.remove(name)


def store_of(*, shared: bool) -> Store:
    """Return the machine's voices or this user's."""
    return shared_store() if shared else private_store()


def find_stored(name: str) -> Store | None:
    """Return where a stored voice lies: this user's own before the machine's; None when nowhere."""
    return next((store for store in (private_store(), shared_store()) if store.has(name)), None)


def known_voices(settings: Settings) -> list[dict[str, Any]]:
    """Return what the daemon knows, with this user's own voices, which come first whatever the daemon is."""
    with StatusLine(quiet=settings.quiet) as line, connect(settings, line, start=True) as client:
        known: list[dict[str, Any]] = client.status().get("voices", [])
    own = {str(facts["name"]): facts for facts in _listed(private_store())}
    return [voice for voice in known if voice.get("name") not in own] + list(own.values())


def settings_line(defaults: dict[str, Any]) -> str:
    """Return parameters as a person writes them: speed=0.9 nfe_step=32."""
    return " ".join(f"{key}={value}" for key, value in defaults.items()) or "-"


def _listed(store: Store) -> Iterable[dict[str, Any]]:
    for name in store.names():
        try:
            voice = store.read(name)
        except BadRequestError as error:
            warn(error.message)
            continue
        yield _facts(store, name, voice)


def _facts(store: Store, name: str, voice: StoredVoice) -> dict[str, Any]:
    return {"name": name, "source": store.source, "text": voice.text, "defaults": dict(voice.defaults)}


def _stored_facts(name: str) -> dict[str, Any] | None:
    store = find_stored(name)
    if store is None:
        return None
    voice = store.read(name)
    import hashlib

    return {
        **_facts(store, name, voice),
        "recording_bytes": len(voice.audio),
        "preview_bytes": len(voice.preview) if voice.preview else None,
        "sha256": hashlib.sha256(voice.audio).hexdigest(),
        "file": os.path.abspath(store.path(name)),
    }


def _daemon_facts(settings: Settings, name: str) -> dict[str, Any]:
    known = known_voices(settings)
    for voice in known:
        if voice.get("name") == name:
            return voice
    raise BadRequestError("unknown_voice", unknown("voice", name, [str(voice.get("name")) for voice in known]))


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SHOWN_TEXT else f"{line[: SHOWN_TEXT - 1]}…"
