"""What the HTTP server costs: first audio against the client library's, and from its start to /health.

    python benchmarks/doors.py [ROUNDS]

Speaks through the daemon of this environment (F5D_SOCKET), which it starts if there is none. Requests take
turns in the same run: one of the library's, one over HTTP, in pcm and in mp3.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import re
import statistics
import subprocess
import sys
import time

from f5ctl.aio import Client

TEXT = "This is heard first, and it is short. And all the rest of this is made meanwhile, as long as it takes."


async def library_s(client: Client, seed: int) -> float:
    """Return the seconds until the first samples come through the library."""
    began = time.perf_counter()
    async with client.stream(TEXT, voice="slt", seed=seed) as stream:
        await anext(stream)
        taken = time.perf_counter() - began
        async for _pcm in stream:
            pass
    return taken


def http_s(port: int, form: str, seed: int) -> float:
    """Return the seconds until the first audio comes over HTTP."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    body = json.dumps({"input": TEXT, "voice": "slt", "seed": seed, "response_format": form})
    began = time.perf_counter()
    connection.request("POST", "/v1/audio/speech", body)
    response = connection.getresponse()
    assert response.status == 200, response.read()
    response.read1(1)
    taken = time.perf_counter() - began
    response.read()
    connection.close()
    return taken


def begun() -> tuple[subprocess.Popen[str], int, float]:
    """Return a server, its port, and the seconds until it answered /health."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "f5ctl", "serve", "http", "--port", "0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    found = re.search(r":(\d+)\s*$", process.stderr.readline())
    assert found, "the server does not serve"
    connection = http.client.HTTPConnection("127.0.0.1", int(found[1]))
    connection.request("GET", "/health")
    assert connection.getresponse().read()
    taken = time.perf_counter() - began
    connection.close()
    return process, int(found[1]), taken


async def main(rounds: int) -> None:
    """Print both."""
    starts = []
    for _round in range(5):
        process, _port, taken = begun()
        starts.append(taken)
        process.terminate()
        process.wait()
    print(
        f"start to /health: median {1000 * statistics.median(starts):.0f} ms, worst {1000 * max(starts):.0f} ms"
    )
    process, port, _taken = begun()
    ways: dict[str, list[float]] = {"library": [], "http pcm": [], "http mp3": []}
    async with Client() as client:
        await library_s(client, 0)  # the model is loaded
        for seed in range(1, rounds + 1):
            ways["library"].append(await library_s(client, seed))
            for form in ("pcm", "mp3"):
                ways[f"http {form}"].append(await asyncio.to_thread(http_s, port, form, seed))
    process.terminate()
    process.wait()
    usual = statistics.median(ways["library"])
    for name, times in ways.items():
        middle = statistics.median(times)
        print(f"{name:<9} first audio: median {1000 * middle:.0f} ms ({1000 * (middle - usual):+.0f} ms)")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 15))
