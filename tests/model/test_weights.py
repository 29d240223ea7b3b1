from __future__ import annotations

import os
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from f5ctl.errors import SynthesisError
from f5d.catalog.spec import Architecture
from f5d.model.load import load_model
from f5d.model.weights import content_hash, load_state

from .support import TINY, TINY_DIT, Maker, write_vocabulary


def refusal(path: Path) -> str:
    """Return the one line that loading `path` is refused with."""
    with pytest.raises(SynthesisError) as caught:
        load_state(path)
    assert caught.value.code == "model_error"
    assert str(path) in caught.value.message
    assert "\n" not in caught.value.message
    return caught.value.message


def model_refusal(local: Any) -> str:
    with pytest.raises(SynthesisError) as caught:
        load_model(local, device="cpu", dtype="float32")
    assert caught.value.code == "model_error"
    assert "\n" not in caught.value.message
    return caught.value.message


@pytest.mark.parametrize("name", ["model.safetensors", "model.pt"])
def test_a_missing_checkpoint_is_named(tmp_path: Path, name: str) -> None:
    """A checkpoint that is not there is an error with its path."""
    assert "does not exist" in refusal(tmp_path / name)


@pytest.mark.parametrize("kind", ["ema.safetensors", "ema.pt"])
@pytest.mark.parametrize("kept", [3, 0.5, 0.99])
def test_a_truncated_checkpoint_is_one_clear_line(maker: Maker, kind: Any, kept: float) -> None:
    """A download that broke off is told apart from a model."""
    _, local = maker.save("DiT", TINY_DIT, kind)
    content = local.checkpoint.read_bytes()
    local.checkpoint.write_bytes(content[: int(kept * len(content)) if kept < 1 else int(kept)])
    line = refusal(local.checkpoint)
    assert "complete safetensors file" in line or "truncated or not a torch checkpoint" in line


class Evil:
    """Unpickles by creating a folder: a harmless stand-in for any code."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("old_format", [True, False])
def test_code_in_a_checkpoint_is_refused_and_never_runs(tmp_path: Path, old_format: bool) -> None:  # noqa: FBT001
    """A checkpoint that carries code is refused before any of it runs."""
    path, trace = tmp_path / "evil.pt", tmp_path / "ran"
    content = {"ema_model_state_dict": {"ema_model.transformer.x": torch.zeros(1)}, "extra": Evil(str(trace))}
    torch.save(content, path, _use_new_zipfile_serialization=not old_format)
    assert "refused: it contains code, not only weights" in refusal(path)
    path.write_bytes(pickle.dumps(content))
    refusal(path)
    assert not trace.exists()


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ({"epoch": 3, "lr": 0.1}, r"not an F5-TTS checkpoint \(it holds: epoch, lr\)"),
        ([1, 2], "it holds a list"),
        ({"model_state_dict": {}}, "holds no model weights"),
    ],
)
def test_another_kind_of_file_is_told_apart(tmp_path: Path, content: Any, line: str) -> None:
    """A torch file that is no model is refused with what it holds."""
    import re

    path = tmp_path / "other.pt"
    torch.save(content, path)
    assert re.search(line, refusal(path))


def test_another_architecture_is_told_with_the_first_names(maker: Maker) -> None:
    """Weights of another architecture are refused with counts and a few names."""
    _, local = maker.save("DiT", {**TINY_DIT, "qk_norm": "rms_norm"})
    deeper = replace(local.spec, architecture=Architecture.from_mapping({**TINY_DIT, "depth": 4}))
    line = model_refusal(replace(local, spec=deeper))
    assert "14 weights missing (transformer_blocks.3.attn_norm.linear.weight, " in line
    assert "6 weights unexpected (transformer_blocks.0.attn.k_norm.weight, " in line
    unet = replace(local.spec, architecture=Architecture.from_mapping({**TINY, "depth": 4}, backbone="UNetT"))
    assert "does not fit the configured UNetT architecture" in model_refusal(replace(local, spec=unet))


def test_another_width_is_told_with_both_shapes(maker: Maker) -> None:
    """Weights of another width are refused with the found and the expected shape."""
    _, local = maker.save("DiT", TINY_DIT)
    wider = replace(local.spec, architecture=Architecture.from_mapping({**TINY_DIT, "ff_mult": 4}))
    assert "is [128, 64], expected [256, 64]" in model_refusal(replace(local, spec=wider))


def test_another_vocabulary_is_told_with_both_sizes(maker: Maker) -> None:
    """A vocabulary that is not the model's is refused with both sizes and the file's name."""
    _, local = maker.save("DiT", TINY_DIT)
    write_vocabulary(local.vocab.parent, 39)
    line = model_refusal(local)
    assert f"was trained with 40 tokens but vocabulary {local.vocab} has 39" in line


def test_a_mapped_file_may_change_after_loading(maker: Maker) -> None:
    """A loaded model does not depend on its file any more: an update of the file cannot crash it."""
    cfm, local = maker.save("DiT", TINY_DIT)
    model = load_model(local, device="cpu", dtype="float32")
    local.checkpoint.write_bytes(b"")
    dit = model.backend._dit  # type: ignore[attr-defined]
    assert torch.equal(dit.proj_out.weight, cfm.transformer.proj_out.weight)


def test_a_hash_names_the_content(tmp_path: Path) -> None:
    """Two files of the same bytes have the same hash, others do not; it is SHA-256's beginning."""
    (tmp_path / "a").write_bytes(b"abc")
    (tmp_path / "b").write_bytes(b"abd")
    assert content_hash(tmp_path / "a") == "ba7816bf8f01cfea"
    assert content_hash(tmp_path / "b") != content_hash(tmp_path / "a")
    assert content_hash(tmp_path / "a", ema=False) != content_hash(tmp_path / "a")  # one file, two voices


def test_stray_entries_are_left_out(tmp_path: Path) -> None:
    """Counters, mel buffers and derived tables in a checkpoint are no weights."""
    path = tmp_path / "model.safetensors"
    names = ["ema_model.initted", "ema_model.mel_spec.fb", "ema_model.transformer.rotary_embed.inv_freq"]
    save_file({**{name: torch.zeros(2) for name in names}, "ema_model.transformer.kept": torch.ones(2)}, path)
    assert list(load_state(path)) == ["kept"]
