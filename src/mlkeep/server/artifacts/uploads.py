"""Uploads in parts, by mlkeep's clients: what is begun can be gone on with, after whatever broke it off."""

from __future__ import annotations

from functools import partial

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from mlkeep.blobs import paths
from mlkeep.blobs.contract import PartUpload, PartUploads, Sink
from mlkeep.core.errors import InvalidInput, NotOffered
from mlkeep.core.manifest import StoredFile
from mlkeep.server.api import AnyRequest, json_response
from mlkeep.server.artifacts.destination import Destination
from mlkeep.server.artifacts.proxy import received
from mlkeep.server.artifacts.routing import caller_of, message_of, query_of, route, segment_of, told
from mlkeep.web.bodies import in_thread
from mlkeep.wire.artifacts import StoredFileMessage
from mlkeep.wire.uploads import TRANSFER_ROOT, BeginUpload, CompleteUpload, Tree, TreeFile, UploadState, digest_of

_ONE = f"{TRANSFER_ROOT}/uploads/{{upload_id}}"


def transfer_routes(destination: Destination) -> list[HTTPRouteHandler]:
    """Trees, and uploads in parts."""
    store = destination.store

    async def tree(request: AnyRequest) -> Response[bytes]:
        folder = paths.checked(query_of(request, "path"))
        found = await in_thread(partial(store.tree, folder))
        digests = await destination.recorded(folder, caller_of(request))
        start = len(folder) + 1 if folder else 0
        return told(
            Tree(
                files=[
                    TreeFile(path=info.path[start:], size=info.file_size or 0, sha256=digests.get(info.path, ""))
                    for info in found
                ]
            )
        )

    async def begin(request: AnyRequest) -> Response[bytes]:
        wanted = await message_of(request, BeginUpload)
        path, parts = _checked(wanted), _parts_of(destination)
        recorded = await destination.find(path, caller_of(request))
        async with destination.settling(path):
            shared = await in_thread(partial(_shared, destination, path, wanted, recorded))
            state = await in_thread(partial(parts.begin, path, wanted.size, wanted.fingerprint, wanted.part_bytes))
            if shared is not None:
                await in_thread(partial(parts.abort, state.upload_id))
                await destination.record([shared], caller_of(request))
                return told(UploadState(stored=StoredFileMessage.of(shared)))
        begun_anew = not wanted.sha256 and not state.have
        ask_again = begun_anew and await in_thread(partial(_may_be_there, destination, path, wanted, recorded))
        return told(_told_of(state, ask_again=ask_again))

    async def put_part(request: AnyRequest) -> Response[bytes]:
        upload_id, number = segment_of(request, "upload_id"), int(segment_of(request, "number"))
        sha256 = digest_of(request.headers.get("content-digest", ""))
        sink = await in_thread(partial(_parts_of(destination).sink, upload_id, number, sha256))
        await received(request, sink, partial(in_thread, partial(_committed, sink)))
        return json_response(b"{}")

    async def complete(request: AnyRequest) -> Response[bytes]:
        upload_id = segment_of(request, "upload_id")
        wanted = await message_of(request, CompleteUpload)
        parts = _parts_of(destination)
        path = (await in_thread(partial(parts.find, upload_id))).path
        async with destination.settling(path):
            stored = await in_thread(partial(_completed, destination, parts, upload_id, wanted.sha256))
            await destination.record([stored], caller_of(request))
        return told(StoredFileMessage.of(stored))

    async def abort(request: AnyRequest) -> Response[bytes]:
        await in_thread(partial(_parts_of(destination).abort, segment_of(request, "upload_id")))
        return json_response(b"{}")

    return [
        route([f"{TRANSFER_ROOT}/tree"], ["GET"], tree),
        route([f"{TRANSFER_ROOT}/uploads"], ["POST"], begin),
        route([f"{_ONE}/{{number}}"], ["PUT"], put_part),
        route([f"{_ONE}/complete"], ["POST"], complete),
        route([_ONE], ["DELETE"], abort),
    ]


def _checked(wanted: BeginUpload) -> str:
    if wanted.size < 0 or wanted.part_bytes < 1:
        raise InvalidInput(
            f"Invalid upload: size ({wanted.size}) must not be negative, part_bytes ({wanted.part_bytes}) must be 1 or more."
        )
    return paths.checked_file(wanted.path)


def _parts_of(destination: Destination) -> PartUploads:
    if (parts := destination.store.parts) is None:
        raise NotOffered("The artifact store of this server does not take uploads in parts: send the file whole.")
    return parts


def _may_be_there(destination: Destination, path: str, wanted: BeginUpload, recorded: StoredFile | None) -> bool:
    """Whether the store has a file of this size: there, if the answer to its upload got lost, or elsewhere."""
    is_there = destination.is_local and recorded is not None and recorded.size == wanted.size
    return is_there or destination.find_twin(path, wanted.size) is not None


def _shared(destination: Destination, path: str, wanted: BeginUpload, recorded: StoredFile | None) -> StoredFile | None:
    """The file, if it need not be sent because the store has its bytes already. They are read before that is said."""
    if not wanted.sha256:
        return None
    file = StoredFile(path, wanted.size, wanted.sha256)
    twin = path if recorded == file else destination.find_twin(path, wanted.size, wanted.sha256)
    return file if twin is not None and destination.store.share(path, twin, file) else None


def _committed(sink: Sink) -> StoredFile:
    stored = sink.finish()
    sink.commit()
    return stored


def _completed(destination: Destination, parts: PartUploads, upload_id: str, sha256: str) -> StoredFile:
    upload = parts.find(upload_id)
    stored = parts.complete(upload_id, sha256, destination.find_twin(upload.path, upload.size, sha256))
    return StoredFile(upload.path, stored.size, stored.sha256)


def _told_of(upload: PartUpload, *, ask_again: bool) -> UploadState:
    return UploadState(
        upload_id=upload.upload_id,
        part_bytes=upload.part_bytes,
        have=sorted(upload.have),
        digests=upload.digests,
        ask_again=ask_again,
    )
