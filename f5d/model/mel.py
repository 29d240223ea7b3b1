"""From waves to the mel spectrogram that F5-TTS and Vocos share, and resampling."""

from __future__ import annotations

import torch

from f5ctl.errors import BadRequestError
from f5d.catalog.spec import FFT_SAMPLES, HOP_SAMPLES, MEL_CHANNELS, SAMPLE_RATE_HZ
from f5d.model.torchaudio_compat import import_torchaudio

_FLOOR = 1e-5  # amplitudes below it are silence; log(1e-5) = -11.5


class MelSpectrogram:
    """Log-mel amplitudes as upstream's vocos mel (f5_tts/model/modules.py): HTK scale, Hann, centred."""

    def __init__(self, device: str = "cpu") -> None:
        self._window = torch.hann_window(FFT_SAMPLES, device=device)
        self._filters = (
            import_torchaudio()
            .functional.melscale_fbanks(
                n_freqs=FFT_SAMPLES // 2 + 1,
                f_min=0.0,
                f_max=SAMPLE_RATE_HZ / 2,
                n_mels=MEL_CHANNELS,
                sample_rate=SAMPLE_RATE_HZ,
                norm=None,
                mel_scale="htk",
            )
            .to(device)
        )  # [513, 100]

    @torch.inference_mode()
    def __call__(self, wave: torch.Tensor) -> torch.Tensor:
        """Return the mel [1 + samples // 256, 100] float32 of a 24 kHz wave [samples].

        Raises BadRequestError (bad_audio) for a wave that is not one channel or is too short to frame.
        """
        if wave.ndim != 1 or wave.shape[0] <= FFT_SAMPLES // 2:
            raise BadRequestError(
                "bad_audio",
                f"audio of shape {tuple(wave.shape)} has no mel; one channel of more than "
                f"{FFT_SAMPLES // 2} samples is needed",
            )
        spectrum = torch.stft(
            wave.to(self._window),
            n_fft=FFT_SAMPLES,
            hop_length=HOP_SAMPLES,
            window=self._window,
            center=True,
            pad_mode="reflect",
            return_complex=True,
        )  # [513, frames]
        mel: torch.Tensor = (spectrum.abs().T @ self._filters).clamp(min=_FLOOR).log()
        return mel


def retimed(mel: torch.Tensor, frames: int) -> torch.Tensor:
    """Return a mel [n, 100] stretched or shrunk to [frames, 100]; its first and last frame stay."""
    stretched: torch.Tensor = torch.nn.functional.interpolate(
        mel.T[None], frames, mode="linear", align_corners=True
    )
    return stretched[0].T.contiguous()


@torch.inference_mode()
def resample(wave: torch.Tensor, from_hz: int, to_hz: int) -> torch.Tensor:
    """Return the float32 wave [..., samples] at `to_hz`, equal to torchaudio.transforms.Resample's."""
    if from_hz == to_hz:
        return wave
    if min(from_hz, to_hz) < 1:
        raise BadRequestError("bad_audio", f"cannot resample from {from_hz} Hz to {to_hz} Hz")
    resampled: torch.Tensor = import_torchaudio().transforms.Resample(from_hz, to_hz)(wave)
    return resampled
