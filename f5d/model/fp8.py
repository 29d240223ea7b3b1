"""Linear layers in 8-bit floats, for GPUs that multiply them at twice the rate of half precision.

Each output channel of a weight and each frame of an input has its own scale, and products are summed in
float32, so a frame's result depends on that frame alone.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn

CUDA_CAPABILITY: Final = (8, 9)  # Ada, the first with such products
FP8: Final = torch.float8_e4m3fn
_MOST: Final = torch.finfo(FP8).max
_LEAST_SCALE: Final = 1e-12  # of a frame of zeros
_PROBE: Final = 16  # the least width that a product takes


class Fp8Linear(nn.Module):
    """A linear layer whose weight is 8-bit floats; outputs are bfloat16. Widths are multiples of 16."""

    weight: Tensor  # [outputs, inputs] E4M3
    scale: Tensor  # [1, outputs] float32
    bias: Tensor  # [outputs] bfloat16

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        weight, scale = _rounded(linear.weight.detach())
        self.register_buffer("weight", weight)
        self.register_buffer("scale", scale.T.contiguous())
        self.register_buffer("bias", linear.bias.detach().bfloat16())

    def forward(self, inputs: Tensor) -> Tensor:
        """[frames, inputs] -> [frames, outputs] bfloat16."""
        rounded, scale = _rounded(inputs)
        return torch._scaled_mm(  # noqa: SLF001 - no public name in the versions of torch that have it
            rounded, self.weight.T, scale, self.scale, self.bias, out_dtype=torch.bfloat16
        )


def fault(device: torch.device) -> str | None:
    """Return why `device` or this torch cannot multiply 8-bit floats; None if they can."""
    if device.type == "cuda" and (found := torch.cuda.get_device_capability(device)) < CUDA_CAPABILITY:
        wanted = ".".join(map(str, CUDA_CAPABILITY))
        return f"it has compute capability {'.'.join(map(str, found))}, and {wanted} is needed"
    try:
        Fp8Linear(nn.Linear(_PROBE, _PROBE).to(device))(torch.ones(_PROBE, _PROBE, device=device))
    except (AttributeError, RuntimeError, ValueError) as error:
        return str(error).split("\n", 1)[0]
    return None


def _rounded(values: Tensor) -> tuple[Tensor, Tensor]:
    """Return [n, width] in 8 bits, each row by its own scale, and the scales [n, 1] float32."""
    values = values.float()
    scale = (values.abs().amax(dim=1, keepdim=True) / _MOST).clamp_min_(_LEAST_SCALE)
    return (values / scale).to(FP8), scale
