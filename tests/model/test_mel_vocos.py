from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from f5ctl.errors import BadRequestError, SynthesisError
from f5d.catalog.hub import LocalModel
from f5d.model.load import LoadedModel
from f5d.model.mel import MelSpectrogram, resample, retimed
from f5d.model.torchaudio_compat import import_torchaudio
from f5d.model.vocos import Vocos

from .support import Upstream, relative_error, vocos_config, write_vocoder


@pytest.mark.parametrize("samples", [513, 4_096, 25_000])
def test_the_mel_is_upstreams(upstream: Upstream, samples: int) -> None:
    """A wave becomes the mel that upstream's models were trained on."""
    from f5_tts.model.modules import MelSpec

    wave = 0.1 * torch.randn(samples, generator=torch.Generator().manual_seed(0))
    assert upstream.cfm
    wanted = MelSpec()(wave[None])[0].T
    got = MelSpectrogram()(wave)
    assert got.shape == (1 + samples // 256, 100) == wanted.shape
    assert torch.allclose(got, wanted, atol=1e-5)


@pytest.mark.parametrize("wave", [torch.zeros(512), torch.zeros(2, 4_000)])
def test_a_wave_without_a_mel_is_refused(wave: torch.Tensor) -> None:
    """Audio that is too short or has two channels is refused with its shape."""
    with pytest.raises(BadRequestError, match="has no mel") as caught:
        MelSpectrogram()(wave)
    assert caught.value.code == "bad_audio"


def test_resampling_is_torchaudios() -> None:
    """A reference at another rate is resampled as upstream does it."""
    wave = torch.randn(4_410, generator=torch.Generator().manual_seed(0))
    wanted = import_torchaudio().transforms.Resample(44_100, 24_000)(wave)
    assert torch.equal(resample(wave, 44_100, 24_000), wanted)
    assert resample(wave, 24_000, 24_000) is wave
    with pytest.raises(BadRequestError, match="0 Hz"):
        resample(wave, 0, 24_000)


def test_torchaudio_is_there_even_without_its_extension() -> None:
    """Where torchaudio's compiled part does not load, the mel works and `stand_in_active` says so."""
    probe = (
        "from f5d.model import torchaudio_compat as c\n"
        "try:\n    import torchaudio\n    plain = True\n"
        "except Exception:\n    plain = False\n"
        "c.import_torchaudio()\n"
        "import torchaudio\n"
        "assert c.import_torchaudio() is torchaudio\n"
        "assert c.stand_in_active() is not plain, (plain, c.stand_in_active())\n"
    )
    subprocess.run([sys.executable, "-c", probe], check=True, timeout=60)


@pytest.mark.parametrize("padding", ["center", "same"])
@pytest.mark.parametrize("safetensors", [False, True])
def test_the_vocoder_is_the_vocos_packages(
    upstream: Upstream,
    tmp_path: Path,
    padding: str,
    safetensors: bool,  # noqa: FBT001
) -> None:
    """A mel sounds as the vocos package makes it sound, for both paddings and both file formats."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = write_vocoder(upstream.vocos, tmp_path, padding, safetensors=safetensors)
    weights = "model.safetensors" if safetensors else "pytorch_model.bin"
    ours = Vocos.load(tmp_path / "config.yaml", tmp_path / weights)
    mel = torch.randn(21, 100, generator=torch.Generator().manual_seed(0))
    wave = ours.decode(mel)
    assert wave.shape == ((21 if padding == "same" else 20) * 256,)
    assert relative_error(wave, theirs.decode(mel.T[None])[0]) <= 1e-5


def test_the_starters_vocoder_is_the_vocos_packages(
    upstream: Upstream, starter: LoadedModel, starter_files: LocalModel
) -> None:
    """The bundled vocoder gives the vocos package's wave."""
    theirs = upstream.vocos.from_hparams(str(starter_files.vocoder_config)).eval()
    theirs.load_state_dict(torch.load(starter_files.vocoder_weights, weights_only=True))
    mel = torch.randn(40, 100, generator=torch.Generator().manual_seed(0)) - 3
    assert relative_error(starter.vocoder.decode(mel), theirs.decode(mel.T[None])[0]) <= 1e-5


@pytest.mark.parametrize("padding", ["center", "same"])
def test_mels_vocoded_together_sound_as_alone(upstream: Upstream, tmp_path: Path, padding: str) -> None:
    """Several mels at once give each one's own wave, in order, whatever their lengths."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write_vocoder(upstream.vocos, tmp_path, padding)
    vocoder = Vocos.load(tmp_path / "config.yaml", tmp_path / "pytorch_model.bin")
    generator = torch.Generator().manual_seed(0)
    mels = [torch.randn(frames, 100, generator=generator) for frames in (21, 40, 21, 7, 40)]
    waves = vocoder.decode_batch(mels)
    assert len(waves) == len(mels)
    for wave, mel in zip(waves, mels, strict=True):
        assert wave.shape == vocoder.decode(mel).shape
        assert relative_error(wave, vocoder.decode(mel)) <= 1e-5
    assert vocoder.decode_batch([]) == []


def test_a_mel_of_one_frame_cannot_be_vocoded(starter: LoadedModel) -> None:
    """A mel with nothing to overlap is refused with its shape."""
    with pytest.raises(SynthesisError, match=r"\(1, 100\)"):
        starter.vocoder.decode(torch.zeros(1, 100))


def _without_head(config: dict[str, Any]) -> None:
    del config["head"]


def _other_hop(config: dict[str, Any]) -> None:
    config["head"]["init_args"]["hop_length"] = 300


def _encodec(config: dict[str, Any]) -> None:
    config["feature_extractor"]["init_args"] = {"encodec_model": "encodec_24khz"}


@pytest.mark.parametrize(
    ("spoil", "line"),
    [
        (_without_head, "not a mel Vocos configuration"),
        (_encodec, "not a mel Vocos configuration"),
        (_other_hop, "made for another mel"),
    ],
)
def test_a_wrong_vocoder_is_one_clear_line(tmp_path: Path, spoil: Any, line: str) -> None:
    """A vocoder for other features is refused with its file."""
    config = vocos_config()
    spoil(config)
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    with pytest.raises(SynthesisError, match=line) as caught:
        Vocos.load(path, tmp_path / "pytorch_model.bin")
    assert str(path) in caught.value.message
    assert "\n" not in caught.value.message


def test_vocoder_weights_must_fit(tmp_path: Path) -> None:
    """A vocoder whose weights do not fit its configuration is refused with the first names."""
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(vocos_config()), encoding="utf-8")
    torch.save({"backbone.embed.weight": torch.zeros(32, 100, 7)}, tmp_path / "pytorch_model.bin")
    with pytest.raises(SynthesisError, match=r"weights missing \(backbone.embed.bias, "):
        Vocos.load(tmp_path / "config.yaml", tmp_path / "pytorch_model.bin")


def test_a_retimed_mel_keeps_its_ends_and_its_course() -> None:
    """Stretching a straight line of values gives a straight line."""
    mel = torch.linspace(0, 1, 11)[:, None].expand(11, 100)
    stretched = retimed(mel, 21)
    assert stretched.shape == (21, 100)
    assert torch.allclose(stretched[:, 0], torch.linspace(0, 1, 21), atol=1e-6)
