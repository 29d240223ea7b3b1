"""WAV files beyond 4 GiB: RF64 (EBU Tech 3306), whose sizes of 64 bits stand in a first chunk, `ds64`.

A file begins as a plain WAV, since hardly one gets so long; for the longer header its samples are then moved.
Imported for such files only.
"""

from __future__ import annotations

import errno
import os
import struct
from typing import Final

_DS64: Final = struct.Struct("<4sIQQQI")  # its size, RIFF's size, data's size, samples, an empty table
_SIZES: Final = struct.Struct("<QQ")
_BLOCK_BYTES: Final = 2**23
_PAGE_BYTES: Final = 2**16


def rf64_header(plain: bytes, data_bytes: int, tail_bytes: int = 0) -> bytes:
    """Return the 80 bytes for a file of any length instead of the header `plain`, whose sizes are unknown.

    `tail_bytes` of chunks follow the `data_bytes` of mono 16-bit samples.
    """
    riff_bytes = len(plain) - 8 + _DS64.size + data_bytes + tail_bytes
    ds64 = _DS64.pack(b"ds64", _DS64.size - 8, riff_bytes, data_bytes, data_bytes // 2, 0)
    return b"RF64" + plain[4:12] + ds64 + plain[12:]


def read_data_size(ds64: bytes) -> int | None:
    """Return how many bytes of samples the chunk `ds64` names; None for a damaged one."""
    if len(ds64) < _SIZES.size:
        return None
    _riff_bytes, data_bytes = _SIZES.unpack_from(ds64)
    return int(data_bytes)


def make_room(fd: int, start: int, header_bytes: int, data_bytes: int) -> bool:
    """Move the samples behind a plain header at `start` to where they stand behind an RF64 header.

    `fd` is then at their end. False when the file cannot be read: nothing has changed. Raises OSError when
    there is no room on the disk.
    """
    try:
        both = os.open(f"/proc/self/fd/{fd}", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        _move_up(both, start + header_bytes, data_bytes, _DS64.size)
    finally:
        os.close(both)
    os.lseek(fd, start + header_bytes + _DS64.size + data_bytes, os.SEEK_SET)
    return True


def _move_up(fd: int, begin: int, size: int, by: int) -> None:
    """Move `size` bytes from `begin` up by `by`, the last block first; what was never written stays so."""
    end = begin + size
    os.ftruncate(fd, end + by)
    while end > begin:
        at = max(begin, end - _BLOCK_BYTES)
        if _is_hole(fd, at, end):
            os.pwrite(fd, bytes(by), end)
        else:
            block = os.pread(fd, end - at, at)
            written = 0
            while written < len(block):
                written += os.pwrite(fd, memoryview(block)[written:], at + by + written)
        end = at


def _is_hole(fd: int, begin: int, end: int) -> bool:
    """Return True when only zeros stand there; a page that was written behind `end` may begin before it."""
    try:
        data = os.lseek(fd, begin, os.SEEK_DATA)
    except OSError as error:
        return error.errno == errno.ENXIO  # nothing but a hole up to the end of the file
    return data >= end or (end - data <= _PAGE_BYTES and not any(os.pread(fd, end - data, data)))
