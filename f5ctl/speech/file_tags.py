"""Reading the comment in the metadata of an audio file: WAV and RF64, FLAC, Ogg (Vorbis, Opus) and MP3.

Knows the containers; f5ctl/receipts.py what the comment says. Uses the standard library alone, and reads a
bounded beginning of the file (of a WAV its chunks), never its audio, so that a large file costs nothing.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import IO, Any, Final

from f5ctl.errors import BadRequestError
from f5ctl.protocol import SAMPLE_BYTES, SAMPLE_RATE_HZ
from f5ctl.receipts import MAX_COMMENT_BYTES, parse_tag
from f5ctl.speech.sinks import UNKNOWN_SIZE

MAX_DS64_BYTES: Final = 28
MOST_CHUNKS: Final = 1_000  # of a WAV: those of a damaged one may hold nothing
MAX_HEAD_BYTES: Final = 2**20  # where the comment of a compressed file must be over
_FRAME_HEAD_BYTES: Final = 10
_FORMAT: Final = struct.Struct("<HHIIHH")  # of a WAV: kind, channels, rate, bytes a second, bytes a frame, bits
_PLAIN: Final = (1, SAMPLE_RATE_HZ, SAMPLE_RATE_HZ * SAMPLE_BYTES, SAMPLE_BYTES, 8 * SAMPLE_BYTES)


@dataclass(frozen=True, slots=True)
class Tagged:
    """What a file says: its container's name and comment (None without one).

    `samples` is the place of a WAV file's samples: offset and length in bytes, None in other containers;
    `is_plain` says that they are mono, 16 bits and 24 kHz, as f5d writes them.
    """

    container: str
    comment: str | None
    samples: tuple[int, int] | None = None
    is_plain: bool = False


def read_tag(path: str) -> Tagged:
    """Return the comment in the metadata of the audio file at `path`.

    Raises:
        BadRequestError: `bad_audio` when the file cannot be read or is none of these containers.
    """
    try:
        with open(path, "rb") as file:
            head = file.read(12)
            if head[:4] in (b"RIFF", b"RF64") and head[8:] == b"WAVE":
                return _read_wav(file)
            data = head + file.read(MAX_HEAD_BYTES)
    except OSError as error:
        raise BadRequestError("bad_audio", f"cannot read {path}: {error.strerror}") from None
    try:
        return _read_compressed(data, path)
    except (IndexError, ValueError, struct.error):
        raise BadRequestError("bad_audio", f"the metadata of {path} is damaged") from None


def receipts_of(path: str, tagged: Tagged) -> list[dict[str, Any]]:
    """Return what the file at `path` was made of: receipts, and `silence` between them, in order.

    Raises:
        BadRequestError: `bad_audio` when it carries no receipt of f5d, or a damaged one.
    """
    if tagged.comment is None:
        line = (
            f"{path} carries no receipt; f5ctl writes one into every file but a WAV in a pipe and raw samples"
        )
        raise BadRequestError("bad_audio", line)
    return parse_tag(tagged.comment, path)


def _read_compressed(data: bytes, path: str) -> Tagged:
    if data[:4] == b"fLaC":
        return Tagged("flac", _flac_comment(data))
    if data[:4] == b"OggS":
        packet = next(islice(_ogg_packets(data), 1, None), b"")  # the second has the comment
        if packet[:8] == b"OpusTags":
            return Tagged("opus", _vorbis_comment(packet[8:]))
        if packet[:7] == b"\x03vorbis":
            return Tagged("ogg", _vorbis_comment(packet[7:]))
    if data[:3] == b"ID3":
        return Tagged("mp3", _id3_comment(data))
    if len(data) > 1 and data[0] == 0xFF and data[1] & 0xE0 == 0xE0:
        return Tagged("mp3", None)
    raise BadRequestError("bad_audio", f"{path} is no WAV, FLAC, Ogg, Opus or MP3 file")


def _read_wav(file: IO[bytes]) -> Tagged:
    comment, samples, long_data, is_plain = None, None, None, False
    size = os.fstat(file.fileno()).st_size
    for head in islice(iter(lambda: file.read(8), b""), MOST_CHUNKS):
        if len(head) < 8:
            break
        name, length = struct.unpack("<4sI", head)
        start = file.tell()
        if name == b"data" and length == UNKNOWN_SIZE and long_data is not None:
            length = long_data
        length = min(length, size - start)  # a WAV from a pipe does not know its length
        if name == b"ds64":
            from f5ctl.speech.rf64 import read_data_size

            long_data = read_data_size(file.read(min(length, MAX_DS64_BYTES)))
        elif name == b"fmt " and length >= _FORMAT.size:
            is_plain = _FORMAT.unpack(file.read(_FORMAT.size))[1:] == _PLAIN
        elif name == b"data":
            samples = (start, length)
        elif name == b"LIST" and length <= MAX_COMMENT_BYTES:
            comment = _info_comment(file.read(length)) or comment
        file.seek(start + length + length % 2)
    return Tagged("wav", comment, samples, is_plain)


def _info_comment(chunk: bytes) -> str | None:
    place = 4
    while chunk[:4] == b"INFO" and place + 8 <= len(chunk):
        name, length = struct.unpack_from("<4sI", chunk, place)
        if name == b"ICMT":
            return chunk[place + 8 : place + 8 + length].rstrip(b"\0").decode("utf-8", "replace")
        place += 8 + length + length % 2
    return None


def _flac_comment(data: bytes) -> str | None:
    place, last = 4, False
    while not last and place + 4 <= len(data):
        kind, length = data[place], int.from_bytes(data[place + 1 : place + 4], "big")
        last = bool(kind & 0x80)
        if kind & 0x7F == 4:
            return _vorbis_comment(data[place + 4 : place + 4 + length])
        place += 4 + length
    return None


def _ogg_packets(data: bytes) -> Iterator[bytes]:
    """Yield the packets, each put together from the pages that it runs over."""
    place, packet = 0, b""
    while data[place : place + 4] == b"OggS":
        count = data[place + 26]
        sizes = data[place + 27 : place + 27 + count]
        place += 27 + count
        for size in sizes:
            packet += data[place : place + size]
            place += size
            if size < 255:
                yield packet
                packet = b""


def _vorbis_comment(block: bytes) -> str | None:
    (vendor_bytes,) = struct.unpack_from("<I", block)
    place = 4 + vendor_bytes
    (count,) = struct.unpack_from("<I", block, place)
    place += 4
    for _ in range(count):
        (length,) = struct.unpack_from("<I", block, place)
        name, _, value = block[place + 4 : place + 4 + length].partition(b"=")
        if name.upper() in (b"COMMENT", b"DESCRIPTION"):
            return value.decode("utf-8", "replace")
        place += 4 + length
    return None


def _id3_comment(data: bytes) -> str | None:
    """Return the first COMM frame's text of an ID3 tag of version 2.3 or 2.4."""
    version, end = data[3], 10 + _seven_bits(data[6:10])
    if version not in (3, 4) or data[5]:  # flags: a layout that nobody writes here
        return None
    place = 10
    while place + _FRAME_HEAD_BYTES <= min(end, len(data)) and data[place]:
        size = data[place + 4 : place + 8]
        length = _seven_bits(size) if version == 4 else int.from_bytes(size, "big")
        if data[place : place + 4] == b"COMM":
            return _comment_frame(data[place + _FRAME_HEAD_BYTES : place + _FRAME_HEAD_BYTES + length])
        place += _FRAME_HEAD_BYTES + length
    return None


def _comment_frame(frame: bytes) -> str:
    """Return the text after a frame's encoding, language and description."""
    codec = ("latin-1", "utf-16", "utf-16-be", "utf-8")[frame[0]]
    wide = codec.startswith("utf-16")
    body = frame[4:]
    end = 0
    while body[end : end + 1 + wide] not in (b"\0" * (1 + wide), b""):
        end += 1 + wide
    return body[end + 1 + wide :].decode(codec, "replace").rstrip("\0")


def _seven_bits(size: bytes) -> int:
    return sum(byte << shift for byte, shift in zip(size, (21, 14, 7, 0), strict=True))
