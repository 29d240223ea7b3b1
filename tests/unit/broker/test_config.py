"""Where settings come from, and what is said about wrong ones."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from f5ctl.bounds import shown
from f5ctl.errors import ConfigError
from f5ctl.parameters import named
from f5ctl.socketpath import default_socket_path
from f5d.config import SYSTEM_FILE, Config, config_path, load_config
from f5d.engine.types import Parameters
from f5d.keys import KEYS, duration_s

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

EXAMPLE = Path(__file__).parents[3] / "systemd" / "f5d.toml"


def load(path: Path, text: str, **options: Any) -> Config:
    path = path / "f5d.toml"
    path.write_text(text)
    return load_config(file=str(path), **{"environ": {}, **options})


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    """A daemon runs without any configuration."""
    config = load_config(environ={"HOME": str(tmp_path)})
    assert config == Config(socket=default_socket_path())
    assert config.defaults == {}


def test_the_example_file_is_the_defaults() -> None:
    """The example holds every key, with the default as its value."""
    config = load_config(file=str(EXAMPLE), environ={})
    assert msgspec.structs.replace(config, defaults={}) == Config(socket=default_socket_path())
    assert Parameters(**config.defaults) == Parameters()  # type: ignore[arg-type]
    document = tomllib.loads(EXAMPLE.read_text())
    assert set(document) == (set(KEYS) - {"socket"}) | {"defaults"}
    left_out = {"nfe_step", "sentence_pause", "cross_fade_duration"}  # the model's, and none
    assert set(document["defaults"]) == set(named("config")) - left_out
    assert all(f"# {name} =" in EXAMPLE.read_text() for name in left_out)
    assert "# socket = " in EXAMPLE.read_text()


def test_flags_beat_environment_beats_file(tmp_path: Path) -> None:
    """Defaults < file < F5D_* < flags; a flag that is not given changes nothing."""
    text = 'max_jobs = 1\nthreads = 1\nmodel = "a"'
    environ = {"F5D_THREADS": "2", "F5D_MODEL": "b", "F5D_KEEP_ALIVE": "1h30m"}
    config = load(tmp_path, text, environ=environ, flags={"model": "c", "device": None})
    assert (config.max_jobs, config.threads, config.model, config.device) == (1, 2, "c", "auto")
    assert config.keep_alive_s == 5400


def test_the_file_is_found(tmp_path: Path) -> None:
    """--config, else F5D_CONFIG, else XDG_CONFIG_HOME, else ~/.config."""
    user = tmp_path / ".config" / "f5d" / "f5d.toml"
    assert config_path(None, {"HOME": str(tmp_path)}) != user
    user.parent.mkdir(parents=True)
    user.touch()
    assert config_path(None, {"HOME": str(tmp_path)}) == user
    assert config_path(None, {"XDG_CONFIG_HOME": str(user.parents[1])}) == user
    assert config_path(None, {"F5D_CONFIG": "x"}) == Path("x")
    assert config_path("y", {"F5D_CONFIG": "x"}) == Path("y")


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    """A file that was named is read or the daemon does not start."""
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load_config(file=str(tmp_path / "no.toml"), environ={})
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(environ={"F5D_CONFIG": str(tmp_path / "no.toml")})


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("max_job = 3", r"f5d.toml: unknown key 'max_job'; known: socket, model"),
        ("max_job = 3", r"\(did you mean max_jobs\?\)$"),
        ("metrics = 3", r"\(did you mean metrics_address\?\)$"),
        ("nonsense = 3", r"models, voices$"),
        ("max_jobs = 0", r"f5d.toml: max_jobs is 0; the limit is 1 to 1000"),
        ("max_jobs = 2.0", r"max_jobs is 2.0; it must be a whole number, 1 to 1000"),
        ("max_jobs = true", r"max_jobs is True; it must be a whole number"),
        ("max_batch_frames = 5", r"max_batch_frames is 5; the limit is 0 or 256 to 1000000"),
        ("drain_timeout_s = nan", r"drain_timeout_s is nan; the limit is 0 to 86400 s"),
        ('device = "tpu"', r"device is 'tpu'; it can be auto, cpu, cuda or cuda:N"),
        ('dtype = "int4"', r"dtype is 'int4'; it can be auto, float32"),
        ('keep_alive = "soon"', r"keep_alive is 'soon'; it can be a duration of at most a year such as 10m"),
        ("keep_alive = true", r"keep_alive is True; it can be a duration"),
        ('model = ""', r"model is ''; it can be a text that is not empty"),
        ("log_level = 3", r"log_level is 3; it can be debug, info"),
        ("voices = 3", r"voices is 3; it can be a table"),
        ("[defaults]\nspeed = 3", r"\[defaults\] speed is 3; the limit is 0.5 to 2"),
        ("[defaults]\nnfe_step = 1.5", r"\[defaults\] nfe_step is 1.5; it must be a whole number, 1 to 128"),
        ("[defaults]\nseed = 1", r"\[defaults\]: unknown key 'seed'; known: nfe_step"),
        ("[defaults]\nnfe = 5", r"\(did you mean nfe_step\?\)$"),
        ('metrics_address = "localhost:65536"', r"metrics_address is 'localhost:65536'; it can be .*65535"),
        ('metrics_address = "localhost:99999"', r"metrics_address is 'localhost:99999'"),
        ("[voices.a]\ntext = 'x'", r"\[voices.a\]: audio is missing"),
        ("[voices.a]\naudio = 'no.wav'", r"\[voices.a\]: audio is 'no.wav'; there is no such file"),
        ("[voices.a]\naudio = 3", r"\[voices.a\]: audio is 3; it can be a text"),
        ("[voices.a]\naudo = 'x'", r"\[voices.a\]: unknown key 'audo'.*\(did you mean audio\?\)$"),
        ("[voices]\na = 'x'", r"\[voices.a\] is 'x'; it can be a table"),
        ("[models]\na = 'x'", r"\[models.a\] is 'x'; it can be a table"),
        (
            "[models.a]\ncheckpont = 'x'",
            r"f5d.toml: \[models.a\]: unknown key 'checkpont'.*\(did you mean checkpoint\?\)$",
        ),
        (
            "[voices.a]\naudio = '~nobody-of-that-name/a.wav'",
            r"\[voices.a\]: audio is '~nobody.*home directory",
        ),
        (f"[voices.a]\naudio = '{'a' * 300}'", r"\[voices.a\]: audio is 'aaa.*File name too long"),
        ("[voices.a]\naudio = 'a\\u0000b'".replace("'", '"'), r"\[voices.a\]: audio is 'a"),
        ("[models.a]\ncheckpoint = '~nobody-of-that-name/m'", r"\[models.a\]: .*home directory"),
        (
            "[models.a]\ncheckpoint='m'\nvocab='v'\narchitecture = '~nobody-of-that-name/a.yaml'",
            r"\[models.a\]: .*home directory",
        ),
        (f"threads = {'1' * 5001}", r"is not TOML"),
        (f"threads = {'[' * 5000}", r"is not TOML"),
        ("nonsense", r"is not TOML"),
    ],
)
def test_a_wrong_value_is_named(tmp_path: Path, text: str, line: str) -> None:
    """The one line names the file, the key, the value and what is possible."""
    with pytest.raises(ConfigError, match=line) as caught:
        load(tmp_path, text)
    assert "\n" not in caught.value.message
    assert str(tmp_path) in caught.value.message
    assert caught.value.exit_status == 78


def test_wrong_environment_and_flags_are_named() -> None:
    """The line says which variable or flag is wrong."""
    with pytest.raises(
        ConfigError, match=r"^F5D_MAX_JOBS: max_jobs is 'many'; it must be a whole number, 1 to 1000$"
    ):
        load_config(environ={"F5D_MAX_JOBS": "many", "HOME": "/nonexistent"})
    with pytest.raises(ConfigError, match=r"^--threads: threads is -1"):
        load_config({"threads": "-1"}, environ={"HOME": "/nonexistent"})


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("10m", 600),
        ("300", 300),
        (300, 300),
        ("1h30m", 5400),
        ("1.5s", 1.5),
        ("0", 0),
        ("-1", None),
        (-5, None),
    ],
)
def test_durations(text: str | float, seconds: float | None) -> None:
    """Durations are written as people write them."""
    assert duration_s(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "m", "10 minutes", "nan", "inf", "-inf", "1d", "9000h", "99999999999999999999h"]
)
def test_no_durations(text: str) -> None:
    """What is no duration is refused."""
    with pytest.raises(ValueError, match="is not a duration"):
        duration_s(text)


def test_voices_and_models_of_the_file(tmp_path: Path) -> None:
    """Relative paths count from the file's folder."""
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    text = '[voices.a]\naudio = "a.wav"\n[models.m]\ncheckpoint = "m.safetensors"\n[defaults]\nspeed = 1.5'
    config = load(tmp_path, text)
    (voice,) = config.voices
    assert (voice.audio, voice.text, voice.prepared, voice.source) == (
        tmp_path / "a.wav",
        None,
        False,
        "config",
    )
    (model,) = config.models
    assert model.checkpoint == str(tmp_path / "m.safetensors")
    assert config.defaults == {"speed": 1.5}


def test_a_voice_s_text_may_have_several_lines(tmp_path: Path) -> None:
    """What a recording says is taken as it is written, also in lines and with space around it."""
    (tmp_path / "a.wav").touch()
    file = tmp_path / "f5d.toml"
    file.write_text('[voices.a]\naudio = "a.wav"\ntext = " Hello.\\nThere."\n')
    (voice,) = load_config(file=str(file), environ={}).voices
    assert voice.text == " Hello.\nThere."


def test_a_file_that_would_be_waited_for_is_not_opened(tmp_path: Path) -> None:
    """A pipe or a device in the place of a configuration or a recording is one line, at once."""
    pipe = tmp_path / "pipe.toml"
    os.mkfifo(pipe)
    for path in (str(pipe), "/dev/zero"):
        with pytest.raises(ConfigError, match="cannot be read: it is no regular file"):
            load_config(file=path, environ={})
    with pytest.raises(ConfigError, match=r"\[voices.a\]: audio is 'pipe.toml'; it is no regular file"):
        load(tmp_path, "[voices.a]\naudio = 'pipe.toml'")
    with pytest.raises(ConfigError, match="cannot be read: it is 1048577 bytes; the limit is 1048576"):
        load(tmp_path, " " * (2**20 + 1))


def test_a_folder_that_cannot_be_entered_is_one_line(tmp_path: Path) -> None:
    """So it is for a recording there; a home of that kind holds no configuration."""
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(ConfigError, match=r"audio is 'loop/a.wav': Too many levels"):
        load(tmp_path, "[voices.a]\naudio = 'loop/a.wav'")
    assert config_path(None, {"HOME": str(tmp_path / "loop")}) in (None, SYSTEM_FILE)


def test_whatever_reading_meets_is_one_line(tmp_path: Path) -> None:
    """An error that nobody foresaw is a wrong configuration too, and no traceback."""

    class Odd(dict[str, str]):
        def get(self, *_key: object) -> str:
            raise RecursionError("too deep\nby far")

    with pytest.raises(ConfigError, match="configuration: RecursionError: too deep"):
        load(tmp_path, "", environ=Odd())


def test_a_wrong_value_is_cut_before_it_is_written_out() -> None:
    """A list that holds itself a billion times over is shown in no time."""
    value: list[Any] = ["x"]
    for _ in range(30):
        value = [value] * 10
    assert len(shown(value)) <= 80
    assert shown({"a" * 100: 1}).startswith("{'aaa")


def test_an_endless_number_is_no_duration(tmp_path: Path) -> None:
    """A keep_alive that no clock can count is refused in one line."""
    file = tmp_path / "f5d.toml"
    file.write_text(f"keep_alive = {'9' * 400}\n")
    with pytest.raises(ConfigError, match=r"keep_alive is 9+; it can be a duration"):
        load_config(file=str(file), environ={})
