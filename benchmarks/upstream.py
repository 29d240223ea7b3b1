r"""The f5-tts package's way of serving: its own functions on the starter model, one text at a time.

    printf 'One sentence.\nAnother one.\n' | python benchmarks/upstream.py --nfe-step 16

Prints a line of JSON for each line of stdin: `audio_s`, `wall_s`, and `cold`, true for the first. Where
`torchaudio.load` cannot be had, it reads the recording with soundfile and calls the function that
`infer_process` calls after loading it.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import f5d
from f5d.model.torchaudio_compat import import_torchaudio

VOICE = "rms_0"


def load() -> tuple[Any, Any]:
    """Return upstream's model and vocoder with the starter's weights."""
    from f5_tts.infer.utils_infer import load_model, load_vocoder
    from f5_tts.model import DiT

    starter = starter_folder()
    model = load_model(
        DiT,
        json.loads((starter / "dit.json").read_text(encoding="utf-8")),
        str(starter / "model.safetensors"),
        vocab_file=str(starter / "vocab.txt"),
        device="cpu",
    )
    return model, load_vocoder(is_local=True, local_path=str(starter / "vocoder"), device="cpu")


def starter_folder() -> Path:
    """Return the folder of the bundled model."""
    return Path(str(f5d.__file__)).parent / "starter"


def recording() -> tuple[Any, str]:
    """Return the voice as (samples, rate) and what it says."""
    import soundfile
    import torch

    path = starter_folder() / "voices" / f"{VOICE}.wav"
    samples, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    return (torch.from_numpy(samples.T), rate_hz), path.with_suffix(".txt").read_text().strip() + " "


def main() -> None:
    """Speak each line of stdin."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--nfe-step", type=int, default=16)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seconds", type=float, default=600, help="take no new line after so long")
    parser.add_argument("-o", "--output", help="write the last line's audio here")
    options = parser.parse_args()
    answers, sys.stdout = sys.stdout, io.StringIO()  # upstream prints
    warnings.simplefilter("ignore")
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the engine process
    import_torchaudio()
    import soundfile
    import torch
    from f5_tts.infer.utils_infer import chunk_text, infer_batch_process

    torch.set_num_threads(options.threads)
    model, vocoder = load()
    voice, ref_text = recording()
    until_s = time.perf_counter() + options.seconds
    for number, line in enumerate(sys.stdin):
        began_s = time.perf_counter()
        if began_s > until_s:
            break
        text = line.strip()
        wave, rate_hz, _spectrogram = next(
            infer_batch_process(
                voice,
                ref_text,
                chunk_text(text),
                model,
                vocoder,
                nfe_step=options.nfe_step,
                device="cpu",
                progress=None,
            )
        )
        spent_s = time.perf_counter() - began_s
        answer = {"audio_s": len(wave) / rate_hz, "wall_s": spent_s, "cold": number == 0}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
        if options.output:
            soundfile.write(options.output, wave, rate_hz)


if __name__ == "__main__":
    main()
