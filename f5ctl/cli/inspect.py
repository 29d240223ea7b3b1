"""`f5ctl inspect`: what a produced file says about itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import click

from f5ctl.cli.base.settings import Verb, common_options, option
from f5ctl.commandline import FILE
from f5ctl.printing import emit, emit_json
from f5ctl.receipts import spoken
from f5ctl.speech.file_samples import holds, why_not_compared
from f5ctl.speech.file_tags import read_tag, receipts_of

_SHOWN: Final = ("version", "model", "device", "voice", "ref_text", "audio_hash", "text_hash", "text")


@click.command(
    cls=Verb,
    examples="f5ctl inspect hello.wav\nf5ctl inspect --json *.opus | jq -r '.[].parameters.seed'",
)
@click.argument("files", metavar="FILE...", type=FILE, nargs=-1, required=True)
@option("--json", "as_json", is_flag=True, help="Print the receipts as JSON, a line for each file.")
@common_options
def inspect(files: tuple[str, ...], *, as_json: bool) -> None:
    """Show the receipts in audio files: model, voice, seed, parameters, hashes and text."""
    for file in files:
        tagged = read_tag(file)
        receipts = receipts_of(file, tagged)
        if as_json:
            emit_json(receipts)
            continue
        made = spoken(receipts)
        for number, receipt in enumerate(made, start=1):
            part = f", part {number} of {len(made)}" if len(made) > 1 else ""
            emit(f"{file}: {tagged.container}{part}")
            for name, value in _lines(receipt):
                emit(f"  {name:<10} {value}")
        if why_not_compared(tagged) is None:
            changed = "as it was made" if holds(file, tagged, receipts) else "CHANGED since it was made"
            emit(f"  {'audio':<10} {changed}")


def _lines(receipt: dict[str, Any]) -> Iterator[tuple[str, str]]:
    hashes = {"model": "model_hash", "voice": "voice_hash"}
    for key in _SHOWN:
        value = receipt.get(key)
        if key == "text" and value is None:
            value = "(kept out; text_hash tells whether a text is the one)"
        if key == "voice" and value is None:
            value = "(a recording without a name)"
        if value is not None:
            more = f" ({receipt[hashes[key]]})" if key in hashes else ""
            more = f", {receipt['dtype']}" if key == "device" else more
            yield key, " ".join(str(value).split()) + more
        if key == "device":
            settings = [f"{name}={value}" for name, value in receipt["parameters"].items() if value is not None]
            yield "parameters", " ".join(settings)
            yield "length", f"{receipt['samples'] / receipt['sample_rate_hz']:.2f} s"
            if "parts" in receipt:
                yield "parts", f"{receipt['parts']}, spoken one after the other"
