"""MLflow's uploads in parts: the parts go to URLs that the client is given, without its credentials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Protocol

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from mlkeep.blobs import paths
from mlkeep.blobs.contract import ArtifactStore, Signed
from mlkeep.blobs.sinks import filled
from mlkeep.core.errors import InvalidInput, NotFound, NotOffered
from mlkeep.core.manifest import StoredFile
from mlkeep.server.api import AnyRequest, json_response
from mlkeep.server.artifacts.addresses import address_of
from mlkeep.server.artifacts.destination import Destination
from mlkeep.server.artifacts.loose_parts import LooseParts, LooseUpload
from mlkeep.server.artifacts.proxy import received
from mlkeep.server.artifacts.routing import below, caller_of, message_of, path_below, route, segment_of, told
from mlkeep.web.bodies import in_thread
from mlkeep.wire.multipart import (
    MAX_PARTS,
    MPU_ROOTS,
    NO_MULTIPART_UPLOAD,
    PART_ROOT,
    AbortMultipart,
    CompleteMultipart,
    CreateMultipart,
    CreateMultipartResponse,
    PartCredential,
    UploadedPart,
)

PART_EXPIRATION_S = 24 * 3600
"""Seconds that the URLs of parts are good for: all parts of a large file are signed before the first is sent."""


class SignedParts(Protocol):
    """Uploads in parts to a store that takes them from anybody who has a signed URL. Raises as `ArtifactStore`."""

    def create(self, path: str, /) -> str:
        """The id of a new upload."""
        ...

    def sign_part(self, path: str, upload_id: str, number: int, expires_s: int, /) -> Signed | None:
        """Where a part can be PUT for some seconds; None if the store cannot sign."""
        ...

    def complete(self, path: str, upload_id: str, etags: Mapping[int, str], /) -> None:
        """Make the file of the parts with these etags, by number. Raises NotFound: there is no such upload."""
        ...

    def abort(self, path: str, upload_id: str, /) -> None:
        """Give the upload up; no such upload is no error."""
        ...


def multipart_routes(
    destination: Destination, ways: SignedParts | LooseParts | None, prefix: str
) -> list[HTTPRouteHandler]:
    """Uploads in parts: to the store itself, or to this server, whose paths begin with `prefix`; None is neither."""
    create_roots, complete_roots, abort_roots = (
        [f"{root}/{verb}" for root in MPU_ROOTS] for verb in ("create", "complete", "abort")
    )

    async def create(request: AnyRequest) -> Response[bytes]:
        wanted = await message_of(request, CreateMultipart)
        path = _path_of(request, create_roots, wanted.path)
        if not 1 <= wanted.num_parts <= MAX_PARTS:
            raise InvalidInput(f"Invalid num_parts {wanted.num_parts}: it must be 1 to {MAX_PARTS}.")
        if isinstance(ways, LooseParts):
            return told(await in_thread(partial(_begun, ways, path, wanted.num_parts, address_of(request, prefix))))
        return told(await in_thread(partial(_signed, _offered(ways), path, wanted.num_parts)))

    async def complete(request: AnyRequest) -> Response[bytes]:
        wanted = await message_of(request, CompleteMultipart)
        path = _path_of(request, complete_roots, wanted.path)
        etags = _in_order(wanted.parts)
        async with destination.settling(path):
            if isinstance(ways, LooseParts):
                put_together = partial(_put_together, destination, ways, wanted.upload_id, path, etags)
                await destination.record([await in_thread(put_together)], caller_of(request))
            else:
                await in_thread(partial(_offered(ways).complete, path, wanted.upload_id, etags))
                await destination.forget(path, caller_of(request))  # nobody digested what is there now
        return json_response(b"{}")

    async def abort(request: AnyRequest) -> Response[bytes]:
        wanted = await message_of(request, AbortMultipart)
        path = _path_of(request, abort_roots, wanted.path)
        if isinstance(ways, LooseParts):
            await in_thread(partial(ways.remove, wanted.upload_id))
        else:
            await in_thread(partial(_offered(ways).abort, path, wanted.upload_id))
        return json_response(b"{}")

    async def put_part(request: AnyRequest) -> Response[bytes]:
        if not isinstance(ways, LooseParts):
            raise _not_offered()
        upload_id, number = segment_of(request, "upload_id"), int(segment_of(request, "number"))
        sink = await in_thread(partial(ways.sink, upload_id, number))
        etag = await received(request, sink, partial(in_thread, sink.finish))
        return json_response(b"{}", headers={"ETag": etag})

    return [
        route(below(create_roots), ["POST"], create),
        route(below(complete_roots), ["POST"], complete),
        route(below(abort_roots), ["POST"], abort),
        route([f"{PART_ROOT}/{{upload_id}}/{{number}}"], ["PUT"], put_part),
    ]


def _path_of(request: AnyRequest, roots: Sequence[str], client_path: str) -> str:
    """Where the file goes: into the folder of the URL, under the name it has where the client keeps it."""
    folder = paths.checked(path_below(request, roots))
    name = client_path.replace("\\", "/").rpartition("/")[2]
    return paths.checked_file(paths.joined(folder, paths.checked_file(name)))


def _in_order(parts: Sequence[UploadedPart]) -> dict[int, str]:
    """The ETag of each part, by number."""
    numbers = sorted(part.part_number for part in parts)
    if numbers != list(range(1, len(parts) + 1)) or not parts:
        raise InvalidInput("Invalid parts: they must be numbered from 1, each once, without a gap.")
    return {part.part_number: part.etag for part in parts}


def _offered(ways: SignedParts | None) -> SignedParts:
    if ways is None:
        raise _not_offered()
    return ways


def _not_offered() -> NotOffered:
    return NotOffered(f"{NO_MULTIPART_UPLOAD}: send the file in one piece.")


def _signed(ways: SignedParts, path: str, num_parts: int) -> CreateMultipartResponse:
    upload_id = ways.create(path)
    credentials = []
    for number in range(1, num_parts + 1):
        if (part := ways.sign_part(path, upload_id, number, PART_EXPIRATION_S)) is None:
            ways.abort(path, upload_id)
            raise _not_offered()
        credentials.append(PartCredential(url=part.url, part_number=number, headers=part.headers))
    return CreateMultipartResponse(upload_id=upload_id, credentials=credentials)


def _begun(ways: LooseParts, path: str, num_parts: int, address: str) -> CreateMultipartResponse:
    upload_id = ways.begin(LooseUpload(path, num_parts))
    credentials = [
        PartCredential(url=f"{address}{PART_ROOT}/{upload_id}/{number}", part_number=number)
        for number in range(1, num_parts + 1)
    ]
    return CreateMultipartResponse(upload_id=upload_id, credentials=credentials)


def _put_together(
    destination: Destination, ways: LooseParts, upload_id: str, path: str, etags: dict[int, str]
) -> StoredFile:
    if (begun := ways.find(upload_id).path) != path:
        raise NotFound(f"The upload '{upload_id}' is one of '{begun}', not of '{path}'.")
    store: ArtifactStore = destination.store
    pieces = ways.read(upload_id, etags)
    stored = filled(store.sink(path), pieces, lambda written: destination.find_twin(path, written.size, written.sha256))
    ways.remove(upload_id)
    return StoredFile(path, stored.size, stored.sha256)
