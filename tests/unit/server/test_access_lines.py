"""Lines of the access log: whole, in order, and few writes for many of them."""

from __future__ import annotations

import asyncio
import json
import os
import time
from datetime import UTC, datetime

import pytest

from mlkeep.web.access import ToStderr, log_line, request_id_from

PIPE_BYTES = 4096


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What is written at once, each time."""
    pieces: list[bytes] = []
    monkeypatch.setattr(os, "write", lambda _, piece: pieces.append(piece))
    return pieces


def test_lines_of_one_turn_of_the_loop_are_written_together_but_never_cut(written: list[bytes]) -> None:
    lines = [b"%d %b\n" % (i, b"x" * 1_000) for i in range(9)]

    async def turn() -> None:
        write = ToStderr()
        for line in lines:
            write(line)
        assert written == []
        await asyncio.sleep(0)
        assert b"".join(written) == b"".join(lines)
        write(b"later\n")
        write.flush()

    asyncio.run(turn())
    assert [len(piece.splitlines()) for piece in written if piece] == [4, 4, 1, 1]
    assert all(len(piece) <= PIPE_BYTES for piece in written)


def test_a_line_tells_the_time_in_utc_to_the_millisecond() -> None:
    before = datetime.now(UTC)
    line = json.loads(log_line(b"id", "::1", "POST", "/path", 200, time.perf_counter() - 1))
    after = datetime.now(UTC)
    told = datetime.fromisoformat(line.pop("time"))
    assert int(before.timestamp() * 1000) <= round(told.timestamp() * 1000) <= int(after.timestamp() * 1000)
    assert 1_000 <= line.pop("duration_ms") < 60_000
    assert line == {"request_id": "id", "client": "::1", "method": "POST", "path": "/path", "status": 200}


def test_an_id_is_taken_over_if_it_can_stand_in_a_header() -> None:
    assert request_id_from([(b"host", b"a"), (b"x-request-id", b"mine"), (b"x-request-id", b"other")]) == b"mine"
    for unusable in (b"", b"two words", b"x" * 129, "ä".encode()):
        assert len(request_id_from([(b"x-request-id", unusable)])) == 32
    assert len({request_id_from([]) for _ in range(100)}) == 100
