"""The composition root of the tracking server."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from litestar import Litestar
from litestar.exceptions import HTTPException

from mlkeep.blobs.objects import ObjectArtifacts, local_artifacts
from mlkeep.core.errors import MlkeepException, NotOffered
from mlkeep.server.api import api_routes, failed, no_route, refused
from mlkeep.server.artifacts import artifact_routes
from mlkeep.server.home import home_routes
from mlkeep.server.options import MAX_BODY_BYTES, ServerOptions
from mlkeep.services.artifacts import OpenStore
from mlkeep.services.call import Settings
from mlkeep.services.dispatch import READERS, Dispatcher
from mlkeep.services.rules import rules_from
from mlkeep.storage.sql.storage import SqlStorage


def make_app(options: ServerOptions) -> Litestar:
    """The application on the storage and artifacts that `options` name; it closes them when it stops.

    Raises:
        InvalidInput, NotOffered, Unavailable: the storage or the artifacts cannot be used; the message says why.
    """
    proxied = None if options.artifacts_destination is None else local_artifacts(options.artifacts_destination)
    storage = SqlStorage(
        options.backend_store_uri, durability=options.durability, read_connections=options.read_connections
    )
    try:
        if proxied is not None:
            proxied.prepare()
    except MlkeepException:
        storage.close()
        raise
    dispatcher = Dispatcher(
        storage,
        Settings(artifact_root=options.artifact_root, rules=rules_from(os.environ)),
        _opener(proxied),
        readers=options.read_connections or READERS,
    )
    return build_app(dispatcher, proxied, options.max_body_bytes, options.static_prefix)


def build_app(
    dispatcher: Dispatcher,
    proxied: ObjectArtifacts | None,
    max_body_bytes: int = MAX_BODY_BYTES,
    prefix: str = "",
) -> Litestar:
    """The application that answers with `dispatcher`, and keeps artifacts in `proxied` for clients, if there is one.

    All its paths begin with `prefix`.
    """

    @asynccontextmanager
    async def answering(_: Litestar) -> AsyncIterator[None]:
        try:
            yield
        finally:
            dispatcher.close()

    return Litestar(
        [*home_routes(dispatcher, prefix), *api_routes(dispatcher), *artifact_routes(proxied)],
        path=prefix,
        lifespan=[answering],
        exception_handlers={MlkeepException: refused, HTTPException: no_route, Exception: failed},
        request_max_body_size=max_body_bytes,
        openapi_config=None,
        logging_config=None,
        debug=False,
    )


def _opener(proxied: ObjectArtifacts | None) -> OpenStore:
    """Opens artifact roots: those of the proxy in this process, others where they are."""

    def open_store(uri: str) -> ObjectArtifacts:
        scheme, _, path = uri.partition(":")
        if scheme != "mlflow-artifacts":
            return local_artifacts(uri)
        if proxied is None:
            raise NotOffered(f"The artifacts at '{uri}' are served by another server: this one has no artifact proxy.")
        return proxied.below(path.strip("/"))

    return open_store
