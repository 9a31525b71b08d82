"""A folder of artifacts as one zip file, written while it is sent."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from functools import partial
from typing import IO, cast

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from mlkeep.blobs import paths
from mlkeep.blobs.contract import PIECE, ArtifactStore
from mlkeep.core.entities import FileInfo
from mlkeep.core.errors import InvalidInput, NotFound
from mlkeep.server.api import AnyRequest
from mlkeep.server.artifacts.headers import attachment
from mlkeep.server.artifacts.of_runs import Roots
from mlkeep.server.artifacts.routing import AnsweredBy, query_of, route
from mlkeep.web.bodies import PiecesAnswer, in_thread
from mlkeep.wire.resources import ARCHIVE_PATH

_MODE = 0o644 << 16


def archive_routes(roots: Roots) -> list[HTTPRouteHandler]:
    """The artifacts of a run, logged model or model version, or a folder of them, as a zip file."""

    async def archive(request: AnyRequest) -> Response[bytes]:
        folder = paths.checked(query_of(request, "path"))
        root, name = await _root_asked_for(request)
        place = await in_thread(partial(roots.open, root))
        files, above = await in_thread(partial(_files_in, place.store, folder))
        name = folder.rpartition("/")[2] or name
        headers = {
            "Content-Type": "application/zip",
            "Content-Disposition": attachment(f"{name}.zip"),
            "Cache-Control": "no-cache",
            "X-Content-Type-Options": "nosniff",
        }
        pieces = iter(()) if request.method == "HEAD" else zipped(place.store, files, above)
        return AnsweredBy(PiecesAnswer(pieces, 200, headers))

    async def _root_asked_for(request: AnyRequest) -> tuple[str, str]:
        """The artifact root, and what the zip file of all of it is called."""
        run_id, model_id = query_of(request, "run_id", "run_uuid"), query_of(request, "model_id")
        name, version = query_of(request, "name"), query_of(request, "version")
        given = (bool(run_id), bool(model_id), bool(name), bool(version))
        if given == (True, False, False, False):
            return await roots.of_run(run_id), run_id
        if given == (False, True, False, False):
            return await roots.of_model(model_id), model_id
        if given == (False, False, True, True):
            return await roots.of_version(name, version), f"{name}-{version}"
        raise InvalidInput("Say whose artifacts: give run_id, or model_id, or name and version of a model version.")

    return [route([ARCHIVE_PATH], ["GET"], archive)]


def _files_in(store: ArtifactStore, folder: str) -> tuple[list[FileInfo], int]:
    """The files of a folder, or the one file that it is; and how much of their paths is left out in the zip file.

    Raises NotFound: there is neither.
    """
    if files := store.tree(folder):
        return files, len(folder) + 1 if folder else 0
    if not folder:
        return [], 0
    if (size := store.size(folder)) is None:
        raise NotFound(f"No such artifact: '{folder}'")
    return [FileInfo(folder, is_dir=False, file_size=size)], len(folder.rpartition("/")[0]) + bool("/" in folder)


def zipped(store: ArtifactStore, files: Sequence[FileInfo], above: int) -> Iterator[bytes]:
    """A zip file of `files`, in pieces: stored, not compressed, as most large artifacts are compressed already.

    The first `above` characters of paths are left out. Files whose names would lead out of where they are unpacked
    are not in it. It takes memory for the names alone.
    """
    out = _Pieces()
    with zipfile.ZipFile(cast("IO[bytes]", out), "w", zipfile.ZIP_STORED) as archive:
        for file in files:
            if not _is_plain(name := file.path[above:]):
                continue
            member = zipfile.ZipInfo(name)
            member.external_attr = _MODE
            member.file_size = file.file_size or 0
            is_large = member.file_size >= zipfile.ZIP64_LIMIT // 2
            if is_large:
                member.extract_version = zipfile.ZIP64_VERSION  # Python before 3.11.4 does not say so itself
            with archive.open(member, "w", force_zip64=is_large) as written:
                for piece in store.read(file.path):
                    written.write(piece)
                    if out.size >= PIECE:
                        yield out.take()
    yield out.take()


def _is_plain(name: str) -> bool:
    try:
        return paths.checked_file(name) == name and "\\" not in name
    except InvalidInput:
        return False


class _Pieces:
    """A file that can only be written to, and gives away what was written."""

    def __init__(self) -> None:
        self._held = bytearray()

    @property
    def size(self) -> int:
        return len(self._held)

    def write(self, data: bytes) -> int:
        self._held += data
        return len(data)

    def flush(self) -> None:
        """Nothing is kept back."""

    def take(self) -> bytes:
        taken, self._held = bytes(self._held), bytearray()
        return taken
