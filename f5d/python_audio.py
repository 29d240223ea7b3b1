"""Audio as Python hands it over: samples that become a file, a recording in any of its forms.

What cannot be used is a ValueError with the name of the argument, its value and what is possible.
"""

from __future__ import annotations

import io
import os
import tempfile
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import soundfile as sf

from f5ctl.bounds import shown
from f5ctl.protocol import MAX_REF_AUDIO_BYTES
from f5d.catalog.spec import SAMPLE_RATE_HZ
from f5d.engine.audio import FILE_ENCODINGS, encode_file, to_pcm
from f5d.engine.recording import MAX_CHANNELS, MAX_RATE_HZ, MIN_RATE_HZ

# A path, the bytes of an audio file, samples at 24 kHz, or samples and their rate as of soundfile.read.
ReferenceAudio: TypeAlias = str | os.PathLike[str] | bytes | npt.NDArray[Any] | tuple[npt.NDArray[Any], int]

MAX_PEAK: Final = 16.0  # 24 dB above full scale: the integers of 16-bit samples are far beyond
_FORMS: Final = "a path, the bytes of an audio file, samples at 24000 Hz, or (samples, rate)"


def save_audio(
    audio: npt.NDArray[np.floating[Any]],
    output_path: str | os.PathLike[str],
    sample_rate: int | None = None,
) -> None:
    """Write mono samples at 24 kHz under `output_path`, atomically, in the format of its suffix.

    Raises:
        ValueError: `audio` is no row of finite floating-point samples, the suffix names no known format, or
            `sample_rate` is not 24000.
        OSError: the file cannot be written.
    """
    if sample_rate not in (None, SAMPLE_RATE_HZ):
        raise ValueError(f"sample_rate is {shown(sample_rate)}; the audio has {SAMPLE_RATE_HZ}")
    path = Path(checked_path("output_path", output_path))
    encoding = path.suffix.removeprefix(".").lower()
    if encoding not in (*FILE_ENCODINGS, "pcm", "raw"):
        raise ValueError(f"{path.name} has no known audio suffix: {', '.join(FILE_ENCODINGS)} or pcm")
    pcm = to_pcm(_mono(audio))
    data = encode_file(pcm, encoding) if encoding in FILE_ENCODINGS else pcm
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        try:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            os.chmod(file.name, 0o666 & ~_umask())  # noqa: PTH101 - NamedTemporaryFile made it 0600
            os.replace(file.name, path)  # noqa: PTH105
        except BaseException:
            os.unlink(file.name)  # noqa: PTH108
            raise


def checked_path(name: str, value: Any) -> str:
    """Return a path as text, or raise ValueError for what is none."""
    if not isinstance(value, str | os.PathLike) or not isinstance(path := os.fspath(value), str):
        raise ValueError(f"{name} is {shown(value)}; it must be a path")  # noqa: TRY004 - as documented
    return path


def reference_bytes(ref_audio: ReferenceAudio) -> bytes:
    """Return the bytes of the audio file that `ref_audio` is, or that holds its samples.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is none of these, too large, or samples that are no audio.
    """
    if isinstance(ref_audio, bytes | bytearray | memoryview):
        name, data = "ref_audio", bytes(ref_audio)
    elif isinstance(ref_audio, str | os.PathLike):
        name = checked_path("ref_audio", ref_audio)
        if not Path(name).is_file():
            raise FileNotFoundError(f"{name} does not exist")
        if Path(name).stat().st_size > MAX_REF_AUDIO_BYTES:
            raise _too_large(name, Path(name).stat().st_size)
        data = Path(name).read_bytes()
    elif isinstance(ref_audio, tuple) and len(ref_audio) == 2:
        name, data = "ref_audio", _as_file(*ref_audio)
    elif hasattr(ref_audio, "__array__"):
        name, data = "ref_audio", _as_file(ref_audio, SAMPLE_RATE_HZ)
    else:
        raise ValueError(f"ref_audio is {shown(ref_audio)}; it can be {_FORMS}")
    if len(data) > MAX_REF_AUDIO_BYTES:
        raise _too_large(name, len(data))
    return data


def _too_large(name: str, size: int) -> ValueError:
    return ValueError(f"{name} is {size} bytes; the limit is {MAX_REF_AUDIO_BYTES}")


def _as_file(samples: Any, rate_hz: Any) -> bytes:
    """Return a WAV file of samples: one row, or a table with a column or a row for each channel."""
    wave = np.asarray(samples)
    rate = rate_hz.item() if isinstance(rate_hz, np.generic) else rate_hz
    if isinstance(rate, bool) or not isinstance(rate, int) or not MIN_RATE_HZ <= rate <= MAX_RATE_HZ:
        limit = f"{MIN_RATE_HZ} to {MAX_RATE_HZ} Hz"
        raise ValueError(f"the rate of ref_audio is {shown(rate_hz)}; the limit is {limit}, a whole number")
    if wave.ndim == 2 and wave.shape[0] < wave.shape[1]:
        wave = wave.T
    if wave.ndim not in (1, 2) or not wave.size or (wave.ndim == 2 and wave.shape[1] > MAX_CHANNELS):
        raise ValueError(f"ref_audio has shape {wave.shape}; it can be (samples,) or (samples, channels)")
    if wave.dtype not in (np.int16, np.int32):
        wave = _floats("ref_audio", wave, "floating-point from -1 to 1, int16 or int32")
    buffer = io.BytesIO()
    subtype = {"f": "FLOAT", "i": f"PCM_{8 * wave.dtype.itemsize}"}[wave.dtype.kind]
    sf.write(buffer, wave, rate, format="WAV", subtype=subtype)
    return buffer.getvalue()


def _mono(audio: Any) -> npt.NDArray[np.float32]:
    try:
        wave = np.asarray(audio)
    except ValueError:  # a list of lists of different lengths
        wave = np.empty(0, object)
    wave = _floats("audio", wave, "floating-point from -1 to 1, as generate returns them")
    if wave.ndim != 1 or not wave.size:
        raise ValueError(f"audio has shape {wave.shape}; it must be one channel, of shape (samples,)")
    return wave


def _floats(name: str, wave: npt.NDArray[Any], wanted: str) -> npt.NDArray[np.float32]:
    if wave.dtype.kind != "f":
        raise ValueError(f"{name} is of type {wave.dtype}; samples must be {wanted}")
    if not np.isfinite(wave).all():
        raise ValueError(f"{name} holds samples that are NaN or infinite")
    peak = float(np.abs(wave).max(initial=0))
    if peak > MAX_PEAK:
        raise ValueError(f"{name} reaches {peak:g}; the limit is {MAX_PEAK:g}, and full scale is 1")
    return wave.astype(np.float32)


def _umask() -> int:
    umask = os.umask(0o022)
    os.umask(umask)
    return umask
