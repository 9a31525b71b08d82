"""Filling sinks."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from mlkeep.blobs.contract import Sink
from mlkeep.core.manifest import StoredFile


def filled(
    sink: Sink, pieces: Iterable[bytes | memoryview], twin_of: Callable[[StoredFile], str | None] | None = None
) -> StoredFile:
    """Write `pieces` to a sink and show the file; whatever fails, nothing is left of it. What was written.

    `twin_of` gives the path of another file that may have the same bytes (see `Sink.commit`).
    """
    try:
        for piece in pieces:
            sink.write(piece)
        stored = sink.finish()
        sink.commit(None if twin_of is None else twin_of(stored))
    finally:
        sink.discard()
    return stored
