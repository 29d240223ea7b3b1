"""Upstream's own modules, imported once, and a maker of tiny checkpoints in its formats."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
import torch

from f5d.catalog.hub import LocalModel, fetch
from f5d.catalog.models import catalog
from f5d.model.load import LoadedModel, load_model
from f5d.model.torchaudio_compat import import_torchaudio

from .support import THREADS, Maker, Upstream


@pytest.fixture(scope="session")
def upstream() -> Upstream:
    torch.set_num_threads(THREADS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import_torchaudio()
        from f5_tts.model import CFM, DiT, MMDiT, UNetT
        from vocos import Vocos
    return Upstream(CFM, {"DiT": DiT, "UNetT": UNetT, "MMDiT": MMDiT}, Vocos)


@pytest.fixture
def maker(upstream: Upstream, tmp_path: Path) -> Maker:
    return Maker(upstream, tmp_path)


@pytest.fixture(scope="session")
def starter_files() -> LocalModel:
    return fetch(catalog()["starter"])


@pytest.fixture(scope="session")
def starter(starter_files: LocalModel) -> LoadedModel:
    return load_model(starter_files, device="cpu", dtype="float32", threads=THREADS)
