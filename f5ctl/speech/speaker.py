"""Speaking the parts of a script: one request for each, all their audio in one output, in order.

At most `IN_FLIGHT` requests are unfinished at a time, so that the engine batches them; audio that
comes before its turn waits in memory, and no more than `AHEAD` parts are on their way. Where every part
begins is known in the end: the script's cues.
"""

from __future__ import annotations

import select
import time
from collections import deque
from dataclasses import astuple, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from f5ctl.client import new_id
from f5ctl.errors import SynthesisError
from f5ctl.protocol import SAMPLE_BYTES, SAMPLE_RATE_HZ, Done, Say
from f5ctl.speech import conversation
from f5ctl.speech.conversation import Conversation, other_audio
from f5ctl.speech.fitting import faster, late, room_s
from f5ctl.speech.joining import Joints, put_silence
from f5ctl.speech.lasting import CURABLE, Lasting, timely
from f5ctl.speech.output import file_tag
from f5ctl.speech.parts import Listener, Part, Silence, Slot, Source, Speech, Taker
from f5ctl.speech.srt import Cue

if TYPE_CHECKING:
    from f5ctl.speech.journal import Journal, Kept

IN_FLIGHT: Final = 4
AHEAD: Final = 8
MAX_TRIES: Final = 3  # of a part that the engine dies under, with --retry
ENGINE_CODES: Final = frozenset({"engine_error", "internal_error"})


@dataclass(slots=True, eq=False)
class _Take:
    """A part of the script on its way; `first_try` is what a slot was too short for."""

    part: Part
    request: Say | None
    kept: Kept | None = None  # it was made by an f5ctl before
    asked: conversation.Part | None = None
    first_try: tuple[bytes, dict[str, Any]] | None = None
    is_last: bool = False  # nothing comes after it
    begun: bool = False  # the pause before its audio was written
    written_bytes: int = 0
    skip_bytes: int = 0  # of what comes, which was written before the connection was lost
    tries: int = 0
    asked_at: float = field(default_factory=time.monotonic)


class Speaker:
    """Speaks the parts of `source`; with `tells_cues`, `cues` holds what was said when, so far.

    `samples` counts what was written, `first_tag` is the receipt of the first part that speaks.

    With `lasts` it goes on when the daemon dies or is full. With `journal`, which is also what it writes to,
    it leaves out what is made already.
    """

    def __init__(
        self,
        connection: Lasting,
        source: Source,
        out: Taker,
        listener: Listener,
        *,
        lasts: bool = False,
        journal: Journal | None = None,
        tells_cues: bool = False,
    ) -> None:
        self.cues: list[Cue] = []
        self.samples = 0
        self.first_tag = ""
        self._connection = connection
        self._lasts = lasts
        self._tells_cues = tells_cues
        self._source = source
        self._todo: deque[Part] = deque()
        self._takes: deque[_Take] = deque()
        self._out = out
        self._journal = journal
        self._listener = listener
        self._end_s = 0.0  # where the last slot ends
        self._joints = Joints()
        self._said_bytes = 0  # of text
        self._notes: list[str] = []  # of the part that is being written
        self._began_samples = 0
        self._part_cues: list[Cue] = []

    def speak(self) -> None:
        """Write every part; a fault leaves no request behind.

        Raises:
            F5Error: what the daemon answered, or that it is gone.
            ChangedError: what the journal holds cannot be gone on from.
        """
        while True:
            try:
                with Conversation(self._connection.client, self._listener.tell) as self._talk:
                    for take in self._takes:
                        self._request(take, again=True)
                    self._go_on()
                    break
            except CURABLE as error:
                if not self._lasts:
                    raise
                self._connection.again(error, self._check_time)
        self._put_silence(self._end_s - self._now_s)

    def _check_time(self) -> None:
        for take in self._takes:
            if take.request is not None and take.kept is None:
                timely(take.request, take.asked_at)

    def _go_on(self) -> None:
        while self._ask() or self._takes or not self._source.is_over:
            while self._takes and self._write(self._takes[0]):
                self._takes.popleft()
                self._ask()
            waits_for = self._source.waits_for if self._wants_more else None
            if self._takes or waits_for is not None:
                self._talk.hear(None, [] if waits_for is None else [(waits_for, select.POLLIN)])

    @property
    def _now_s(self) -> float:
        return self.samples / SAMPLE_RATE_HZ

    @property
    def _wants_more(self) -> bool:
        return self._talk.unfinished < IN_FLIGHT and len(self._takes) < AHEAD

    def _ask(self) -> bool:
        """Ask for what comes next, as far as it may be on its way; return whether anything was left over."""
        while self._wants_more:
            if not self._todo:
                self._todo.extend(self._source.take())
            if not self._todo:
                break
            part = self._todo.popleft()
            request = None if isinstance(part, Silence) else part.request
            last = not self._todo and self._source.is_over
            kept = self._journal.kept(_key(part, last=last)) if self._journal else None
            take = _Take(part, request, kept, is_last=last)
            self._request(take)
            self._takes.append(take)
        return bool(self._todo)

    def _request(self, take: _Take, *, first: bool = False, again: bool = False) -> None:
        if take.request is not None and take.kept is None:
            request = timely(take.request, take.asked_at) if again else take.request
            take.asked = self._talk.ask(request, first=first)
            take.skip_bytes = take.written_bytes

    def _write(self, take: _Take) -> bool:
        """Write what there is of the first part; return whether that is all of it."""
        if take.kept is not None:
            self._go_over(take, take.kept)
        elif isinstance(take.part, Silence):
            self._put_silence(self._joints.of_s(take.part, last=take.is_last))
        elif take.asked is None or not self._write_speech(take, take.part, take.asked):
            return False
        if take.request is not None:
            self._said_bytes += len(take.request.text.encode())
            self.first_tag = self.first_tag or (take.kept.notes if take.kept else self._notes)[-1]
        if take.kept is None:
            self._keep(take)
        self._listener.show(self._said_bytes, self._now_s, take.kept is None)
        return True

    def _write_speech(self, take: _Take, part: Speech | Slot, asked: conversation.Part) -> bool:
        is_pcm = asked.request.encoding == "pcm"  # a file's bytes may differ the next time: not before its end
        if isinstance(part, Speech) and (is_pcm or isinstance(asked.last, Done)):
            if asked.has_audio and not take.begun:
                take.begun = True
                self._put_silence(self._joints.before_s(part))
            for chunk in asked.take():
                new = chunk[take.skip_bytes :]
                take.skip_bytes = max(0, take.skip_bytes - len(chunk))
                take.written_bytes += len(new)
                self._put(new)
        if asked.last is None:
            return False
        receipt = self._receipt(take, asked)
        if receipt is None:
            return False
        if isinstance(part, Slot):
            return self._fit(take, part, asked, receipt)
        if take.written_bytes != asked.came_bytes:
            raise other_audio()
        began_s = self._now_s - asked.came_bytes / SAMPLE_BYTES / SAMPLE_RATE_HZ
        self._conclude(asked, receipt, _cues(receipt, asked.request.text, began_s, self._now_s))
        self._joints.spoke(part, receipt.get("parameters"))
        return True

    def _receipt(self, take: _Take, asked: conversation.Part) -> dict[str, Any] | None:
        """Return the receipt of a part that has ended; None when it is asked for again."""
        self._talk.drop(asked)
        try:
            receipt = asked.receipt()
        except SynthesisError as error:
            take.tries += 1
            if not self._lasts or error.code not in ENGINE_CODES or take.tries >= MAX_TRIES:
                raise
            take.request = replace(asked.request, id=new_id())
            self._request(take, first=True)
            return None
        self._connection.succeeded()
        if self._journal:
            self._journal.check(receipt)
        return receipt

    def _fit(self, take: _Take, slot: Slot, asked: conversation.Part, receipt: dict[str, Any]) -> bool:
        """Write the slot's audio when it fits or cannot be made to; else ask for a faster one."""
        audio = b"".join(asked.take())
        left_s = room_s(slot.cue, self._now_s)
        length_s = len(audio) / SAMPLE_BYTES / SAMPLE_RATE_HZ
        if take.first_try and len(take.first_try[0]) <= len(audio):
            audio, receipt = take.first_try  # a text so short that its tempo is fixed
        elif length_s > left_s and not take.first_try:
            take.first_try = (audio, receipt)
            take.request = faster(asked.request, length_s, left_s)
            self._request(take, first=True)
            return False
        self._put_silence(slot.cue.start_s - self._now_s)
        began_s = self._now_s
        self._put(audio)
        self._end_s = max(self._end_s, slot.cue.end_s)
        if line := late(slot.cue, self._now_s):
            self._listener.warn(line)
        self._conclude(asked, receipt, [Cue(began_s, max(self._now_s, slot.cue.end_s), slot.cue.text)])
        return True

    def _conclude(self, asked: conversation.Part, receipt: dict[str, Any], cues: list[Cue]) -> None:
        self._note(file_tag(receipt, asked.request))
        self._part_cues = cues
        self.cues.extend(cues if self._tells_cues else ())
        self._listener.report(receipt)

    # What is kept for another f5ctl.

    def _go_over(self, take: _Take, kept: Kept) -> None:
        """Go on behind a part that is made already; the next pause is the one that would follow it."""
        if isinstance(take.part, Silence):
            self._joints.of_s(take.part, last=take.is_last)
        elif isinstance(take.part, Speech):
            self._joints.spoke(take.part, kept.edges)
        self.samples += kept.size_bytes // SAMPLE_BYTES
        self._began_samples = self.samples
        self._end_s = max(self._end_s, kept.end_s)
        self.cues.extend(kept.cues if self._tells_cues else ())

    def _keep(self, take: _Take) -> None:
        if self._journal:
            from f5ctl.speech.journal import Kept

            size = (self.samples - self._began_samples) * SAMPLE_BYTES
            cues = tuple(self._part_cues)
            key = _key(take.part, last=take.is_last)
            kept = Kept(key, size, tuple(self._notes), cues, self._end_s, self._joints.edges)
            self._journal.keep(kept)
        self._began_samples = self.samples
        self._notes.clear()
        self._part_cues = []

    def _note(self, tag: str) -> None:
        self._out.note(tag)
        self._notes.append(tag)

    def _put(self, audio: bytes) -> None:
        self._out.add(audio, SAMPLE_RATE_HZ)
        self.samples += len(audio) // SAMPLE_BYTES

    def _put_silence(self, duration_s: float) -> None:
        put_silence(round(duration_s * SAMPLE_RATE_HZ), self._put, self._note)


def _key(part: Part, *, last: bool) -> str:
    from f5ctl.speech.journal import key_of

    if isinstance(part, Silence):
        return key_of(part.duration_s, last)
    return key_of(part.request, astuple(part.cue) if isinstance(part, Slot) else part.begins_paragraph)


def _cues(receipt: dict[str, Any], text: str, began_s: float, ended_s: float) -> list[Cue]:
    """Return what a request said when, by its segments; the whole text where they are not known."""
    timeline = receipt.get("timeline") or [{"text": text, "start_s": 0.0}]
    starts = [began_s + float(entry["start_s"]) for entry in timeline]
    ends = [*starts[1:], ended_s]
    return [
        Cue(start_s, end_s, str(entry["text"]))
        for start_s, end_s, entry in zip(starts, ends, timeline, strict=True)
        if end_s > start_s
    ]
