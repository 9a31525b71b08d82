"""The address of the server as the client of a request sees it, through whatever lies between."""

from __future__ import annotations

import re

from mlkeep.core.errors import InvalidInput
from mlkeep.server.api import AnyRequest

_HOST = re.compile(r"[\w.\-]+(?::\d{1,5})?|\[[0-9a-fA-F:.]+\](?::\d{1,5})?", re.ASCII)
_PREFIX = re.compile(r"(?:/[\w.~-]+)*", re.ASCII)


def address_of(request: AnyRequest, prefix: str) -> str:
    """Scheme, host and path prefix of the server, without a slash at the end.

    `X-Forwarded-Proto`, `-Host` and `-Prefix` of the proxy nearest to the client win. `prefix` is the server's own.

    Raises:
        InvalidInput: there is no telling; the request has no proper host.
    """
    scheme = _first(request, "x-forwarded-proto").lower() or request.url.scheme
    host = _first(request, "x-forwarded-host") or request.headers.get("host", "")
    in_front = _first(request, "x-forwarded-prefix").rstrip("/")
    if scheme not in {"http", "https"} or not _HOST.fullmatch(host) or not _PREFIX.fullmatch(in_front):
        raise InvalidInput(
            f"The address of this server cannot be told from the request (scheme {scheme!a}, host {host!a}, prefix "
            f"{in_front!a}): check the headers Host and X-Forwarded-*."
        )
    return f"{scheme}://{host}{in_front if in_front.endswith(prefix) else in_front + prefix}"


def _first(request: AnyRequest, name: str) -> str:
    return str(request.headers.get(name, "")).partition(",")[0].strip()
