"""`f5ctl say` with several voices, pauses, stories and subtitles, against a daemon made of a script."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import wave
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from f5ctl.progress import StatusLine
from f5ctl.protocol import Say
from f5ctl.speech.book import book_of
from f5ctl.speech.many import Order, shown_on
from f5ctl.speech.marks import Marks, Tags
from f5ctl.speech.script import Reading

if TYPE_CHECKING:
    from tests.unit.client.conftest import Cli, FakeDaemon, Here

VOICES = {"voices": [{"name": "rms"}, {"name": "slt"}]}
SECOND_SAMPLES = 24_000


def sound(text: str) -> bytes:
    """Return audio from which the text can be read back."""
    return text.encode("utf-16-le")


def silence(seconds: float) -> bytes:
    return bytes(2 * round(seconds * SECOND_SAMPLES))


@pytest.fixture(autouse=True)
def _speaks(daemon: FakeDaemon) -> None:
    daemon.speaks, daemon.status = sound, VOICES


def says(daemon: FakeDaemon) -> list[dict[str, Any]]:
    return [body for body in daemon.seen if body["type"] == "say"]


def test_several_voices_in_one_call(cli: Cli, daemon: FakeDaemon) -> None:
    """[slt] is said in slt's voice, [main] in the call's; the audio follows the text."""
    text = "Once upon a time [slt] Hello! [pause 250ms] [main] said she."
    done = cli.run("say", "--output-raw", "-v", "rms", "--seed", "5", "--speed", "1.2", text)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == sound("Once upon a time") + sound("Hello!") + silence(0.25) + sound("said she.")
    assert [(body["voice"], body["seed"], body["speed"]) for body in says(daemon)] == [
        ("rms", 5, 1.2),
        ("slt", 1005, 1.2),
        ("rms", 2005, 1.2),
    ]


QUIET = {"sentence_pause": 0.3, "cross_fade_duration": None}


def test_speakers_stand_400_ms_apart(here: Here, daemon: FakeDaemon) -> None:
    """150 ms of that are at the ends of what each says; nothing comes before the first or after the last."""
    daemon.parameters = QUIET
    done = here.run("say", "--output-raw", "[rms] One. [slt] Two. [slt] And, [slt] three.")
    assert done.stdout == b"".join(
        [
            sound("One."),
            silence(0.25),
            sound("Two."),
            silence(0.15),
            sound("And,"),
            sound("three."),  # 100 ms within a sentence are there already
        ]
    )


@pytest.mark.parametrize(
    ("parameters", "seconds"),
    [
        ({"sentence_pause": 0.6}, 0.65),
        ({"sentence_pause": 0.0}, 0.0),
        ({"sentence_pause": 0.3, "remove_silence": True}, 0.34),
        ({"sentence_pause": None, "cross_fade_duration": 0.15}, 0.0),
        ({"sentence_pause": 0.3, "fix_duration": 5.0}, 0.0),
    ],
)
def test_the_pause_between_speakers_is_as_the_requests_were_joined(
    here: Here, daemon: FakeDaemon, parameters: dict[str, Any], seconds: float
) -> None:
    """It grows with sentence_pause; cross-faded requests and fixed durations stand edge to edge as ever."""
    daemon.parameters = parameters
    done = here.run("say", "--output-raw", "[rms] One. [slt] Two.")
    assert done.stdout == sound("One.") + silence(seconds) + sound("Two.")


def test_a_pause_is_as_long_as_it_is_heard(here: Here, daemon: FakeDaemon) -> None:
    """[pause 800ms] counts the quiet at the ends of what it stands between, once."""
    daemon.parameters = QUIET
    text = "One. [pause 800ms] Two. [pause 1s] [pause 1s] Three. [pause 0.1s] Four. [pause 500ms]"
    done = here.run("say", "--output-raw", text)
    assert done.stdout == b"".join(
        [
            sound("One."),
            silence(0.65),
            sound("Two."),
            silence(1.85),
            sound("Three."),
            sound("Four."),
            silence(0.4),
        ]
    )


def test_parts_are_asked_for_together(here: Here, daemon: FakeDaemon) -> None:
    """Several parts are in flight at a time, and whichever comes first, the order is the text's."""
    daemon.reverse = 3
    done = here.run("say", "--output-raw", "[rms] One. [slt] Two. [rms] Three.")
    assert done.stdout == sound("One.") + sound("Two.") + sound("Three.")


def test_a_warning_of_every_part_is_told_once(here: Here, daemon: FakeDaemon) -> None:
    """What all requests of a call would say of its model or voice stands in one line."""
    daemon.warnings = ["model fake does not clone voices"]
    done = here.run("say", "--output-raw", "[rms] One. [slt] Two. [rms] Three.")
    assert done.stderr == b"f5ctl: warning: model fake does not clone voices\n"


def test_markdown_is_read_before_it_is_sent(here: Here, daemon: FakeDaemon, tmp_path: Path) -> None:
    """A .md file is read as Markdown unless told not to; its tags and links are told apart."""
    page = tmp_path / "page.md"
    page.write_text("# Plan\n\n**Read** the [manual](https://a.b).\n\n[slt] *Now*.\n")
    assert here.run("say", "--output-raw", "-f", str(page)).returncode == 0
    assert [body["text"] for body in says(daemon)] == ["Plan\n\nRead the manual.", "Now."]
    daemon.seen.clear()
    assert here.run("say", "--output-raw", "--markdown", "a **b** &amp; c").returncode == 0
    assert here.run("say", "--output-raw", "a **b** &amp; c").returncode == 0
    page.write_text("*So* be it.")
    assert here.run("say", "--output-raw", "--no-markdown", "-f", str(page)).returncode == 0
    assert [body["text"] for body in says(daemon)] == ["a b & c", "a **b** &amp; c", "*So* be it."]


def test_a_bracket_that_names_no_voice_is_text(here: Here) -> None:
    """[town] is a word of the text, which stays one request; the daemon reads it."""
    done = here.run("say", "--output-raw", "I saw [Frostbolt] and [a village].[12]")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == sound("I saw [Frostbolt] and [a village].[12]")


def test_a_mistyped_tag_is_told_and_left_out(here: Here) -> None:
    """What looks like a voice's name gets one warning with the nearest one, and is not said."""
    done = here.run(
        "say", "--output-raw", "[rmss] One. [slt] Two. [rmss] Three. [puase 300ms] Four. [pausa 1s]"
    )
    assert (done.returncode, done.stderr.decode().splitlines()) == (
        0,
        [
            "f5ctl: warning: [rmss] is left out: it names no voice; did you mean [rms]?",
            "f5ctl: warning: [puase 300ms] is left out: it is no tag; did you mean [pause 300ms]?",
            "f5ctl: warning: [pausa 1s] is left out: it is no tag; did you mean [pause 1s]?",
        ],
    )
    assert done.stdout == sound("One.") + sound("Two. Three. Four.")


def test_a_mistyped_tag_alone_leaves_one_request(here: Here, daemon: FakeDaemon, tmp_path: Path) -> None:
    """A text without another tag goes to the daemon as one, without the mistyped one."""
    done = here.run("say", "-o", str(tmp_path / "a.flac"), "[Slt]: One. Two.")
    assert (done.returncode, [(body["text"], body["encoding"]) for body in says(daemon)]) == (
        0,
        [("One. Two.", "flac")],
    )


def test_strict_tags(here: Here, daemon: FakeDaemon, tmp_path: Path) -> None:
    """--strict-tags ends with 65 and the names that there are, before anything is spoken; no file is made."""
    done = here.run("say", "--strict-tags", "-o", str(tmp_path / "a.wav"), "[rms] One. [town] Two.")
    assert done.returncode == 65
    assert b"unknown voice 'town'; known: main, rms, slt (a bracket that is none is written \\[)" in done.stderr
    assert says(daemon) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mark", ["[pause]", "[pause 700s]", "[Pause soon]"])
def test_strict_tags_and_pauses(here: Here, daemon: FakeDaemon, mark: str) -> None:
    """A pause that is none is an error with --strict-tags, else a warning."""
    done = here.run("say", "--strict-tags", f"One. {mark} Two.")
    assert (done.returncode, says(daemon)) == (65, [])
    done = here.run("say", "--output-raw", f"One. {mark} Two.")
    assert (done.returncode, done.stdout) == (0, sound("One. Two."))
    assert f"warning: {mark} is left out: " in done.stderr.decode()


def test_no_tags(here: Here, daemon: FakeDaemon) -> None:
    """--no-tags leaves every bracket to the reading, also one that names a voice."""
    text = "[slt] One. [pause 1s] Two."
    done = here.run("say", "--no-tags", "--output-raw", text)
    assert (done.returncode, done.stdout, [body["type"] for body in daemon.seen]) == (0, sound(text), ["say"])
    assert "exclude each other" in here.run("say", "--no-tags", "--strict-tags", "One.").stderr.decode()


def test_no_tag_asks_no_daemon_for_its_voices(here: Here, daemon: FakeDaemon) -> None:
    """A text whose brackets cannot be names costs no question."""
    assert here.run("say", "See [two words], [main](https://example.org) and [ ].").returncode == 0
    assert [body["type"] for body in daemon.seen] == ["say"]


def test_an_escaped_bracket_goes_to_the_daemon_as_it_is(here: Here, daemon: FakeDaemon) -> None:
    r"""\[sic] is one request as ever; the daemon takes the backslash off."""
    assert here.run("say", r"So it is \[sic].").returncode == 0
    assert [body["text"] for body in daemon.seen] == [r"So it is \[sic]."]


def test_paragraphs(cli: Cli) -> None:
    """--paragraph-pause puts silence between paragraphs; without it a text is one request."""
    done = cli.run("say", "--output-raw", "--paragraph-pause", "0.5s", text=b"One.\n\nTwo.\n\n")
    assert done.stdout == sound("One.") + silence(0.5) + sound("Two.")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--paragraph-pause", "long"], "--paragraph-pause: a pause needs a duration such as 800ms or 1.5s"),
        (["--subtitles", "a.txt"], "the suffix of a.txt names no subtitles; known: .srt .vtt"),
        (["-c", "none.toml"], "cannot read none.toml: No such file or directory"),
    ],
)
def test_wrong_options(here: Here, daemon: FakeDaemon, args: list[str], message: str) -> None:
    """An option that means nothing is told before the daemon is asked."""
    done = here.run("say", "Hello.", *args)
    assert done.returncode in (2, 65)
    assert message in done.stderr.decode()
    assert daemon.seen == []


@pytest.fixture
def story(tmp_path: Path) -> Path:
    for name in ("me", "town"):
        with wave.open(str(tmp_path / f"{name}.wav"), "wb") as file:
            file.setparams((1, 2, SECOND_SAMPLES, 0, "NONE", ""))
            file.writeframes(name.encode() * 100)
    (tmp_path / "story.toml").write_text(
        'model = "F5TTS_v1_Base"\nref_audio = "me.wav"\nref_text = "I am."\n'
        "speed = 1.1\nremove_silence = true\n"
        'gen_text = "One. [town] Two. [slt] Three."\noutput_dir = "made"\noutput_file = "out.wav"\n'
        '[voices.town]\nref_audio = "town.wav"\nref_text = "We are."\nspeed = 0.8\n',
        encoding="utf-8",
    )
    return tmp_path / "story.toml"


def test_a_story(cli: Cli, daemon: FakeDaemon, story: Path) -> None:
    """-c speaks upstream's TOML as it is: its voices, its parameters, its output."""
    done = cli.run("say", "-c", story.name, cwd=story.parent, env={"PYTHONPATH": str(Path.cwd())})
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    with wave.open(str(story.parent / "made" / "out.wav")) as made:
        assert made.readframes(made.getnframes()) == sound("One.") + sound("Two.") + sound("Three.")
    main, town, slt = says(daemon)
    assert (main["ref_text"], main["speed"], main["model"]) == ("I am.", 1.1, "F5TTS_v1_Base")
    assert (town["ref_text"], town["speed"], town["remove_silence"]) == ("We are.", 0.8, True)
    assert town["ref_audio"] == (story.parent / "town.wav").read_bytes()
    assert (slt["voice"], slt["speed"], "ref_audio" in slt) == ("slt", 1.1, False)


def test_the_call_overrides_the_story(here: Here, daemon: FakeDaemon, story: Path) -> None:
    """What the call says counts: text, voice, model, output, parameters, 0 included."""
    done = here.run(
        *("say", "-c", str(story), "-m", "starter", "-v", "rms", "--cfg-strength", "0", "--no-remove-silence"),
        *("--output-raw", "Hi there."),
    )
    assert done.stdout == sound("Hi there.")
    (body,) = says(daemon)
    assert (body["model"], body["voice"], body["cfg_strength"]) == ("starter", "rms", 0)
    assert (body["remove_silence"], body["speed"]) == (False, 1.1)


SRT = b"""1
00:00:01,000 --> 00:00:02,000
One.

2
00:00:02,500 --> 00:00:03,000
[slt] Two.

3
00:00:03,500 --> 00:00:04,000
Three.
"""


def test_cues_are_fitted_to_their_slots(here: Here, daemon: FakeDaemon, tmp_path: Path) -> None:
    """A cue begins where it should; one that is too long is spoken faster; one that cannot be is told."""
    natural = {"One.": 12_000, "Two.": 18_000, "Three.": 48_000}
    asked: list[dict[str, Any]] = daemon.seen

    def speaks(text: str) -> bytes:
        speed = asked[-1].get("speed", 1.0) if asked[-1]["text"] == text else 1.0
        return b"\1\0" * round(natural[text] / speed)

    daemon.speaks = speaks
    (tmp_path / "a.srt").write_bytes(SRT)
    subtitles = tmp_path / "b.srt"
    done = here.run("say", "-f", str(tmp_path / "a.srt"), "--output-raw", "--subtitles", str(subtitles))
    assert done.returncode == 0
    loud = [index for index in range(0, len(done.stdout), 2) if done.stdout[index]]
    spans = [(1.0, 1.5), (2.5, 3.0), (3.5, 4.5)]
    for begin, end in spans:
        assert begin * SECOND_SAMPLES * 2 in loud
        assert round(begin * SECOND_SAMPLES) * 2 - 2 not in loud
        assert end * SECOND_SAMPLES * 2 not in loud
    speeds = {body["text"]: body["speed"] for body in says(daemon) if "speed" in body}
    assert 1.5 < speeds["Two."] < 1.65
    assert speeds["Three."] == 2
    assert {body["text"]: body.get("voice") for body in says(daemon)}["Two."] == "slt"
    assert done.stderr.decode().splitlines() == [
        "f5ctl: warning: the cue at 3.5 s ('Three.') ends 0.5 s after its slot, at its fastest"
    ]
    assert "00:00:02,500 --> 00:00:03,000\nTwo." in subtitles.read_text(encoding="utf-8")


def test_a_cue_of_several_voices(here: Here, daemon: FakeDaemon, tmp_path: Path) -> None:
    """Two voices share a cue's time by their letters, pauses taken off; nothing is an error."""
    cue = "00:00:01,000 --> 00:00:02,000\n[rms] Oneoneone. [pause 200ms]\n[slt] Twotwotwo.\n"
    (tmp_path / "a.srt").write_text(cue, encoding="utf-8")
    done = here.run("say", "-f", str(tmp_path / "a.srt"), "--output-raw")
    assert (done.returncode, done.stderr) == (0, b"")
    assert [(body["voice"], body["text"]) for body in says(daemon)] == [
        ("rms", "Oneoneone."),
        ("slt", "Twotwotwo."),
    ]
    first = silence(1.0) + sound("Oneoneone.")
    assert done.stdout.startswith(first + silence(1.6)[len(first) :] + sound("Twotwotwo."))
    assert len(done.stdout) == len(silence(2.0))


def test_brackets_in_cues_are_sound_cues(here: Here, daemon: FakeDaemon, tmp_path: Path) -> None:
    """What is to be heard is not spoken, nor is it an error; a cue of nothing else is silent."""
    cues = [
        "[MUSIC]",
        "[door slams] Who [whispers] is there?",
        "[SPEAKER_01]: It is [slt] me.",
        "[slt] \\[so\\]",
    ]
    text = "\n".join(
        f"{number}\n00:00:0{number},000 --> 00:00:0{number},900\n{cue}\n" for number, cue in enumerate(cues, 1)
    )
    (tmp_path / "a.srt").write_text(text, encoding="utf-8")
    done = here.run("say", "-f", str(tmp_path / "a.srt"), "--output-raw")
    assert (done.returncode, done.stderr) == (0, b"")
    assert [(body.get("voice"), body["text"]) for body in says(daemon)] == [
        (None, "Who is there?"),
        (None, "It is"),
        ("slt", "me."),
        ("slt", r"\[so\]"),
    ]


def test_subtitles_of_any_text(here: Here, tmp_path: Path) -> None:
    """--subtitles says what is heard when, pauses left out, and is written when the audio is."""
    subtitles = tmp_path / "a.vtt"
    done = here.run("say", "Abcd. [pause 2s] [slt] Efgh.", "--output-raw", "--subtitles", str(subtitles))
    assert done.returncode == 0
    assert subtitles.read_text(encoding="utf-8") == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:00.000\nAbcd.\n\n00:00:02.000 --> 00:00:02.000\nEfgh.\n"
    )


@pytest.mark.parametrize("suffix", ["flac", "opus", "mp3", "ogg"])
def test_other_formats_are_one_file(here: Here, tmp_path: Path, suffix: str) -> None:
    """Joined audio becomes a file of any format."""
    import soundfile as sf

    path = tmp_path / f"a.{suffix}"
    done = here.run("say", "-o", str(path), "[rms] One. [pause 1s] [slt] Two.")
    assert (done.returncode, done.stderr) == (0, b"")
    assert 1.0 <= sf.info(str(path)).duration <= 1.2


def test_a_failure_leaves_no_file_and_no_request(here: Here, daemon: FakeDaemon, tmp_path: Path) -> None:
    """A part that fails ends the command with its status; the file is not made."""
    daemon.fails = ("synthesis_failed", "silent")
    daemon.status = {}
    done = here.run("say", "-o", str(tmp_path / "a.wav"), "One. [pause 1s] Two.")
    assert (done.returncode, done.stderr) == (70, b"f5ctl: error: silent\n")
    assert list(tmp_path.iterdir()) == []


def test_a_signal_cancels_every_part(cli: Cli, daemon: FakeDaemon, tmp_path: Path) -> None:
    """Ctrl-C cancels the parts that are in flight and leaves no file."""
    daemon.speaks, daemon.silent_after = None, 1
    process = cli.start("say", "-o", str(tmp_path / "a.wav"), "[rms] One. [slt] Two.")
    while len(says(daemon)) < 2:
        daemon.wait_for("say")
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(10) == -signal.SIGINT
    process.communicate()
    assert len([body for body in daemon.seen if body["type"] == "cancel"]) == 2
    assert list(tmp_path.iterdir()) == []


class Shown(StatusLine):
    """Remembers what is shown."""

    def __init__(self) -> None:
        super().__init__(quiet=True)
        self.lines: list[str] = []

    def show(self, line: str) -> None:
        """Note a line."""
        self.lines.append(line)


def test_the_time_left_of_a_book() -> None:
    """What an f5ctl before has made of it took no time of this one, and says nothing of the time left."""
    line = Shown()
    order = Order(Reading(Marks(Tags())), Say("a", ""), book_of("x" * 1_000), "pcm")
    listener = shown_on(line, order, report=lambda _: None, warn=lambda _: None)
    for said_bytes, made in ((300, False), (600, False), (700, True)):
        listener.show(said_bytes, 60.0, made)
    assert [" left" in shown for shown in line.lines] == [False, False, True]
    assert line.lines[0] == "speaking: 30 %, 1 min of speech"


def test_plain_texts_import_nothing_of_it(cli: Cli) -> None:
    """A text without marks costs what it did."""
    code = (
        "import sys; from f5ctl.__main__ import run; assert run(['say', '--output-raw', 'Hello.']) == 0\n"
        "print([name for name in sys.modules if 'script' in name and 'f5ctl' in name], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], env=cli.env, capture_output=True, check=True)
    assert done.stderr == b"[]\n"
