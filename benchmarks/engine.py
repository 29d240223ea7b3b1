"""Our sampler against the f5-tts package's CFM.sample: same weights, noise, grid, machine and run.

    python benchmarks/engine.py --model F5TTS_v1_Base --frames 850 --steps 16 --batch 1

`starter` runs with its trained weights, the published architectures with random ones: speed does not
depend on the values. Upstream runs float32 on the CPU, as its own code does. Rows of a batch are equally
long, the one case in which upstream's unmasked batches are right. Times are medians of `--repeat`
alternating runs of the whole sampling, without the vocoder. `--other` adds the vox-tts package, if it is there,
one row of F5TTS_v1_Base with its vocoder, which takes 1 % of its time.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the engine process

import other_engine
import torch
from _support import processor
from safetensors.torch import load_file, save_file
from torch import Tensor

from f5d.catalog.hub import LocalModel
from f5d.catalog.models import catalog, fetch, model_spec_from_table
from f5d.catalog.spec import FRAMES_PER_SECOND, MEL_CHANNELS, ModelSpec
from f5d.catalog.vocab import Vocabulary
from f5d.model.load import load_model, pick_dtype
from f5d.model.sampler import Backend, RowSpec
from f5d.model.torchaudio_compat import import_torchaudio

STARTER = catalog()["starter"]
ARCHITECTURES = ("starter", "F5TTS_v1_Small", "F5TTS_v1_Base")


@dataclass(frozen=True)
class Work:
    """One line of the table."""

    model: str
    frames: int
    reference_frames: int
    steps: int
    batch: int

    def rows(self) -> list[RowSpec]:
        """Return the rows, each with its own noise; about 6 frames a character, as in speech."""
        generator = torch.Generator().manual_seed(0)
        reference = torch.randn(self.reference_frames, MEL_CHANNELS, generator=generator)
        tokens = tuple(1 + index % 26 for index in range(self.frames // 6))
        return [
            RowSpec(reference, tokens, self.frames, self.steps, 2.0, -1.0, seed) for seed in range(self.batch)
        ]

    @property
    def speech_s(self) -> float:
        """Seconds of generated speech."""
        return self.batch * (self.frames - self.reference_frames) / FRAMES_PER_SECOND


def upstream_model(spec: ModelSpec, vocabulary_size: int) -> Any:
    """Return the f5-tts package's CFM of an architecture, every parameter random."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import_torchaudio()
        from f5_tts.model import CFM, DiT
    arguments = spec.architecture.upstream_arguments()
    transformer = DiT(**arguments, text_num_embeds=vocabulary_size, mel_dim=MEL_CHANNELS)
    generator = torch.Generator().manual_seed(0)
    for parameter in transformer.parameters():  # upstream starts many at zero, which would hide errors
        fan_in = parameter[0].numel() if parameter.ndim > 1 else 100
        parameter.data.copy_(torch.randn(parameter.shape, generator=generator) / fan_in**0.5)
    return CFM(transformer=transformer, mel_spec_kwargs={"n_mel_channels": MEL_CHANNELS}).eval()


def model_pair(name: str, folder: Path) -> tuple[Any, LocalModel]:
    """Return upstream's model and the files that hold the same weights."""
    local = fetch(STARTER)
    size = len(Vocabulary.load(local.vocab))
    if name == "starter":
        cfm = upstream_model(STARTER, size)
        weights = {
            key.removeprefix("ema_model."): value.float()
            for key, value in load_file(local.checkpoint).items()
            if key.startswith("ema_model.")
        }
        cfm.load_state_dict(weights, strict=False)
        return cfm, local
    table = {"checkpoint": str(folder / f"{name}.safetensors"), "architecture": name, "vocab": str(local.vocab)}
    spec = model_spec_from_table(name, table, folder)
    cfm = upstream_model(spec, size)
    checkpoint = Path(spec.checkpoint)
    save_file({f"ema_model.{key}": value.contiguous() for key, value in cfm.state_dict().items()}, checkpoint)
    return cfm, replace(local, spec=spec, checkpoint=checkpoint)


def sample_ours(backend: Backend, specs: list[RowSpec]) -> list[Tensor]:
    """Return the generated mels of all rows, stepped together."""
    rows = [backend.open_row(spec) for spec in specs]
    while not rows[0].finished:
        backend.step(rows)
    return [row.mel for row in rows]


def sample_upstream(cfm: Any, specs: list[RowSpec]) -> list[Tensor]:
    """Return the generated mels of one upstream batch; upstream gives all rows one seed, so one by one."""
    mels = []
    for spec in specs:
        out, _ = cfm.sample(
            spec.reference_mel[None],
            torch.tensor([spec.token_ids]),
            spec.total_frames,
            steps=spec.nfe_step,
            cfg_strength=spec.cfg_strength,
            sway_sampling_coef=spec.sway_sampling_coef,
            seed=spec.seed,
        )
        mels.append(out[0, spec.reference_frames :])
    return mels


def timed(sample: Callable[[], list[Tensor]]) -> tuple[float, Tensor]:
    """Return seconds and the mels."""
    start = time.perf_counter()
    mels = sample()
    return time.perf_counter() - start, torch.cat(mels)


def relative_error(got: Tensor, wanted: Tensor) -> float:
    return float((got - wanted).norm() / wanted.norm())


def sample_other(engine: other_engine.OtherEngine, frames: int) -> list[Tensor]:
    """Return no mels, as the package hands out none; raises ValueError where it made another length."""
    made = engine.sample()
    if abs(made - frames) > frames // 50:
        raise ValueError(f"vox-tts made {made} frames; {frames} were wanted")
    return [torch.empty(0)]


def compare(work: Work, repeat: int, folder: Path, others: tuple[str, ...]) -> list[str]:
    """Return the table's rows for one piece of work."""
    cfm, local = model_pair(work.model, folder)
    dtypes = dict.fromkeys(("float32", pick_dtype("auto", "cpu"), "int8"))
    ours = [load_model(local, device="cpu", dtype=dtype) for dtype in dtypes]
    specs = work.rows()
    contestants: dict[str, Callable[[], list[Tensor]]] = {
        "f5-tts float32": partial(sample_upstream, cfm, specs),
        **{f"f5d {model.dtype}": partial(sample_ours, model.backend, specs) for model in ours},
    }
    for kind in others if (work.model, work.batch) == ("F5TTS_v1_Base", 1) else ():
        other = other_engine.OtherEngine(local, kind, specs[0], folder, torch.get_num_threads())
        contestants[f"vox-tts {kind}"] = partial(sample_other, other, work.frames - work.reference_frames)
    short = [replace(spec, nfe_step=1) for spec in specs]
    sample_upstream(cfm, short[:1])  # first calls pay for allocation and kernel choice
    for model in ours:
        sample_ours(model.backend, short)
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    mels: dict[str, Tensor] = {}
    for _ in range(repeat):
        for name, sample in contestants.items():
            spent, mels[name] = timed(sample)
            seconds[name].append(spent)
    wanted = mels["f5-tts float32"]
    peer = statistics.median(seconds["f5-tts float32"])
    lines = []
    for name, runs in seconds.items():
        middle = statistics.median(runs)
        error = f"{relative_error(mels[name], wanted):.1e}" if len(mels[name]) else "-"
        cells = (
            f"{work.model} | {work.batch} | {work.frames} | {work.steps} | {name} | {middle:.2f} |"
            f" {middle / work.speech_s:.3f} | {peer / middle:.2f} | {error}"
        )
        lines.append(f"| {cells} |")
    return lines


def main() -> None:
    """Run the comparison and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--model", default="starter", help=f"comma-separated, of {', '.join(ARCHITECTURES)}")
    parser.add_argument("--batch", default="1", help="comma-separated numbers of rows")
    parser.add_argument("--frames", type=int, default=850, help="mel frames a row, reference included")
    parser.add_argument("--reference-frames", type=int, default=250)
    parser.add_argument("--steps", type=int, default=16)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--other", action="store_true", help="also the vox-tts package, where it is installed")
    options = parser.parse_args()
    others = tuple(other_engine.KINDS) if options.other and other_engine.is_there() else ()
    torch.set_num_threads(options.threads)
    print(f"{dt.date.today()}, {processor()}, {options.threads} threads, torch {torch.__version__}\n")  # noqa: DTZ011
    print("| model | batch | frames | steps | code | seconds | RTF | times as fast | relative error |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name in options.model.split(","):
        for batch in map(int, options.batch.split(",")):
            work = Work(name, options.frames, options.reference_frames, options.steps, batch)
            with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
                for line in compare(work, options.repeat, Path(folder), others):
                    print(line, flush=True)


if __name__ == "__main__":
    main()
