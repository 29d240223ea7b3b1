"""What `f5ctl info` knows of a checkpoint without loading it."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from f5ctl.errors import SynthesisError
from f5d.catalog.architectures import named_architectures
from f5d.catalog.header import read_header
from f5d.catalog.models import catalog
from f5d.catalog.shapes import deduce_dit, dit_shapes
from f5d.catalog.spec import Architecture
from f5d.catalog.vocab import Vocabulary
from f5d.helpers.checkpoint import describe, model_card
from f5d.model.dit import DiT, upstream_shapes
from tests.model.support import TINY, TINY_DIT, TOKENS, Maker

VARIANTS: dict[str, dict[str, Any]] = {
    "norms": {**TINY_DIT, "qk_norm": "rms_norm"},
    "skip": {**TINY_DIT, "heads": 1, "dim_head": 64, "long_skip_connection": True},
    "bare": {**TINY, "dim_head": 64},
}


def architectures() -> dict[str, Architecture]:
    named = {name: one for name, one in named_architectures().items() if one.backbone == "DiT"}
    return named | {name: Architecture.from_mapping(one) for name, one in VARIANTS.items()}


@pytest.mark.parametrize("name", [*VARIANTS, "starter", "F5TTS_v1_Base", "F5TTS_Base", "F5TTS_v1_Small"])
def test_shapes_follow_from_the_architecture_and_back(name: str) -> None:
    """Every weight of a built model has the name and shape that is foretold; and they tell the architecture."""
    architecture = architectures()[name]
    with torch.device("meta"):
        built = upstream_shapes(DiT(architecture, TOKENS))
    assert dit_shapes(architecture, TOKENS) == built
    deduced = deduce_dit(built)
    assert deduced is not None
    for key in ("dim", "depth", "heads", "dim_head", "ff_mult", "conv_layers", "qk_norm", "text_width"):
        assert getattr(deduced, key) == getattr(architecture, key), key


@pytest.mark.parametrize("kind", ["ema.safetensors", "ema.pt", "plain.pt", "bare.safetensors"])
def test_every_format_is_described(maker: Maker, kind: Any) -> None:
    """EMA or plain, with its step or without: the same architecture, vocabulary and verdict."""
    _cfm, local = maker.save("DiT", TINY_DIT, kind)
    facts = describe(local.checkpoint, local.vocab)
    assert facts["problems"] == []
    assert facts["vocab_size"] == TOKENS
    assert facts["architecture"]["dim"] == TINY_DIT["dim"]
    assert facts["ema"] == kind.startswith("ema")
    assert facts["weights"] == {"ema.safetensors": ["ema"], "ema.pt": ["ema", "plain"]}.get(kind, ["plain"])
    assert facts["step"] == (9 if kind == "ema.pt" else None)
    assert facts["dtype"] == "float32"


def test_the_other_backbones_are_recognised(maker: Maker) -> None:
    """UNetT and MMDiT checkpoints are named as what they are."""
    for backbone, arguments in (("UNetT", {**TINY, "depth": 4}), ("MMDiT", TINY)):
        _cfm, local = maker.save(backbone, arguments)
        facts = describe(local.checkpoint, local.vocab, local.spec.architecture)
        assert (facts["backbone"], facts["problems"]) == (backbone, [])


def test_what_does_not_fit_is_said(maker: Maker) -> None:
    """A wrong vocabulary, a wrong architecture and a foreign file each get a line with the figures."""
    _cfm, local = maker.save("DiT", TINY_DIT)
    other = maker.folder / "other.txt"
    other.write_text("a\nb\n")
    assert describe(local.checkpoint, other)["problems"] == [
        f"it was trained with {TOKENS} tokens, {other} has 2"
    ]
    base = catalog()["F5TTS_v1_Base"].architecture
    assert any("weights are missing" in line for line in describe(local.checkpoint, None, base)["problems"])
    e2 = catalog()["E2TTS_Base"].architecture
    assert "it is a DiT" in describe(local.checkpoint, None, e2)["problems"][0]
    foreign = maker.folder / "foreign.safetensors"
    save_file({"lstm.weight": torch.zeros(2)}, foreign)
    assert describe(foreign)["problems"] == ["it is no F5-TTS or E2-TTS model (it holds: lstm.weight)"]


@pytest.mark.parametrize("form", ["I64", "F32"])
def test_the_step_of_a_converted_file_is_read(tmp_path: Path, form: str) -> None:
    """A counter that was saved as a tensor is read without its neighbours."""
    path = tmp_path / "a.safetensors"
    number = torch.tensor(1_250_000, dtype=torch.int64 if form == "I64" else torch.float32)
    save_file({"ema_model.transformer.x": torch.zeros(3), "step": number, "initted": torch.tensor(True)}, path)
    assert describe(path)["step"] == 1_250_000


def header_of(table: Any) -> bytes:
    head = table if isinstance(table, bytes) else json.dumps(table).encode()
    return struct.pack("<Q", len(head)) + head


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"abc",
        struct.pack("<Q", 2**62) + b"{}",
        struct.pack("<Q", 100) + b"{}",
        header_of(b"not json"),
        header_of(b"[" * 50_000),
        header_of([1]),
        header_of({"a": {"dtype": "F32", "shape": [2]}}),
        header_of({"a": {"dtype": "F32", "shape": "x", "data_offsets": [0, 8]}}) + bytes(8),
        header_of({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}) + bytes(7),
        header_of({"a": {"dtype": "F32", "shape": [2], "data_offsets": [-800, 8]}}) + bytes(8),
        header_of({"a": {"dtype": "F32", "shape": [2], "data_offsets": [16, 8]}}) + bytes(8),
        header_of({"a": {"dtype": "F32", "shape": [1e999], "data_offsets": [0, 8]}}) + bytes(8),
    ],
    ids=range(13),
)
def test_a_damaged_file_is_one_line(tmp_path: Path, data: bytes) -> None:
    """A header that lies, is cut off or is none never breaks the reader."""
    path = tmp_path / "a.safetensors"
    path.write_bytes(data)
    with pytest.raises(SynthesisError, match="is not a complete safetensors file") as caught:
        read_header(path)
    assert "\n" not in caught.value.message


def test_torch_is_not_imported_for_a_safetensors_file() -> None:
    """Describing the bundled model takes its header alone."""
    code = """
import sys
from pathlib import Path
from f5d.catalog.models import catalog
from f5d.helpers.checkpoint import describe
spec = catalog()["starter"]
facts = describe(Path(spec.checkpoint), Path(spec.vocab), spec.architecture)
assert facts["problems"] == [], facts
assert not {"torch", "numpy", "safetensors", "f5_tts"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize("name", ["README.md", "model_card.md", "MODEL_CARD.md"])
def test_a_model_card_is_found(tmp_path: Path, name: str) -> None:
    """The page that lies beside a model belongs to what is known of it."""
    assert model_card(tmp_path) is None
    (tmp_path / name).write_text("# A small model\n")
    assert model_card(tmp_path) == "# A small model\n"


def tensor(dtype: str = "F32", shape: str = "[2]", offsets: str = "[0, 8]") -> str:
    return f'{{"dtype": "{dtype}", "shape": {shape}, "data_offsets": {offsets}}}'


@pytest.mark.parametrize(
    "entry",
    [
        tensor(shape="[1e999]"),
        tensor(shape="[NaN]"),
        tensor(shape="[2.0]"),
        tensor(shape="[true, 2]"),
        tensor(shape="[-2, -1]"),
        tensor(shape=f"[{'9' * 400}]"),
        tensor(shape=f"[0, {'9' * 4_000}]", offsets="[0, 0]"),
        tensor(shape=f"[{'1, ' * 16}2]"),
        tensor(shape="[3]"),
        tensor(dtype="ODD", shape="[65]"),
        tensor(offsets="[-5000, -4992]"),
        tensor(offsets="[8, 0]"),
        tensor(offsets="[0, 1e999]"),
        tensor(offsets="[0, 8, 16]"),
        "[]",
        "3",
    ],
)
def test_a_header_with_absurd_values_is_damaged(tmp_path: Path, entry: str) -> None:
    """Shapes and places that no file has end in one line, before anything is reckoned or read with them."""
    path = tmp_path / "a.safetensors"
    header = f'{{"good": {tensor()}, "odd": {entry}}}'.encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(8))
    with pytest.raises(SynthesisError, match="is not a complete safetensors file: its header is "):
        read_header(path)


def test_a_header_has_a_limit(tmp_path: Path) -> None:
    """A table of a million tensors is refused by its length, unread."""
    path = tmp_path / "a.safetensors"
    with path.open("wb") as file:
        file.write(struct.pack("<Q", 4 * 2**20 + 1) + b"{")
        file.truncate(2**24)
    with pytest.raises(SynthesisError, match="its header is 4194305 bytes; the limit is 4194304"):
        describe(path)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), 3.0])
def test_a_step_that_is_no_number_is_left_out(maker: Maker, number: float) -> None:
    """What a checkpoint calls its step may be anything."""
    _cfm, local = maker.save("DiT", TINY_DIT, "ema.safetensors")
    weights = load_file(local.checkpoint) | {"step": torch.tensor([number])}
    save_file(weights, maker.folder / "step.safetensors")
    assert describe(maker.folder / "step.safetensors")["step"] == (3 if number == 3.0 else None)


def test_layers_without_end_are_no_model(maker: Maker) -> None:
    """A table of thousands of tiny layers does not become an architecture of that depth."""
    _cfm, local = maker.save("DiT", TINY_DIT, "ema.safetensors")
    weights = {name: one.shape for name, one in read_header(local.checkpoint).items()}
    plain = {name.removeprefix("ema_model.transformer."): shape for name, shape in weights.items()}
    assert deduce_dit(plain) is not None
    assert deduce_dit(plain | {f"transformer_blocks.{n}.x": (1,) for n in range(257)}) is None


def test_a_pipe_is_no_checkpoint(tmp_path: Path) -> None:
    """It is not waited for, nor is a vocabulary of that kind."""
    pipe = tmp_path / "a.safetensors"
    os.mkfifo(pipe)
    with pytest.raises(SynthesisError, match="is no regular file"):
        describe(pipe)
    with pytest.raises(SynthesisError, match=r"cannot read vocabulary .*: it is no regular file"):
        Vocabulary.load(pipe)
