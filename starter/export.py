"""Step 5, export: `python -m starter.export` writes the averaged weights in upstream's formats.

float16 safetensors under upstream's names, dit.json with the arguments of f5_tts.model.DiT, vocab.txt.
Capital letters and lookalikes get copies of the rows that the model learned.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import click
import torch
from safetensors.torch import save_file
from torch import Tensor

from .network import ARCHITECTURE
from .paths import PACKAGE_DATA, RUN
from .rows import LETTERS

PREFIX: Final = "ema_model.transformer."
COPIES: Final[dict[str, str]] = {
    **{letter.upper(): letter for letter in "abcdefghijklmnopqrstuvwxyz"},
    **dict.fromkeys(";:()", ","),
    **dict.fromkeys('-"“”–—', " "),
    "’": "'",
    "…": ".",
}


def exported(average: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return upstream's weights of an averaged network: no classifiers, rows for every token, float16."""
    weights = {name: value for name, value in average.items() if not name.startswith("aux_")}
    table = weights["text_embed.text_embed.weight"]
    copied = [table[LETTERS.index(source) + 1] for source in COPIES.values()]
    weights["text_embed.text_embed.weight"] = torch.cat([table, torch.stack(copied)])
    width = ARCHITECTURE.dim_head
    half = {PREFIX + name: value.to(torch.float16).contiguous() for name, value in weights.items()}
    rates = 1.0 / (10_000 ** (torch.arange(0, width, 2).float() / width))  # upstream loads strictly
    return {**half, PREFIX + "rotary_embed.inv_freq": rates}


def imported(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the network's float32 weights of an export: what `exported` kept, without the copied rows."""
    found = {name.removeprefix(PREFIX): value.float() for name, value in weights.items()}
    del found["rotary_embed.inv_freq"]
    found["text_embed.text_embed.weight"] = found["text_embed.text_embed.weight"][: len(LETTERS) + 1]
    return found


def vocabulary() -> str:
    """Return vocab.txt: one token a line, the blank first."""
    return "".join(f"{token}\n" for token in (*LETTERS, *COPIES))


@click.command()
@click.option("--checkpoint", type=click.Path(path_type=Path), help="The newest one if left out.")
@click.option("--to", "folder", default=PACKAGE_DATA, type=click.Path(path_type=Path), show_default=True)
def main(checkpoint: Path | None, folder: Path) -> None:
    """Write model.safetensors, dit.json and vocab.txt."""
    path = checkpoint or max(RUN.glob("step_*.pt"))
    state = torch.load(path, weights_only=True)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(exported(state["average"]), folder / "model.safetensors")
    arguments = {**ARCHITECTURE.upstream_arguments(), "dropout": 0.0, "attn_mask_enabled": False}
    unused = {"pe_attn_head", "long_skip_connection"}
    kept = {key: value for key, value in arguments.items() if key not in unused}
    (folder / "dit.json").write_text(json.dumps(kept, indent=1) + "\n")
    (folder / "vocab.txt").write_text(vocabulary(), encoding="utf-8")
    click.echo(f"{path.name}: step {state['step']}, {folder}")


if __name__ == "__main__":
    main()
