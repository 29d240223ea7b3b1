"""What a batch has made: outputs and one receipt for each, both complete or absent.

A receipt is `.receipts/OUTPUT.json` in the batch's folder, written after its output: the key of the line,
the SHA-256 and size of the file, and what is needed to make it again. It holds no times and no job names,
so the receipts of two runs that made the same files are the same, byte for byte. An output counts as
made when its receipt has the line's key and the file has the receipt's hash: whatever a crash, a full
disk or another program left behind is made again. One `Store` at a time works in a folder.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
from collections.abc import Mapping
from typing import Any, Final

from f5ctl.batch.line import Line
from f5ctl.errors import OutputError
from f5ctl.receipts import tag_of
from f5ctl.speech.sinks import make_folder, write_file

RECEIPTS: Final = ".receipts"
FAILED: Final = "failed.jsonl"
KEPT: Final = (  # of the daemon's receipt: what does not change from run to run
    "model",
    "model_hash",
    "device",
    "dtype",
    "voice",
    "voice_hash",
    "seed",
    "parameters",
    "samples",
    "sample_rate_hz",
    "segments",
)
_PART: Final = re.compile(r"\.f5ctl-(\d+)-[0-9a-f]+\.part")


class Store:
    """Owns a folder while a batch runs; leaving it as a context manager lets others in.

    Raises:
        OutputError: 73, the folder cannot be created or another batch works in it.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder
        try:
            os.makedirs(os.path.join(folder, RECEIPTS), exist_ok=True)
            self._lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise OutputError(f"cannot create {folder}: {error.strerror}") from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            raise OutputError(f"another f5ctl batch works in {folder}; wait for its end") from None
        except OSError:  # a file system without locks
            pass
        self._clear_parts()

    def __enter__(self) -> Store:  # noqa: PYI034 - typing.Self is of Python 3.11
        return self

    def __exit__(self, *_error: object) -> None:
        os.close(self._lock)

    def path(self, output: str) -> str:
        """Return where an output lies."""
        return os.path.join(self.folder, output)

    def keep(self, line: Line, audio: bytes | None, made: Mapping[str, Any]) -> dict[str, Any]:
        """Write an output and then its receipt, and return the receipt.

        `audio` is a whole file, or samples for WAV and PCM, or None where the output is written already; `made`
        is the daemon's receipt.

        Raises:
            OutputError: one of them could not be written; the output of before is still there, or the new one.
        """
        path = self.path(line.output)
        if audio is not None:
            make_folder(path)
            write_file(path, audio, wav=line.format == "wav", tag=tag_of(made, line.text))
        try:
            size_bytes, sha256 = os.path.getsize(path), _sha256(path)
        except OSError as error:
            raise OutputError(f"cannot read {path} again: {error.strerror}", while_writing=True) from None
        receipt = {
            "output": line.output,
            "key": line.key,
            "bytes": size_bytes,
            "sha256": sha256,
            "text_sha256": hashlib.sha256(line.text.encode()).hexdigest(),
            **{name: made[name] for name in KEPT if name in made},
        }
        receipt_path = _receipt_path(self.folder, line)
        make_folder(receipt_path)
        write_file(receipt_path, json.dumps(receipt, sort_keys=True, indent=1).encode() + b"\n")
        return receipt

    def write_failed(self, records: list[dict[str, Any]]) -> str | None:
        """List the failed lines as a manifest and return its path; with none, remove the list of before."""
        path = self.path(FAILED)
        if not records:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
            return None
        text = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
        write_file(path, text.encode(errors="backslashreplace"))  # half a character is \\ud83d, as JSON has it
        return path

    def _clear_parts(self) -> None:
        """Remove what a killed f5ctl was writing."""
        for folder, _folders, names in os.walk(self.folder):
            for match in filter(None, map(_PART.fullmatch, names)):
                if not _is_alive(int(match[1])):
                    with contextlib.suppress(OSError):
                        os.unlink(os.path.join(folder, match[0]))


def receipt_of(folder: str, line: Line) -> dict[str, Any] | None:
    """Return the receipt of a line whose output in `folder` is complete and unchanged, None for any other."""
    path = os.path.join(folder, line.output)
    try:
        with open(_receipt_path(folder, line), "rb") as file:
            receipt = json.load(file)
        if not isinstance(receipt, dict) or receipt.get("key") != line.key:
            return None
        same = os.path.getsize(path) == receipt.get("bytes") and _sha256(path) == receipt.get("sha256")
    except (OSError, ValueError):
        return None
    return receipt if same else None


def _sha256(path: str) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()


def _receipt_path(folder: str, line: Line) -> str:
    return os.path.join(folder, RECEIPTS, f"{line.output}.json")


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return pid != os.getpid()
