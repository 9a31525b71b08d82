"""docs/benchmarks-sdk.md is written from what programs told that log."""

from __future__ import annotations

import asyncio
import time

from bench.sdk_peers import Outcome
from bench.sdk_report import Findings, Installed, calls, expected, imports, page, stored
from bench.slowproxy import carry


def outcome(p50_s: float, calls: int = 10_000, finished_s: float | None = 0.5, stored: int | None = None) -> Outcome:
    return Outcome(calls, 0, 1.0, p50_s, 10 * p50_s, 2 * p50_s, finished_s, stored)


FOUND = Findings(
    calls=10_000,
    points=100_000,
    is_quick=False,
    surroundings=["On Monday, on a machine."],
    calls_of={
        "mlkeep-up": [outcome(5e-6), outcome(6e-6), outcome(90e-6)],
        "mlkeep-down": [outcome(20e-6)],
        "mlflow-slow": [outcome(0.21, calls=50)],
        "mlflow-down": [outcome(247.0, calls=1, finished_s=None)],
    },
    stored_of={"mlkeep-up": [outcome(5e-6, 50_000, stored=100_000)]},
    installed={"mlkeep": Installed("1", 0.05, 0.2, 498_000_000, 48)},
    notes=["Something is to be said."],
)


def test_a_line_tells_the_medians_of_a_library_and_situation() -> None:
    back = "when the server is back; `end_run` returns after 500 ms"
    file = "in a file, and survives `kill -9`"
    assert calls(FOUND).splitlines()[2:] == [
        f"| mlkeep | up | 6 µs | 60 µs | 120 ms | 500 ms | {file} |",
        f"| mlkeep | down since the run was started | 20 µs | 200 µs | 400 ms | {back} | {file} |",
        "| MLflow | slow: each request 200 ms later | 210 ms |  | ≈ 4,200 s (50 made) | 500 ms | stored |",
        "| MLflow | down since the run was started | 247 s |  | (1 made) | never | lost: it raises |",
    ]
    assert stored(FOUND).splitlines()[2:] == ["| mlkeep | up | 5 µs | 50 µs | 500 ms | 500 ms |"]
    assert imports(FOUND).splitlines()[2:] == ["| mlkeep 1 | 50 ms | 200 ms | 498 MB | 48 |"]


def test_what_was_expected_is_met_missed_or_not_measured() -> None:
    assert [line for line in expected(FOUND).splitlines()[2:] if "not measured" not in line] == [
        "| server up: p50 | ≤ 10 µs | 6 µs | met |",
        "| server up: p99 | ≤ 100 µs | 60 µs | met |",
        "| server down: p50 | ≤ 10 µs | 20 µs | **missed** |",
        "| server down: p99 | ≤ 100 µs | 200 µs | **missed** |",
        "| 100,000 points stored, from the last call | ≤ 2 s | 500 ms | met |",
        "| `import mlkeep` | ≤ 150 ms | 50 ms | met |",
    ]


def test_the_page_has_what_was_measured_and_no_more() -> None:
    headings = [line for line in page(FOUND).splitlines() if line.startswith("#")]
    assert headings == [
        "# Logging from a program",
        "## A call of `log_metrics` with two values",
        "## 100,000 points, as fast as they can be logged",
        "## Imports and sizes",
        "## Expected and measured",
        "## How to read it",
        "## Notes",
    ]
    assert "## Imports" not in page(Findings(calls=1, points=1, is_quick=True))


def test_a_slow_proxy_brings_all_bytes_later_and_in_order() -> None:
    async def sent_through() -> tuple[bytes, float]:
        taken = asyncio.Queue[bytes]()

        async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            taken.put_nowait(await reader.read())
            writer.close()

        server = await asyncio.start_server(meet, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        _, target = await asyncio.open_connection("127.0.0.1", port)
        source = asyncio.StreamReader()
        source.feed_data(b"one ")
        source.feed_data(b"two")
        source.feed_eof()
        started = time.monotonic()
        await carry(source, target, 0.05)
        data = await taken.get()
        server.close()
        await server.wait_closed()
        return data, time.monotonic() - started

    data, seconds = asyncio.run(sent_through())
    assert data == b"one two"
    assert seconds >= 0.05
