"""Muon for matrices, AdamW for the rest, on one learning-rate schedule.

Muon replaces a matrix's momentum by its nearest orthogonal matrix (Jordan et al., 2024; Newton-Schulz
iteration, in bfloat16 where that is fast), so that every direction learns at the same rate.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from .team import Team

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)


def orthogonalised(matrices: Tensor, products: torch.dtype, iterations: int = 5) -> Tensor:
    """Return about the nearest orthogonal matrix of each of [n, rows, columns], float32."""
    tall = matrices.shape[1] > matrices.shape[2]
    wide = (matrices.mT if tall else matrices).to(products)
    wide = wide / (wide.norm(dim=(1, 2), keepdim=True) * 1.02 + 1e-7)
    first, second, third = _COEFFICIENTS
    for _ in range(iterations):
        gram = wide @ wide.mT
        wide = first * wide + (second * gram + third * gram @ gram) @ wide
    result: Tensor = (wide.mT if tall else wide).float()
    return result


class Muon(torch.optim.Optimizer):
    """Muon with momentum (Nesterov) and decoupled weight decay; the members of a team share the work."""

    def __init__(
        self,
        matrices: Iterable[Tensor],
        team: Team,
        *,
        lr: float,
        momentum: float = 0.95,
        weight_decay: float,
        products: torch.dtype,
    ) -> None:
        super().__init__(matrices, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})
        self._team = team
        self._products = products

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # noqa: ARG002
        """Move every matrix by lr along its orthogonalised momentum; matrices of one shape go together."""
        for group in self.param_groups:
            shapes: dict[torch.Size, list[Tensor]] = {}
            for matrix in group["params"]:
                shapes.setdefault(matrix.shape, []).append(matrix)
            for shape, alike in shapes.items():
                updates = self._updates(torch.stack([self._momentum(matrix, group) for matrix in alike]))
                scale = group["lr"] * max(1.0, shape[0] / shape[1]) ** 0.5
                for matrix, update in zip(alike, updates, strict=True):
                    matrix.mul_(1 - group["lr"] * group["weight_decay"]).add_(update, alpha=-scale)

    def _updates(self, momenta: Tensor) -> Tensor:
        """Each member does its part of [n, rows, columns]; n must divide among them."""
        parts = momenta.view(self._team.size, -1, *momenta.shape[1:])
        mine = orthogonalised(parts[self._team.rank], self._products)
        return self._team.gather(mine.flatten()).reshape(momenta.shape)

    def _momentum(self, matrix: Tensor, group: dict[str, float]) -> Tensor:
        state = self.state[matrix]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(matrix)
        grad = torch.zeros_like(matrix) if matrix.grad is None else matrix.grad
        state["momentum"].lerp_(grad, 1 - group["momentum"])
        return grad.lerp(state["momentum"], group["momentum"])
