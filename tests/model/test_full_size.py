from __future__ import annotations

import pytest

from f5d.catalog.models import catalog
from f5d.model.load import load_model

from .support import THREADS, Maker, relative_error, row_spec, run_alone

PUBLISHED_TOKENS = 2545


@pytest.mark.slow
@pytest.mark.parametrize("name", ["F5TTS_v1_Base"])
def test_a_full_size_model_speaks_as_upstream(maker: Maker, name: str) -> None:
    """A published architecture at full size, with random weights, gives upstream's mel."""
    arguments = catalog()[name].architecture.upstream_arguments()
    cfm, local = maker.save("DiT", arguments, tokens=PUBLISHED_TOKENS)
    spec = row_spec(nfe_step=1)
    wanted = maker.upstream.sample(cfm, spec)
    del cfm
    model = load_model(local, device="cpu", dtype="float32", threads=THREADS)
    assert relative_error(run_alone(model, spec), wanted) <= 1e-3
    del model
    fast = load_model(local, device="cpu", dtype="bfloat16", threads=THREADS)
    assert relative_error(run_alone(fast, spec), wanted) <= 3e-2
