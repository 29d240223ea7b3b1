"""Upstream's own backbones, stepped one row at a time: the architectures that our DiT does not cover.

Runs f5_tts's UNetT (E2-TTS) and MMDiT as they are. Importing f5_tts takes seconds, so it happens when
such a model is loaded. Its text cache is never used: a row cannot meet another's text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import torch

from f5ctl.errors import SynthesisError
from f5d.catalog.spec import MEL_CHANNELS
from f5d.model.sampler import Row, StepFence, own_rows
from f5d.model.torchaudio_compat import import_torchaudio
from f5d.model.weights import check_state

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from torch import Tensor

    from f5d.catalog.spec import Architecture
    from f5d.model.sampler import RowSpec

_DERIVED: Final = "rotary_embed.inv_freq"


class _ReferenceRow(Row):
    """A row of ReferenceBackend with its conditions as upstream's modules take them."""

    def __init__(self, spec: RowSpec, device: torch.device, dtype: torch.dtype) -> None:
        super().__init__(spec, device)
        self.condition = torch.zeros(1, spec.frames, MEL_CHANNELS, dtype=dtype, device=device)
        self.condition[0, : spec.reference_frames] = spec.reference_mel.to(device, dtype)
        self.text = torch.tensor([spec.token_ids], dtype=torch.long, device=device)


class ReferenceBackend:
    """Steps rows through one of f5_tts's backbone modules. Owned by the engine."""

    def __init__(self, backbone: Any, device: str, dtype: str) -> None:
        self.device = device
        self.dtype = dtype
        self._backbone = backbone
        self._fence = StepFence(torch.device(device))

    @classmethod
    def build(
        cls,
        path: Path,
        state: dict[str, Tensor],
        architecture: Architecture,
        vocabulary_size: int,
        *,
        device: str,
        dtype: str,
    ) -> ReferenceBackend:
        """Return the backend of a checkpoint's weights; `path` is only named in errors.

        Raises SynthesisError (model_error) when the weights do not fit the architecture or f5_tts
        cannot be imported.
        """
        backbone = _empty_backbone(architecture, vocabulary_size)
        expected = {key: tuple(value.shape) for key, value in backbone.state_dict().items() if key != _DERIVED}
        check_state(path, state, expected, architecture.backbone)
        kind: torch.dtype = getattr(torch, dtype)
        copied = {key: value.to(device, kind, copy=True) for key, value in state.items()}
        backbone.load_state_dict(copied, strict=False, assign=True)
        _fill_buffers(backbone, architecture)
        return cls(backbone.eval().requires_grad_(False).to(device, kind), device, dtype)

    @torch.inference_mode()
    def open_row(self, spec: RowSpec) -> Row:
        """Return a row at its noise."""
        return _ReferenceRow(spec, torch.device(self.device), getattr(torch, self.dtype))

    def warm_up_next(self) -> bool:
        """Return False: upstream's modules need no preparation."""
        return False

    @torch.inference_mode()
    def step(self, rows: Sequence[Row]) -> None:
        """Advance every row by one step of its own grid. Raises ValueError for a finished row."""
        own = own_rows(rows, _ReferenceRow)
        velocities = [self._velocity(row) for row in own]  # all before any row moves: one may fail
        for row, velocity in zip(own, velocities, strict=True):
            row.advance(velocity)
        self._fence.queued()

    def _velocity(self, row: _ReferenceRow) -> Tensor:
        """Return the guided velocity [frames, 100] float32."""
        guided = row.spec.guided
        predicted: Tensor = self._backbone(
            x=row.state[None].to(row.condition.dtype),
            cond=row.condition,
            text=row.text,
            time=row.times[row.steps_done].to(row.condition),
            mask=None,
            cfg_infer=guided,
            cache=False,
        )
        if not guided:
            return predicted[0].float()
        conditional, unconditional = predicted.float()
        guided_velocity: Tensor = conditional + (conditional - unconditional) * row.spec.cfg_strength
        return guided_velocity


def _empty_backbone(architecture: Architecture, vocabulary_size: int) -> Any:
    """Return upstream's module without memory behind its weights."""
    import_torchaudio()
    try:
        from f5_tts.model import DiT, MMDiT, UNetT
    except (ImportError, OSError, RuntimeError) as error:
        raise SynthesisError("model_error", f"the f5-tts package cannot be imported: {error}") from error
    kind = {"DiT": DiT, "UNetT": UNetT, "MMDiT": MMDiT}[architecture.backbone]
    with torch.device("meta"):
        return kind(**architecture.upstream_arguments(), text_num_embeds=vocabulary_size, mel_dim=MEL_CHANNELS)


def _fill_buffers(backbone: Any, architecture: Architecture) -> None:
    """Compute the buffers that follow from the architecture; on the meta device they had no values."""
    from f5_tts.model.modules import precompute_freqs_cis
    from x_transformers.x_transformers import RotaryEmbedding

    backbone.rotary_embed = RotaryEmbedding(architecture.dim_head)
    text = backbone.text_embed
    if getattr(text, "freqs_cis", None) is not None:
        width = text.text_embed.weight.shape[1]
        text.freqs_cis = precompute_freqs_cis(width, text.precompute_max_pos)
