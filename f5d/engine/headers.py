"""WAV and AIFF files whose header says less than there is: a recorder that was cut off never came back to it.

Such a header has 0, or what was written at the time, where the length of the samples belongs. Knows chunks of
bytes, nothing of audio.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from itertools import islice
from typing import Final, Literal, NamedTuple

Order = Literal["<", ">"]

_KINDS: Final[
    dict[bytes, tuple[Order, tuple[bytes, ...], bytes]]
] = {  # byte order, types, where the samples are
    b"RIFF": ("<", (b"WAVE",), b"data"),
    b"RF64": ("<", (b"WAVE",), b"data"),
    b"BW64": ("<", (b"WAVE",), b"data"),
    b"RIFX": (">", (b"WAVE",), b"data"),
    b"FORM": (">", (b"AIFF", b"AIFC"), b"SSND"),
}
_LONG: Final = (b"RF64", b"BW64")  # for more than 4 GiB: the length lies in a chunk `ds64`
_FIRST_CHUNK: Final = 12
_HEAD: Final = 8  # a chunk's name and size
_SSND_FIELDS: Final = 8  # offset and block size, before AIFF's samples
_MOST_CHUNKS: Final = 1_000  # before the samples
_MOST_STRAY_BYTES: Final = 4_096  # after the samples: a tag of some program's, and no sound


class _Chunk(NamedTuple):
    name: bytes
    at: int  # of its head
    size: int

    @property
    def start(self) -> int:
        return self.at + _HEAD


def is_mendable(data: bytes) -> bool:
    """Return True for a file of the kinds that `mended` knows."""
    kind = _KINDS.get(data[:4])
    return kind is not None and data[8:12] in kind[1]


def mended(data: bytes) -> bytes:
    """Return `data` with its samples' length set to the end of the file, where its header cannot be true.

    It is not where the length is 0, or where something else than chunks follows the samples.
    """
    try:
        return _mended(data) if is_mendable(data) else data
    except struct.error:  # it ends within a header
        return data


def _mended(data: bytes) -> bytes:
    order, _types, wanted = _KINDS[data[:4]]
    samples = _find(data, order, wanted)
    if samples is None or samples.start >= len(data) or _is_true(data, order, samples):
        return data
    whole = bytearray(data)
    if data[:4] in _LONG:
        whole[:4] = b"RIFF"  # below 4 GiB there is no need for the length elsewhere
    struct.pack_into(f"{order}I", whole, 4, len(data) - _HEAD)
    struct.pack_into(f"{order}I", whole, samples.at + 4, len(data) - samples.start)
    if wanted == b"SSND":
        _count_frames(whole, samples)
    return bytes(whole)


def _is_true(data: bytes, order: Order, samples: _Chunk) -> bool:
    """Return True when the length may be right: the file ends with the samples, or chunks follow."""
    if data[:4] in _LONG:
        long = _find(data, order, b"ds64")
        size = struct.unpack_from("<Q", data, long.start + 8)[0] if long and long.size >= 16 else 0
        samples = samples._replace(size=size)
    end = samples.start + samples.size
    if samples.size <= (_SSND_FIELDS if samples.name == b"SSND" else 0):
        return _is_chunk(data, order, end)
    return len(data) - end <= _MOST_STRAY_BYTES or _is_chunk(data, order, end + samples.size % 2)


def _is_chunk(data: bytes, order: Order, at: int) -> bool:
    name, size = data[at : at + 4], data[at + 4 : at + _HEAD]
    if len(size) < 4 or not all(0x20 <= byte < 0x7F for byte in name):
        return False
    return bool(at + _HEAD + struct.unpack(f"{order}I", size)[0] <= len(data) + 1)


def _find(data: bytes, order: Order, name: bytes) -> _Chunk | None:
    chunks = islice(_chunks(data, order), _MOST_CHUNKS)
    return next((chunk for chunk in chunks if chunk.name == name), None)


def _chunks(data: bytes, order: Order) -> Iterator[_Chunk]:
    at = _FIRST_CHUNK
    while at + _HEAD <= len(data):
        (size,) = struct.unpack_from(f"{order}I", data, at + 4)
        yield _Chunk(data[at : at + 4], at, size)
        at += _HEAD + size + size % 2


def _count_frames(whole: bytearray, samples: _Chunk) -> None:
    """Write into AIFF's COMM chunk how many frames there are."""
    common = _find(bytes(whole), ">", b"COMM")
    if common is None or common.size < 18:
        return
    channels, bits = struct.unpack_from(">H4xH", whole, common.start)
    (offset,) = struct.unpack_from(">I", whole, samples.start)
    frame_bytes = channels * ((bits + 7) // 8)
    if frame_bytes:
        held = len(whole) - samples.start - _SSND_FIELDS - offset
        struct.pack_into(">I", whole, common.start + 2, max(0, held // frame_bytes))
