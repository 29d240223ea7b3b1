"""The trainer: upstream's flow-matching loss, two classifiers of phones, Muon and AdamW, an average of weights.

The loss is that of f5_tts/model/cfm.py on the masked frames. The classifiers' labels flite gives for
nothing: the text side names the phones of each character, the middle of the network those of each frame.
They teach spelling and timing long before the flow loss would.
"""

from __future__ import annotations

import copy
import math
import random
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor
from torch.nn.utils import parameters_to_vector

from f5d.model.load import DTYPES, pick_dtype

from .batches import Batch, slot_phones, texts_of
from .export import imported
from .muon import Muon
from .network import ARCHITECTURE, SLOTS, Network
from .rows import LETTERS, PHONE_COUNT, RowMaker
from .team import Team

MUON_RATE: Final = 1.2e-2
ADAM_RATE: Final = 2e-3
WARM_UP_STEPS: Final = 60
CLIP_NORM: Final = 1.0
EMA: Final = 0.997
SPELLING_ROWS: Final = 64
LETTERS_SHARE: Final = 0.2  # weights of the classifiers' losses
FRAMES_SHARE: Final = 0.15


@dataclass(frozen=True, slots=True)
class Losses:
    """The parts of a step's loss, as numbers."""

    flow: float
    letters: float
    frames: float
    gradient: float
    rate: float


@dataclass(frozen=True, slots=True)
class Clock:
    """When a run ends, for machines that others use too: the rate falls to 0 over its last `cool_s`."""

    end_s: float
    cool_s: float

    @property
    def left(self) -> float:
        """What is left of the way down, 1 or more before it begins; by the monotonic clock."""
        return (self.end_s - time.monotonic()) / self.cool_s


class Trainer:
    """Owns the network, its average, its optimizers and the count of steps."""

    def __init__(
        self,
        total_steps: int,
        cool_share: float,
        team: Team,
        clock: Clock | None = None,
        *,
        peak: float = 1.0,
    ) -> None:
        torch.manual_seed(0)
        self.clock = clock
        self.products = DTYPES[pick_dtype("auto", "cpu")]  # bfloat16 where the CPU computes it in hardware
        self.team = team
        self.network = Network(ARCHITECTURE, len(LETTERS), PHONE_COUNT)
        self.average = copy.deepcopy(self.network).requires_grad_(requires_grad=False)
        self.total_steps, self.cool_share, self.peak = total_steps, cool_share, peak
        matrices, rest = split_parameters(self.network)
        self.muon = Muon(matrices, team, lr=MUON_RATE, weight_decay=0.01, products=self.products)
        self.adam = torch.optim.AdamW(rest, lr=ADAM_RATE, betas=(0.9, 0.98), weight_decay=0.0)
        self.step = 0
        self.spelled = 0
        self.skipped = 0

    def start_from(self, weights: Path) -> None:
        """Begin with the weights of an exported model; the classifiers, which it lacks, begin anew."""
        for network in (self.network, self.average):
            network.load_state_dict(imported(load_file(weights)), strict=False)

    def compile(self) -> None:
        """Have the blocks compiled, each shape once in its first step (needs a C++ compiler)."""
        for block in self.network.transformer_blocks:
            block.compile(dynamic=False)

    def load(self, folder: Path) -> None:
        """Go on from the newest checkpoint, if there is one."""
        found = sorted(folder.glob("step_*.pt"))
        if not found:
            return
        state = torch.load(found[-1], weights_only=True)
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.muon.load_state_dict(state["muon"])
        self.adam.load_state_dict(state["adam"])
        self.step, self.spelled, self.skipped = state["step"], state["spelled"], state["skipped"]

    def save(self, folder: Path) -> None:
        """Write a checkpoint; of older ones every tenth stays, and the last two."""
        state = {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "muon": self.muon.state_dict(),
            "adam": self.adam.state_dict(),
            "step": self.step,
            "spelled": self.spelled,
            "skipped": self.skipped,
        }
        target = folder / f"step_{self.step:06}.pt"
        partial = target.with_suffix(".part")
        torch.save(state, partial)
        partial.rename(target)
        for number, old in enumerate(sorted(folder.glob("step_*.pt"), reverse=True)):
            if number > 2 and number % 10:
                old.unlink()

    def rate(self) -> float:
        """The learning rate's factor: a short rise, a long plateau, a straight way down."""
        rise = min(1.0, (self.step + 1) / WARM_UP_STEPS)
        left = (self.total_steps - self.step) / (self.cool_share * self.total_steps)
        if self.clock is not None:
            left = min(left, self.clock.left)
        own = torch.tensor([self.peak * rise * max(0.0, min(1.0, left))])
        return float(self.team.gather(own)[0, 0])  # the first member's clock is everybody's

    def spell(self, maker: RowMaker) -> float:
        """Teach the text side a batch of texts alone; return the loss."""
        rng = random.Random(f"spelling {self.spelled} {self.team.rank}")
        rows = SPELLING_ROWS // self.team.size
        spelled = [maker.spell(maker.library.plan(rng, 420)) for _ in range(rows)]
        texts = texts_of([tokens for tokens, _ in spelled])
        phones = torch.stack([labels for _, labels in spelled])
        with self._autocast():
            text = self.network.text_embed(texts, 420, torch.zeros(len(phones), dtype=torch.bool))
            loss = self._letters_loss(text, phones, texts.lengths)
        self._update(loss, min(1.0, (self.spelled + 1) / WARM_UP_STEPS), self.adam)
        self.spelled += 1
        return loss.item()

    def learn(self, batch: Batch) -> Losses:
        """Take one step; an update that is not finite is left out."""
        flow, letters, frames = self.losses(batch)
        total = flow + LETTERS_SHARE * letters + FRAMES_SHARE * frames
        factor = self.rate()
        norm = self._update(total, factor, self.adam, self.muon)
        decay = min(EMA, (self.step + 1) / (self.step + 10))
        with torch.no_grad():
            pairs = zip(self.average.parameters(), self.network.parameters(), strict=True)
            for mean, value in pairs:
                mean.lerp_(value, 1 - decay)
        self.step += 1
        return Losses(flow.item(), letters.item(), frames.item(), norm, factor)

    def losses(self, batch: Batch, *, averaged: bool = False) -> tuple[Tensor, Tensor, Tensor]:
        """Return flow loss, the text side's loss and the frames' loss."""
        network = self.average if averaged else self.network
        times = batch.times[:, None, None]
        noisy = (1 - times) * batch.noise + times * batch.mel
        hidden = batch.masked | batch.audio_dropped[:, None]
        reference = batch.mel.masked_fill(hidden[..., None], 0.0)
        with self._autocast():
            velocity, scores, text = network(noisy, reference, batch.texts, batch.times, batch.text_dropped)
            flow = (velocity - (batch.mel - batch.noise)).square()[batch.masked].mean()
            spoken = batch.masked & ~batch.text_dropped[:, None]
            frames = F.cross_entropy(scores[spoken].float(), batch.phones[spoken])
            letters = self._letters_loss(
                text[~batch.text_dropped],
                batch.phones[~batch.text_dropped],
                batch.texts.lengths[~batch.text_dropped],
            )
        return flow, letters, frames

    def _autocast(self) -> torch.autocast:
        return torch.autocast("cpu", self.products, enabled=self.products != torch.float32)

    def _letters_loss(self, text: Tensor, phones: Tensor, lengths: Tensor) -> Tensor:
        if not len(text):
            return text.sum()
        labels = slot_phones(phones, lengths, text.shape[1])
        scores = self.network.aux_text(text).unflatten(-1, (SLOTS, PHONE_COUNT))
        return F.cross_entropy(scores.flatten(0, 2).float(), labels.flatten())

    def _update(self, loss: Tensor, factor: float, *optimizers: torch.optim.Optimizer) -> float:
        self.network.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        values = list(self.network.parameters())
        mean = self.team.gather(parameters_to_vector(_gradient(value) for value in values)).mean(0)
        norm = float(mean.norm())
        if not math.isfinite(norm):
            self.skipped += 1
            return norm
        mean *= min(1.0, CLIP_NORM / (norm + 1e-6))
        start = 0
        for value in values:
            value.grad = mean[start : start + value.numel()].view_as(value)
            start += value.numel()
        for optimizer, rate in zip(optimizers, (ADAM_RATE, MUON_RATE), strict=False):
            for group in optimizer.param_groups:
                group["lr"] = rate * factor
            optimizer.step()
        return norm


def _gradient(value: Tensor) -> Tensor:
    return torch.zeros_like(value) if value.grad is None else value.grad


def split_parameters(network: Network) -> tuple[list[Tensor], list[Tensor]]:
    """Return the matrices inside the blocks (for Muon), and everything else."""
    matrices: list[Tensor] = []
    rest: list[Tensor] = []
    for name, value in network.named_parameters():
        inside = name.startswith("transformer_blocks") and value.ndim == 2 and "attn_norm" not in name
        (matrices if inside else rest).append(value)
    return matrices, rest


def start_output(network: Network, mean: Tensor) -> None:
    """Let an untrained network answer with the mean mel [100], so that it need not learn it."""
    with torch.no_grad():
        network.proj_out.bias.copy_(mean)
