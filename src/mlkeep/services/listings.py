"""Listing the artifacts of runs and logged models, a page at a time."""

from __future__ import annotations

import base64
import binascii
from bisect import bisect_right

from mlkeep.blobs import paths
from mlkeep.core.names import invalid
from mlkeep.services.artifacts import OpenStore
from mlkeep.wire.artifacts import FileMessage, ListArtifactsResponse

FILES_PER_PAGE = 10_000
"""Files and folders in one answer; a folder that has more takes several."""


def listing(root_uri: str, path: str, page_token: str, open_store: OpenStore) -> ListArtifactsResponse:
    """What is at `path` below an artifact root, after what the page before ended with.

    Raises:
        InvalidInput: the path is not safe, or the token is none of ours.
        MlkeepException: the place cannot be opened or read.
    """
    files = open_store(root_uri).list(paths.checked(path))
    start = bisect_right(files, _last_path(page_token), key=lambda info: info.path) if page_token else 0
    page = files[start : start + FILES_PER_PAGE]
    has_more = start + len(page) < len(files)
    return ListArtifactsResponse(
        root_uri=root_uri,
        files=[FileMessage.of(info) for info in page],
        next_page_token=_token_after(page[-1].path) if has_more else "",
    )


def _token_after(path: str) -> str:
    return base64.urlsafe_b64encode(path.encode()).decode()


def _last_path(token: str) -> str:
    try:
        return base64.b64decode(token.encode(), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise invalid("page_token", token, "it must be the next_page_token of the page before.") from None
