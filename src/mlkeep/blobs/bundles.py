"""The form of a bundle: many small files in one body, each with its digest.

A bundle is a sequence of records. A record is the length of its header (4 bytes, big-endian), the header (JSON with `path`,
`size` and `sha256`), then `size` bytes. A length of zero ends the bundle, so one that broke off is told from one that ended.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

import msgspec

from mlkeep.blobs import paths
from mlkeep.core.errors import Damaged, InvalidInput, Unavailable
from mlkeep.core.manifest import StoredFile

MAX_FILE_BYTES = 16 * 1024 * 1024
"""The largest file that may travel in a bundle: a reader holds one at a time."""

MAX_HEADER_BYTES = 64 * 1024
END = bytes(4)
_LENGTH_BYTES = 4

_decoder = msgspec.json.Decoder(StoredFile)


def write(records: Iterable[tuple[StoredFile, bytes]]) -> Iterator[bytes]:
    """The bundle of some files, in pieces.

    Raises:
        InvalidInput: a file is too large to travel so, or is not as large as is said of it.
    """
    for file, data in records:
        header = msgspec.json.encode(file)
        if len(data) != file.size or file.size > MAX_FILE_BYTES or len(header) > MAX_HEADER_BYTES:
            raise InvalidInput(
                f"The file '{file.path[:200]}' of {len(data)} bytes cannot travel in a bundle: {file.size} bytes were told "
                f"of, and {MAX_FILE_BYTES} are allowed. Send it alone."
            )
        yield len(header).to_bytes(_LENGTH_BYTES, "big") + header
        if data:
            yield data
    yield END


class Reader:
    """Takes a bundle in pieces of any size, and gives its files as they become whole. Holds one file and one piece."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._wanted = _LENGTH_BYTES
        self._in_header = False
        self._file: StoredFile | None = None
        self.ended = False

    def feed(self, piece: bytes | bytearray | memoryview) -> list[tuple[StoredFile, bytes]]:
        """The files that became whole with this piece, in order.

        Raises:
            InvalidInput: this is not a bundle, or a name in it is not safe, or a file too large.
            Damaged: a file is not as its digest says; the message names it.
        """
        self._held += piece
        files, at = [], 0
        with memoryview(self._held) as held:
            while not self.ended and len(held) - at >= self._wanted:
                raw = bytes(held[at : at + self._wanted])
                at += self._wanted
                if self._file is not None:
                    files.append((_verified(self._file, raw), raw))
                    self._file, self._wanted = None, _LENGTH_BYTES
                elif self._in_header:
                    self._file = _header(raw)
                    self._in_header, self._wanted = False, self._file.size
                else:
                    self._begin_header(int.from_bytes(raw, "big"))
        del self._held[:at]
        if self.ended and self._held:
            raise InvalidInput(f"Invalid bundle: {len(self._held)} bytes follow its end.")
        return files

    def _begin_header(self, length: int) -> None:
        if length > MAX_HEADER_BYTES:
            raise InvalidInput(f"Invalid bundle: a header of {length} bytes; {MAX_HEADER_BYTES} are allowed.")
        self.ended = length == 0
        self._in_header, self._wanted = True, length

    def close(self) -> None:
        """There is no more. Raises InvalidInput: the bundle broke off."""
        if not self.ended:
            where = f"within the file '{self._file.path}'" if self._file is not None else "between two files"
            raise InvalidInput(f"Invalid bundle: it broke off {where}. Send it again.")


def read(pieces: Iterable[bytes]) -> Iterator[tuple[StoredFile, bytes]]:
    """The files of a bundle that a server sends.

    Raises:
        Unavailable: it broke off.
        InvalidInput, Damaged: as `Reader.feed`.
    """
    reader = Reader()
    for piece in pieces:
        yield from reader.feed(piece)
    try:
        reader.close()
    except InvalidInput as err:
        raise Unavailable(f"The server's answer is not whole. {err}") from None


def _header(raw: bytes) -> StoredFile:
    try:
        file = _decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as err:
        raise InvalidInput(f"Invalid bundle: a header is not as it should be: {err}.") from None
    if not 0 <= file.size <= MAX_FILE_BYTES:
        raise InvalidInput(
            f"Invalid bundle: the file {file.path[:200]!a} has {file.size} bytes; {MAX_FILE_BYTES} at most are allowed. "
            "Send it alone."
        )
    return StoredFile(paths.checked_file(file.path), file.size, file.sha256)


def _verified(file: StoredFile, data: bytes) -> StoredFile:
    found = hashlib.sha256(data).hexdigest()
    if found != file.sha256:
        raise Damaged(
            f"The artifact '{file.path}' did not arrive as it was sent: its SHA-256 is {found}, announced was "
            f"{file.sha256[:64]!a}. Send it again."
        )
    return file
