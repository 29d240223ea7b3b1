"""`python -m f5d.helpers.encode FORMAT [TAG_BYTES]`: samples on stdin, a finished audio file on stdout.

For clients that join the audio of several requests and want it in a format that only this side can
write. Samples are mono little-endian signed 16-bit at 24 kHz. Before them come TAG_BYTES (0) of ASCII for
the file's comment: not as an argument, which other users see.
"""

from __future__ import annotations

import sys

from f5ctl.errors import F5Error
from f5d.engine.audio import FILE_ENCODINGS, encode_file


def main() -> None:
    """Encode stdin; a line on stderr and the error's status when that cannot be done."""
    if len(sys.argv) not in (2, 3) or sys.argv[1] not in FILE_ENCODINGS or not sys.argv[-1].isalnum():
        sys.stderr.write(f"usage: python -m f5d.helpers.encode {{{','.join(FILE_ENCODINGS)}}} [TAG_BYTES]\n")
        sys.exit(2)
    tag = sys.stdin.buffer.read(int(sys.argv[2]) if len(sys.argv) == 3 else 0)
    try:
        data = encode_file(sys.stdin.buffer.read(), sys.argv[1], tag.decode("ascii"))
    except F5Error as error:
        sys.stderr.write(f"{error.message}\n")
        sys.exit(error.exit_status)
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
