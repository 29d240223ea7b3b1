"""The network that is trained is the model that f5d runs."""

from __future__ import annotations

from dataclasses import replace

import torch

from f5d.model.dit import BatchModulation, DiT, fuse_weights
from f5d.model.layers import pack_layout
from starter.batches import texts_of
from starter.export import COPIES, PREFIX, exported, imported, vocabulary
from starter.network import ARCHITECTURE, Network, upsampling_index
from starter.rows import LETTERS, PHONE_COUNT, encode


def test_the_trained_network_computes_what_the_daemon_computes() -> None:
    """The same weights give the same velocity, for rows of other text lengths than the batch's longest."""
    torch.manual_seed(1)
    network = Network(replace(ARCHITECTURE, depth=2), len(LETTERS), PHONE_COUNT).eval()
    for value in network.parameters():
        torch.nn.init.normal_(value, std=0.1)
    weights = {name: value.half().float() for name, value in network.state_dict().items()}
    network.load_state_dict(weights)
    text, frames = "hello there.", 100
    longer = "this one is longer, so the first is padded."
    noisy, reference = torch.randn(2, frames, 100), torch.randn(2, frames, 100)
    reference[:, 30:] = 0.0
    times, dropped = torch.tensor([0.3, 0.6]), torch.tensor([False, True])
    with torch.no_grad():
        velocity, _, _ = network(noisy, reference, texts_of([encode(text), encode(longer)]), times, dropped)

    state = {name.removeprefix(PREFIX): value for name, value in exported(weights).items()}
    del state["rotary_embed.inv_freq"]  # upstream's, not the daemon's
    architecture = replace(ARCHITECTURE, depth=2)
    dit = DiT(architecture, len(LETTERS) + len(COPIES))
    dit.load_state_dict(fuse_weights(state, architecture))
    tokens = [[vocabulary().split("\n").index(letter) for letter in each] for each in (text, longer)]
    with torch.no_grad():
        for row, each in enumerate(tokens):
            ids, without = torch.tensor(each), bool(dropped[row])
            static = dit.static_input(reference[row, :30], ids, frames, dropped=without)
            if dropped[row]:  # the daemon drops the reference with the text
                reference_weight = dit.input_embed.proj.weight[:, 100:200]
                static[:30] += reference[row, :30] @ reference_weight.T
            table = dit.modulation_table(times[row : row + 1])
            modulation = BatchModulation(table.blocks, table.final, None)
            hidden = static + dit.noisy_input(noisy[row])
            alone = dit(hidden, modulation, pack_layout([frames], 64, torch.device("cpu")))
            assert (alone - velocity[row]).norm() / alone.norm() < 1e-4


def test_text_is_spread_as_upstream_spreads_it() -> None:
    """The last characters take the frames that do not divide evenly."""
    index = upsampling_index(torch.tensor([3, 4]), 8)
    assert index.tolist() == [[0, 0, 1, 1, 1, 2, 2, 2], [0, 0, 1, 1, 2, 2, 3, 3]]


def test_training_can_begin_with_an_exported_model() -> None:
    """An export read back is the averaged network that was exported, but for the training's classifiers."""
    torch.manual_seed(2)
    network = Network(replace(ARCHITECTURE, depth=2), len(LETTERS), PHONE_COUNT)
    weights = {name: value.half().float() for name, value in network.state_dict().items()}
    found = imported(exported(weights))
    assert found.keys() == {name for name in weights if not name.startswith("aux_")}
    assert all(torch.equal(value, weights[name]) for name, value in found.items())
