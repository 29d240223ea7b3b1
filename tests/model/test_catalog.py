from __future__ import annotations

import json
import logging
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from f5ctl.errors import BadRequestError, ConfigError, SynthesisError
from f5ctl.extras import upstream_file
from f5ctl.parameters import PARAMETERS
from f5d.catalog.architectures import UPSTREAM, named_architectures
from f5d.catalog.models import catalog, fetch, is_installed, model_spec_from_table, resolve
from f5d.catalog.spec import Architecture, read_architecture
from f5d.catalog.vocab import Vocabulary


def test_the_catalogue_knows_the_starter_and_the_published_models() -> None:
    """Four models are there by name: the bundled one and upstream's three."""
    specs = catalog()
    assert list(specs) == ["starter", "F5TTS_v1_Base", "F5TTS_Base", "E2TTS_Base"]
    assert specs["F5TTS_v1_Base"].architecture == Architecture(
        backbone="DiT", dim=1024, depth=22, heads=16, ff_mult=2, text_dim=512, conv_layers=4
    )
    assert specs["F5TTS_Base"].architecture.pe_attn_head == 1
    assert specs["E2TTS_Base"].architecture.backbone == "UNetT"
    assert specs["E2TTS_Base"].checkpoint == "hf://SWivid/E2-TTS/E2TTS_Base/model_1200000.safetensors"
    assert specs["starter"].reference_gap == " "
    assert {spec.reference_gap for name, spec in specs.items() if name != "starter"} == {"  "}
    assert len(Vocabulary.load(Path(specs["F5TTS_Base"].vocab))) == 2545


def test_a_name_may_be_written_in_any_case() -> None:
    """`f5tts_V1_base` is F5TTS_v1_Base."""
    specs = catalog()
    assert resolve("f5tts_V1_base", specs).name == "F5TTS_v1_Base"
    assert resolve("Starter", specs) is specs["starter"]


def test_an_unknown_name_lists_the_known_ones() -> None:
    """A typing error in a model's name is answered with the names that exist."""
    with pytest.raises(
        BadRequestError, match="unknown model 'F6'; known models: auto, starter, F5TTS_v1"
    ) as caught:
        resolve("F6", catalog())
    assert caught.value.code == "unknown_model"


def test_auto_is_the_best_installed_model(tmp_path: Path) -> None:
    """Without a download `auto` is the starter; with F5TTS_v1_Base on the disk it is that."""
    specs = {name: replace(spec, checkpoint=str(tmp_path / name)) for name, spec in catalog().items()}
    specs["F5TTS_Base"] = replace(specs["F5TTS_Base"], vocoder=specs["starter"].vocoder)
    assert resolve("auto", specs).name == "starter"
    (tmp_path / "F5TTS_Base").touch()
    assert resolve("auto", specs).name == "F5TTS_Base"


def test_the_starter_is_installed_and_needs_no_network() -> None:
    """The bundled model's files are in the package."""
    spec = catalog()["starter"]
    assert is_installed(spec)
    local = fetch(spec)
    assert local.checkpoint.is_file()
    assert local.vocoder_weights.name == "pytorch_model.bin"


def test_a_missing_local_file_is_named(tmp_path: Path) -> None:
    """A configured checkpoint that is not there is an error with its path."""
    spec = replace(catalog()["starter"], checkpoint=str(tmp_path / "y.safetensors"))
    assert not is_installed(spec)
    with pytest.raises(SynthesisError, match=rf"^checkpoint {tmp_path}/y.safetensors does not exist$"):
        fetch(spec)


def test_a_table_describes_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A `[models.NAME]` table needs a checkpoint; paths count from the configuration's folder or from home."""
    monkeypatch.setenv("HOME", "/home/someone")
    (tmp_path / "arch.json").write_text(json.dumps({"dim": 64, "depth": 2}), encoding="utf-8")
    table = {
        "checkpoint": "weights/model.pt",
        "vocab": "~/vocab.txt",
        "vocoder": "hf://me/my-vocos",
        "architecture": "arch.json",
        "reference_gap": " ",
        "default_voice": "me",
    }
    spec = model_spec_from_table("mine", table, tmp_path)
    assert spec.checkpoint == str(tmp_path / "weights/model.pt")
    assert spec.vocab == "/home/someone/vocab.txt"
    assert spec.vocoder == "hf://me/my-vocos"
    assert spec.architecture == Architecture(backbone="DiT", dim=64, depth=2)
    assert (spec.reference_gap, spec.default_voice) == (" ", "me")
    least = model_spec_from_table("least", {"checkpoint": "/x.safetensors"}, tmp_path)
    assert least == replace(catalog()["F5TTS_v1_Base"], name="least", checkpoint="/x.safetensors")
    assert resolve("MINE", catalog({"mine": spec})) is spec


@pytest.mark.parametrize(
    ("table", "line"),
    [
        ({}, "checkpoint is missing"),
        ({"checkpoint": 3}, "checkpoint = 3 is not a text"),
        ({"checkpoint": ""}, "checkpoint = '' is not a text"),
        ({"checkpoint": "x", "ema": "no"}, "ema is 'no'; it must be true or false"),
        ({"checkpoint": "x", "chekpoint": "y"}, "unknown key 'chekpoint'; known: checkpoint, vocab"),
        ({"checkpoint": "x", "architecture": "F9"}, "architecture = 'F9' is neither .* of starter, E2TTS_Base"),
        ({"checkpoint": "x", "architecture": "none.yaml"}, "cannot read architecture file .*/none.yaml"),
        ({"checkpoint": "x", "reference_gap": "a"}, "reference_gap = 'a' is not made of spaces"),
        ({"checkpoint": "hf://only/two"}, "'hf://only/two' is not hf://org/repo/path"),
        ({"checkpoint": "x", "vocoder": "hf://one"}, "'hf://one' is not hf://org/repo"),
    ],
)
def test_a_wrong_table_is_named_with_key_and_value(tmp_path: Path, table: dict[str, Any], line: str) -> None:
    """A mistake in a model's table is reported with its key and value."""
    with pytest.raises(ConfigError, match=line):
        model_spec_from_table("mine", table, tmp_path)


@pytest.mark.parametrize("value", ["pinyin", "char", "byte", 3])
def test_a_former_key_does_no_harm(tmp_path: Path, value: Any, caplog: pytest.LogCaptureFixture) -> None:
    """`tokenizer` chose nothing: a file that has it goes on to work, and one line says to take it out."""
    logger = logging.getLogger("f5d.catalog.models")
    logger.addHandler(caplog.handler)  # a daemon's logging in this process may keep lines from the root
    try:
        spec = model_spec_from_table("mine", {"checkpoint": "x", "tokenizer": value}, tmp_path)
    finally:
        logger.removeHandler(caplog.handler)
    assert spec == model_spec_from_table("mine", {"checkpoint": "x"}, tmp_path)
    assert {record.getMessage() for record in caplog.records} == {
        "[models.mine]: tokenizer does nothing, whatever its value; take it out"
    }


def test_auto_is_no_name_for_a_model(tmp_path: Path) -> None:
    """`auto` keeps its meaning."""
    with pytest.raises(ConfigError, match="reserved"):
        model_spec_from_table("Auto", {"checkpoint": "x"}, tmp_path)


@pytest.mark.parametrize(
    ("mapping", "backbone", "line"),
    [
        ({"dim": 64, "depht": 2}, "DiT", "unknown architecture key 'depht' for a DiT backbone"),
        ({"dim": 64, "text_dim": 3}, "MMDiT", "unknown architecture key 'text_dim' for a MMDiT backbone"),
        ({"depth": 2}, "DiT", "has no dim"),
        ({"dim": "64"}, "DiT", "dim = '64'"),
        ({"dim": True}, "DiT", "dim = True"),
        ({"dim": 64, "qk_norm": "layer"}, "DiT", "qk_norm = 'layer'"),
        ({"dim": 64, "ff_mult": 0}, "DiT", "ff_mult = 0"),
        ({"dim": 64, "conv_layers": -1}, "DiT", "conv_layers = -1"),
        ({"dim": 64, "long_skip_connection": 1}, "DiT", "long_skip_connection = 1"),
        ({"dim": 64, "skip_connect_type": "cat"}, "UNetT", "skip_connect_type = 'cat'"),
        ({"dim": 64, "depth": 3}, "UNetT", "depth is 3"),
        ({"dim": 64, "dim_head": 3}, "DiT", "dim_head is 3"),
        ({"dim": 100}, "DiT", "dim is 100; it must be a multiple of 16"),
        (
            {"dim": 64, "text_mask_padding": False, "text_embedding_average_upsampling": True},
            "DiT",
            "needs text_mask_padding",
        ),
        ({"dim": 64}, "ResNet", "unknown backbone 'ResNet'; known: DiT, UNetT, MMDiT"),
    ],
)
def test_a_wrong_architecture_is_named(mapping: dict[str, Any], backbone: str, line: str) -> None:
    """An architecture that cannot be built is refused with the key and the value."""
    with pytest.raises(ConfigError, match=line):
        Architecture.from_mapping(mapping, backbone=backbone)


def test_upstream_s_architectures_are_those_of_its_package() -> None:
    """The table has every model of the installed f5-tts package, with the values of its configs."""
    configs = upstream_file("configs")
    assert configs
    theirs = {path.stem: read_architecture(path) for path in Path(configs).glob("*.yaml")}
    assert theirs == UPSTREAM
    assert named_architectures() == {"starter": catalog()["starter"].architecture, **UPSTREAM}


def test_a_model_in_a_folder_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    """Its engine could not be told where it lies; a path from the root can."""
    odd = tmp_path / "\udcff"
    with pytest.raises(ConfigError, match="lies in a folder whose name is not UTF-8"):
        model_spec_from_table("mine", {"checkpoint": "m", "vocab": "/v"}, odd)


def test_training_keys_are_ignored() -> None:
    """Upstream's dropout and attention switches do not concern inference."""
    trained = {"dim": 64, "dropout": 0.1, "attn_backend": "flash_attn", "checkpoint_activations": True}
    assert Architecture.from_mapping(trained) == Architecture(backbone="DiT", dim=64)


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("a.yaml", "model: [1", "is not YAML"),
        ("a.json", "{", "is not JSON"),
        ("a.json", "[]", "does not hold a table"),
        ("a.json", "[" * 10_000, "is not JSON"),
        ("a.yaml", "[" * 10_000, "is nested more than 20 deep"),
        ("a.yaml", "a: &a [1]\nmodel: {arch: {dim: *a}}", r"it has an alias \(\*a\); write out"),
        ("a.yaml", f"dim: {'9' * 5_000}", "is not YAML"),
        ("a.yaml", "#" * 16_385, "it is 16385 bytes; the limit is 16384"),
        ("a.json", '{"dim": 64, "depth": 50000000}', "depth = 50000000 is not a valid .* <= 256"),
        ("a.json", '{"dim": 1e999}', "dim = inf is not a valid architecture value: expected `int`"),
        ("a.json", '{"dim": 64, "ff_mult": 65}', "ff_mult = 65 is not .* <= 64"),
        ("a.yaml", "{dim: 64, [1]: 2}", "is not YAML|unknown architecture key"),
        (
            "a.yaml",
            "model: {arch: {dim: 64}, mel_spec: {mel_spec_type: bigvgan}}",
            "'bigvgan' is not supported",
        ),
        ("a.yaml", "model: 3", "model section is not a table"),
        ("a.yaml", "model: {arch: 3}", "arch section is not a table"),
        ("a.yaml", "model: {arch: {dim: 64}, mel_spec: 3}", "mel_spec section is not a table"),
    ],
)
def test_a_wrong_architecture_file_is_named(tmp_path: Path, name: str, text: str, line: str) -> None:
    """An architecture file that cannot be used is refused with its path."""
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=line) as caught:
        read_architecture(path)
    assert str(path) in caught.value.message
    assert "\n" not in caught.value.message


def test_the_pages_tell_the_starter_s_steps() -> None:
    """What the table of parameters says of the starter is what the catalogue has."""
    assert PARAMETERS["nfe_step"].told == f"32 (`starter`: {catalog()['starter'].nfe_step})"


def test_the_catalogue_needs_neither_torch_nor_the_hub() -> None:
    """The broker reads the catalogue without torch, numpy, f5_tts or huggingface_hub in its memory."""
    probe = (
        "import sys\n"
        "from f5d.catalog import models, vocab\n"
        "specs = models.catalog()\n"
        "assert models.is_installed(specs['starter'])\n"
        "heavy = {'torch', 'numpy', 'yaml', 'f5_tts', 'huggingface_hub', 'torchaudio'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", probe], check=True, timeout=60)
