"""The names under which a checkpoint keeps its weights, and which of its sets they belong to. Imports no torch.

A model that was compiled, or trained on several cards, is saved with the names of its wrappers among its own:
`module.ema_model.transformer._orig_mod.proj_out.weight`. A training keeps two sets: the weights themselves and
their moving average (EMA), which speaks better once it has caught up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

T = TypeVar("T")

STEPS: Final = ("update", "step")  # how far the training was, in the order of preference
COUNTERS: Final = (*STEPS, "initted")  # of the average
_WRAPPERS: Final = frozenset(
    {"module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "_forward_module"}
)
_HOLDERS: Final = (["model"], ["net"])  # what a training's own class calls the model that it holds
_AVERAGE: Final = "ema_model"
_ITSELF: Final = "online_model"  # what a training calls the averaged model's original
_BACKBONE: Final = "transformer"
_MEL: Final = "mel_spec."
_DERIVED: Final = "inv_freq"  # rotary frequencies follow from dim_head


@dataclass(frozen=True, slots=True)
class WeightSets(Generic[T]):
    """The sets of weights of a file by upstream's names; what stands for a weight is the caller's business."""

    ema: Mapping[str, T]
    plain: Mapping[str, T]

    @property
    def names(self) -> list[str]:
        """The sets that are there: `ema`, `plain`."""
        return [name for name, held in (("ema", self.ema), ("plain", self.plain)) if held]

    def chosen(self, *, ema: bool) -> Mapping[str, T]:
        """Return the set to speak with: the average where it is wanted and there; may be empty."""
        return self.ema if ema and self.ema else self.plain

    def lack(self, *, ema: bool) -> str | None:
        """Return why there is nothing to choose in a file that holds the average alone, None otherwise."""
        if ema or self.plain or not self.ema:
            return None
        return "holds EMA weights alone, and ema = false (--no-ema) asks for the others; leave that out"


def weight_sets(weights: Mapping[str, T]) -> WeightSets[T]:
    """Return `weights` by upstream's names, without counters, mel buffers and derived tables."""
    ema: dict[str, T] = {}
    plain: dict[str, T] = {}
    for key, value in weights.items():
        name, averaged = plain_name(key)
        if name not in COUNTERS and not name.startswith(_MEL) and not name.endswith(_DERIVED):
            (ema if averaged else plain)[name] = value
    return WeightSets(ema, plain)


def plain_name(key: str) -> tuple[str, bool]:
    """Return upstream's name of the weight that a file calls `key`, and whether it is of the average."""
    parts = [part for part in key.split(".") if part not in _WRAPPERS]
    if parts[:1] in _HOLDERS:
        parts = parts[1:]
    averaged = parts[:1] == [_AVERAGE]
    if averaged or parts[:1] == [_ITSELF]:
        parts = parts[1:]
    if parts[:1] == [_BACKBONE]:
        parts = parts[1:]
    return ".".join(parts), averaged
