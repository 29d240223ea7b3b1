"""Building blocks of the packed DiT: rows of different lengths lie one after the other, without padding.

A packed tensor is [total_frames, ...]; a PackedLayout says where its rows are. Linear layers and norms
do not care; attention, rotary positions and the position convolution stay inside their row. The residual
stream and every norm are float32, whatever the weights are.
Source: f5_tts/model/modules.py and model/backbones/dit.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import accumulate, groupby
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from f5d.catalog.shapes import POSITION_KERNEL_FRAMES, TIME_CHANNELS
from f5d.catalog.spec import POSITION_GROUPS
from f5d.model.cpu import cpu_flags
from f5d.model.memory import is_device_error, is_out_of_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from f5d.catalog.spec import Architecture

NORM_EPSILON = 1e-6
_SCORE_BYTES = 3 * 2**20
_TILED_ATTENTION_FROM = (2, 13)  # of torch, the first it was measured with
GAP_FRAMES = POSITION_KERNEL_FRAMES // 2  # zeroed frames that keep the convolution of two rows apart

_TABLE_FRAMES = 4_096  # a table of positions is as long at least
_TABLES_KEPT = 4

_FLASH_CUDA_MAJOR = 8  # Ampere; the flash kernels refuse older devices
_FLASH_HEAD_STEP, _FLASH_HEAD_MOST = 8, 256  # widths of a head that they take


@dataclass(frozen=True, slots=True)
class PackedLayout:
    """Where the rows of a packed tensor begin and end, and what attention needs to know of it.

    `cos` and `sin` are [total, 1, 1, dim_head / 2], positions counted from each row's first frame.
    `gapped` holds each frame's place among `gapped_frames` when 15 zeroed frames stand between rows.
    `lengths` is empty where the host must not know them: a recorded step reads them from the device,
    so whatever needs them fails instead of being recorded with the lengths of one batch.
    `varlen` is attention that reads `cumulative` and `longest` alone, where there is one.
    """

    lengths: tuple[int, ...]
    cos: Tensor
    sin: Tensor
    gapped: Tensor | None  # None for one row
    gapped_frames: int
    cumulative: Tensor  # [rows + 1] int32
    longest: int  # no row is longer
    varlen: Callable[..., Tensor] | None

    def runs(self) -> list[tuple[int, int]]:
        """(rows, length) of each stretch of neighbours of one length, in order."""
        return [(len(list(rows)), length) for length, rows in groupby(self.lengths)]


def pack_layout(
    lengths: Sequence[int],
    dim_head: int,
    device: torch.device,
    varlen: Callable[..., Tensor] | None = None,
    longest: int | None = None,
) -> PackedLayout:
    """Return the layout of rows of `lengths` frames on `device`; rows of no frames keep their gap."""
    each = torch.tensor(lengths)
    total = sum(lengths)
    positions = upload(torch.cat([torch.arange(length) for length in lengths]), device)
    gapped = torch.arange(total) + (GAP_FRAMES * torch.arange(len(lengths))).repeat_interleave(each)
    cos, sin = _rotary_table(dim_head, table_frames(max(lengths)), device)
    return PackedLayout(
        lengths=tuple(length for length in lengths if length),
        cos=cos.index_select(0, positions),
        sin=sin.index_select(0, positions),
        gapped=upload(gapped, device) if len(lengths) > 1 else None,
        gapped_frames=total + GAP_FRAMES * (len(lengths) - 1),
        cumulative=upload(torch.tensor([0, *accumulate(lengths)], dtype=torch.int32), device),
        longest=longest or max(lengths),
        varlen=varlen,
    )


def table_frames(frames: int) -> int:
    """Return how long a table of positions is that holds `frames`: few lengths, so that tables are kept."""
    return max(_TABLE_FRAMES, 1 << (frames - 1).bit_length())


@lru_cache(_TABLES_KEPT)
def _rotary_table(dim_head: int, frames: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return cosines and sines of each position, [frames, 1, 1, dim_head / 2] float32; computed on the CPU."""
    frequencies = 1.0 / (10_000 ** (torch.arange(0, dim_head, 2).float() / dim_head))
    angles = (torch.arange(frames).float()[:, None] * frequencies)[:, None, None, :]
    return upload(angles.cos(), device), upload(angles.sin(), device)


def upload(host: Tensor, device: torch.device) -> Tensor:
    """Return a tensor on `device`, one of the CPU without waiting for what that device is doing."""
    if device.type != "cuda" or host.device.type != "cpu":
        return host.to(device)
    return host.pin_memory().to(device, non_blocking=True)


def varlen_kernel(device: torch.device, dtype: torch.dtype, dim_head: int) -> Callable[..., Tensor] | None:
    """Return torch's flash attention for packed rows, where torch, device, type and heads allow it.

    It takes queries, keys and values [total, heads, dim_head], cumulative lengths twice and the longest
    twice, reads the lengths on the device only, and can be recorded in a CUDA graph.
    """
    if device.type != "cuda" or dtype not in (torch.float16, torch.bfloat16):
        return None
    if dim_head % _FLASH_HEAD_STEP or dim_head > _FLASH_HEAD_MOST:
        return None
    if torch.cuda.get_device_capability(device)[0] < _FLASH_CUDA_MAJOR:
        return None
    return _flash if _flash_runs(device, dtype, dim_head) else None


def _flash(*rows: Tensor | int) -> Tensor:
    """Call the kernel itself, which torch has from 2.4 on, with what `varlen_kernel` says.

    torch's own door to it imports torch._dynamo (1.7 s), and from 2.14 on leads to cuDNN, which plans anew
    on the host for each new length.
    """
    no_dropout, not_causal, no_debug = 0.0, False, False
    kernel = torch.ops.aten._flash_attention_forward  # noqa: SLF001 - the operators' names are all it has
    attended: Tensor = kernel(*rows, no_dropout, not_causal, no_debug)[0]
    return attended


@cache
def _flash_runs(device: torch.device, dtype: torch.dtype, dim_head: int) -> bool:
    """Return whether this build of torch has the kernel; some say so only when it is called."""
    frame = torch.zeros(1, 1, dim_head, dtype=dtype, device=device)
    ends = torch.arange(2, dtype=torch.int32, device=device)
    try:
        _flash(frame, frame, frame, ends, ends, 1, 1)
    except (AttributeError, RuntimeError) as error:
        if is_out_of_memory(error) or is_device_error(error):
            raise
        return False
    return True


class TimeEmbedding(nn.Module):
    """A time in [0, 1] as `dim` channels."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.time_mlp = nn.Sequential(nn.Linear(TIME_CHANNELS, dim), nn.SiLU(), nn.Linear(dim, dim))

    def forward(self, times: Tensor) -> Tensor:
        """Times [n] float32 -> [n, dim]."""
        half = TIME_CHANNELS // 2
        rates = torch.exp(torch.arange(half, device=times.device).float() * -(math.log(10_000) / (half - 1)))
        angles = 1_000 * times[:, None] * rates[None, :]
        embedded: Tensor = self.time_mlp(torch.cat((angles.sin(), angles.cos()), dim=-1))
        return embedded


class PositionConvolution(nn.Module):
    """Two grouped convolutions over time that tell a frame where it is; no row sees its neighbour."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.conv1d = nn.Sequential(*(layer for _ in range(2) for layer in (_position_conv(dim), nn.Mish())))

    @property
    def dtype(self) -> torch.dtype:
        """The type of the weights."""
        return next(self.parameters()).dtype

    def forward(self, packed: Tensor, layout: PackedLayout) -> Tensor:
        """[total, dim] in the weights' type -> [total, dim]."""
        for index in (0, 2):
            spread = packed
            if layout.gapped is not None:  # the gaps are zero before each convolution, like its own padding
                zeros = packed.new_zeros(layout.gapped_frames, packed.shape[1])
                spread = zeros.index_copy_(0, layout.gapped, packed)
            convolved = F.mish(self.conv1d[index](spread.T[None])[0].T)
            packed = convolved if layout.gapped is None else convolved.index_select(0, layout.gapped)
        return packed


def _position_conv(dim: int) -> nn.Conv1d:
    return nn.Conv1d(dim, dim, POSITION_KERNEL_FRAMES, padding=GAP_FRAMES, groups=POSITION_GROUPS)


class RmsScale(nn.Module):
    """The weight of a per-head RMS norm; Attention applies those of queries and keys together."""

    def __init__(self, dim_head: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim_head))


class Attention(nn.Module):
    """Self-attention inside each row. Queries, keys and values come from one fused projection.

    The channels of a rotary pair are stored half a head apart (see dit.fuse_weights), which
    leaves the scores as they are and makes the rotation two contiguous halves.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.heads, self.dim_head = architecture.heads, architecture.dim_head
        self.rotated_heads = architecture.pe_attn_head or architecture.heads
        inner = self.heads * self.dim_head
        self.to_qkv = nn.Linear(architecture.dim, 3 * inner)
        self.to_out = nn.ModuleList([nn.Linear(inner, architecture.dim)])
        self.compute_type: torch.dtype | None = None  # of queries, keys and values; None: as projected
        normed = architecture.qk_norm is not None
        self.q_norm = RmsScale(self.dim_head) if normed else None
        self.k_norm = RmsScale(self.dim_head) if normed else None

    def forward(self, packed: Tensor, layout: PackedLayout) -> Tensor:
        """[total, dim] in the weights' type -> [total, dim]."""
        qkv = self.project(packed)
        queries_keys = qkv[:, :2]
        if self.q_norm is not None and self.k_norm is not None:
            scale = torch.stack((self.q_norm.weight, self.k_norm.weight))[None, :, None, :]
            queries_keys = F.rms_norm(queries_keys.float(), (self.dim_head,), eps=NORM_EPSILON) * scale
            if self.rotated_heads < self.heads:
                qkv[:, :2, self.rotated_heads :] = queries_keys[:, :, self.rotated_heads :]
        self._rotate(qkv, queries_keys, layout)
        return self.attend(qkv, layout)

    def project(self, packed: Tensor) -> Tensor:
        """Return queries, keys and values, neither normed nor rotated: [total, 3, heads, dim_head]."""
        qkv: Tensor = self.to_qkv(packed)
        return qkv.view(-1, 3, self.heads, self.dim_head)

    def attend(self, qkv: Tensor, layout: PackedLayout) -> Tensor:
        """Return what rotated queries and keys make of the values: [total, dim]."""
        if self.compute_type is not None:
            qkv = qkv.to(self.compute_type)
        out: Tensor = self.to_out[0](attend(qkv, layout).reshape(-1, self.heads * self.dim_head))
        return out

    def _rotate(self, qkv: Tensor, queries_keys: Tensor, layout: PackedLayout) -> None:
        """Write the rotated queries and keys into `qkv`; the arithmetic is float32, as cos and sin are."""
        first, second = queries_keys[:, :, : self.rotated_heads].chunk(2, dim=-1)
        into_first, into_second = qkv[:, :2, : self.rotated_heads].chunk(2, dim=-1)
        partial_first, partial_second = first * layout.cos, first * layout.sin  # before `first` is overwritten
        torch.addcmul(partial_first, second, layout.sin, value=-1, out=into_first)
        torch.addcmul(partial_second, second, layout.cos, out=into_second)


def attend(qkv: Tensor, layout: PackedLayout) -> Tensor:
    """Return full attention inside each row: [total, 3, heads, dim_head] -> [total, heads, dim_head]."""
    if layout.varlen is not None:
        queries, keys, values = qkv.unbind(1)  # strided views: the kernel wants only the last dimension dense
        longest = layout.longest
        return layout.varlen(queries, keys, values, layout.cumulative, layout.cumulative, longest, longest)
    outputs, start = [], 0
    for rows, length in layout.runs():
        run = qkv[start : start + rows * length].view(rows, length, *qkv.shape[1:]).permute(2, 0, 3, 1, 4)
        attention = _attend_in_cache if _lacks_kernel(qkv) else F.scaled_dot_product_attention
        out = attention(run[0], run[1], run[2])  # [rows, heads, length, dim_head]
        outputs.append(out.transpose(1, 2).flatten(0, 1))
        start += rows * length
    return outputs[0] if len(outputs) == 1 else torch.cat(outputs)


def _lacks_kernel(tensor: Tensor) -> bool:
    return tensor.device.type == "cpu" and tensor.dtype == torch.bfloat16 and not _attends_in_tiles()


@cache
def _attends_in_tiles() -> bool:
    """Whether torch's fused kernel multiplies bfloat16 in this CPU's tiles (AMX)."""
    release = tuple(int(part) for part in torch.__version__.split(".")[:2])
    return "amx_bf16" in cpu_flags() and release >= _TILED_ATTENTION_FROM


def _attend_in_cache(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Return full attention for bfloat16 on a CPU: [rows, heads, length, dim_head] each.

    Plain matrix products, a few heads at a time so that their scores stay in the cache: 1.6 times as
    fast as torch's fused kernel where that has no bfloat16 products of its own.
    """
    shape = queries.shape
    length, dim_head = shape[-2:]
    queries = (queries * dim_head**-0.5).reshape(-1, length, dim_head)
    keys = keys.reshape(-1, length, dim_head).transpose(1, 2)
    values = values.reshape(-1, length, dim_head)
    together = max(1, _SCORE_BYTES // (length * length * queries.element_size()))
    attended = torch.empty_like(queries)
    for start in range(0, len(queries), together):
        part = slice(start, start + together)
        weights = torch.bmm(queries[part], keys[part]).softmax(-1)
        torch.bmm(weights, values[part], out=attended[part])
    return attended.view(shape)


class FeedForward(nn.Module):
    """Two linear layers with a tanh-approximated GELU between them."""

    def __init__(self, dim: int, inner: int) -> None:
        super().__init__()
        self.ff = nn.Sequential(
            nn.Sequential(nn.Linear(dim, inner), nn.GELU(approximate="tanh")),
            nn.Identity(),
            nn.Linear(inner, dim),
        )

    def forward(self, packed: Tensor) -> Tensor:
        """[total, dim] -> [total, dim]."""
        out: Tensor = self.ff(packed)
        return out


class ModulationLinear(nn.Module):
    """The projection of an AdaLN; it depends on the time alone, so ModulationTable holds its outputs."""

    def __init__(self, dim: int, parts: int) -> None:
        super().__init__()
        self.linear = nn.Linear(dim, parts * dim)


def modulate(hidden: Tensor, shift: Tensor, scale: Tensor, dtype: torch.dtype) -> Tensor:
    """Return layer_norm(hidden) * scale + shift as `dtype`; `scale` already holds upstream's 1 + scale.

    hidden [total, dim] float32; shift and scale [n, dim]: each holds for total / n neighbouring frames.
    """
    dim = hidden.shape[-1]
    stretches = shift.shape[0]
    if stretches == 1:
        return F.layer_norm(hidden, (dim,), scale[0], shift[0], NORM_EPSILON).to(dtype)
    normed = F.layer_norm(hidden, (dim,), eps=NORM_EPSILON).view(stretches, -1, dim)
    out = torch.empty_like(normed, dtype=dtype)
    return torch.addcmul(shift[:, None], normed, scale[:, None], out=out).view(-1, dim)


def add_gated(hidden: Tensor, gate: Tensor, branch: Tensor) -> Tensor:
    """Return hidden + gate * branch in float32; gate [n, dim] as in `modulate`."""
    stretches, dim = gate.shape
    shape = (stretches, -1, dim)
    return torch.addcmul(hidden.view(shape), gate[:, None], branch.view(shape)).view(-1, dim)


class DiTBlock(nn.Module):
    """Attention and feed-forward on a float32 residual stream, modulated by the time."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.compute_type = torch.float32
        self.attn_norm = ModulationLinear(architecture.dim, 6)
        self.attn = Attention(architecture)
        self.ff = FeedForward(architecture.dim, int(architecture.dim * architecture.ff_mult))

    def forward(self, hidden: Tensor, modulation: Tensor, layout: PackedLayout) -> Tensor:
        """Residual stream [total, dim] float32, modulation [n, 6, dim] -> [total, dim] float32."""
        shift_attn, scale_attn, gate_attn, shift_ff, scale_ff, gate_ff = modulation.unbind(1)
        attended = self.attn(modulate(hidden, shift_attn, scale_attn, self.compute_type), layout)
        hidden = add_gated(hidden, gate_attn, attended)
        fed: Tensor = self.ff(modulate(hidden, shift_ff, scale_ff, self.compute_type))
        return add_gated(hidden, gate_ff, fed)
