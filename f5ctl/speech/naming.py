"""A file in a folder, named after the first words of what it says: `f5ctl say -o FOLDER/`."""

from __future__ import annotations

import contextlib
import os
import re
import unicodedata
from itertools import count
from typing import Final

from f5ctl.speech.sinks import FileSink, make_folder, writing

MOST_WORDS: Final = 6
MOST_CHARS: Final = 40  # at most 160 bytes: a name may have 255
# What is not said: tags, and the numbers and times of subtitles.
_UNSAID: Final = re.compile(r"\[[^\]]*\]|<[^>]*>|^WEBVTT.*$|^.*-->.*$|^\s*\d+\s*$", re.MULTILINE)


def stem_of(text: str) -> str:
    """Return the first words of a text as a file's name has them: `hello-there`, `speech` for none."""
    said = _UNSAID.sub(" ", unicodedata.normalize("NFC", text)).lower()
    words = ["".join(char for char in word if unicodedata.category(char)[0] in "LMN") for word in said.split()]
    words = [word for word in words if word]
    stem = "-".join(words[:MOST_WORDS])
    if len(stem) > MOST_CHARS:
        stem = stem[: MOST_CHARS + 1].rpartition("-")[0] or stem[:MOST_CHARS]
    return stem or "speech"


class NamedSink(FileSink):
    """A new file in a folder, which is made if need be; a number follows the words where another has that name.

    Raises:
        OutputError: 73, the file cannot be created there.
    """

    def __init__(self, folder: str, stem: str, format_: str) -> None:
        self._names = (
            os.path.join(folder, f"{stem}{f'-{number}' if number > 1 else ''}.{format_}") for number in count(1)
        )
        name = next(name for name in self._names if not os.path.lexists(name))
        make_folder(name)
        super().__init__(name, wav=format_ == "wav")

    @property
    def chosen(self) -> tuple[str, ...]:
        """The name that it has now."""
        return (self.name,)

    def _complete(self, head: bytes) -> None:
        """Take the first name that nobody has taken since, as an empty file, and put the audio in its place."""
        while not self._taken():
            self.name = next(self._names)
            self._target = os.path.realpath(self.name)
        try:
            super()._complete(head)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(self._target)
            raise

    def _taken(self) -> bool:
        with writing(self.name):
            try:
                os.close(os.open(self._target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
            except FileExistsError:
                return False
        return True
