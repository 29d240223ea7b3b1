"""What broker and engine process say to each other.

One msgpack map a frame over a private PAIR socket, as msgspec tagged unions: both ends are always
the same version, so there is no version field. The engine is stateless between jobs as far as the
broker can see: a job that was cut off is taken up again from (`first_segment`, `carry`).
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import msgspec

from f5ctl.parameters import PARAMETERS
from f5d.catalog.spec import SAMPLE_RATE_HZ, ModelSpec
from f5d.catalog.voices import Reference
from f5d.engine.turns import Share


def _default(name: str) -> Any:
    return PARAMETERS[name].default


class Parameters(msgspec.Struct, frozen=True):
    """Everything besides text, model and voice that decides the audio of a job."""

    nfe_step: int = _default("nfe_step")
    cfg_strength: float = _default("cfg_strength")
    sway_sampling_coef: float = _default("sway_sampling_coef")
    speed: float = _default("speed")
    seed: int = 0
    fix_duration: float | None = None  # s, reference included, as upstream counts it
    remove_silence: bool = False
    stream: bool = False  # somebody listens already: a short first segment
    language: str = "none"  # whose words numbers are read out in
    sentence_pause: float | None = _default("sentence_pause")  # s; None: segments are cross-faded
    cross_fade_duration: float | None = None  # s
    target_rms: float = _default("target_rms")
    loudness: bool = True  # False: as loud as the model makes it
    volume: float = _default("volume")  # dB above the target, or what the model makes

    @property
    def cross_fade_samples(self) -> int:
        """The cross-fade between segments in samples; 0 where they are joined in quiet."""
        return int((self.cross_fade_duration or 0) * SAMPLE_RATE_HZ)


# Broker to engine.


class Configure(msgspec.Struct, frozen=True, tag=True):
    """The first message: which model to serve, where, and within which limits."""

    model: ModelSpec
    device: str
    dtype: str
    threads: int  # 0: as many as there are cores
    asr_model: str
    max_batch_frames: int  # 0: what the device suggests
    pronunciation: dict[str, str] = {}  # what is said for a word
    core_dumps: bool = False


class Synthesize(msgspec.Struct, frozen=True, tag=True):
    """Speak a text, from segment `first_segment` on; of several jobs those of higher `priority` go first.

    `carry` is what the last delivered `Segment` message held (empty at the start).
    """

    job: str
    text: str
    reference: Reference
    parameters: Parameters
    first_segment: int = 0
    carry: bytes = b""
    priority: int = 0
    share: Share = ()  # jobs of one share count as one client's


class Predict(msgspec.Struct, frozen=True, tag=True):
    """Say what `Synthesize` with these would speak and how long it would take; answered with `Predicted`."""

    job: str
    text: str
    reference: Reference
    parameters: Parameters
    priority: int = 0
    share: Share = ()


class Encode(msgspec.Struct, frozen=True, tag=True):
    """Turn the finished PCM of a job into a file of the given encoding with `tag` as its comment."""

    job: str
    encoding: str
    pcm: bytes
    tag: str = ""


class Cancel(msgspec.Struct, frozen=True, tag=True):
    """Drop a job before the next ODE step; answered with `Cancelled` unless it was over already."""

    job: str


class Shutdown(msgspec.Struct, frozen=True, tag=True):
    """Exit with status 0 now."""


ToEngine: TypeAlias = Configure | Synthesize | Predict | Encode | Cancel | Shutdown


# Engine to broker.


class Loaded(msgspec.Struct, frozen=True, tag=True):
    """The model is ready. `memory_bytes` counts device memory on a GPU, resident memory on a CPU."""

    device: str
    dtype: str
    memory_bytes: int
    parameter_count: int
    model_hash: str
    load_s: float


class LoadFailed(msgspec.Struct, frozen=True, tag=True):
    """The model cannot be served; the engine exits after this message."""

    code: str
    message: str


class Planned(msgspec.Struct, frozen=True, tag=True):
    """The job's text became `segments` segments, whose words are `texts`; `warnings` are lines for the user."""

    job: str
    segments: int
    ref_text: str
    voice_hash: str
    warnings: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()


class Predicted(msgspec.Struct, frozen=True, tag=True):
    """What `Predict` asked for: the segments' words and lengths in seconds, and the engine's time.

    `synthesis_s` is the job's own time, `ahead_s` what the jobs that the engine has now still take.
    """

    job: str
    ref_text: str
    voice_hash: str
    texts: tuple[str, ...]
    durations_s: tuple[float, ...]
    synthesis_s: float
    ahead_s: float
    warnings: tuple[str, ...] = ()


class Segment(msgspec.Struct, frozen=True, tag=True):
    """Segment `index` is finished: its audible PCM (mono s16le at 24 kHz) and the state after it.

    What the next segment still decides on, such as the tail of a cross-fade, is withheld in `carry`. The
    segment begins `start` samples after the beginning of `pcm`, which can be in what is withheld.
    """

    job: str
    index: int
    pcm: bytes
    carry: bytes
    synthesis_s: float
    start: int = 0


class Finished(msgspec.Struct, frozen=True, tag=True):
    """Every segment of the job has been sent."""

    job: str


class Encoded(msgspec.Struct, frozen=True, tag=True):
    """The file that `Encode` asked for."""

    job: str
    data: bytes


class Failed(msgspec.Struct, frozen=True, tag=True):
    """The job cannot be served; `code` is one of f5ctl.errors' codes."""

    job: str
    code: str
    message: str


class Cancelled(msgspec.Struct, frozen=True, tag=True):
    """The job was dropped; nothing more will be said about it."""

    job: str


class StepReport(msgspec.Struct, frozen=True, tag=True):
    """Sent about once a second between ODE steps and after the last one: the engine makes progress.

    `steps`, and the segments and mel frames in them, count from the start; `budget_frames` is what a step
    may hold now.
    """

    memory_bytes: int
    steps: int = 0
    step_rows: int = 0
    step_frames: int = 0
    budget_frames: int = 0


FromEngine: TypeAlias = (
    Loaded | LoadFailed | Planned | Predicted | Segment | Finished | Encoded | Failed | Cancelled | StepReport
)

_encoder: Final = msgspec.msgpack.Encoder()
_to_engine: Final = msgspec.msgpack.Decoder(ToEngine)
_from_engine: Final = msgspec.msgpack.Decoder(FromEngine)


def pack(message: ToEngine | FromEngine) -> bytes:
    """Return the frame that carries `message`."""
    return _encoder.encode(message)


def unpack_to_engine(frame: bytes) -> ToEngine:
    """Return the broker's message in a frame."""
    message: ToEngine = _to_engine.decode(frame)
    return message


def unpack_from_engine(frame: bytes) -> FromEngine:
    """Return the engine's message in a frame."""
    message: FromEngine = _from_engine.decode(frame)
    return message
