"""Parity, speed and memory on a CUDA device, as one Markdown report.

    python benchmarks/gpu.py [REPEATS]

Random weights in the shape of F5TTS_v1_Base: speed does not depend on their values. A request is 10 s of
speech after a 5 s reference, 16 steps, guided; rows enter steps as in the engine, within its frame
budget. `eager` computes operation by operation, `graphs` replays recorded steps. Times are medians,
after one run that is not counted. The f5-tts package's own sampler runs in the same process where it
can be imported. Exits with one line where there is no CUDA device.
"""

from __future__ import annotations

import datetime as dt
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from flops import step_flops

from f5d.catalog.spec import FRAMES_PER_SECOND, MEL_CHANNELS, Architecture
from f5d.engine.scheduler import Scheduler
from f5d.model.buckets import bucket_for
from f5d.model.dit import BatchModulation, DiT, ModulationPicks
from f5d.model.dit_backend import DiTBackend, recorded_steps
from f5d.model.packing import RowShape, copy_lengths, pack
from f5d.model.sampler import RowSpec
from f5d.model.static_step import StepBuffers
from f5d.model.vocos import Vocos, VocosShape

BUDGET_FRAMES = 8_192  # f5d.engine.synthesizer.GPU_BUDGET_FRAMES, whose import would load the audio front end
BATCHES = (1, 4, 16, 32)
NFE_STEP = 16
REFERENCE_FRAMES = int(5 * FRAMES_PER_SECOND)
SPEECH_FRAMES = int(10 * FRAMES_PER_SECOND)
SPEECH_S = SPEECH_FRAMES / FRAMES_PER_SECOND
TOKENS = 2_545
TEXT_TOKENS = 225
BASE = Architecture.from_mapping(  # F5TTS_v1_Base, of which f5-tts has the file
    {"dim": 1_024, "depth": 22, "heads": 16, "ff_mult": 2, "text_dim": 512, "conv_layers": 4}
)
MATRIX = 8_192
MATES = 15
HOLD = "--hold"

Weights = dict[str, torch.Tensor]


def random_weights(architecture: Architecture, device: torch.device) -> Weights:
    """Return float32 weights of useful size: outputs neither vanish nor grow with the depth."""
    generator = torch.Generator(device).manual_seed(0)
    with torch.device("meta"):
        shapes = {key: value.shape for key, value in DiT(architecture, TOKENS).state_dict().items()}
    weights = {}
    for key, shape in shapes.items():
        noise = torch.randn(shape, generator=generator, device=device)
        if len(shape) == 1:
            weights[key] = 0.1 * noise + (0.0 if key.endswith("bias") else 1.0)
        else:
            weights[key] = noise / (shape[1:].numel() ** 0.5)
    return weights


def build(architecture: Architecture, weights: Weights, dtype: torch.dtype) -> DiT:
    with torch.device("meta"):
        dit = DiT(architecture, TOKENS)
    dit.load_state_dict({key: value.clone() for key, value in weights.items()}, assign=True)
    dit.eval().requires_grad_(False).to_compute_type(dtype)
    return dit


def row_spec(seed: int, frames: int = REFERENCE_FRAMES + SPEECH_FRAMES) -> RowSpec:
    generator = torch.Generator().manual_seed(seed)
    reference = torch.randn(min(REFERENCE_FRAMES, frames // 3), MEL_CHANNELS, generator=generator)
    tokens = torch.randint(0, TOKENS, (min(TEXT_TOKENS, frames // 6),), generator=generator)
    return RowSpec(reference, tuple(tokens.tolist()), frames, NFE_STEP, 2.0, -1.0, seed)


def sample(backend: DiTBackend, specs: Sequence[RowSpec]) -> list[torch.Tensor]:
    """Return the rows' mels, stepped as the engine steps them."""
    rows = [backend.open_row(spec) for spec in specs]
    scheduler = Scheduler(BUDGET_FRAMES)
    for index, spec in enumerate(specs):
        scheduler.add(str(index), 0, [spec.frames])
    while scheduler:
        picked = scheduler.pick()
        backend.step([rows[int(job)] for job, _ in picked])
        for job, index in picked:
            if rows[int(job)].finished:
                scheduler.finish((job, index))
    return [row.mel for row in rows]


def median_s(action: Callable[[], object], repeats: int) -> float:
    """Return the median wall time of an action, the device having nothing else to do."""
    took_s = []
    for _ in range(repeats + 1):
        torch.cuda.synchronize()
        began_s = time.perf_counter()
        action()
        torch.cuda.synchronize()
        took_s.append(time.perf_counter() - began_s)
    return statistics.median(took_s[1:])


def matmul_rate(repeats: int = 30) -> float:
    """Return the float16 matrix product rate of this device in FLOP/s."""
    left, right = (torch.randn(MATRIX, MATRIX, device="cuda", dtype=torch.float16) for _ in range(2))
    return 2 * MATRIX**3 / median_s(lambda: left @ right, repeats)


def relative_error(got: torch.Tensor, wanted: torch.Tensor) -> float:
    return float((got - wanted).norm() / wanted.norm())


def snr_db(got: torch.Tensor, wanted: torch.Tensor) -> float:
    error = relative_error(got, wanted)
    return float("inf") if error == 0 else float(-20 * torch.tensor(error).log10())


@torch.inference_mode()
def bucket_error(dit: DiT) -> float:
    """Return how far one step in a bucket, in fixed buffers, is from the same step packed end to end."""
    device = dit.device
    shapes = tuple(RowShape(frames, guided=True) for frames in (700, 333))
    lengths = copy_lengths(shapes)
    table = dit.modulation_table(torch.tensor([0.1, 0.4]))
    picks = ModulationPicks.of([(table, 0), (table, 0), (table, 1), (table, 1)])
    states = [torch.randn(shape.frames, MEL_CHANNELS, device=device) for shape in shapes]
    inputs = [torch.randn(length, dit.architecture.dim, device=device) for length in lengths]
    bucket = bucket_for(lengths)
    if bucket is None:
        raise ValueError(f"no bucket for {lengths}")
    padded, plain, buffers = pack(shapes, dit, bucket), pack(shapes, dit), StepBuffers(dit)
    buffers.fill(padded, states, inputs, picks)
    buffers.compute(bucket, padded.layout.lengths)
    places = torch.tensor(picks.places, device=device).index_select(0, plain.copy)
    noisy = dit.noisy_input(torch.cat(states)).index_select(0, plain.source)
    wanted = dit(noisy + torch.cat(inputs), BatchModulation(table.blocks, table.final, places), plain.layout)
    return relative_error(
        buffers.velocity.index_select(0, padded.conditional), wanted.index_select(0, plain.conditional)
    )


def parity_report(single: DiT, half: DiT) -> list[str]:
    """Return one line of a table for each promise: what was compared, what came out, what is allowed."""
    precise = DiTBackend(single, "float32")
    eager, graphs = DiTBackend(half, "float16"), DiTBackend(half, "float16", recorded_steps(half))
    own = row_spec(1, 500)
    company = [own, *(row_spec(seed, 150 + 20 * seed) for seed in range(2, 2 + MATES))]
    wanted = sample(precise, [own])[0]
    mixed = sample(precise, company)[0]
    eager_alone = sample(eager, [own])[0]
    graph_alone, graph_mixed = sample(graphs, [own])[0], sample(graphs, company)[0]
    checks = [
        ("float32, one step: bucket against packed end to end", bucket_error(single), 1e-4, "rel"),
        (f"float32: alone against among {MATES} others", relative_error(mixed, wanted), 1e-4, "rel"),
        ("float16: graphs against eager", snr_db(graph_alone, eager_alone), 40.0, "dB"),
        (f"float16, graphs: alone against among {MATES} others", snr_db(graph_mixed, graph_alone), 40.0, "dB"),
        ("float16, graphs: against float32", snr_db(graph_alone, wanted), 30.0, "dB"),
    ]
    lines = ["| parity | measured | wanted | |", "|---|---|---|---|"]
    for what, value, limit, unit in checks:
        good = value <= limit if unit == "rel" else value >= limit
        shown, bound = (
            (f"{value:.1e}", f"<= {limit:.0e}") if unit == "rel" else (f"{value:.1f} dB", f">= {limit:.0f} dB")
        )
        lines.append(f"| {what} | {shown} | {bound} | {'ok' if good else 'FAILED'} |")
    return lines


def upstream_sampler(architecture: Architecture) -> Callable[[int], object] | str:
    """Return the f5-tts package's sampler for a batch, float16 as it runs on CUDA, or why there is none."""
    try:
        from f5d.model.torchaudio_compat import import_torchaudio

        import_torchaudio()
        from f5_tts.model import CFM
        from f5_tts.model import DiT as TheirDiT
    except (ImportError, OSError, RuntimeError) as error:
        return f"f5-tts cannot be imported here: {str(error).splitlines()[0]}"
    theirs = TheirDiT(**architecture.upstream_arguments(), text_num_embeds=TOKENS, mel_dim=MEL_CHANNELS)
    cfm: Any = CFM(transformer=theirs, mel_spec_kwargs={"n_mel_channels": MEL_CHANNELS})
    cfm = cfm.eval().requires_grad_(False).to("cuda", torch.float16)
    spec = row_spec(0)
    condition, text = spec.reference_mel.cuda()[None], torch.tensor([spec.token_ids], device="cuda")

    @torch.inference_mode()
    def run(batch: int) -> object:
        return cfm.sample(
            cond=condition.expand(batch, -1, -1),
            text=text.expand(batch, -1),
            duration=spec.frames,
            steps=NFE_STEP,
            cfg_strength=spec.cfg_strength,
            sway_sampling_coef=spec.sway_sampling_coef,
            seed=0,
        )

    return run


def speed_report(architecture: Architecture, half: DiT, repeats: int) -> list[str]:
    """Return a table of times a batch: milliseconds, RTF, throughput and share of the matrix product rate."""
    rate = matmul_rate()
    upstream = upstream_sampler(architecture)
    backends = {
        "eager": DiTBackend(half, "float16"),
        "graphs": DiTBackend(half, "float16", recorded_steps(half)),
    }
    ways: dict[str, Callable[[int], object]] = {
        name: partial(sample_batch, backend) for name, backend in backends.items()
    }
    if not isinstance(upstream, str):
        ways["f5-tts"] = upstream
    ways["vocoder"] = vocoder_of_batches()
    frames = row_spec(0).frames
    work = NFE_STEP * step_flops(architecture, [frames, frames])
    lines = [
        f"float16 matrix product: {rate / 1e12:.0f} TFLOP/s; one request: {work / 1e12:.1f} TFLOP",
        "",
        "| batch | way | ms | RTF | audio s/s | share of the matrix rate |",
        "|---|---|---|---|---|---|",
    ]
    for batch in BATCHES:
        for name, way in ways.items():
            try:
                took_s = median_s(partial(way, batch), repeats)
            except torch.OutOfMemoryError:
                lines.append(f"| {batch} | {name} | out of memory | | | |")
                continue
            audio_s = batch * SPEECH_S
            share = "" if name == "vocoder" else f"{batch * work / took_s / rate:.0%}"
            times = f"{1e3 * took_s:.1f} | {took_s / audio_s:.4f} | {audio_s / took_s:.0f}"
            lines.append(f"| {batch} | {name} | {times} | {share} |")
    return [*lines, *([f"\n{upstream}"] if isinstance(upstream, str) else [])]


def sample_batch(backend: DiTBackend, batch: int) -> list[torch.Tensor]:
    return sample(backend, [row_spec(seed) for seed in range(batch)])


def vocoder_of_batches() -> Callable[[int], object]:
    """Return what vocodes a batch, with random weights in the shape of vocos-mel-24khz."""
    vocoder = Vocos(VocosShape(dim=512, intermediate_dim=1_536, num_layers=8, padding="center"))
    vocoder = vocoder.eval().requires_grad_(False).cuda()
    mel = torch.randn(SPEECH_FRAMES + 1, MEL_CHANNELS)
    return lambda batch: [wave.cpu() for wave in vocoder.decode_batch([mel] * batch)]


def used_mib() -> float:
    free, total = torch.cuda.mem_get_info()
    return (total - free) / 2**20


def hold_model() -> None:
    """Load and warm up as the engine does, say so, and end with standard input."""
    architecture = BASE
    half = build(architecture, random_weights(architecture, torch.device("cuda")), torch.float16)
    backend = DiTBackend(half, "float16", recorded_steps(half))
    while backend.warm_up_next():
        pass
    torch.cuda.empty_cache()
    print("ready", flush=True)
    sys.stdin.read()


def memory_report() -> list[str]:
    """Return the device's memory in use before, while and after a process of its own holds the model."""
    before = used_mib()
    with subprocess.Popen(
        [sys.executable, __file__, HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        if child.stdout is None or child.stdout.readline().strip() != "ready":
            return ["The process that holds the model ended before it was ready."]
        loaded = used_mib()
        child.communicate()
    after = used_mib()
    return [
        "| memory in use on the device | MiB |",
        "|---|---|",
        f"| before the model is loaded | {before:.0f} |",
        f"| loaded and warmed up | {loaded:.0f} |",
        f"| after its process ended | {after:.0f} |",
    ]


def main() -> None:
    if not torch.cuda.is_available():
        sys.exit("benchmarks/gpu.py needs a CUDA device; torch sees none")
    if HOLD in sys.argv:
        hold_model()
        return
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    torch.backends.cudnn.allow_tf32 = False  # as the daemon sets it for float32
    architecture = BASE
    memory = memory_report()
    weights = random_weights(architecture, torch.device("cuda"))
    single, half = (build(architecture, weights, dtype) for dtype in (torch.float32, torch.float16))
    del weights
    parity = parity_report(single, half)
    del single
    torch.cuda.empty_cache()
    speed = speed_report(architecture, half, repeats)
    today = dt.datetime.now(tz=dt.timezone.utc).date()
    command = shlex.join(["python", *sys.argv])
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}, {today}, `{command}`\n")
    print("\n".join([*parity, "", *speed, "", *memory]))
    if any("FAILED" in line for line in parity):
        sys.exit(1)


if __name__ == "__main__":
    main()
