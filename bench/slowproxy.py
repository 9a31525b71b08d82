"""Stands before a server of this machine and brings it each request a while later; answers come back at once.

Usage: python -m bench.slowproxy PORT DELAY_S
"""

from __future__ import annotations

import asyncio
import contextlib
import sys


async def carry(source: asyncio.StreamReader, target: asyncio.StreamWriter, delay_s: float) -> None:
    """All bytes, in order, each `delay_s` after it came."""
    clock = asyncio.get_running_loop().time
    waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def read() -> None:
        data = b"-"
        while data:
            try:
                data = await source.read(1 << 20)
            except OSError:
                data = b""
            waiting.put_nowait((clock() + delay_s, data))

    reading = asyncio.create_task(read())
    with contextlib.suppress(OSError):
        while True:
            due, data = await waiting.get()
            await asyncio.sleep(max(0, due - clock()))
            if not data:
                break
            target.write(data)
            await target.drain()
    reading.cancel()
    target.close()


async def serve(port: int, delay_s: float) -> None:
    """Listen on a free port, for ever."""

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            behind, before = await asyncio.open_connection("127.0.0.1", port)
        except OSError:  # a server that is gone
            writer.close()
            return
        await asyncio.gather(carry(reader, before, delay_s), carry(behind, writer, 0))

    server = await asyncio.start_server(meet, "127.0.0.1", 0)
    print(f"listening on http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2])))
