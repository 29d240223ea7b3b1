"""Transcribing a reference, with a tiny random Whisper in the published format."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from f5ctl.errors import BadRequestError
from f5d.engine.transcriber import Transcriber
from f5d.model.torchaudio_compat import import_torchaudio

SPECIALS = [
    "<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|translate|>", "<|transcribe|>",
    "<|startoflm|>", "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>",
]  # fmt: skip
NOISE = np.random.default_rng(0).normal(0, 0.1, 24_000 * 3).astype(np.float32)


@pytest.fixture(scope="module")
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


def test_a_reference_without_text_is_transcribed(whisper: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The recogniser's words become the reference text, with nothing printed on the way."""
    capfd.readouterr()
    transcriber = Transcriber(str(whisper), "cpu")
    words = transcriber.transcribe(NOISE, 24_000)
    assert words.strip() == words != ""
    assert transcriber.transcribe(NOISE, 24_000) == words
    assert capfd.readouterr().out == ""


def test_a_recogniser_that_is_not_here_is_one_clear_line(tmp_path: Path) -> None:
    """The line names the recogniser and says to pass the text."""
    missing = str(tmp_path / "no-whisper")
    with pytest.raises(BadRequestError, match=f"{missing} cannot be loaded .*; pass --ref-text") as caught:
        Transcriber(missing, "cpu").transcribe(NOISE, 24_000)
    assert caught.value.code == "transcription_unavailable"
    assert "\n" not in caught.value.message
