"""A real daemon, its engine and its clients (f5ctl's library), with a random model of full size."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import torch

import f5d
from f5d.model.dit import DiT, upstream_shapes
from gpu_sections import daemons
from gpu_sections.lab import header, row

if TYPE_CHECKING:
    from gpu_sections.daemons import Place
    from gpu_sections.lab import Lab

STARTER = Path(str(f5d.__file__)).parent / "starter"
CLIENTS = ((1, 16), (8, 96), (32, 256))  # and how many requests they share
TINY_CLIENTS = ((1, 2), (4, 8))
PART_S = 12.0  # at most for each
IDLE_S = 5.0  # in which an engine records usual shapes
FIRST_S = 60.0  # for the first request, which waits for the model
FIELDS = {"model": "big", "voice": "rms"}


def measure(lab: Lab) -> None:
    """Speak with a few clients, then with many."""
    if line := daemons.missing():
        print(line)
        return
    with daemons.new_place() as place:
        before_mib = lab.used_mib()
        config = write_model(lab, place)
        with daemons.running(place, config):
            crowds(lab, place)
            with daemons.connected(place) as client:
                (engine,) = client.status()["engines"]
            print(f"\n- the engine: {json.dumps(engine)}")
            now_mib = lab.used_mib()
        after_mib = lab.used_mib()
        print(f"- device in use, MiB: {before_mib:.0f} before, {now_mib:.0f} with it, {after_mib:.0f} after it")


def crowds(lab: Lab, place: Place) -> None:
    """Let clients speak, and print what they saw."""
    from f5ctl.bench import crowd

    fields = {**FIELDS, "nfe_step": lab.nfe_step}
    names = ("requests", "audio s/s", "first audio p50, s", "p95", "whole p50", "p95")
    header("clients", *names)
    sizes = TINY_CLIENTS if lab.dry else CLIENTS
    for number, (clients, requests) in enumerate([(1, 1), (1, 1), *sizes]):
        seen = crowd(place.socket, clients, requests, FIRST_S if number == 0 else PART_S, **fields)
        waits = [of(percent) for of in (seen.first_audio_s, seen.total_s) for percent in (50, 95)]
        name = ("the first, which loads the model", "the second")[number] if number < 2 else clients
        row(name, len(seen.spoken), f"{seen.audio_rate:.1f}", *(f"{wait:.3f}" for wait in waits))
        if number == 1 and not lab.dry:
            time.sleep(IDLE_S)


def write_model(lab: Lab, place: Place) -> str:
    """Write random weights in upstream's names, and return the configuration that names them."""
    from safetensors.torch import save_file

    tokens = len((STARTER / "vocab.txt").read_text(encoding="utf-8").split("\n")) - 1
    with torch.device("meta"):
        shapes = upstream_shapes(DiT(lab.architecture, tokens))
    state = {}
    for key, shape in shapes.items():
        noise = torch.randn(shape, device=lab.device)
        scale = torch.Size(shape[1:]).numel() ** 0.5 if len(shape) > 1 else 10
        state[key] = (noise / scale).half().cpu()
    save_file(state, place.folder / "big.safetensors")
    architecture = json.dumps(lab.architecture.upstream_arguments())
    (place.folder / "big.json").write_text(architecture, encoding="utf-8")
    return f"""model = "big"
device = "{"cpu" if lab.dry else "cuda"}"
keep_alive = -1
[models.big]
checkpoint = "{place.folder}/big.safetensors"
architecture = "{place.folder}/big.json"
vocab = "{STARTER}/vocab.txt"
vocoder = "{STARTER}/vocoder"
default_voice = "rms"
language = "en"
"""
