from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from f5ctl.errors import ConfigError
from f5d.catalog.hub import LocalModel
from f5d.model.load import LoadedModel, load_model, pick_device, pick_dtype
from f5d.model.sampler import time_grid
from f5d.model.weights import content_hash

from .support import TINY, Maker, Upstream


def test_a_loaded_model_says_what_it_is(starter: LoadedModel, starter_files: LocalModel) -> None:
    """Device, type, size and hash of the running model are known."""
    assert (starter.device, starter.dtype) == ("cpu", "float32")
    assert starter.parameter_count == 8_929_572
    assert starter.model_hash == content_hash(starter_files.checkpoint)
    assert len(starter.vocabulary) == 70


def test_the_starter_loads_quickly() -> None:
    """After torch is there, the bundled model is ready in well under the time of an import of torch."""
    probe = (
        "import time, torch\n"
        "torch.set_num_threads(2)\n"
        "start = time.process_time()\n"
        "from f5d.catalog.models import catalog, fetch\n"
        "from f5d.model.load import load_model\n"
        "load_model(fetch(catalog()['starter']), device='cpu', dtype='auto')\n"
        "print(time.process_time() - start)\n"
        "import sys\n"
        "assert not {'f5_tts', 'torch._dynamo', 'vocos'} & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe], check=True, timeout=120, capture_output=True, text=True
    )
    assert float(done.stdout) < 1.0


def test_a_device_is_chosen_or_checked() -> None:
    """`auto` finds a device; a device that is not there is refused by name."""
    assert pick_device("cpu") == "cpu"
    assert pick_device("auto") in {"cpu", "cuda", "mps"}
    for absent in ("cuda:99", "banana", "xla"):
        with pytest.raises(ConfigError, match=absent):
            pick_device(absent)


def test_a_type_is_chosen_or_checked() -> None:
    """On a CPU `auto` never means float16; asking for it is refused with the reason."""
    assert pick_dtype("auto", "cpu") in {"bfloat16", "float32"}
    assert pick_dtype("float32", "cpu") == "float32"
    with pytest.raises(ConfigError, match="unusably slow"):
        pick_dtype("float16", "cpu")
    with pytest.raises(ConfigError, match="unknown dtype 'int4'; known: auto, float32"):
        pick_dtype("int4", "cpu")
    with pytest.raises(ConfigError, match="int8 is for a CPU"):
        pick_dtype("int8", "cuda:0")


def test_other_backbones_run_in_float32_on_the_cpu(maker: Maker) -> None:
    """E2-TTS models keep float32 on a CPU whatever is asked for, and say so."""
    _, local = maker.save("UNetT", {**TINY, "depth": 2})
    model = load_model(local, device="cpu", dtype="bfloat16", threads=2)
    assert model.dtype == "float32"


@pytest.mark.parametrize("steps", [1, 4, 5, 6, 7, 10, 12, 16, 32])
@pytest.mark.parametrize("sway", [None, -1.0, 0.4])
def test_the_time_grid_is_upstreams(upstream: Upstream, steps: int, sway: float | None) -> None:
    """Pruned and even grids, with and without sway, are upstream's to the last bit."""
    from f5_tts.model.utils import get_epss_timesteps

    wanted = get_epss_timesteps(steps, device="cpu", dtype=torch.float32)
    if sway is not None:
        wanted = wanted + sway * (torch.cos(torch.pi / 2 * wanted) - 1 + wanted)
    assert torch.equal(time_grid(steps, sway), wanted)
    assert upstream.cfm
