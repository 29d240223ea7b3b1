"""A real engine process, driven over its real socket as the broker drives it."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
import zmq

from f5d.catalog.models import catalog
from f5d.catalog.voices import Reference
from f5d.engine import types
from f5d.model.torchaudio_compat import import_torchaudio

STARTER = Path(__file__).parents[2] / "f5d" / "starter"
REFERENCE = Reference(
    audio=(STARTER / "voices" / "rms_0.wav").read_bytes(),
    text=(STARTER / "voices" / "rms_0.txt").read_text().strip(),
    prepared=True,
)
SPECIALS = [
    "<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|translate|>", "<|transcribe|>",
    "<|startoflm|>", "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>",
]  # fmt: skip
FAST = types.Parameters(nfe_step=2, cfg_strength=0.0, seed=7)


class Engine:
    """The broker's end of one engine process."""

    def __init__(self, configure: types.Configure, log: Path | None = None) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="f5e", dir="/tmp")
        path = f"{self._folder.name}/e.sock"
        self._context = zmq.Context()
        self.socket = self._context.socket(zmq.PAIR)
        self.socket.bind(f"ipc://{path}")
        with log.open("wb") if log else nullcontext() as stderr:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "f5d.engine.process", path],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
            )
        self.send(configure)

    def send(self, message: types.ToEngine) -> None:
        """Send one message to the engine."""
        self.socket.send(types.pack(message))

    def receive(self, timeout_s: float = 60.0) -> types.FromEngine:
        """Return the engine's next message that is no step report."""
        while True:
            assert self.socket.poll(int(timeout_s * 1000)), "the engine said nothing"
            message = types.unpack_from_engine(self.socket.recv())
            if not isinstance(message, types.StepReport):
                return message

    def until_over(self, job: str) -> list[types.FromEngine]:
        """Return everything said about `job` up to its end; other jobs' messages are dropped."""
        messages = []
        while True:
            message = self.receive()
            if getattr(message, "job", None) == job:
                messages.append(message)
                if isinstance(message, types.Finished | types.Failed | types.Cancelled | types.Encoded):
                    return messages

    def close(self) -> None:
        """Close stdin, as a dying broker does, and wait for the engine to follow."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(10)
        self.socket.close(linger=0)
        self._context.term()
        self._folder.cleanup()


def configure(**changes: object) -> types.Configure:
    """Return the configuration for the bundled model, in float32 so that figures are exact."""
    values: dict[str, object] = {
        "model": catalog()["starter"],
        "device": "cpu",
        "dtype": "float32",
        "threads": 1,
        "asr_model": "/nonexistent/whisper",
        "max_batch_frames": 0,
    }
    return types.Configure(**(values | changes))  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """An engine with the bundled model loaded, shared by the session."""
    running = Engine(configure())
    try:
        assert isinstance(running.receive(), types.Loaded)
        yield running
    finally:
        running.close()


@pytest.fixture(scope="session")
def whisper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Whisper of one layer, saved as the hub stores it."""
    import_torchaudio()
    import torch
    import transformers as tf

    folder = tmp_path_factory.mktemp("whisper")
    letters = [chr(code) for code in range(33, 127)] + ["Ġ"]
    (folder / "vocab.json").write_text(json.dumps({letter: i for i, letter in enumerate(letters)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    names = dict.fromkeys(("unk_token", "bos_token", "eos_token", "pad_token"), SPECIALS[0])
    files = (str(folder / "vocab.json"), str(folder / "merges.txt"))
    tokenizer = tf.WhisperTokenizer(*files, **names, additional_special_tokens=SPECIALS[1:])
    ids = dict(zip(SPECIALS, tokenizer.convert_tokens_to_ids(SPECIALS), strict=True))
    end, start = ids["<|endoftext|>"], ids["<|startoftranscript|>"]
    common = {
        "decoder_start_token_id": start, "eos_token_id": end, "bos_token_id": end, "pad_token_id": end,
    }  # fmt: skip
    sizes = dict.fromkeys(("encoder_layers", "decoder_layers"), 1)
    sizes |= dict.fromkeys(("encoder_attention_heads", "decoder_attention_heads"), 2)
    sizes |= dict.fromkeys(("d_model", "encoder_ffn_dim", "decoder_ffn_dim"), 32)
    torch.manual_seed(0)
    config = tf.WhisperConfig(
        vocab_size=len(tokenizer), max_target_positions=64, suppress_tokens=None,
        begin_suppress_tokens=None, **sizes, **common,
    )  # fmt: skip
    model = tf.WhisperForConditionalGeneration(config)
    model.generation_config = tf.GenerationConfig(
        no_timestamps_token_id=ids["<|notimestamps|>"],
        is_multilingual=True,
        lang_to_id={"<|en|>": ids["<|en|>"]},
        task_to_id={task: ids[f"<|{task}|>"] for task in ("transcribe", "translate")},
        max_length=20,
        max_initial_timestamp_index=1,
        **common,
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    tf.WhisperFeatureExtractor(feature_size=80).save_pretrained(folder)
    return folder
