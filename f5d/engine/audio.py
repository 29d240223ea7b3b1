"""Audio as numpy arrays: references as the model takes them, checks, encoding.

Waves are mono float32 arrays in -1..1. Knows nothing of models; imports no torch.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import IO, Final

import numpy as np
import soundfile as sf

from f5ctl.errors import BadRequestError, SynthesisError
from f5ctl.protocol import SAMPLE_RATE_HZ
from f5d.engine.recording import Recording, bad_audio
from f5d.engine.silence import PAUSE_DB, PAUSE_S, Wave, quiet_spans, shorten_pauses, trim_edges

MAX_REFERENCE_S: Final = 12.0  # what the model is given, as upstream
MIN_REFERENCE_S: Final = 0.5

SHORT_PAUSE_DB: Final = -40.0
SILENT_PEAK: Final = 1e-3  # -60 dB: nothing a person would hear

# Encoding name -> libsndfile's container and codec.
_FORMATS: Final[dict[str, tuple[str, str]]] = {
    "wav": ("WAV", "PCM_16"),
    "flac": ("FLAC", "PCM_16"),
    "ogg": ("OGG", "VORBIS"),
    "opus": ("OGG", "OPUS"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
}
FILE_ENCODINGS: Final = tuple(_FORMATS)
# libsndfile's Vorbis writer overflows its stack on one very long write.
BLOCK_BYTES: Final = 2 * SAMPLE_RATE_HZ  # a second


def trim_reference(recording: Recording, *, transcript_given: bool) -> Recording:
    """Return the recording as the model takes it: pauses shortened, edges trimmed, at most 12 s.

    Follows upstream's preprocess_ref_audio_text: pauses over 2 s become 2 s, edges below -42 dB go,
    50 ms of silence are added. A recording that is still too long is cut at a pause, but only
    while nobody has said what it says: cutting would make a given transcript wrong.

    Raises:
        BadRequestError: `bad_audio` when it is silent, too short, or too long for its transcript.
    """
    rate_hz = recording.rate_hz
    wave = shorten_pauses(recording.wave, rate_hz, keep_s=1.0)
    limit = int(MAX_REFERENCE_S * rate_hz)
    if not transcript_given and len(wave) > limit:
        wave = wave[: _cut_point(wave, rate_hz, limit)]
    wave = trim_edges(wave, rate_hz)
    if len(wave) == 0 or np.abs(wave).max() < SILENT_PEAK:
        raise bad_audio("is silent")
    if len(wave) < MIN_REFERENCE_S * rate_hz:
        raise bad_audio(
            f"holds {len(wave) / rate_hz:.2f} s of speech; the least is {MIN_REFERENCE_S} s (best: 5 to 10)"
        )
    if len(wave) > limit:
        raise bad_audio(
            f"holds {len(wave) / rate_hz:.1f} s of speech; the limit is {MAX_REFERENCE_S:.0f} s:"
            " cut recording and transcript, or leave the transcript out"
        )
    return Recording(np.concatenate([wave, np.zeros(rate_hz // 20, np.float32)]), rate_hz)


def _cut_point(wave: Wave, rate_hz: int, limit: int) -> int:
    """Return where to end a recording longer than `limit` samples: the last pause after half of it."""
    for min_s, below_db in ((PAUSE_S, PAUSE_DB), (0.1, SHORT_PAUSE_DB)):
        spans = quiet_spans(wave[:limit], rate_hz, min_s=min_s, below_db=below_db)
        middles = [(start + end) // 2 for start, end in spans if start > limit // 2]
        if middles:
            return middles[-1]
    return limit


def check_speech(wave: Wave, *, expected_samples: int, where: str) -> None:
    """Raise SynthesisError(`synthesis_failed`) unless `wave` is finite, audible and of the right length."""
    if not np.isfinite(wave).all():
        fault = "holds NaN or infinite samples"
    elif abs(len(wave) - expected_samples) > SAMPLE_RATE_HZ // 20:
        fault = f"is {len(wave)} samples long instead of {expected_samples}"
    elif len(wave) and np.abs(wave).max() < SILENT_PEAK:
        fault = "is silent"
    else:
        return
    raise SynthesisError("synthesis_failed", f"{where} {fault}; try another --seed or voice")


def to_pcm(wave: Wave) -> bytes:
    """Return `wave` as little-endian signed 16-bit samples, clipped at full scale."""
    samples = (np.clip(wave, -1.0, 1.0) * 32767.0).round().astype("<i2")
    return bytes(samples.data)


def encode_file(pcm: bytes, encoding: str, tag: str = "") -> bytes:
    """Return a finished audio file of mono 16-bit `pcm` at 24 kHz.

    `tag` (ASCII) becomes the comment of its metadata: LIST/INFO in WAV, Vorbis comments in FLAC, Ogg and
    Opus, ID3 in MP3.

    Raises:
        BadRequestError: `bad_parameter` for an encoding that this libsndfile cannot write.
    """
    buffer = io.BytesIO()
    write_file(buffer, [pcm], encoding, tag)
    return buffer.getvalue()


def write_file(file: IO[bytes] | io.RawIOBase, pcm: Iterable[bytes], encoding: str, tag: str = "") -> None:
    """Write the file that `encode_file` returns into one that can be rewound, block by block of whole samples.

    Raises:
        BadRequestError: as `encode_file`.
    """
    with begin_file(file, encoding, tag) as made:
        for block in pcm:
            for start in range(0, len(block), BLOCK_BYTES):
                add_block(made, block[start : start + BLOCK_BYTES])


def begin_file(file: IO[bytes] | io.RawIOBase | int, encoding: str, tag: str = "") -> sf.SoundFile:
    """Return the file that `encode_file` returns before its first block; closing it completes it.

    Into a pipe, given as its descriptor, it is written without going back: a FLAC says no length then.

    Raises:
        BadRequestError: as `encode_file`.
    """
    container, codec = _FORMATS[encoding]
    if not sf.check_format(container, codec):
        raise BadRequestError("bad_parameter", f"libsndfile here cannot write {encoding}; use wav or flac")
    made = sf.SoundFile(file, "w", samplerate=SAMPLE_RATE_HZ, channels=1, format=container, subtype=codec)
    if tag:
        made.comment = tag  # before the first sample, or it is lost
    return made


def add_block(made: sf.SoundFile, block: bytes) -> None:
    """Write mono 16-bit samples, at most BLOCK_BYTES of them at once."""
    made.write(np.frombuffer(block, "<i2"))
