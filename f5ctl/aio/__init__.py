"""The daemon for asyncio: any number of requests on one connection, each an asynchronous iterator of samples.

    async with f5ctl.aio.Client() as client:
        async for pcm in client.stream("Hello there.", voice="slt"):
            ...
        audio = await client.say("Hello again.")

It is under every door that other programs speak through. `import f5ctl` does not import it.
"""

from f5ctl.aio.client import Client
from f5ctl.aio.stream import Stream

__all__ = ["Client", "Stream"]
