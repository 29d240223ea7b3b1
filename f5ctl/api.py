"""`f5ctl.say` and `f5ctl.stream`: speech in one call of Python, through the daemon.

One is started where none listens, as `f5ctl say` does. A text is one request, so its brackets are text and no
tags. Imported when one of them is first named; numpy when samples are asked for as an array.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from f5ctl.cli.base.connecting import connect
from f5ctl.cli.base.settings import Settings
from f5ctl.client import new_id
from f5ctl.errors import BadRequestError, ConfigError
from f5ctl.extras import require
from f5ctl.parameters import PARAMETERS, QUALITIES, check
from f5ctl.protocol import SAMPLE_BYTES, SAMPLE_RATE_HZ, Say
from f5ctl.speech.conversation import Conversation
from f5ctl.speech.inputs import read_recording
from f5ctl.speech.output import Output, file_tag, format_of
from f5ctl.speech.sinks import wav_comment, wav_header
from f5ctl.speech.spool import Spool, temporary
from f5ctl.voicebox import with_private_voice

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_OWN: Final = ("text", "stream", "encoding")  # what is said by other means


class Audio:
    """Speech that was made: mono 16-bit samples at 24 kHz (`pcm`), and the `receipt` of how."""

    def __init__(self, pcm: bytes, receipt: dict[str, Any], tag: str) -> None:
        self.pcm = pcm
        self.receipt = receipt
        self.sample_rate_hz = SAMPLE_RATE_HZ
        self._tag = tag

    def __repr__(self) -> str:
        return f"<f5ctl.Audio of {self.duration_s:.2f} s>"

    def _repr_html_(self) -> str:
        """Return a player, which notebooks show."""
        from base64 import b64encode

        data = b64encode(self.wav()).decode()
        return f'<audio controls src="data:audio/wav;base64,{data}"></audio>'

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.pcm) / SAMPLE_BYTES / SAMPLE_RATE_HZ

    def array(self) -> npt.NDArray[np.float32]:
        """Return the samples as numpy has them: float32, full scale at 1.

        Raises:
            ConfigError: numpy is not installed.
        """
        try:
            import numpy as np
        except ImportError:
            raise ConfigError(
                "Audio.array() needs numpy, which is not installed here: pip install numpy"
            ) from None
        samples: npt.NDArray[np.float32] = np.frombuffer(self.pcm, "<i2").astype(np.float32) / np.float32(2**15)
        return samples

    def wav(self) -> bytes:
        """Return a whole WAV file, with the receipt."""
        tail = wav_comment(self._tag)
        return wav_header(SAMPLE_RATE_HZ, len(self.pcm), len(tail)) + self.pcm + tail

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a file in the format of its suffix, whole or not at all, as `f5ctl say -o` does.

        Raises:
            BadRequestError: the suffix names no format.
            ConfigError: a format other than WAV and raw samples, where the extra `engine` is not installed.
            OutputError: it cannot be written.
        """
        import click

        name = os.path.abspath(path)
        try:
            target = Output(name, format_of(name))
        except click.UsageError as error:
            raise BadRequestError("bad_parameter", error.format_message()) from None
        if target.encoding != "pcm":
            require("engine", f"writing {target.encoding}")
        with target.open() as sink, temporary(sink) as file:
            spool = Spool(sink, target.encoding, file, tell=lambda _: None)
            spool.add(self.pcm, SAMPLE_RATE_HZ)
            spool.note(self._tag)
            spool.finish()


class Stream(Iterator[bytes]):
    """Samples of speech as they are made, mono, little-endian, 16 bits, 24 kHz; `receipt` is there in the end.

    Leaving it before its end (`close`, a `with` block, the last reference) cancels the rest.
    """

    def __init__(self, request: Say) -> None:
        self._done: list[dict[str, Any]] = []
        self._chunks = _speak(request, self._done)

    def __next__(self) -> bytes:
        return next(self._chunks)

    def __enter__(self) -> Stream:  # noqa: PYI034 - typing.Self is of Python 3.11
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    @property
    def receipt(self) -> dict[str, Any] | None:
        """How it was made; None before the end."""
        return self._done[0] if self._done else None

    def close(self) -> None:
        """Cancel what has not been made."""
        self._chunks.close()


def _speak(request: Say, done: list[dict[str, Any]]) -> Generator[bytes, None, None]:
    """Yield the samples, and put the receipt into `done` at the end.

    Outside `Stream`, to which it would refer back: the last reference could not end it at once.
    """
    settings = Settings()
    settings.quiet = True
    start = not os.environ.get("F5CTL_NO_START")
    with (
        connect(settings, start=start, timeout_s=request.timeout_s) as client,
        Conversation(client, lambda _reply: None) as talk,
    ):
        part = talk.ask(request)
        while part.last is None:
            talk.hear()
            yield from part.take()
        done.append(part.receipt())


def say(
    text: str,
    *,
    voice: str | None = None,
    model: str | None = None,
    ref_audio: str | os.PathLike[str] | bytes | None = None,
    ref_text: str | None = None,
    **parameters: float | str | None,
) -> Audio:
    """Return `text` as speech; the parameters are the fields of `say` in docs/protocol.md.

    `quality` names a number of steps in place of `nfe_step`: draft, fast, standard or high.

    Args:
        text: at most 65,536 bytes.
        voice: a name of `f5ctl voices`, your own ones too. `model`: a name of `f5ctl models`.
        ref_audio: a recording of a voice instead, a path or the bytes of a file; `ref_text` is what it says.

    Raises:
        F5Error: as the class that says what is wrong (f5ctl/errors.py); NoDaemonError, if none can be started.
    """
    fields = {"voice": voice, "model": model, "ref_audio": ref_audio, "ref_text": ref_text, **parameters}
    request = request_of(text, fields)
    speech = Stream(request)
    pcm = b"".join(speech)
    receipt = speech.receipt or {}
    return Audio(pcm, receipt, file_tag(receipt, request))


def stream(
    text: str,
    *,
    voice: str | None = None,
    model: str | None = None,
    ref_audio: str | os.PathLike[str] | bytes | None = None,
    ref_text: str | None = None,
    **parameters: float | str | None,
) -> Stream:
    """Return the samples of `text` as they are made, the first ones soon; takes and raises what `say` does."""
    fields = {"voice": voice, "model": model, "ref_audio": ref_audio, "ref_text": ref_text, **parameters}
    return Stream(replace(request_of(text, fields), stream=True))


def request_of(text: str, fields: dict[str, Any]) -> Say:
    """Return the checked request; BadRequestError for what no daemon would take."""
    if (quality := fields.pop("quality", None)) is not None:
        if quality not in list(QUALITIES) or fields.get("nfe_step") is not None:
            line = f"quality is {quality!r:.80}; it can be {', '.join(QUALITIES)}, without nfe_step"
            raise BadRequestError("bad_parameter", line)
        fields["nfe_step"] = QUALITIES[quality]
    known = [name for name in PARAMETERS if name not in _OWN]
    for name in fields:
        if name not in known:
            raise BadRequestError("bad_parameter", f"{name} is no parameter; known: {', '.join(known)}")
    given = {name: value for name, value in fields.items() if value is not None}
    for name, value in given.items():
        if hasattr(value, "item"):  # a number of numpy's
            given[name] = value.item()
    if isinstance(given.get("ref_audio"), str | os.PathLike):
        given["ref_audio"] = read_recording(os.fspath(given["ref_audio"]))
    for name, value in {"text": text, **given}.items():
        check(name, value)
    return with_private_voice(Say(new_id(), text, **given))
