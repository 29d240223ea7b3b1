"""A text of several requests: from tags, pauses, stories and cues to the parts that speaker.py speaks."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import click

from f5ctl.client import Client, new_id
from f5ctl.errors import BadRequestError, OutputError
from f5ctl.extras import require
from f5ctl.parameters import seed_after
from f5ctl.protocol import SAMPLE_RATE_HZ, Say
from f5ctl.receipts import MAX_TAG_BYTES, join_tags
from f5ctl.speech.marks import MAIN, Words, parse_script, pause_s
from f5ctl.speech.sinks import Sink, write_file
from f5ctl.speech.speaker import Part, Silence, Slot, Speech
from f5ctl.speech.srt import Cue, format_srt, format_vtt, parse_srt, short_cues
from f5ctl.speech.story import Story, read_story
from f5ctl.speech.texts import nothing_to_speak
from f5ctl.voicebox import with_private_voice

SUBTITLES: Final[dict[str, Callable[[Sequence[Cue]], str]]] = {".srt": format_srt, ".vtt": format_vtt}
_HINT: Final = r"a bracket that is none is written \["


@dataclass(frozen=True, slots=True)
class Reading:
    """How a text becomes several requests: with a story's voices, as cues, with pauses, with subtitles."""

    story: Story | None = None
    is_srt: bool = False
    subtitles: str | None = None
    paragraph_pause_s: float = 0.0

    @property
    def text(self) -> str | None:
        """The story's text, where it has one."""
        return self.story.text if self.story else None

    @property
    def output(self) -> str | None:
        """The file that the story asks for."""
        return self.story.output if self.story else None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the story says that is not heeded."""
        return self.story.warnings if self.story else ()

    def parts(self, request: Say, *, remove_silence: bool | None) -> list[Part]:
        """Return the parts of `request`'s text; `request` has what is the same for all of them.

        `remove_silence` None leaves that to the story.

        Raises:
            BadRequestError: there is nothing to speak, or a mark or a cue is wrong.
        """
        if self.story is not None:
            request = _with_story(request, self.story, remove_silence=remove_silence)
        parts = self._slots(request) if self.is_srt else self._marked(request)
        if all(isinstance(part, Silence) for part in parts):
            raise nothing_to_speak()
        return parts

    def _marked(self, request: Say) -> list[Part]:
        parts: list[Part] = []
        spoken = 0
        for part in parse_script(request.text, paragraph_pause_s=self.paragraph_pause_s):
            if isinstance(part, Words):
                parts.append(Speech(self._request(request, part, spoken)))
                spoken += 1
            else:
                parts.append(Silence(part.duration_s))
        return parts

    def _slots(self, request: Say) -> list[Part]:
        parts: list[Part] = []
        for number, cue in enumerate(parse_srt(request.text)):
            said = parse_script(cue.text)
            if len(said) != 1 or not isinstance(said[0], Words):
                line = f"the cue at {cue.start_s:g} s has a tag in its middle; one at its start names its voice"
                raise BadRequestError("bad_text", line)
            words = said[0]
            parts.append(Slot(self._request(request, words, number), replace(cue, text=words.text)))
        return parts

    def _request(self, template: Say, words: Words, number: int) -> Say:
        """Return the request for text number `number`, in the voice that it names."""
        seed = None if template.seed is None else seed_after(template.seed, number)
        request = replace(
            template,
            id=new_id(),
            text=words.text,
            seed=seed,
            encoding="pcm",
            stream=template.stream and number == 0,
        )
        own = words.voice == MAIN and (template.voice or template.ref_audio)
        voice = self.story.voices.get(words.voice) if self.story and not own else None
        if voice is not None:
            speed = request.speed if voice.speed is None else voice.speed
            return replace(
                request,
                voice=None,
                ref_audio=voice.ref_audio,
                ref_text=voice.ref_text,
                label=words.voice,
                speed=speed,
            )
        if words.voice != MAIN:
            named = replace(request, voice=words.voice, ref_audio=None, ref_text=None, label=None)
            return with_private_voice(named)
        return request

    def check_voices(self, client: Client, parts: Sequence[Part]) -> None:
        """Refuse a tag that names no voice (BadRequestError), before anything is spoken."""
        wanted = [part.request.voice for part in parts if not isinstance(part, Silence) and part.request.voice]
        if not wanted:
            return
        served = [str(voice.get("name")) for voice in client.status().get("voices", [])]
        known = ", ".join(dict.fromkeys([MAIN, *(self.story.voices if self.story else ()), *served]))
        for name in wanted:
            if name not in served:
                raise BadRequestError("unknown_voice", f"unknown voice {name!r}; known: {known} ({_HINT})")


def read_options(
    config: str | None, subtitles: str | None, paragraph_pause: str | None, *, is_srt: bool
) -> Reading:
    """Return the reading that the options ask for.

    Raises:
        click.UsageError: one of them means nothing.
        BadRequestError: the story cannot be read.
    """
    if subtitles is not None and os.path.splitext(subtitles)[1].lower() not in SUBTITLES:
        raise click.UsageError(f"the suffix of {subtitles} names no subtitles; known: {' '.join(SUBTITLES)}")
    try:
        seconds = 0.0 if paragraph_pause is None else pause_s("--paragraph-pause", paragraph_pause)
    except BadRequestError as error:
        raise click.UsageError(error.message) from None
    return Reading(read_story(config) if config else None, is_srt, subtitles, seconds)


def is_plain(text: str) -> bool:
    """Return True when a text that holds a bracket is one request all the same."""
    return parse_script(text) == [Words(MAIN, text.strip())]


class Encoded:
    """Keeps samples until the end and hands the sink a file of them."""

    def __init__(self, sink: Sink, encoding: str) -> None:
        require("engine", f"joining several pieces into {encoding}")
        self._sink = sink
        self._encoding = encoding
        self._pcm: list[bytes] = []
        self._tags: list[str] = []

    def add(self, data: bytes, rate_hz: int) -> None:  # noqa: ARG002 - as a sink has it
        """Take the next samples."""
        self._pcm.append(data)

    def note(self, tag: str) -> None:
        """Take the receipt of the samples since the last one."""
        self._tags.append(tag)

    def finish(self) -> None:
        """Encode, and complete the sink."""
        tag = join_tags(self._tags, MAX_TAG_BYTES).encode()
        command = [sys.executable, "-m", "f5d.helpers.encode", self._encoding, str(len(tag))]
        done = subprocess.run(command, input=tag + b"".join(self._pcm), capture_output=True, check=False)
        if done.returncode != 0:
            last = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
            raise OutputError(f"cannot encode {self._encoding}: {last}", while_writing=True)
        self._sink.add(done.stdout, SAMPLE_RATE_HZ)
        self._sink.finish()


def write_subtitles(path: str, cues: Sequence[Cue], *, split: bool) -> None:
    """Write subtitles in the format of the suffix; with `split` long cues become short ones."""
    short = [piece for cue in cues for piece in short_cues(cue)] if split else list(cues)
    text = SUBTITLES[os.path.splitext(path)[1].lower()](short)
    write_file(path, text.encode(errors="replace"))


def _with_story(template: Say, story: Story, *, remove_silence: bool | None) -> Say:
    """Return the template with what the story says and the call does not."""
    values: dict[str, Any] = {
        name: value for name, value in story.parameters.items() if getattr(template, name) is None
    }
    return replace(
        template,
        model=template.model or story.model,
        remove_silence=story.remove_silence if remove_silence is None else remove_silence,
        **values,
    )
