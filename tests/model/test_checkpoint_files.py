"""Checkpoints as people have them: names of wrappers, other suffixes, and files that only stand for weights."""

from __future__ import annotations

import gzip
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from f5ctl.errors import SynthesisError
from f5d.catalog.weight_names import plain_name
from f5d.helpers.checkpoint import describe
from f5d.model.load import load_model
from f5d.model.weights import load_state

from .support import TINY_DIT, Maker

POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 1348435761\n".encode()


@pytest.mark.parametrize(
    ("key", "averaged"),
    [
        ("transformer.{}", False),
        ("{}", False),
        ("module.transformer.{}", False),
        ("_orig_mod.transformer.{}", False),
        ("module._orig_mod.module.transformer.{}", False),
        ("transformer._orig_mod.{}", False),
        ("_orig_mod.transformer.module._orig_mod.{}", False),
        ("ema_model.transformer.{}", True),
        ("ema_model.module.transformer._orig_mod.{}", True),
        ("module.ema_model._orig_mod.transformer.{}", True),
        ("online_model.transformer.{}", False),
        ("model.transformer.{}", False),
        ("_forward_module.net._orig_mod.transformer.{}", False),
        ("model.ema_model.transformer.{}", True),
    ],
)
@pytest.mark.parametrize("name", ["proj_out.weight", "transformer_blocks.0.attn.to_out.0.bias"])
def test_wrappers_are_no_part_of_a_name(key: str, averaged: bool, name: str) -> None:  # noqa: FBT001
    """Compiled, spread over cards, averaged, several times and in any order: the weight is the same."""
    assert plain_name(key.format(name)) == (name, averaged)


def test_a_wrapped_block_is_unwrapped() -> None:
    """A trainer that compiles each block for itself writes its wrapper into the middle of the names."""
    key = "transformer.transformer_blocks.3._orig_mod.attn._fsdp_wrapped_module.to_q.weight"
    assert plain_name(key) == ("transformer_blocks.3.attn.to_q.weight", False)
    assert plain_name("ema_model.module.mel_spec.fb") == ("mel_spec.fb", True)


@pytest.mark.parametrize("outer", ["", "module.", "_orig_mod.", "module._orig_mod.module."])
@pytest.mark.parametrize("inner", ["", "_orig_mod.", "module._orig_mod."])
@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_a_wrapped_checkpoint_is_the_plain_one(maker: Maker, outer: str, inner: str, suffix: str) -> None:
    """However it was wrapped when it was saved, it holds the same weights and is described so."""
    _cfm, local = maker.save("DiT", TINY_DIT, "bare.safetensors")
    wanted = load_state(local.checkpoint)
    wrapped = {f"{outer}ema_model.{inner}transformer.{inner}{name}": value for name, value in wanted.items()}
    path = maker.folder / f"wrapped{suffix}"
    if suffix == ".pt":
        torch.save({"ema_model_state_dict": wrapped}, path)
    else:
        save_file(wrapped, path)
    found = load_state(path)
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)
    facts = describe(path, local.vocab)
    assert (facts["problems"], facts["weights"]) == ([], ["ema"])


@pytest.mark.parametrize(("held", "kept"), [("state_dict", "plain"), ("model", "plain"), ("ema", "ema")])
def test_other_frameworks_checkpoints_are_opened(maker: Maker, held: str, kept: str) -> None:
    """Weights beside an optimizer's state, under the names that other trainings use, are found."""
    _cfm, local = maker.save("DiT", TINY_DIT, "bare.safetensors")
    wanted = load_state(local.checkpoint)
    path = maker.folder / "last.ckpt"
    weights = {f"model.transformer.{name}": value for name, value in wanted.items()}
    torch.save({"epoch": 3, held: weights, "optimizer": {"state": {}}}, path)
    found = load_state(path)
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)
    facts = describe(path, local.vocab)
    assert (facts["problems"], facts["weights"]) == ([], [kept])


@pytest.mark.parametrize(
    ("kind", "name", "form"),
    [
        ("ema.safetensors", "model.pt", "safetensors"),
        ("ema.safetensors", "MODEL.SAFETENSORS", "safetensors"),
        ("ema.safetensors", "model", "safetensors"),
        ("ema.pt", "model.safetensors", "torch"),
        ("ema.pt", "model.PTH", "torch"),
        ("plain.pt", "model.ckpt.bak", "torch"),
    ],
)
def test_the_content_tells_the_format(maker: Maker, kind: Any, name: str, form: str) -> None:
    """A file under another suffix, or in capitals, is read as what it is."""
    _cfm, local = maker.save("DiT", TINY_DIT, kind)
    renamed = local.checkpoint.rename(maker.folder / name)
    facts = describe(renamed, local.vocab)
    assert (facts["format"], facts["problems"]) == (form, [])
    assert len(load_state(renamed)) > 50


def test_an_old_torch_file_is_read_under_any_name(tmp_path: Path) -> None:
    """The format that torch had before its zip files is told by its first bytes too."""
    path = tmp_path / "old.safetensors"
    weights = {"model_state_dict": {"transformer.x": torch.ones(2)}}
    torch.save(weights, path, _use_new_zipfile_serialization=False)
    assert list(load_state(path)) == ["x"]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (POINTER, "is a Git LFS pointer"),
        (POINTER.replace(b"\n", b"\r\n"), "is a Git LFS pointer"),
        (b"", "is empty: the download broke off"),
        (b"<!DOCTYPE html><html><title>Sign in</title>", "is a web page"),
        (b"\xef\xbb\xbf\n <html>", "is a web page"),
        (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "is a web page"),
        (b'{"error": "Invalid credentials"}', r"is text, not weights \('{\"error\": \"Invalid"),
        (b"Entry not found", r"is text, not weights \('Entry not found'\)"),
        (gzip.compress(b"weights", mtime=0), "is a gzip archive; unpack it"),
        (b"GGUF" + bytes(60), "is a GGUF file"),
    ],
)
@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_what_only_stands_for_weights_is_named(tmp_path: Path, content: bytes, line: str, suffix: str) -> None:
    """A pointer, a page, an error text or an archive in place of the weights is called what it is."""
    path = tmp_path / f"model{suffix}"
    path.write_bytes(content)
    for read in (load_state, describe):
        with pytest.raises(SynthesisError, match=line) as caught:
            read(path)
        assert caught.value.code == "model_error"
        assert "\n" not in caught.value.message


def test_a_folder_and_a_closed_file_are_named(tmp_path: Path) -> None:
    """A folder is not said to be missing."""
    with pytest.raises(SynthesisError, match="is a folder; the checkpoint is a file in it"):
        load_state(tmp_path)
    with pytest.raises(SynthesisError, match="does not exist"):
        describe(tmp_path / "none.pt")


def test_a_download_that_broke_off_says_so(maker: Maker) -> None:
    """Less than its header speaks of: fetch it again. More is another fault."""
    _cfm, local = maker.save("DiT", TINY_DIT)
    whole = local.checkpoint.read_bytes()
    local.checkpoint.write_bytes(whole[:-1])
    with pytest.raises(SynthesisError, match="the download broke off; fetch it again"):
        load_state(local.checkpoint)
    local.checkpoint.write_bytes(whole + b"x")
    with pytest.raises(SynthesisError, match=r"its header speaks of \d+$"):
        load_state(local.checkpoint)


@pytest.mark.parametrize(
    "begin", [b"RIFF", b"fLaC", b"OggS", b"\x89PNG\r\n", b"%PDF-1.7", b"\x80\x02", b"\x80\x02]K", b"(K"]
)
def test_a_file_of_another_kind_is_one_line(tmp_path: Path, begin: bytes) -> None:
    """A recording, a picture, a damaged pickle: reading it fails in ways of its own, and is told in one."""
    other = tmp_path / "other.pt"
    for seed in range(40):
        other.write_bytes(begin + random.Random(seed).randbytes(60))
        with pytest.raises(SynthesisError) as caught:
            describe(other)
        assert caught.value.message.startswith(f"{other} ")
        assert len(caught.value.message.splitlines()) == 1


def test_the_weights_themselves_are_taken_where_asked_for(maker: Maker) -> None:
    """`ema = false` speaks with what the training held beside the average; the average is the default."""
    _cfm, local = maker.save("DiT", TINY_DIT, "ema.pt")  # its plain weights are all zero
    assert all(not value.any() for value in load_state(local.checkpoint, ema=False).values())
    averaged = load_model(local, device="cpu", dtype="float32")
    plain = load_model(replace(local, spec=replace(local.spec, ema=False)), device="cpu", dtype="float32")
    assert averaged.backend._dit.proj_out.weight.any()  # type: ignore[attr-defined]
    assert not plain.backend._dit.proj_out.weight.any()  # type: ignore[attr-defined]
    assert averaged.model_hash != plain.model_hash
    assert describe(local.checkpoint)["ema"]
    assert not describe(local.checkpoint, ema=False)["ema"]


def test_both_sets_in_one_safetensors_file(maker: Maker) -> None:
    """A flat file may hold the average and its original: neither takes the other's place."""
    _cfm, local = maker.save("DiT", TINY_DIT)
    ema = load_file(local.checkpoint)
    both = ema | {key.replace("ema_model.", "online_model."): torch.zeros_like(one) for key, one in ema.items()}
    save_file(both, local.checkpoint)
    assert describe(local.checkpoint)["weights"] == ["ema", "plain"]
    assert load_state(local.checkpoint)["proj_out.weight"].any()
    assert not load_state(local.checkpoint, ema=False)["proj_out.weight"].any()


def test_without_other_weights_the_choice_is_refused(maker: Maker) -> None:
    """Where a file holds the average alone, asking for the others is one line, in the report too."""
    _cfm, local = maker.save("DiT", TINY_DIT)
    with pytest.raises(SynthesisError, match="holds EMA weights alone"):
        load_state(local.checkpoint, ema=False)
    (problem,) = describe(local.checkpoint, ema=False)["problems"]
    assert "holds EMA weights alone" in problem
