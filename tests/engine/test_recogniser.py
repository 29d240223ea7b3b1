"""Transcription beside the speech of others: a real Whisper, and hubs that are silent or absent."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from f5d.catalog.voices import Reference
from f5d.engine import types
from f5d.engine.recogniser import Recogniser

from .conftest import FAST, REFERENCE, Engine, configure

UNTOLD = Reference(REFERENCE.audio, None)


@pytest.fixture
def silent_hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A hub that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as hub:
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{hub.getsockname()[1]}")
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        yield hub


def started(**changes: object) -> Engine:
    """An engine with the bundled model loaded."""
    running = Engine(configure(**changes))
    assert isinstance(running.receive(), types.Loaded)
    return running


def test_a_recording_without_text_is_transcribed(whisper: Path) -> None:
    """What the recogniser hears becomes the reference's text, in the plan and for the next job."""
    running = started(asr_model=str(whisper))
    try:
        for job in ("first", "second"):
            running.send(types.Predict(job, "Hello.", UNTOLD, FAST))
        texts = set()
        for _job in ("first", "second"):
            answer = running.receive()
            # A random Whisper says anything; what it says may not fit the recording.
            assert isinstance(answer, types.Predicted | types.Failed), answer
            if isinstance(answer, types.Failed):
                assert answer.code == "bad_parameter", answer
                texts.add(answer.message)
            else:
                texts.add(answer.ref_text)
        assert len(texts) == 1
    finally:
        running.close()


def test_recordings_are_heard_in_the_turns_of_those_who_wait(whisper: Path) -> None:
    """One user's many recordings do not keep another's waiting, nor does one that is dropped."""
    recogniser: Recogniser[str] = Recogniser(str(whisper), "cpu", threads=1)
    wave = np.zeros(16_000, np.float32).tobytes()
    try:
        for name in ("a1", "a2", "a3", "a4"):
            assert recogniser.ask(name, wave, 16_000, share=(1, 1)) is None
        assert recogniser.ask("b1", wave, 16_000, share=(2, 1)) is None
        assert recogniser.drop("a2")
        heard: list[str] = []
        while recogniser.tokens:
            assert recogniser.descriptor is not None
            assert select.select([recogniser.descriptor], [], [], 60)[0]
            heard += [token for token, _answer in recogniser.answers()]
        assert heard == ["a1", "a3", "b1", "a4"]
    finally:
        recogniser.close()


def test_nobody_waits_for_a_hub_that_does_not_answer(silent_hub: socket.socket) -> None:
    """Others are served, a cancelled job ends at once, and the engine ends while the hub is asked."""
    running = started(asr_model="org/whisper")
    try:
        running.send(types.Synthesize("untold", "Hello.", UNTOLD, FAST))
        silent_hub.settimeout(60)
        with silent_hub.accept()[0]:  # the recogniser asks it
            running.send(types.Synthesize("other", "Hello.", REFERENCE, FAST))
            assert isinstance(running.until_over("other")[-1], types.Finished)
            running.send(types.Cancel("untold"))
            assert running.receive() == types.Cancelled("untold")
            running.send(types.Synthesize("next", "Hello.", REFERENCE, FAST))
            assert isinstance(running.until_over("next")[-1], types.Finished)
    finally:
        running.close()


def test_a_hub_that_is_not_there_is_asked_once_a_minute(silent_hub: socket.socket) -> None:
    """The second job is told at once what the first has found out."""
    asked: list[socket.socket] = []

    def hang_up() -> None:
        with contextlib.suppress(OSError):  # it is closed at the end
            while True:
                asked.append(silent_hub.accept()[0])
                asked[-1].close()

    threading.Thread(target=hang_up, daemon=True).start()
    running = started(asr_model="org/whisper")
    try:
        running.send(types.Predict("first", "Hello.", UNTOLD, FAST))
        first = running.receive()
        assert isinstance(first, types.Failed)
        assert first.code == "transcription_unavailable"
        assert "org/whisper cannot be loaded" in first.message
        before = len(asked)
        assert before
        running.send(types.Predict("second", "Hello.", UNTOLD, FAST))
        assert running.receive() == types.Failed("second", first.code, first.message)
        assert children(running.process.pid) == 1  # the one that prepares texts; none is started any more
        assert len(asked) == before
    finally:
        running.close()


def children(pid: int) -> int:
    """How many children a process has now."""
    return len(Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
