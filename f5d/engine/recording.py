"""From an audio file, as people have them, to one wave: decoding, channels, offset, clipping.

libsndfile reads what it can, ffmpeg the rest where there is one. Knows nothing of voices or models.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import soundfile as sf

from f5ctl.errors import BadRequestError
from f5d.engine import ffmpeg
from f5d.engine.ffmpeg import Decoded, FfmpegError
from f5d.engine.headers import is_mendable, mended

MAX_RECORDING_S: Final = 60.0  # decoded at most; a longer file is surely not a voice sample
MAX_SAMPLES: Final = 24_000_000  # of all channels: a minute of stereo at 192 kHz, 96 MB
BEST_MOST_S: Final = 12
MAX_CHANNELS: Final = 8
MIN_RATE_HZ: Final = 4_000
MAX_RATE_HZ: Final = 192_000
MAX_LEVEL: Final = 1e5  # of floats; whole numbers of 16 bits that were taken for floats are below
MIN_OFFSET: Final = 10 ** (-50 / 20)  # what is constant at a lower level than pauses have hides none
QUIET_SHARE: Final = 0.1  # of the windows: pauses between words
WINDOW_S: Final = 0.01
LEAST_MEAN_POWER: Final = 0.4  # of the loudest channel's; two unrelated channels of one level have 0.5
CLIPPED_LEVEL: Final = 0.985
CLIPPED_RUN: Final = 3  # samples in a row at full scale; one may be a peak
CLIPPED_SHARE: Final = 2e-4  # of all samples: a few crackles
CONVERT: Final = "ffmpeg -i FILE -ac 1 recording.wav"
_READ_FRAMES: Final = 65_536
_MOST_S: Final = MAX_RECORDING_S + 1  # one more than allowed tells that it is too long

Samples = npt.NDArray[np.float32]  # [frames, channels]


@dataclass(frozen=True, slots=True)
class Recording:
    """A decoded recording: mono `wave` at `rate_hz`; `clipped_samples` stood at full scale in the file."""

    wave: npt.NDArray[np.float32]
    rate_hz: int
    clipped_samples: int = 0

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.wave) / self.rate_hz

    @property
    def clipped_share(self) -> float:
        """The part of the samples that stood at full scale."""
        return self.clipped_samples / max(1, len(self.wave))

    @property
    def is_clipped(self) -> bool:
        """True when that will be heard."""
        return self.clipped_share > CLIPPED_SHARE


def read_recording(data: bytes) -> Recording:
    """Decode a whole audio file into one channel.

    Raises:
        BadRequestError: `bad_audio` when it is not audio, has no samples, is longer than
            `MAX_RECORDING_S`, has an unusable rate or channel count, or holds NaN or infinity.
    """
    samples, rate_hz = _decoded(data)
    if not np.isfinite(samples).all():
        raise bad_audio("holds samples that are NaN or infinite; export it again")
    loudest = float(np.abs(samples).max(initial=0))
    if loudest > MAX_LEVEL:
        raise bad_audio(
            f"holds samples of {loudest:.3g} times full scale; the limit is {MAX_LEVEL:g}; export it again"
        )
    clipped = _clipped_samples(samples)
    return Recording(one_channel(without_offset(samples, rate_hz)), rate_hz, clipped)


def without_offset(samples: Samples, rate_hz: int) -> Samples:
    """Return [frames, channels] without the constant that a faulty input adds, which would hide all pauses.

    It is heard where nobody speaks: in the windows that move least. The mean of all would not do: many voices
    push further to one side than to the other.
    """
    window = max(1, int(WINDOW_S * rate_hz))
    offset = np.zeros(samples.shape[1], np.float32)
    for channel in range(samples.shape[1]):
        wave = samples[: len(samples) // window * window, channel].reshape(-1, window)
        wave = wave[wave.any(axis=1)]  # padding of zeros tells nothing of the input
        if len(wave):
            quiet = np.argsort(wave.std(axis=1), kind="stable")[: max(1, int(QUIET_SHARE * len(wave)))]
            level = np.median(wave[quiet].mean(axis=1))
            offset[channel] = level if abs(level) >= MIN_OFFSET else 0.0
    return samples - offset if offset.any() else samples


def one_channel(samples: Samples) -> npt.NDArray[np.float32]:
    """Return the mean of the channels of [frames, channels], without what would cancel in it.

    A channel that runs against the loudest one (a swapped plug) is turned round. Where the mean would still be
    much quieter than the loudest channel (a voice on one of two), that channel is taken alone.
    """
    if samples.shape[1] == 1:
        return samples[:, 0]
    exact = samples.astype(np.float64)
    together = exact.T @ exact
    loudest = int(together.diagonal().argmax())
    weights = np.where(together[loudest] < 0, -1.0, 1.0) / samples.shape[1]
    if weights @ together @ weights < LEAST_MEAN_POWER * together[loudest, loudest]:
        return samples[:, loudest]
    mixed: npt.NDArray[np.float32] = samples @ weights.astype(np.float32)
    return mixed


def bad_audio(what: str) -> BadRequestError:
    """Return the error that says what is wrong with a recording."""
    return BadRequestError("bad_audio", f"the reference recording {what}")


def _decoded(data: bytes) -> Decoded:
    """Return what libsndfile reads, else what ffmpeg does."""
    try:
        return _by_libsndfile(mended(data))
    except (sf.LibsndfileError, TypeError) as error:
        reason = getattr(error, "error_string", str(error)).rstrip(".")
    except EOFError:
        if is_mendable(data):
            raise bad_audio("holds no samples") from None
        reason = ""
    program = ffmpeg.find_ffmpeg()
    fault = ""
    if program is not None and data:
        try:
            return _by_ffmpeg(program, data)
        except FfmpegError as error:
            fault = str(error)
    if not reason or not data:
        raise bad_audio("holds no samples")
    if program is None:
        raise bad_audio(
            f"is not audio that can be read here ({reason}); install ffmpeg, with which m4a, mp4, webm, wma"
            f" and more are read, or convert it: {CONVERT}"
        )
    raise bad_audio(f"is not audio that can be read ({reason}; ffmpeg: {fault}); use WAV or FLAC")


def _by_libsndfile(data: bytes) -> Decoded:
    """Return what libsndfile decodes; EOFError where there are no samples."""
    with sf.SoundFile(io.BytesIO(data)) as file:
        _check_shape(file.samplerate, file.channels)
        limit = int(MAX_RECORDING_S * file.samplerate)
        blocks, length = [], 0
        while length <= limit:  # a block at a time: the header decides about no memory
            block = file.read(_READ_FRAMES, dtype="float32", always_2d=True)
            if len(block) == 0:
                break
            blocks.append(block)
            length += len(block)
            _check_size(length * file.channels)
        rate_hz, declared = file.samplerate, file.frames
    if length > limit:
        length_s = max(declared, length) / rate_hz
        raise _too_long(f"{length_s:.0f} s" if length_s < 86_400 else "endless")  # a header can lie
    if length == 0:
        raise EOFError
    return Decoded(np.concatenate(blocks), rate_hz)


def _by_ffmpeg(program: str, data: bytes) -> Decoded:
    decoded = ffmpeg.decode(program, data, max_s=_MOST_S, max_samples=MAX_SAMPLES)
    _check_shape(decoded.rate_hz, decoded.samples.shape[1])
    if len(decoded.samples) == 0:
        raise FfmpegError("it holds no samples")
    if len(decoded.samples) > MAX_RECORDING_S * decoded.rate_hz:
        raise _too_long(f"over {MAX_RECORDING_S:.0f} s")
    _check_size(decoded.samples.size)
    return decoded


def _check_shape(rate_hz: int, channels: int) -> None:
    if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
        raise bad_audio(f"has a sample rate of {rate_hz} Hz; the limit is {MIN_RATE_HZ} to {MAX_RATE_HZ} Hz")
    if channels > MAX_CHANNELS:
        raise bad_audio(f"has {channels} channels; the limit is {MAX_CHANNELS}")


def _check_size(samples: int) -> None:
    if samples >= MAX_SAMPLES:
        raise bad_audio(
            f"holds over {MAX_SAMPLES} samples in all its channels, the limit; make it mono: {CONVERT}"
        )


def _too_long(how_long: str) -> BadRequestError:
    return bad_audio(
        f"is {how_long} long; the limit is {MAX_RECORDING_S:.0f} s"
        f" (cut it to at most {BEST_MOST_S} s of speech)"
    )


def _clipped_samples(samples: Samples) -> int:
    """Return how many samples stand at full scale with their neighbours, in the channel with most of them."""
    return max(_in_runs(np.abs(samples[:, channel]) >= CLIPPED_LEVEL) for channel in range(samples.shape[1]))


def _in_runs(loud: npt.NDArray[np.bool_]) -> int:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], loud, [False]])))
    runs = edges[1::2] - edges[::2]
    return int(runs[runs >= CLIPPED_RUN].sum())
