"""Bodies of requests that come compressed: undone piece by piece, up to a bound."""

from __future__ import annotations

import zlib

import zstandard

from mlkeep.core.errors import InvalidInput

ENCODINGS = ("zstd", "gzip")
"""The values of `Content-Encoding` that are undone. Others say the same, but nobody sends them."""

_PIECE = 256 * 1024
"""Bytes that are unpacked at a time from gzip."""

_ZSTD_PIECE = 256
"""Packed bytes that are looked at at a time. Of zstd 4 may stand for 128 KiB, and what they stand for comes at once."""

_GZIP_WINDOW = 31
_MAX_WINDOW_BYTES = 8 * 1024 * 1024
"""What zstd may look back, which takes as much memory: what its format recommends decoders to support."""


class TooLarge(Exception):  # noqa: N818 - to be answered with 413 by who knows the bound
    """Unpacked, the body has more bytes than it may have."""


def unpacked(body: bytes, encoding: str, most: int) -> bytes:
    """The bytes that were packed, `most` of them or fewer; no more memory than that is taken on the way.

    Raises:
        TooLarge: there are more.
        InvalidInput: the body is not packed in this way, or not all of it is there.
    """
    try:
        return _from_zstd(body, most) if encoding == "zstd" else _from_gzip(body, most)
    except (zlib.error, zstandard.ZstdError, EOFError) as err:
        raise InvalidInput(
            f"The request body is not what its header Content-Encoding says, '{encoding}': {str(err) or 'it breaks off'}. Send "
            "the whole of it so, or plain and without the header."
        ) from None


def _from_zstd(body: bytes, most: int) -> bytes:
    whole = bytearray()
    while body:
        reader = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW_BYTES).decompressobj()
        packed = memoryview(body)
        for at in range(0, len(body), _ZSTD_PIECE):
            whole += reader.decompress(packed[at : at + _ZSTD_PIECE])
            if len(whole) > most:
                raise TooLarge
            if reader.eof:
                body = reader.unused_data + body[at + _ZSTD_PIECE :]
                break
        else:
            raise EOFError
    return bytes(whole)


def _from_gzip(body: bytes, most: int) -> bytes:
    """One or several packed parts after each other, as the format has it."""
    whole = bytearray()
    while body:
        reader = zlib.decompressobj(wbits=_GZIP_WINDOW)
        while not reader.eof:
            piece = reader.decompress(body, _PIECE)
            if not piece and not reader.eof:
                raise EOFError
            whole += piece
            if len(whole) > most:
                raise TooLarge
            body = reader.unconsumed_tail
        body = reader.unused_data
    return bytes(whole)
