"""A warm `f5ctl say` against a fresh process that imports f5-tts, loads the model and speaks.

    python benchmarks/warm.py [RUNS]

Both use the starter model's files, the same voice, text, steps and guidance, and the same number
of threads (F5D_THREADS, default 1), in turn. The fresh process runs upstream's own functions; where
`torchaudio.load` cannot be had, it reads the recording with soundfile and calls the function that
`infer_process` calls after loading it.
"""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

F5CTL = str(Path(sys.executable).with_name("f5ctl"))
NFE_STEP = 16
TEXT = "The quick brown fox jumps over the lazy dog."
THREADS = os.environ.get("F5D_THREADS", "1")

ONE_SHOT = """
import json, sys
from pathlib import Path
import f5d
from f5d.model.torchaudio_compat import import_torchaudio
import_torchaudio()
import soundfile, torch
torch.set_num_threads(int(sys.argv[4]))
from f5_tts.infer.utils_infer import chunk_text, infer_batch_process, load_model, load_vocoder
from f5_tts.model import DiT
starter = Path(f5d.__file__).parent / "starter"
model = load_model(DiT, json.loads((starter / "dit.json").read_text()), str(starter / "model.safetensors"),
                   vocab_file=str(starter / "vocab.txt"), device="cpu")
vocoder = load_vocoder(is_local=True, local_path=str(starter / "vocoder"), device="cpu")
ref_text = (starter / "voices" / "rms_0.txt").read_text().strip() + " "
samples, rate = soundfile.read(starter / "voices" / "rms_0.wav", dtype="float32", always_2d=True)
audio = torch.from_numpy(samples.T)
wave, rate, _ = next(infer_batch_process((audio, rate), ref_text, chunk_text(sys.argv[1]), model, vocoder,
                                         nfe_step=int(sys.argv[2]), device="cpu", progress=None))
soundfile.write(sys.argv[3], wave, rate)
"""


def timed(*command: str) -> float:
    """Return the wall time of a command in seconds."""
    began_s = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    return time.perf_counter() - began_s


def measure(runs: int, folder: str) -> dict[str, list[float]]:
    """Return the wall times of both ways, taken in turn."""
    say = (F5CTL, "say", "--voice", "rms", "--nfe-step", str(NFE_STEP), "-o", f"{folder}/warm.wav", TEXT)
    one_shot = (sys.executable, "-c", ONE_SHOT, TEXT, str(NFE_STEP), f"{folder}/fresh.wav", THREADS)
    timed(*say)  # the first one encodes the voice
    took_s: dict[str, list[float]] = {"warm": [], "fresh": []}
    for _ in range(runs):
        took_s["fresh"].append(timed(*one_shot))
        took_s["warm"].append(timed(*say))
    return took_s


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with tempfile.TemporaryDirectory(prefix="f5", dir="/tmp") as folder:
        os.environ |= {"F5D_SOCKET": f"{folder}/s", "XDG_STATE_HOME": folder, "F5D_THREADS": THREADS}
        subprocess.run([F5CTL, "load", "starter"], check=True)
        try:
            took_s = measure(runs, folder)
        finally:
            subprocess.run([F5CTL, "stop"], check=True)
    warm_s, fresh_s = statistics.median(took_s["warm"]), statistics.median(took_s["fresh"])
    machine = f"{platform.machine()}, {os.cpu_count()} cores"
    print(f"{machine}, {THREADS} threads, {NFE_STEP} steps, {runs} runs, medians")
    print(f"f5-tts in a fresh process {fresh_s:7.2f} s")
    print(f"f5ctl say, warm           {warm_s:7.2f} s")
    print(f"ratio                     {fresh_s / warm_s:7.1f}")


if __name__ == "__main__":
    main()
