"""Fetching a model's files from the hub: resumed where a download broke off, checked by their hashes.

A file lies in the hub's own cache, as every program of this user finds it; while it comes it is
`blobs/HASH.incomplete` there. huggingface_hub's own download begins again after an interruption and
checks the size alone, hence this one.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from f5ctl.errors import SynthesisError
from f5d.catalog.hub import HUB_SCHEME, file_places, find_file, knock, reason, split_hub_place

if TYPE_CHECKING:
    from f5d.catalog.spec import ModelSpec

_BLOCK_BYTES: Final = 1 << 20
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_GIT_SHA1: Final = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file on the hub: its place there, and where it will lie here. `hash_` is the hub's ETag."""

    repo: str
    name: str
    size_bytes: int
    hash_: str
    commit: str
    url: str
    headers: dict[str, str]

    @property
    def folder(self) -> Path:
        """The repository's folder in the cache."""
        from huggingface_hub import constants
        from huggingface_hub.file_download import repo_folder_name

        name: str = repo_folder_name(repo_id=self.repo, repo_type="model")
        return Path(constants.HF_HUB_CACHE) / name

    @property
    def blob(self) -> Path:
        """The file by its hash."""
        return self.folder / "blobs" / self.hash_

    @property
    def part(self) -> Path:
        """The file while it comes."""
        return self.folder / "blobs" / f"{self.hash_}.incomplete"


def wanted(spec: ModelSpec) -> list[str]:
    """Return the hub places of a model's files; none of a model whose files are the user's own."""
    return [place for place in file_places(spec) if place.startswith(HUB_SCHEME)]


def look_up(spec: ModelSpec, place: str) -> RemoteFile:
    """Ask the hub for a file's size and hash. Raises SynthesisError (model_error) with one line."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.utils import build_hf_headers

    repo, name = split_hub_place(place)
    with _one_line(spec, repo, name):
        knock()
        url = hf_hub_url(repo, name)
        headers = build_hf_headers()
        found = get_hf_file_metadata(url, headers=headers)
        if found.etag is None or found.commit_hash is None or found.size is None:
            raise ValueError("the hub does not say which version the file has")
        location = found.location or url
        if urlsplit(location).netloc != urlsplit(url).netloc:
            headers.pop("authorization", None)  # a signed address of a store, whose business the token is not
        return RemoteFile(repo, name, found.size, found.etag, found.commit_hash, location, headers)


def download(spec: ModelSpec, remote: RemoteFile) -> Path:
    """Return the file in the cache, fetching what is missing of it.

    Raises SynthesisError (model_error): the connection broke (what came is kept for the next time), the file
    is not the one that the hub named (nothing is kept), another process is fetching it, or the disk is full.
    """
    if not remote.blob.exists():
        with _one_line(spec, remote.repo, remote.name):
            remote.part.parent.mkdir(parents=True, exist_ok=True)
            _fetch(remote)
        if not is_intact(remote.part, remote.hash_):
            remote.part.unlink()
            raise SynthesisError(
                "model_error",
                f"model {spec.name}: {remote.name} of {remote.repo} came damaged (its checksum is not "
                f"{remote.hash_}) and was thrown away; pull it again",
            )
        remote.part.replace(remote.blob)
    return _link(remote)


def is_intact(path: Path, hash_: str) -> bool:
    """Return whether a file's content has a hash of the hub: SHA-256, or git's for a small file.

    A hash of another kind tells nothing and passes.
    """
    if _SHA256.fullmatch(hash_):
        digest = hashlib.sha256()
    elif _GIT_SHA1.fullmatch(hash_):
        digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    else:
        return True
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest() == hash_


def drop_damaged(place: str) -> bool:
    """Remove a cached file whose content is not what its name says; return whether it was so."""
    cached = find_file(place)
    if cached is None or is_intact(cached, cached.resolve().name):
        return False
    cached.resolve().unlink()
    cached.unlink(missing_ok=True)
    return True


def remove(spec: ModelSpec, others: list[ModelSpec]) -> int:
    """Remove a model's files from the cache, but those that `others` need too; return the bytes freed."""
    needed = {place for other in others for place in wanted(other)}
    freed = 0
    for place in wanted(spec):
        cached = find_file(place)
        if place in needed or cached is None:
            continue
        blob = cached.resolve()
        cached.unlink()
        repo = cached.parents[len(Path(split_hub_place(place)[1]).parts) + 1]
        if not any(path.resolve() == blob for path in (repo / "snapshots").rglob("*") if path.is_symlink()):
            freed += blob.stat().st_size if blob.exists() else 0
            blob.unlink(missing_ok=True)
    return freed


def _fetch(remote: RemoteFile) -> None:
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import disable_progress_bars

    disable_progress_bars()
    with remote.part.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BlockingIOError(f"another process is fetching it into {remote.part}") from None
        have = file.seek(0, os.SEEK_END)
        if have > remote.size_bytes:
            have = 0
            file.truncate(0)
        http_get(
            remote.url, file, resume_size=have, headers=dict(remote.headers), expected_size=remote.size_bytes
        )
        file.flush()
        os.fsync(file.fileno())


def _link(remote: RemoteFile) -> Path:
    """Return the file under its name in the snapshot of its commit, which becomes `main`."""
    path = remote.folder / "snapshots" / remote.commit / remote.name
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.symlink_to(os.path.relpath(remote.blob, path.parent))
    temporary.replace(path)
    ref = remote.folder / "refs" / "main"
    ref.parent.mkdir(parents=True, exist_ok=True)
    ref.write_text(remote.commit, encoding="ascii")
    return path


@contextmanager
def _one_line(spec: ModelSpec, repo: str, name: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # httpx, requests, OSError and the hub's own tree, by hub version
        line = f"model {spec.name}: {name} of {repo} cannot be fetched ({_why(error)})"
        again = f"`f5ctl models pull {spec.name}` goes on where it stopped"
        raise SynthesisError("model_error", f"{line}; {again}") from error


def _why(error: Any) -> str:
    if isinstance(error, BlockingIOError):
        return str(error)
    if isinstance(error, OSError) and error.strerror and not isinstance(error, ConnectionError):
        return error.strerror
    return reason(error)
