"""Bodies that come compressed."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import textwrap

import pytest
import zstandard

from mlkeep.core.errors import InvalidInput
from mlkeep.web.unpacking import TooLarge, unpacked

PACK = {"gzip": gzip.compress, "zstd": zstandard.ZstdCompressor().compress}


@pytest.mark.parametrize("encoding", PACK)
def test_what_was_packed_comes_out_again(encoding: str) -> None:
    for data in (b"", b"x", os.urandom(1_000_000), b"x" * 1_000_000):
        assert unpacked(PACK[encoding](data), encoding, 1_000_000) == data
    halves = PACK[encoding](b"first, ") + PACK[encoding](b"second")
    assert unpacked(halves, encoding, 100) == b"first, second"


@pytest.mark.parametrize("encoding", PACK)
def test_the_bound_is_that_of_what_comes_out(encoding: str) -> None:
    body = PACK[encoding](b"x" * 1_000)
    assert len(unpacked(body, encoding, 1_000)) == 1_000
    with pytest.raises(TooLarge):
        unpacked(body, encoding, 999)


@pytest.mark.parametrize("encoding", PACK)
def test_what_is_broken_is_named(encoding: str) -> None:
    whole = PACK[encoding](os.urandom(10_000))
    for body in (b"{}", whole[:-1], whole[: len(whole) // 2], whole + b"more", whole[:1]):
        with pytest.raises(InvalidInput, match=f"Content-Encoding says, '{encoding}'"):
            unpacked(body, encoding, 1_000_000)


def test_a_window_beyond_what_the_format_asks_for_is_refused() -> None:
    wide = zstandard.ZstdCompressionParameters(window_log=27, enable_ldm=True)
    writer = zstandard.ZstdCompressor(compression_params=wide).compressobj()
    with pytest.raises(InvalidInput, match="zstd"):
        unpacked(writer.compress(os.urandom(1_000)) + writer.flush(), "zstd", 10_000)


@pytest.mark.parametrize("encoding", PACK)
def test_what_becomes_very_large_takes_no_memory(encoding: str) -> None:
    script = """
        import gzip, resource, sys, zlib
        import zstandard
        from mlkeep.web.unpacking import TooLarge, unpacked
        zeros = bytes(1024 * 1024)
        writer = zstandard.ZstdCompressor().compressobj() if sys.argv[1] == "zstd" else zlib.compressobj(wbits=31)
        body = b"".join(writer.compress(zeros) for _ in range(1024)) + writer.flush()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        try:
            unpacked(body, sys.argv[1], 16 * 1024 * 1024)
        except TooLarge:
            print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    """
    command = [sys.executable, "-c", textwrap.dedent(script), encoding]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert int(told) < 100_000  # KiB, of a GiB
