"""`f5ctl serve http` with its clients, on a real daemon with the stand-in engine."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.doors.serving import Server, until
from tests.integration.support import Daemon

VOICE_FILES = Path(__file__).parents[2] / "f5d" / "starter" / "voices"
VOICES = ("rms", "slt", "awb")
SAMPLES_PER_CHARACTER = 100
LONG = " word" * 96
KEY = "a-key-of-sixteen"


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    with Daemon(max_jobs=300) as running:
        (running.folder / "of_text").write_text(str(SAMPLES_PER_CHARACTER))
        yield running


@pytest.fixture(scope="module")
def server(daemon: Daemon) -> Iterator[Server]:
    with Server(daemon.socket_path, os.environ) as running:
        yield running


@pytest.fixture
def client(server: Server) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=server.base_url, api_key="none", max_retries=0, timeout=30) as found:
        yield found


def jobs(daemon: Daemon) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = daemon.peer().status()["jobs"]
    return found


def events(body: bytes) -> list[dict[str, Any]]:
    """Return the events of a body, which is made of bare `data:` lines, blank lines and comments."""
    lines = [line for line in body.decode().split("\n") if line and not line.startswith(":")]
    assert all(line.startswith("data: ") for line in lines)
    return [json.loads(line.removeprefix("data: ")) for line in lines]


def test_the_python_client_speaks(client: openai.OpenAI) -> None:
    """The call of OpenAI's own documentation gives audio in the form that was asked for."""
    asked: dict[str, Any] = {"model": "gpt-4o-mini-tts", "voice": "alloy", "input": "Hello there."}
    pcm = client.audio.speech.create(**asked, response_format="pcm", extra_body={"seed": 3}).read()
    with client.audio.speech.with_streaming_response.create(
        **asked, response_format="wav", extra_body={"seed": 3}
    ) as response:
        assert response.headers["content-type"] == "audio/wav"
        with wave.open(io.BytesIO(response.read())) as file:
            assert file.getframerate() == 24_000
            assert file.readframes(file.getnframes()) == pcm
    assert len(pcm) > 2000


def test_errors_are_the_clients_own(client: openai.OpenAI) -> None:
    """Each status is the exception of that name, with the parameter that was wrong."""
    asked: dict[str, Any] = {"model": "tts-1", "voice": "slt", "input": "Hello."}
    with pytest.raises(openai.NotFoundError, match="unknown voice 'nobody'") as unknown:
        client.audio.speech.create(**{**asked, "voice": "nobody"})
    assert (unknown.value.param, unknown.value.code) == ("voice", "unknown_voice")
    with pytest.raises(openai.NotFoundError):
        client.audio.speech.create(**{**asked, "model": "no_such_model"})
    with pytest.raises(openai.BadRequestError) as wrong:
        client.audio.speech.create(**{**asked, "input": "?!"})
    assert wrong.value.param == "input"
    with pytest.raises(openai.BadRequestError) as wrong:
        client.audio.speech.create(**asked, response_format="mp4")  # type: ignore[arg-type]
    assert wrong.value.param == "response_format"
    with pytest.raises(openai.BadRequestError) as wrong:
        client.audio.speech.create(**asked, speed=9)
    assert wrong.value.param == "speed"
    with pytest.raises(openai.InternalServerError):
        client.audio.speech.create(**{**asked, "input": "fail=synthesis_failed"})
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("no_such_model")
    assert client.models.retrieve("starter").id == "starter"
    assert {"starter", "tts-1"} <= {model.id for model in client.models.list()}


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        (b"{", 400, None),
        (b"[]", 400, None),
        (b'{"voice": "slt"}', 400, "input"),
        (b'{"input": 3}', 400, "input"),
        (b'{"input": "Hi.", "voice": 3}', 400, "voice"),
        (b'{"input": "Hi.", "speed": NaN}', 400, "speed"),
        (b'{"input": "Hi.", "speed": 1e999}', 400, "speed"),
        (b'{"input": "Hi.", "seed": -1}', 400, "seed"),
        (b'{"input": "\\ud800"}', 400, "input"),
        (b'{"input": "Hi.", "ref_audio": "https://example.org/a.wav"}', 400, "ref_audio"),
        (b'{"input": "Hi.", "ref_audio": "data:audio/wav;base64,%%%"}', 400, "ref_audio"),
        (b'{"input": "Hi.", "sample_rate": 7}', 400, "sample_rate"),
        (b'{"input": "' + b"a" * 70_000 + b'"}', 400, "input"),
        (b"[" * 200_000, 400, None),
        (b" " * 2**25, 413, None),
    ],
)
def test_a_bad_body_has_one_clear_answer(server: Server, body: bytes, status: int, param: str | None) -> None:
    """It has the shape of OpenAI's errors and names the field."""
    response, answer = server.ask("POST", "/v1/audio/speech", body)
    assert response.status == status, answer
    error = json.loads(answer)["error"]
    assert error["param"] == param
    assert error["type"] == "invalid_request_error"
    assert "\n" not in error["message"]


@pytest.mark.parametrize("form", ["mp3", "opus", "flac", "wav", "pcm"])
def test_audio_streams_in_every_form(daemon: Daemon, server: Server, form: str) -> None:
    """The first of it is here while the last is not made; a length is not claimed, the whole can be decoded."""
    connection = server.connection()
    text = "segments=3 delay=0.7" + LONG
    body = {"input": text, "response_format": form, "voice": "slt"}
    connection.request("POST", "/v1/audio/speech", json.dumps(body))
    response = connection.getresponse()
    audio = response.read1(1)
    while len(audio) < (150 if form == "flac" else 400):  # what a tone is in FLAC is small
        audio += response.read1()
    assert jobs(daemon), "it came when all was made"
    assert response.headers["content-length"] is None
    audio += response.read()
    connection.close()
    size = 3 * len(text) * SAMPLES_PER_CHARACTER * 2
    if form == "wav":
        assert struct.unpack("<I", audio[40:44]) == (0xFFFFFFFF,)
        assert len(audio) == 44 + size
    elif form == "pcm":
        assert len(audio) == size
    elif shutil.which("ffmpeg"):
        command = ["ffmpeg", "-v", "error", "-i", "-", "-f", "s16le", "-ar", "24000", "-ac", "1", "-"]
        made = subprocess.run(command, input=audio, capture_output=True, check=True, timeout=30)
        assert len(made.stdout) == pytest.approx(size, abs=9_600)


def test_a_length_that_is_known_is_told(server: Server) -> None:
    """One segment, or a whole that was asked for, has its true sizes."""
    whole = {"input": "segments=3 a", "stream": False, "response_format": "wav", "voice": "slt"}
    for fields in ({"input": "One.", "response_format": "wav", "voice": "slt"}, whole):
        response, audio = server.speech(**fields)
        assert int(response.headers["content-length"]) == len(audio)
        assert struct.unpack("<I", audio[40:44]) == (len(audio) - 44,)


def test_bodies_of_mp3_can_be_put_together(server: Server) -> None:
    """No frame of facts tells a player where the first of them ends."""
    if not shutil.which("ffmpeg"):
        pytest.skip("ffmpeg is not installed")
    one, other = (server.speech(input=word + LONG, voice="slt")[1] for word in ("a", "b"))
    assert b"Xing" not in one
    assert b"Info" not in one
    command = ["ffmpeg", "-v", "error", "-f", "mp3", "-i", "-", "-f", "s16le", "-"]
    made = subprocess.run(command, input=one + other, capture_output=True, check=True, timeout=30)
    assert len(made.stdout) >= 2 * len(LONG) * SAMPLES_PER_CHARACTER * 2


def test_what_is_done_otherwise_is_said(server: Server) -> None:
    """Headers name what was clamped or left out."""
    response, _audio = server.speech(input="Hi.", speed=4, instructions="Cheerfully.", voice="onyx", seed=7)
    assert response.status == 200
    assert response.headers["x-f5d-speed"] == "2"
    assert response.headers["x-f5d-ignored"] == "instructions"
    assert response.headers["x-f5d-seed"] == "7"


def test_events_carry_the_audio_and_its_usage(server: Server) -> None:
    """The deltas are the audio, the end has three whole numbers."""
    fields = {"input": "segments=2 x", "response_format": "pcm", "voice": "slt", "seed": 1}
    _response, audio = server.speech(**fields)
    response, body = server.speech(**fields, stream_format="sse")
    assert response.headers["content-type"] == "text/event-stream"
    *deltas, done = events(body)
    assert b"".join(base64.b64decode(delta["audio"]) for delta in deltas) == audio
    assert {delta["type"] for delta in deltas} == {"speech.audio.delta"}
    assert done["type"] == "speech.audio.done"
    usage = done["usage"]
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"] > 0
    _response, body = server.speech(**{**fields, "input": "fail=synthesis_failed"}, stream_format="sse")
    assert events(body)[-1]["type"] == "speech.audio.error"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/audio/speech", {"input": "Hi.", "voice": "alloy", "model": "tts-1"}),  # Open WebUI
        (
            "/v1/audio/speech",  # SillyTavern
            {"input": "Hi.", "response_format": "mp3", "voice": "nova", "speed": 1, "model": "tts-1"},
        ),
        (
            "/v1/audio/speech",
            {"input": "Hi.", "model": "tts-1", "voice": "alloy", "backend": "openai"},
        ),  # LibreChat
        (
            "/v1/audio/speech",  # LiveKit
            {
                "input": "Hi.",
                "model": "gpt-4o-mini-tts",
                "voice": "ash",
                "response_format": "mp3",
                "speed": 1.0,
                "instructions": "",
                "stream_format": "sse",
            },
        ),
    ],
)
def test_other_programs_are_understood(server: Server, path: str, body: dict[str, Any]) -> None:
    """What they send brings MP3, as the bare audio or in events."""
    response, answer = server.ask("POST", path, json.dumps(body).encode(), Content_Type="application/json")
    assert response.status == 200, answer
    if body.get("stream_format") == "sse":
        answer = base64.b64decode(events(answer)[0]["audio"])
    else:
        assert response.headers["content-type"] == "audio/mpeg"
    assert answer[0] == 0xFF
    assert answer[1] & 0xE0 == 0xE0


def test_lists_have_the_shapes_that_are_read(server: Server) -> None:
    """Voices are objects, and names for those who ask; models have a list of Open WebUI's."""
    for path in ("/v1/audio/voices", "/v1/voices"):
        voices = json.loads(server.ask("GET", path)[1])["voices"]
        assert set(VOICES) <= {voice["id"] for voice in voices}
        assert set(VOICES) <= set(json.loads(server.ask("GET", f"{path}?legacy=true")[1])["voices"])
    assert {"id": "starter", "name": "starter"} in json.loads(server.ask("GET", "/v1/audio/models")[1])[
        "models"
    ]


def test_the_page_needs_no_other_place(daemon: Daemon, server: Server) -> None:
    """It is one file that may load nothing from elsewhere; --no-page leaves it out."""
    response, page = server.ask("GET", "/")
    assert response.status == 200
    assert response.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in response.headers["content-security-policy"]
    assert b"://" not in page
    assert b"innerHTML" not in page
    with Server(daemon.socket_path, os.environ, "--no-page") as plain:
        assert plain.ask("GET", "/")[0].status == 404


def form(**fields: str | bytes) -> tuple[bytes, str]:
    """Return the body and the type of a form; bytes are a file."""
    parts = []
    for name, value in fields.items():
        kind = f'; filename="{name}.wav"' if isinstance(value, bytes) else ""
        data = value if isinstance(value, bytes) else value.encode()
        parts.append(f'--edge\r\nContent-Disposition: form-data; name="{name}"{kind}\r\n\r\n'.encode() + data)
    return b"\r\n".join([*parts, b"--edge--\r\n"]), "multipart/form-data; boundary=edge"


def test_a_voice_comes_and_goes(server: Server) -> None:
    """An uploaded recording is a voice at once, in which a request speaks; removed, it is unknown."""

    def add(**fields: str | bytes) -> tuple[int, dict[str, Any]]:
        body, kind = form(**fields)
        response, answer = server.ask("POST", "/v1/audio/voices", body, Content_Type=kind)
        return response.status, json.loads(answer)

    recording = (VOICE_FILES / "rms_0.wav").read_bytes()
    words = (VOICE_FILES / "rms_0.txt").read_text().strip()
    status, voice = add(name="anna", audio_sample=recording, ref_text=words)
    assert (status, voice["id"], voice["description"]) == (201, "anna", words)
    voices = json.loads(server.ask("GET", "/v1/audio/voices?legacy=true")[1])["voices"]
    assert "anna" in voices
    response, _audio = server.speech(input="Hi.", voice="anna", seed=1)
    assert response.status == 200
    inline = "data:audio/wav;base64," + base64.b64encode(recording).decode()
    fields = {"input": "Hi.", "ref_audio": inline, "ref_text": words, "seed": 1, "response_format": "pcm"}
    assert server.speech(**fields)[0].status == 200
    for wrong, status, param in (
        ({"name": "anna", "audio_sample": recording}, 409, "name"),
        ({"name": "slt", "audio_sample": recording}, 409, "name"),
        ({"name": "../b", "audio_sample": recording}, 400, "name"),
        ({"name": "b", "audio_sample": b"no audio", "ref_text": "No."}, 400, "audio_sample"),
        ({"name": "b"}, 400, "audio_sample"),
        ({"audio_sample": recording}, 400, "name"),
        ({"name": "b", "audio_sample": bytes(2**25)}, 413, None),
    ):
        found, answer = add(**wrong)
        assert (found, answer["error"]["param"]) == (status, param), answer
    assert server.ask("DELETE", "/v1/audio/voices/anna")[0].status == 200
    assert server.ask("DELETE", "/v1/audio/voices/anna")[0].status == 404
    assert server.speech(input="Hi.", voice="anna")[0].status == 404


def test_many_clients_get_each_their_own(daemon: Daemon, server: Server) -> None:
    """16 clients with 16 seeds in 3 voices have what they would have alone; who hangs up leaves nothing."""

    def fields(number: int, seed: int) -> dict[str, Any]:
        text = f"segments={1 + seed % 3} client {number}"
        return {
            "model": "tts-1",
            "input": text,
            "voice": VOICES[(number + seed) % 3],
            "response_format": "pcm",
            "extra_body": {"seed": seed},
        }

    async def all_of() -> dict[tuple[int, int], bytes]:
        found: dict[tuple[int, int], bytes] = {}
        async with openai.AsyncOpenAI(base_url=server.base_url, api_key="x", timeout=60) as client:

            async def one(number: int) -> None:
                for seed in range(16):
                    response = await client.audio.speech.create(**fields(number, seed))
                    found[number, seed] = response.content

            async def leave(number: int) -> None:
                wanted = fields(number, 0) | {"input": "segments=50 delay=0.5"}
                async with client.audio.speech.with_streaming_response.create(**wanted) as response:
                    await anext(response.iter_bytes())

            await asyncio.gather(*map(one, range(16)), *map(leave, range(8)))
        return found

    together = asyncio.run(all_of())
    until(lambda: not jobs(daemon), "nobody's job is left")
    with openai.OpenAI(base_url=server.base_url, api_key="x", timeout=30) as client:
        alone = {key: client.audio.speech.create(**fields(*key)).content for key in together}
    assert together == alone
    assert len(together) == 256
    assert len(set(together.values())) == 256


def test_who_hangs_up_before_the_first_audio_cancels(daemon: Daemon, server: Server) -> None:
    """The job ends, though nothing was sent yet."""
    connection = server.connection()
    body = json.dumps({"input": "segments=9 delay=3", "voice": "slt"})
    connection.request("POST", "/v1/audio/speech", body)
    until(lambda: jobs(daemon), "it is under way")
    connection.close()
    until(lambda: not jobs(daemon), "it is cancelled")


def test_a_full_queue_says_when_to_come_again() -> None:
    """The client's own exception, and the time in both headers."""
    with Daemon(max_jobs=1) as daemon, Server(daemon.socket_path, os.environ) as server:
        connection = server.connection()
        connection.request(
            "POST", "/v1/audio/speech", json.dumps({"input": "segments=9 delay=3", "voice": "slt"})
        )
        until(lambda: jobs(daemon), "it is under way")
        with (
            openai.OpenAI(base_url=server.base_url, api_key="x", max_retries=0) as client,
            pytest.raises(openai.RateLimitError) as full,
        ):
            client.audio.speech.create(model="tts-1", voice="slt", input="Hi.")
        headers = full.value.response.headers
        assert int(headers["retry-after"]) * 1000 >= int(headers["retry-after-ms"]) > 0
        connection.close()


def test_a_stream_outlives_its_daemon() -> None:
    """What comes after the daemon's death goes on where it broke off, in every byte."""
    text = "segments=6 delay=0.4 lasting"
    fields = {"input": text, "voice": "slt", "seed": 5, "response_format": "pcm"}
    with Daemon(max_jobs=4) as daemon, Server(daemon.socket_path, os.environ) as server:
        (daemon.folder / "of_text").write_text("400")
        _response, whole = server.speech(**fields)
        connection = server.connection()
        connection.request("POST", "/v1/audio/speech", json.dumps(fields))
        response = connection.getresponse()
        audio = response.read1()
        daemon.process.send_signal(signal.SIGKILL)
        daemon.process.wait()
        Path(daemon.socket_path).unlink()
        daemon.process = daemon.spawn()
        assert audio + response.read() == whole
        connection.close()


def test_events_keep_alive_while_a_model_loads() -> None:
    """Comments come before the first audio, so that no proxy in between gives up."""
    with Daemon(max_jobs=4) as daemon, Server(daemon.socket_path, os.environ) as server:
        daemon.loading(delay=6)
        _response, body = server.speech(input="Hi.", voice="slt", stream_format="sse", response_format="pcm")
        assert body.startswith(b": ")
        assert events(body)[-1]["type"] == "speech.audio.done"


def test_who_takes_nothing_holds_up_nobody(daemon: Daemon, server: Server) -> None:
    """A client that reads no audio leaves the others' streams as they are."""
    with socket.create_connection(("127.0.0.1", server.port), 30) as idle:
        body = json.dumps({"input": "segments=60" + LONG, "voice": "slt", "response_format": "pcm"}).encode()
        head = f"POST /v1/audio/speech HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
        idle.sendall(head.encode() + body)
        until(lambda: idle.recv(1, socket.MSG_PEEK), "its audio begins")
        assert len({server.speech(input="Hi.", voice="slt", seed=1)[1] for _number in range(20)}) == 1
    until(lambda: not jobs(daemon), "nobody's job is left")


def test_health_starts_nothing(tmp_path: Path) -> None:
    """Without a daemon the server is well, and starts none."""
    with Server(str(tmp_path / "s"), os.environ) as server:
        response, body = server.ask("GET", "/health")
        assert response.status == 200
        assert json.loads(body)["daemon"] is None
        assert server.ask("GET", "/metrics")[1] == b""
        response, body = server.speech(input="Hi.")
        assert response.status == 503
        assert response.headers["retry-after"]


def test_keys_are_asked_for(daemon: Daemon, tmp_path: Path) -> None:
    """Without one of the file's keys nothing but health is answered; others may then be let in."""
    keys = tmp_path / "keys"
    keys.write_text(f"# ours\nanother-key-here\n{KEY}\n")
    options = ("--api-keys", str(keys), "--host", "0.0.0.0")  # noqa: S104
    with Server(daemon.socket_path, os.environ, *options) as server:
        for key in ("", "wrong-key-of-six", KEY[:-1]):
            response, body = server.ask("GET", "/v1/models", Authorization=f"Bearer {key}")
            assert response.status == 401
            assert json.loads(body)["error"]["code"] == "invalid_api_key"
        assert server.ask("GET", "/v1/models", Authorization=f"Bearer {KEY}")[0].status == 200
        assert server.ask("GET", "/health")[0].status == 200
        with (
            openai.OpenAI(base_url=server.base_url, api_key="wrong-key") as client,
            pytest.raises(openai.AuthenticationError),
        ):
            client.models.list()


def test_others_are_let_in_only_with_keys() -> None:
    """An address that others reach is refused without a file of keys."""
    command = ["f5ctl", "serve", "http", "--host", "0.0.0.0", "--port", "0"]  # noqa: S104
    made = subprocess.run(
        [sys.executable, "-m", *command], capture_output=True, text=True, timeout=30, check=False
    )
    assert made.returncode == 78
    assert "--api-keys" in made.stderr


def test_pages_of_other_places_are_refused(daemon: Daemon) -> None:
    """A bent name and a foreign page are told so; a page that was named may call, after asking."""
    with Server(daemon.socket_path, os.environ, "--allow-origin", "https://chat.example") as server:
        assert server.ask("GET", "/v1/models", Host="evil.example")[0].status == 403
        assert server.ask("GET", "/v1/models", Origin="https://evil.example")[0].status == 403
        assert server.ask("GET", "/v1/models", Origin="null")[0].status == 403
        own = f"http://127.0.0.1:{server.port}"
        response, _body = server.ask("GET", "/v1/models", Origin=own)
        assert response.status == 200
        assert response.headers["access-control-allow-origin"] is None
        response, _body = server.ask(
            "OPTIONS",
            "/v1/audio/speech",
            Origin="https://chat.example",
            Access_Control_Request_Method="POST",
            Access_Control_Request_Headers="authorization",
        )
        assert response.status == 204
        assert response.headers["access-control-allow-origin"] == "https://chat.example"
        assert response.headers["access-control-allow-credentials"] is None


def test_bad_connections_cost_the_others_nothing(server: Server) -> None:
    """Half a request is ended with an answer, while 500 connections are open and one of them speaks."""
    held = [socket.create_connection(("127.0.0.1", server.port), 30) for _number in range(500)]
    held[0].sendall(b"POST /v1/audio/speech HTTP/1.1\r\nHost: localhost\r\n")
    began = time.monotonic()
    assert server.speech(input="Hi.", voice="slt")[0].status == 200
    held[0].settimeout(30)
    assert held[0].recv(100).startswith(b"HTTP/1.1 408 ")
    assert time.monotonic() - began < 25
    for connection in held:
        connection.close()


def test_the_node_client_speaks(server: Server, tmp_path: Path) -> None:
    """OpenAI's client for Node gets audio, and its own errors."""
    modules = os.environ.get("OPENAI_NODE_MODULES") or str(tmp_path / "node_modules")
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("node and npm are not installed")
    if not Path(modules, "openai").exists():
        command = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(tmp_path), "openai"]
        if subprocess.run(command, capture_output=True, timeout=120, check=False).returncode:
            pytest.skip("npm reaches no registry")
    script = tmp_path / "speak.mjs"
    script.write_text(f"""
        import OpenAI from "openai";
        const client = new OpenAI({{ baseURL: "{server.base_url}", apiKey: "x", maxRetries: 0 }});
        const asked = {{ model: "tts-1", voice: "slt", input: "Hello.", response_format: "pcm", seed: 4 }};
        const audio = Buffer.from(await (await client.audio.speech.create(asked)).arrayBuffer());
        let error;
        try {{ await client.audio.speech.create({{ ...asked, voice: "nobody" }}); }}
        catch (found) {{ error = found; }}
        console.log(JSON.stringify({{
            audio: audio.toString("base64"), isOurs: error instanceof OpenAI.NotFoundError, param: error.param,
        }}));
    """)
    if modules != str(tmp_path / "node_modules"):
        (tmp_path / "node_modules").symlink_to(modules)
    made = subprocess.run(["node", str(script)], capture_output=True, text=True, timeout=60, check=False)
    assert made.returncode == 0, made.stderr
    told = json.loads(made.stdout)
    _response, audio = server.speech(input="Hello.", voice="slt", response_format="pcm", seed=4)
    assert base64.b64decode(told["audio"]) == audio
    assert told["isOurs"]
    assert told["param"] == "voice"
