"""Every key of a [models.NAME] table does something."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import zmq

from f5ctl.protocol import Say, encode
from f5ctl.zmtp import Message
from f5d.broker.admission import Order
from f5d.broker.answers import DaemonFacts
from f5d.broker.dispatcher import Dispatcher
from f5d.broker.fleet import Fleet
from f5d.broker.front import Front
from f5d.broker.jobs import Client, JobTable
from f5d.broker.outbox import Outbox
from f5d.broker.peers import Peer
from f5d.broker.requests import Requests
from f5d.broker.supervisor import Supervisor
from f5d.catalog.hub import fetch
from f5d.catalog.models import TABLE_KEYS, model_spec_from_table
from f5d.catalog.shapes import dit_shapes
from f5d.catalog.spec import ModelSpec
from f5d.catalog.voices import VoiceTable
from f5d.config import Config
from f5d.daemon import engine_settings
from f5d.engine.synthesizer import Plan, Synthesizer
from f5d.model.load import LoadedModel
from f5d.model.weights import content_hash

STARTER = Path(__file__).parents[2] / "f5d" / "starter"
FILES = {"checkpoint": "model.safetensors", "vocab": "vocab.txt", "vocoder": "vocoder"}
TABLE = {key: str(STARTER / file) for key, file in FILES.items()} | {
    "architecture": "starter",
    "reference_gap": " ",
    "default_voice": "rms",
    "language": "none",
}
Look: TypeAlias = Callable[[ModelSpec, LoadedModel], object]


def order(spec: ModelSpec, **fields: Any) -> Order:
    """Return what a daemon makes of a `say` that names no more than `fields`."""
    config = Config(socket="/nonexistent", model=spec.name)
    specs = {spec.name: spec}
    with zmq.Context() as context, closing(Front()) as front:
        supervisor = Supervisor(context, zmq.Poller(), str)
        with closing(supervisor):
            dispatcher = Dispatcher(
                JobTable(1),
                Fleet(1, None),
                supervisor,
                Outbox(front),
                lambda model: engine_settings(config, specs, model),
            )
            facts = DaemonFacts(1, config.socket, 0.0, config.model)
            requests = Requests(config, facts, specs, VoiceTable(()), dispatcher)
            client = Client(1, Peer(1000, 1, (1000,)))
            requests.receive(client, Message(encode(Say("a", "Chapter 42.", **fields))), 0.0)
            (job,) = dispatcher.jobs
    assert job.order is not None
    return job.order


def plan(spec: ModelSpec, starter: LoadedModel) -> Plan:
    """Return how the starter's network, so described, would speak in a recording without a language."""
    asked = order(spec, ref_audio=(STARTER / "voices" / "rms_0.wav").read_bytes(), ref_text="So it was.")
    return Synthesizer(replace(starter, spec=spec)).plan(asked.text, asked.reference, asked.parameters)


EFFECTS: dict[str, tuple[str | bool | float, Look]] = {  # another value, and where it shows
    "checkpoint": ("model.safetensors", lambda spec, _: fetch(spec).checkpoint),
    "vocab": ("vocab.txt", lambda spec, _: fetch(spec).vocab),
    "vocoder": ("vocoder", lambda spec, _: (fetch(spec).vocoder_config, fetch(spec).vocoder_weights)),
    "architecture": ("F5TTS_v1_Base", lambda spec, _: dit_shapes(spec.architecture, 10)),
    "reference_gap": ("  ", lambda spec, starter: plan(spec, starter).segments[0].token_ids),
    "default_voice": ("slt", lambda spec, _: order(spec).reference.audio),
    "language": ("en", lambda spec, starter: plan(spec, starter).segments[0].text),
    "sentence_pause": (1.0, lambda spec, _: order(spec).parameters.sentence_pause),
    "ema": (False, lambda spec, _: content_hash(fetch(spec).checkpoint, ema=spec.ema)),
}


@pytest.mark.parametrize("key", TABLE_KEYS)
def test_a_key_of_a_model_s_table_changes_something(tmp_path: Path, starter: LoadedModel, key: str) -> None:
    """Files are others, the network has another shape, the words are read or spoken otherwise."""
    for file in FILES.values():
        (tmp_path / file).symlink_to(STARTER / file)
    value, look = EFFECTS[key]
    before = model_spec_from_table("mine", TABLE, tmp_path)
    after = model_spec_from_table("mine", TABLE | {key: value}, tmp_path)
    assert look(before, starter) != look(after, starter)


def test_a_key_that_is_left_out_has_a_default() -> None:
    """Only the checkpoint has to be told; the other keys are upstream's."""
    least = model_spec_from_table("mine", {"checkpoint": TABLE["checkpoint"]}, STARTER)
    assert [key for key in TABLE_KEYS if not hasattr(least, key)] == []
    assert (least.reference_gap, least.default_voice, least.language) == ("  ", "basic_en", "none")
