"""Whether a row comes out the same however it is computed and whoever is beside it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from f5d.catalog.spec import MEL_CHANNELS
from f5d.model.buckets import bucket_for
from f5d.model.dit import BatchModulation, ModulationPicks
from f5d.model.layers import upload
from f5d.model.packing import RowShape, copy_lengths, pack
from f5d.model.static_step import StepBuffers
from gpu_sections import FAILED
from gpu_sections.lab import decibels, header, mels, row

if TYPE_CHECKING:
    from f5d.model.dit import DiT
    from f5d.model.dit_backend import DiTBackend
    from f5d.model.sampler import RowSpec
    from gpu_sections.lab import Lab, Weights

MATES = 15
JOINS = 6  # mates join at steps 0 to 5
EXACT_DB = 80.0  # of float32 against float32
LEAST_DB = {
    torch.float16: 50.0,
    torch.bfloat16: 35.0,
    torch.float32: EXACT_DB,
}  # against float32, and in company
FEW_BLOCKS = 4  # that a CPU computes as well


def measure(lab: Lab) -> None:
    """Compare in float32, then in each half type."""
    weights = lab.weights()
    scale = 5 if lab.dry else 1
    own = lab.spec(1, 500 // scale)
    mates = [
        lab.spec(seed, (150 + 20 * seed) // scale, cfg=0.0 if seed % 5 == 0 else 2.0)
        for seed in range(2, 2 + MATES)
    ]
    company = [own, *mates]
    joins = [0, *(seed % JOINS for seed in range(MATES))]
    header("type", "what is compared", "dB", "wanted", "")
    dit = lab.chosen(weights, torch.float32)
    single = lab.backend(dit)
    wanted = mels(single, [own])[0]
    line(
        "float32", f"among {MATES} that join at other steps", mels(single, company, joins)[0], wanted, EXACT_DB
    )
    line(
        "float32",
        "a step in a bucket, NaN in its rest",
        *bucketed(lab, dit),
        EXACT_DB,
    )
    beside_the_cpu(lab, weights)
    del single, dit
    for dtype in (torch.float32,) if lab.dry else (torch.float16, torch.bfloat16):
        compare(lab, weights, dtype, Rows(own, company, joins, wanted))


@dataclasses.dataclass(frozen=True)
class Rows:
    """A row, its company, when each of them joins, and the row in float32."""

    own: RowSpec
    company: list[RowSpec]
    joins: list[int]
    wanted: Tensor


def compare(lab: Lab, weights: Weights, dtype: torch.dtype, rows: Rows) -> None:
    """Compare what the engine would use in `dtype` with float32, with itself unrecorded, and in company."""
    name = str(dtype).removeprefix("torch.")
    least_db = LEAST_DB[dtype]
    dit = lab.chosen(weights, dtype)
    unrecorded, backend = lab.backend(dit, record=False), lab.backend(dit)
    alone = recorded_alone(backend, rows.own)
    line(name, "against float32", alone, rows.wanted, least_db)
    line(name, "recorded against not recorded", alone, mels(unrecorded, [rows.own])[0], least_db)
    line(name, "a step in a bucket, NaN in its rest", *bucketed(lab, dit), least_db)
    joined = mels(backend, rows.company, rows.joins)[0]
    line(name, f"among {MATES} that join at other steps", joined, alone, least_db)
    poisoned = lab.spec(40, rows.own.frames * 2 // 3)
    poisoned.reference_mel.fill_(torch.nan)
    line(name, "beside a row of NaN", mels(backend, [rows.own, poisoned])[0], alone, least_db)
    again = mels(backend, [rows.own])[0]
    line(name, "after it, in the same memory", again, alone, least_db)
    same = bool(torch.equal(again, alone))
    row(name, "the same bits the second time", "yes" if same else "no", "yes", "ok" if same else FAILED)
    kernel = "yes" if dit.varlen is not None else "no"
    row(name, "a kernel for packed rows; steps replayed", f"{kernel}; {backend.replayed:.0%}", "", "")


def recorded_alone(backend: DiTBackend, spec: RowSpec) -> Tensor:
    """Return a row's mel after its shape has been recorded, as an idle engine does."""
    mels(backend, [spec])
    backend.warm_up_next()
    return mels(backend, [spec])[0]


def beside_the_cpu(lab: Lab, weights: Weights) -> None:
    """Compare this device's float32 with the CPU's, on a model that is not deep."""
    short = dataclasses.replace(lab.architecture, depth=min(FEW_BLOCKS, lab.architecture.depth))
    kept = {
        key: value
        for key, value in weights.items()
        if not key.startswith("transformer_blocks.") or int(key.split(".")[1]) < short.depth
    }
    spec = lab.spec(3, min(200, lab.frames), nfe_step=4)
    here = mels(lab.backend(lab.dit(kept, torch.float32, short)), [spec])[0]
    host = dataclasses.replace(lab, dry=True, device=torch.device("cpu"))
    there = mels(host.backend(host.dit(kept, torch.float32, short)), [spec])[0]
    line("float32", f"{short.depth} blocks, against the CPU", here.cpu(), there, EXACT_DB)


@torch.inference_mode()
def bucketed(lab: Lab, dit: DiT) -> tuple[Tensor, Tensor]:
    """Return a step's velocities in a bucket whose unused frames are no numbers, and packed end to end."""
    device = dit.device
    shapes = tuple(RowShape(frames // (10 if lab.dry else 1), guided=True) for frames in (700, 333))
    lengths = copy_lengths(shapes)
    table = dit.modulation_table(torch.tensor([0.1, 0.4]))
    picks = ModulationPicks.of([(table, 0), (table, 0), (table, 1), (table, 1)])
    states = [torch.randn(shape.frames, MEL_CHANNELS, device=device) for shape in shapes]
    inputs = [torch.randn(length, dit.architecture.dim, device=device) for length in lengths]
    bucket = bucket_for(lengths)
    assert bucket is not None
    padded, plain, buffers = pack(shapes, dit, bucket), pack(shapes, dit), StepBuffers(dit)
    buffers.static.fill_(torch.nan)  # what another batch left behind
    buffers.fill(padded, states, inputs, picks)
    buffers.compute(bucket, padded.layout.lengths)
    places = upload(torch.tensor(picks.places), device).index_select(0, plain.copy)
    noisy = dit.noisy_input(torch.cat(states)).index_select(0, plain.source)
    wanted = dit(noisy + torch.cat(inputs), BatchModulation(table.blocks, table.final, places), plain.layout)
    return (
        buffers.velocity.index_select(0, padded.conditional),
        wanted.index_select(0, plain.conditional),
    )


def line(name: str, what: str, got: Tensor, wanted: Tensor, least_db: float) -> None:
    """Print one comparison."""
    found = decibels(got, wanted)
    good = found >= least_db and bool(got.isfinite().all())
    row(name, what, f"{found:.1f}", f">= {least_db:.0f}", "ok" if good else FAILED)
