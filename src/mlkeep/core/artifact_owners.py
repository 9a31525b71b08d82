"""Whose artifacts a URI names, as far as the URI alone can tell.

Artifacts of a run lie below `<experiment>/<run id>/artifacts`, those of a logged model below
`<experiment>/models/<model id>/artifacts`. What the ids in a URI claim is to be held against what is known of them.
"""

from __future__ import annotations

import enum
import re
from pathlib import PurePath
from urllib.parse import quote

import msgspec

from mlkeep.core.errors import InvalidInput
from mlkeep.core.ids import LOGGED_MODEL_ID_PATTERN, RUN_ID_PATTERN
from mlkeep.core.uris import is_local, local_path

MOST_CLAIMS = 8
"""Ids of one URI that are looked at, the last ones: nobody nests folders called `artifacts` deeper."""

_CLAIM = re.compile(rf"(?=(?:^|[/:])({RUN_ID_PATTERN})/artifacts(?:/|$))")
_LOGGED_MODEL_ID = re.compile(LOGGED_MODEL_ID_PATTERN)
_SLASHES = re.compile("/+")


class OwnerKind(enum.IntEnum):
    """What files belong to. The numbers are those of the database."""

    RUN = 0
    LOGGED_MODEL = 1


class Claim(msgspec.Struct, frozen=True):
    """That a URI lies among the artifacts of the run or logged model of this id."""

    kind: OwnerKind
    owner_id: str


def claims(uri: str) -> list[Claim]:
    """What a URI claims to belong to, the innermost first; nothing if it looks like nobody's."""
    found: list[Claim] = []
    for owner_id in reversed([match[1] for match in _CLAIM.finditer(uri)][-MOST_CLAIMS:]):
        if _LOGGED_MODEL_ID.fullmatch(owner_id):
            found.append(Claim(OwnerKind.LOGGED_MODEL, owner_id))
        found.append(Claim(OwnerKind.RUN, owner_id))
    return found


def path_below(uri: str, root: str) -> str | None:
    """The path of `uri` below the artifact root `root`, "" for the root itself; None if it does not lie there.

    Local places are compared as paths, however they are written; a host of an artifact proxy counts for nothing, as the
    same files are reached through each. The path is not checked.
    """
    place, top = _normal(uri), _normal(root)
    if not top or not place.startswith(top):
        return None
    rest = place[len(top) :]
    return rest.strip("/") if not rest or rest.startswith("/") else None


def uri_below(root: str, path: str) -> str:
    """The URI of `path` below an artifact root; what `path_below` undoes."""
    return f"{root.rstrip('/')}/{quote(path) if root.lower().startswith('file:') else path}"


def _normal(uri: str) -> str:
    """One spelling for a place, without a slash at its end."""
    scheme, _, rest = uri.partition(":")
    if is_local(uri):
        try:
            path: PurePath = local_path(uri)
        except InvalidInput:  # on another host
            return uri.rstrip("/")
        return str(path) if path.name else ""
    if scheme.lower() == "mlflow-artifacts":
        if rest.startswith("//"):
            rest = rest[2:].partition("/")[2]
        return _SLASHES.sub("/", f"mlflow-artifacts:/{rest}").rstrip("/")
    return f"{scheme.lower()}:{rest.rstrip('/')}"
