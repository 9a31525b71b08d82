"""The composition root of the tracking server."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from litestar import Litestar
from litestar.exceptions import HTTPException
from litestar.types import ASGIApp, ExceptionHandlersMap

from mlkeep.blobs.buckets.store import ObjectStore
from mlkeep.blobs.contract import ArtifactStore
from mlkeep.blobs.folder.store import FolderStore
from mlkeep.core.errors import MlkeepException
from mlkeep.core.uris import is_local
from mlkeep.server.api import api_routes, failed, gone, no_route, only_artifacts, refused
from mlkeep.server.artifacts.loose_parts import LooseParts
from mlkeep.server.artifacts.multipart import SignedParts
from mlkeep.server.artifacts.routes import Served, artifact_routes
from mlkeep.server.home import home_routes
from mlkeep.server.lost_runs import find_lost_runs
from mlkeep.server.options import MAX_BODY_BYTES, ServerOptions
from mlkeep.server.places import absolute, destination_at, opener
from mlkeep.services.artifacts import OpenStore
from mlkeep.services.call import Settings
from mlkeep.services.dispatch import READERS, Dispatcher
from mlkeep.services.rules import rules_from
from mlkeep.storage.sql.storage import SqlStorage
from mlkeep.web.bodies import ClientGone


def make_app(options: ServerOptions) -> ASGIApp:
    """The application on the storage and artifacts that `options` name; it closes them when it stops.

    Raises:
        InvalidInput, NotOffered, Unavailable, Forbidden: the storage or the artifacts cannot be used; the message says
            why.
    """
    storage = None
    if options.backend_store_uri is not None:
        storage = SqlStorage(
            options.backend_store_uri, durability=options.durability, read_connections=options.read_connections
        )
    destination = None if options.artifacts_destination is None else absolute(options.artifacts_destination)
    try:
        proxied = None if destination is None else destination_at(destination)
    except MlkeepException:
        if storage is not None:
            storage.close()
        raise
    root = absolute(options.artifact_root)
    folders = [absolute(folder) for folder in options.artifact_folders]
    folders += [place for place in (destination, root) if place is not None and is_local(place)]
    open_store = opener(proxied, folders)
    dispatcher = None
    if storage is not None:
        given = {"MLKEEP_REQUIRE_OF_VERSIONS": options.require_of_versions} if options.require_of_versions else {}
        settings = Settings(
            artifact_root=root, rules=rules_from({**os.environ, **given}), lost_after_s=options.lost_after_s
        )
        dispatcher = Dispatcher(storage, settings, open_store, readers=options.read_connections or READERS)
    served = None if proxied is None else _served(proxied, options)
    app = build_app(dispatcher, served, open_store, options.max_body_bytes, options.static_prefix)
    if dispatcher is None or sys.platform == "win32":
        return app
    from mlkeep.server.shortcuts import LoggingShortcuts
    from mlkeep.web.shortcuts import WithShortcuts

    return WithShortcuts(app, LoggingShortcuts(dispatcher, options.max_body_bytes, options.static_prefix))


def _served(store: ArtifactStore, options: ServerOptions) -> Served:
    signs = store.sign("GET", "a", 60) is not None
    multipart: SignedParts | LooseParts | None = None
    if isinstance(store, FolderStore):
        multipart = LooseParts(store.root)
    elif isinstance(store, ObjectStore) and signs:
        multipart = store.multipart
    return Served(
        store=store,
        shares=isinstance(store, FolderStore),
        multipart=multipart,
        uploads=options.multipart_uploads and multipart is not None,
        downloads=options.multipart_downloads and signs,
    )


def build_app(
    dispatcher: Dispatcher | None,
    served: Served | None,
    open_store: OpenStore,
    max_body_bytes: int = MAX_BODY_BYTES,
    prefix: str = "",
) -> Litestar:
    """The application that answers with `dispatcher`, and serves the artifacts of a proxy, if there is one.

    Without a dispatcher it serves artifacts alone. All its paths begin with `prefix`.
    """

    @asynccontextmanager
    async def answering(_: Litestar) -> AsyncIterator[None]:
        if dispatcher is None:
            yield
            return
        looking = asyncio.create_task(find_lost_runs(dispatcher))
        try:
            yield
        finally:
            looking.cancel()
            with suppress(asyncio.CancelledError):
                await looking
            dispatcher.close()

    handlers = [
        *home_routes(dispatcher, served, max_body_bytes, prefix),
        *artifact_routes(dispatcher, served, open_store, prefix),
    ]
    if dispatcher is not None:
        handlers += api_routes(dispatcher)
    refusals: ExceptionHandlersMap = {
        MlkeepException: refused,
        HTTPException: no_route if dispatcher is not None else only_artifacts(prefix),
        ClientGone: gone,
        Exception: failed,
    }
    return Litestar(
        handlers,
        path=prefix,
        lifespan=[answering],
        exception_handlers=refusals,
        request_max_body_size=max_body_bytes,
        openapi_config=None,
        logging_config=None,
        debug=False,
    )
