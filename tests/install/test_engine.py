"""`pip install '.[engine]'`: speech without the f5-tts package and without a recogniser."""

from __future__ import annotations

import json
import threading
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from f5d.catalog.architectures import UPSTREAM
from f5d.catalog.shapes import dit_shapes
from tests.integration.cli.test_cli_models import Hub, handler
from tests.model.support import write_vocabulary

from .conftest import FEW_STEPS, ROOT, Environment

STARTER = ROOT / "f5d" / "starter"
PUBLISHED_TOKENS = 2545
NEEDS = "{} needs {}, which is not installed here: install f5d with its extra {}"
TABLE = """
[models.{name}]
checkpoint = "{folder}/model.safetensors"
vocab = "{folder}/vocab.txt"
vocoder = "{starter}/vocoder"
architecture = "{architecture}"
"""


@pytest.fixture(scope="module", autouse=True)
def models(engine: Environment) -> None:
    """Configure a full-size model of random weights, and one of a backbone that only f5-tts has."""
    shapes = dit_shapes(UPSTREAM["F5TTS_v1_Base"], PUBLISHED_TOKENS)
    save_file({name: weight(shape) for name, shape in shapes.items()}, engine.home / "model.safetensors")
    write_vocabulary(engine.home, PUBLISHED_TOKENS)
    (engine.home / "mmdit.json").write_text('{"backbone": "MMDiT", "dim": 64, "depth": 2}')
    config = engine.home / ".config" / "f5d" / "f5d.toml"
    config.parent.mkdir(parents=True)
    tables = {"big": "F5TTS_v1_Base", "other": f"{engine.home}/mmdit.json"}
    config.write_text(
        FEW_STEPS
        + "".join(
            TABLE.format(name=name, folder=engine.home, starter=STARTER, architecture=architecture)
            for name, architecture in tables.items()
        )
    )


def weight(shape: tuple[int, ...]) -> torch.Tensor:
    fan_in = torch.Size(shape[1:]).numel() or 1
    values: torch.Tensor = torch.randn(shape) / fan_in**0.5
    return values.half()


def seconds(engine: Environment, file: str) -> float:
    (receipt,) = json.loads(engine.ok("f5ctl", "inspect", "--json", file))
    return float(receipt["samples"]) / float(receipt["sample_rate_hz"])


def test_f5_tts_and_the_recogniser_are_not_there(engine: Environment) -> None:
    """The extra brings torch and the text front end; doctor finds no fault, and notes what is not here."""
    assert {"f5_tts", "transformers", "vocos", "gradio"} & engine.installed == set()
    assert {"torch", "torchaudio", "soundfile", "rjieba"} <= engine.installed
    found = {one["what"]: one for one in json.loads(engine.ok("f5ctl", "doctor", "--json"))}
    states = [found[f"extra: {name}"]["state"] for name in ("engine", "upstream", "asr")]
    assert states == ["ok", "note", "note"]
    assert [found[name]["state"] for name in ("device", "torchaudio", "formats")] == ["ok"] * 3


def test_the_starter_speaks(engine: Environment) -> None:
    """The first sentence starts the daemon, and numbers are read out."""
    engine.ok("f5ctl", "say", "-m", "starter", "-o", "starter.wav", "It costs $5 at 10:30.")
    assert seconds(engine, "starter.wav") > 1
    engine.ok("f5ctl", "say", "-m", "starter", "-o", "two.opus", "[rms] Hello. [slt] There.")
    assert {"rms", "slt", "awb"} == {
        voice["name"] for voice in json.loads(engine.ok("f5ctl", "voices", "list", "--json"))
    }


def test_a_full_size_checkpoint_speaks(engine: Environment) -> None:
    """F5TTS_v1_Base with its own vocabulary is recognised and spoken with, in the built-in voice slt."""
    facts = json.loads(engine.ok("f5ctl", "info", "big", "--json"))
    assert (facts["problems"], facts["vocab_size"]) == ([], PUBLISHED_TOKENS)
    assert "F5TTS_v1_Base" in facts["same_as"]
    assert facts["default_voice"] == "slt"
    engine.ok("f5ctl", "say", "-m", "big", "-o", "big.wav", "Hello there.")
    assert seconds(engine, "big.wav") > 0.3


def test_published_models_are_known_and_fetched(engine: Environment) -> None:
    """Every published model is listed, and pulled with the vocabulary that lies beside its checkpoint."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler(Hub())) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        hub = {"HF_ENDPOINT": f"http://127.0.0.1:{server.server_port}", "HF_HUB_OFFLINE": "0"}
        hub["HF_HOME"] = str(engine.home / "hf")
        engine.ok("f5ctl", "models", "pull", "F5TTS_v1_Base", **hub)
        server.shutdown()
    known = {one["name"]: one for one in json.loads(engine.ok("f5ctl", "models", "list", "--json", **hub))}
    assert known["F5TTS_v1_Base"]["installed"]
    assert known["E2TTS_Base"]["backbone"] == "UNetT"
    assert list(engine.home.glob("hf/hub/*/snapshots/*/F5TTS_v1_Base/vocab.txt"))
    told = json.loads(engine.run("f5ctl", "info", "E2TTS_Base", "--json").stdout)
    assert told["vocab"] == "hf://SWivid/E2-TTS/E2TTS_Base/vocab.txt"


@pytest.mark.parametrize(("model", "backbone"), [("E2TTS_Base", "UNetT"), ("other", "MMDiT")])
def test_models_of_other_backbones_name_the_extra(engine: Environment, model: str, backbone: str) -> None:
    """E2-TTS and MMDiT run on f5-tts's own code: without it loading one is one line, before any download."""
    assert UPSTREAM.get(model) is None or UPSTREAM[model].backbone == backbone
    done = engine.run("f5ctl", "say", "-m", model, "-o", "no.wav", "Hello.")
    assert (done.returncode, len(done.stderr.splitlines())) == (70, 1)
    assert NEEDS.format(f"model {model}", "f5-tts", "upstream") in done.stderr


def test_a_model_without_a_vocabulary_names_the_extra(engine: Environment, tmp_path: Path) -> None:
    """The vocabulary that a table leaves out is f5-tts's: a wrong configuration where that is not here."""
    config = tmp_path / "f5d.toml"
    config.write_text('[models.mine]\ncheckpoint = "m.safetensors"\n')
    done = engine.run("f5d", "serve", "--config", str(config), "--socket", str(tmp_path / "s"))
    assert (done.returncode, len(done.stderr.splitlines())) == (78, 1)
    assert (
        NEEDS.format("[models.mine]: vocab is missing, and upstream's own", "f5-tts", "upstream") in done.stderr
    )


def test_a_recording_without_a_text_names_the_extra(engine: Environment) -> None:
    """There is no recogniser: the line says which extra brings it, and what to pass instead."""
    recording = str(STARTER / "voices" / "rms_0.wav")
    done = engine.run("f5ctl", "say", "-m", "starter", "--ref-audio", recording, "-o", "no.wav", "Hello.")
    assert (done.returncode, len(done.stderr.splitlines())) == (65, 1)
    assert NEEDS.format("the reference has no text and transcribing it", "transformers", "asr") in done.stderr
    assert "--ref-text" in done.stderr


def test_a_story_of_f5_tts_s_examples_names_the_extra(engine: Environment) -> None:
    """A story whose recordings lie in f5-tts says so; recordings of that name beside it are taken."""
    story = engine.home / "story.toml"
    example = "infer/examples/basic/basic_ref_en.wav"
    text = (STARTER / "voices" / "rms_0.txt").read_text().strip()
    story.write_text(f'ref_audio = "{example}"\nref_text = "{text}"\ngen_text = "Hello."\n')
    done = engine.run("f5ctl", "say", "-c", "story.toml", "-o", "story.wav")
    assert (done.returncode, len(done.stderr.splitlines())) == (78, 1)
    assert NEEDS.format(f"story.toml: {example}", "f5-tts", "upstream") in done.stderr
    own = engine.home / example
    own.parent.mkdir(parents=True)
    own.write_bytes((STARTER / "voices" / "rms_0.wav").read_bytes())
    engine.ok("f5ctl", "say", "-m", "starter", "-c", "story.toml", "-o", "story.wav")


def test_a_process_of_one_s_own_speaks(engine: Environment) -> None:
    """`f5d infer` loads a checkpoint with its vocabulary in process."""
    voice = STARTER / "voices" / "rms_0"
    engine.ok(
        "f5d",
        "infer",
        *("--architecture", f"{STARTER}/dit.json", "--vocoder", f"{STARTER}/vocoder"),
        *("-c", f"{STARTER}/model.safetensors", "-v", f"{STARTER}/vocab.txt"),
        *("-r", f"{voice}.wav", "--ref-text", voice.with_suffix(".txt").read_text().strip()),
        *("-t", "Hello there.", "-n", "2", "-o", "infer.wav"),
    )
    assert (engine.home / "infer.wav").stat().st_size > 10_000
