"""A text of several requests: from tags, pauses, stories and cues to the parts that speaker.py speaks."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import click

from f5ctl.brackets import has_words
from f5ctl.client import Client
from f5ctl.errors import BadRequestError
from f5ctl.protocol import Say
from f5ctl.receipts import hash_of_texts
from f5ctl.speech.book import Book
from f5ctl.speech.cue_turns import cue_turns
from f5ctl.speech.marks import MAIN, Marks, Words, pause_s
from f5ctl.speech.marks import Part as Piece
from f5ctl.speech.parts import Part, Silence, Slot, Speech
from f5ctl.speech.sinks import write_file
from f5ctl.speech.srt import Cue, format_srt, format_vtt, short_cues
from f5ctl.speech.story import Story, StoryVoice, read_story
from f5ctl.speech.texts import nothing_to_speak
from f5ctl.speech.turns import in_voice, turn
from f5ctl.voicebox import private_store

SUBTITLES: Final[dict[str, Callable[[Sequence[Cue]], str]]] = {".srt": format_srt, ".vtt": format_vtt}


@dataclass(frozen=True, slots=True)
class Reading:
    """How a text becomes several requests: with a story's voices, as cues, with pauses, with subtitles.

    `marks` knows which brackets are tags, the story's voices included.
    """

    marks: Marks
    story: Story | None = None
    has_cues: bool = False
    subtitles: str | None = None
    paragraph_pause_s: float = 0.0
    programme_start_s: float | None = None
    markdown: bool = False  # its marks were read

    @property
    def facts(self) -> dict[str, Any]:
        """What a book's receipt says of it, where that is not the default."""
        facts = {"paragraph_pause_s": self.paragraph_pause_s, "markdown": self.markdown}
        facts["no_tags"] = not self.marks.has_tags
        return {name: fact for name, fact in facts.items() if fact}

    @property
    def text(self) -> str | None:
        """The story's text, where it has one."""
        return self.story.text if self.story else None

    @property
    def output(self) -> str | None:
        """The file that the story asks for."""
        return self.story.output if self.story else None

    def parts(self, request: Say, *, remove_silence: bool | None, warn: Callable[[str], None]) -> list[Part]:
        """Return the parts of `request`'s text; `request` has what is the same for all of them.

        `remove_silence` None leaves that to the story. `warn` gets what the story or the cues say that is not
        done as it is said.

        Raises:
            BadRequestError: there is nothing to speak, or a mark or a cue is wrong.
        """
        self.tell_story(warn)
        request = self.template(request, remove_silence=remove_silence)
        parts = self._slots(request, warn) if self.has_cues else self._marked(request)
        if all(isinstance(part, Silence) for part in parts):
            raise nothing_to_speak()
        return parts

    def _marked(self, request: Say) -> list[Part]:
        pieces = self.marks.parts(request.text, paragraph_pause_s=self.paragraph_pause_s)
        if not pieces and (whole := self.marks.whole(request.text)) and has_words(whole):
            pieces = [Words(MAIN, whole)]  # brackets alone, of which the engine says the words
        return list(self._numbered(request, pieces))

    def _numbered(self, request: Say, pieces: Sequence[Piece], spoken: int = 0) -> Iterator[Part]:
        for piece in pieces:
            if isinstance(piece, Words):
                yield Speech(self._request(request, piece, spoken))
                spoken += 1
            else:
                yield Silence(piece.duration_s)

    def piece(self, request: Say, spoken: int) -> list[Part]:
        """Return the parts of the next piece of a book, of which `spoken` texts were parts before."""
        pieces = self.marks.more_parts(request.text, paragraph_pause_s=self.paragraph_pause_s)
        return list(self._numbered(request, pieces, spoken))

    def _slots(self, request: Say, warn: Callable[[str], None]) -> list[Part]:
        from f5ctl.speech.cue_file import read_cue_file
        from f5ctl.speech.programme import place

        file = read_cue_file(request.text)
        programme = place(file.cues, self.programme_start_s)
        for warning in (*file.warnings, *programme.warnings):
            warn(warning)
        slots: list[Part] = []
        for cue in programme.cues:
            for words, own in cue_turns(self.marks, cue):
                speaker = own.speaker if words.voice == MAIN else None  # a tag counts more
                slots.append(Slot(self._request(request, words, len(slots)), replace(own, speaker=speaker)))
        return slots

    def _request(self, template: Say, words: Words, number: int) -> Say:
        return replace(turn(template, words, number, self._voices), stream=template.stream and number == 0)

    @property
    def _voices(self) -> Mapping[str, StoryVoice]:
        return self.story.voices if self.story else {}

    def cast(self, client: Client, parts: Sequence[Part]) -> list[Part]:
        """Return the parts, those whom subtitles name (`<v Bob>`) in the voice of that name if there is one."""
        if not any(isinstance(part, Slot) and part.cue.speaker for part in parts):
            return list(parts)
        served = [str(voice.get("name")) for voice in client.status().get("voices", [])]
        known = [*self._voices, *private_store().names(), *served]
        by_name = {_folded(name): name for name in reversed(known)}
        return [
            replace(part, request=in_voice(part.request, name, self._voices))
            if isinstance(part, Slot) and (name := by_name.get(_folded(part.cue.speaker or "")))
            else part
            for part in parts
        ]

    def tell_story(self, warn: Callable[[str], None]) -> None:
        """Tell what the story says that is not done as it is said."""
        for warning in self.story.warnings if self.story else ():
            warn(warning)

    def template(self, request: Say, *, remove_silence: bool | None) -> Say:
        """Return `request` with what the story says and the call does not."""
        return (
            request if self.story is None else _with_story(request, self.story, remove_silence=remove_silence)
        )

    def check_voices(self, client: Client, parts: Sequence[Part]) -> None:
        """Refuse a voice that there is not (BadRequestError), before anything is spoken."""
        if any(part.request.voice for part in parts if not isinstance(part, Silence)):
            self.refuse_unknown(parts, voices_of(client))

    def refuse_unknown(self, parts: Sequence[Part], served: Sequence[str]) -> None:
        """Refuse a part whose voice is none of those that are served (BadRequestError)."""
        wanted = [part.request.voice for part in parts if not isinstance(part, Silence) and part.request.voice]
        known = ", ".join(dict.fromkeys([MAIN, *(self.story.voices if self.story else ()), *served]))
        for name in wanted:
            if name not in served:
                raise BadRequestError("unknown_voice", f"unknown voice {name!r}; known: {known}")


def read_options(
    marks: Marks, config: str | None, subtitles: str | None, paragraph_pause: str | None
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
    story = read_story(config) if config else None
    if story:
        marks = marks.knowing(story.voices)
    return Reading(marks, story, subtitles=subtitles, paragraph_pause_s=seconds)


def with_cues(reading: Reading, programme_start: str | None) -> Reading:
    """Return `reading` for a text of subtitles, whose times begin at `programme_start`.

    Raises:
        click.UsageError: that is no time.
    """
    from f5ctl.speech.programme import parse_start

    try:
        start_s = None if programme_start is None else parse_start(programme_start)
    except ValueError:
        fault = f"--programme-start is {programme_start!r}; a time is 10:00:00, 10h or 0"
        raise click.UsageError(fault) from None
    return replace(reading, has_cues=True, programme_start_s=start_s)


def voices_of(client: Client) -> list[str]:
    """Return the voices that the daemon has."""
    return [str(voice.get("name")) for voice in client.status().get("voices", [])]


class Chapters:
    """The parts of a book, made of its pieces as they are wanted; a voice goes on until the next tag.

    `check` refuses the parts of a piece, whose voices may be unknown.
    """

    def __init__(
        self,
        reading: Reading,
        book: Book,
        request: Say,
        check: Callable[[Sequence[Part]], None] = lambda _parts: None,
    ) -> None:
        self._reading = reading
        self._book = book
        self._request = request
        self._check = check
        self._spoken = 0
        reading.marks.voice = MAIN
        self._pauses = False  # a paragraph has ended

    @property
    def is_over(self) -> bool:
        """True when every part was taken.

        Raises:
            BadRequestError: there was nothing to speak.
        """
        if self._book.is_over and not self._spoken:
            raise nothing_to_speak()
        return self._book.is_over

    @property
    def waits_for(self) -> int | None:
        """The descriptor that has to be readable before there is more text."""
        return self._book.waits_for

    def text_hash(self) -> str:
        """Take every part of a book that is all there, and return the hash of the texts."""
        texts: Iterator[str] = (
            part.request.text
            for _ in iter(lambda: self.is_over, True)
            for part in self.take()
            if isinstance(part, Speech)
        )
        return hash_of_texts(texts)

    def take(self) -> list[Part]:
        """Return the parts of the next piece."""
        piece = self._book.take()
        if piece is None or not piece.text:
            return []
        parts = self._reading.piece(replace(self._request, text=piece.text), self._spoken)
        spoken = sum(isinstance(part, Speech) for part in parts)
        if not spoken:
            return parts
        self._check(parts)
        pause_s = self._reading.paragraph_pause_s
        if self._pauses and pause_s:
            parts = [Silence(pause_s), *parts]
        elif self._pauses and isinstance(parts[0], Speech):
            parts[0] = replace(parts[0], begins_paragraph=True)
        self._spoken += spoken
        self._pauses = piece.ends_paragraph
        return parts


def write_subtitles(path: str, cues: Sequence[Cue], *, split: bool) -> None:
    """Write subtitles in the format of the suffix; with `split` long cues become short ones."""
    short = [piece for cue in cues for piece in short_cues(cue)] if split else list(cues)
    text = SUBTITLES[os.path.splitext(path)[1].lower()](short)
    write_file(path, text.encode(errors="replace"))


def _folded(name: str) -> str:
    """Return a name as it is compared: Old_Bob is "old bob"."""
    return name.casefold().replace("_", " ").replace("-", " ")


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
