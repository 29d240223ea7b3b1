"""The names and shapes of a DiT's weights, from its architecture and back, without torch.

Source: f5_tts/model/backbones/dit.py; the same as `upstream_shapes` of dit.py, which counts a built model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from f5d.catalog.spec import MEL_CHANNELS, MOST_LAYERS, POSITION_GROUPS, Architecture

Shapes: TypeAlias = Mapping[str, tuple[int, ...]]

TEXT_EMBEDDING: Final = "text_embed.text_embed.weight"
TIME_CHANNELS: Final = 256
TEXT_KERNEL_FRAMES: Final = 7
POSITION_KERNEL_FRAMES: Final = 31
DIM_HEAD: Final = 64  # every published model's; a checkpoint without norms of its heads does not tell


def dit_shapes(architecture: Architecture, tokens: int) -> dict[str, tuple[int, ...]]:
    """Return the name and shape of every weight of a DiT with a vocabulary of `tokens`."""
    dim, width = architecture.dim, architecture.text_width
    shapes: dict[str, tuple[int, ...]] = {TEXT_EMBEDDING: (tokens + 1, width)}

    def linear(name: str, out: int, into: int) -> None:
        shapes[f"{name}.weight"] = (out, into)
        shapes[f"{name}.bias"] = (out,)

    linear("time_embed.time_mlp.0", dim, TIME_CHANNELS)
    linear("time_embed.time_mlp.2", dim, dim)
    for index in range(architecture.conv_layers):
        block = f"text_embed.text_blocks.{index}"
        shapes[f"{block}.dwconv.weight"] = (width, 1, TEXT_KERNEL_FRAMES)
        for name in ("dwconv.bias", "norm.weight", "norm.bias"):
            shapes[f"{block}.{name}"] = (width,)
        linear(f"{block}.pwconv1", 2 * width, width)
        shapes[f"{block}.grn.gamma"] = shapes[f"{block}.grn.beta"] = (1, 1, 2 * width)
        linear(f"{block}.pwconv2", width, 2 * width)
    linear("input_embed.proj", dim, 2 * MEL_CHANNELS + width)
    for index in (0, 2):
        convolution = f"input_embed.conv_pos_embed.conv1d.{index}"
        shapes[f"{convolution}.weight"] = (dim, dim // POSITION_GROUPS, POSITION_KERNEL_FRAMES)
        shapes[f"{convolution}.bias"] = (dim,)
    for index in range(architecture.depth):
        _block(linear, shapes, architecture, f"transformer_blocks.{index}")
    if architecture.long_skip_connection:
        shapes["long_skip_connection.weight"] = (dim, 2 * dim)
    linear("norm_out.linear", 2 * dim, dim)
    linear("proj_out", MEL_CHANNELS, dim)
    return shapes


def _block(
    linear: Callable[[str, int, int], None],
    shapes: dict[str, tuple[int, ...]],
    architecture: Architecture,
    block: str,
) -> None:
    dim = architecture.dim
    inner, hidden = architecture.heads * architecture.dim_head, int(dim * architecture.ff_mult)
    linear(f"{block}.attn_norm.linear", 6 * dim, dim)
    for part in ("to_q", "to_k", "to_v"):
        linear(f"{block}.attn.{part}", inner, dim)
    linear(f"{block}.attn.to_out.0", dim, inner)
    if architecture.qk_norm:
        shapes[f"{block}.attn.q_norm.weight"] = shapes[f"{block}.attn.k_norm.weight"] = (architecture.dim_head,)
    linear(f"{block}.ff.ff.0.0", hidden, dim)
    linear(f"{block}.ff.ff.2", dim, hidden)


def backbone_of(shapes: Shapes) -> str | None:
    """Return the backbone that names its weights so: DiT, UNetT or MMDiT; None for anything else."""
    if any(name.startswith("audio_embed.") for name in shapes):
        return "MMDiT"
    if any(name.startswith("layers.0.") for name in shapes):
        return "UNetT"
    if "transformer_blocks.0.attn.to_q.weight" in shapes and "input_embed.proj.weight" in shapes:
        return "DiT"
    return None


def deduce_dit(shapes: Shapes) -> Architecture | None:
    """Return the DiT that has such weights, as far as shapes tell; None when they are no DiT's.

    Not told by shapes: text_mask_padding, pe_attn_head, text_embedding_average_upsampling, and dim_head where
    there is no qk_norm (64 is assumed).
    """
    try:
        width = shapes[TEXT_EMBEDDING][1]
        dim = shapes["proj_out.weight"][1]
        inner = shapes["transformer_blocks.0.attn.to_q.weight"][0]
        hidden = shapes["transformer_blocks.0.ff.ff.0.0.weight"][0]
        head_norm = shapes.get("transformer_blocks.0.attn.q_norm.weight")
        dim_head = head_norm[0] if head_norm else min(DIM_HEAD, inner)
        depth, conv_layers = _count(shapes, "transformer_blocks."), _count(shapes, "text_embed.text_blocks.")
        if max(depth, conv_layers) > MOST_LAYERS:
            return None
        return Architecture(
            backbone="DiT",
            dim=dim,
            depth=depth,
            heads=inner // dim_head,
            dim_head=dim_head,
            ff_mult=hidden / dim,
            text_dim=width,
            conv_layers=conv_layers,
            qk_norm="rms_norm" if head_norm else None,
            long_skip_connection="long_skip_connection.weight" in shapes,
        )
    except (KeyError, IndexError, ZeroDivisionError):
        return None


def _count(shapes: Shapes, prefix: str) -> int:
    return len({name[len(prefix) :].split(".")[0] for name in shapes if name.startswith(prefix)})
