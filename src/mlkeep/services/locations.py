"""Where artifacts go, and which places may be named."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from mlkeep.core.names import check_length, invalid
from mlkeep.core.uris import has_scheme, is_local, local_path
from mlkeep.services.rules import Rules


def below(root: str, *parts: str) -> str:
    """The place `parts` below `root`, which may end with a slash or not; the query of a URI stays at its end."""
    place, mark, query = root.partition("?") if has_scheme(root) else (root, "", "")
    return "/".join((place.rstrip("/"), *parts)) + mark + query


def checked_location(location: str, rules: Rules) -> str:
    """An artifact location given for an experiment; a local path becomes absolute.

    Raises:
        InvalidInput: too long, a `runs:` URI, on a host nobody trusts, a fragment, or `..` in its query.
    """
    check_length(location, "artifact_location", rules.max_location_length)
    if not has_scheme(location):
        return str(Path(location).absolute())
    rules.check_host(location, "artifact_location")
    parts = urlsplit(location)
    if parts.scheme.lower() == "runs":
        raise invalid("artifact_location", location, "an experiment cannot keep artifacts inside a run.")
    if parts.fragment or "#" in location or ";" in parts.path:
        raise invalid("artifact_location", location, "it must not have a fragment or parameters.")
    if ".." in parts.query:
        raise invalid("artifact_location", location, "its query must not contain '..'.")
    return location


def has_parent_segments(uri: str) -> bool:
    """Whether `..` stands in a path, plain or percent-encoded any number of times."""
    for _ in range(10):
        decoded = unquote(uri)
        if decoded == uri:
            break
        uri = decoded
    return ".." in re.split(r"[/\\]", uri.partition("?")[0])


def is_inside(uri: str, root: str) -> bool:
    """Whether `uri` is `root` or lies below it. Two local places are compared as paths."""
    if is_local(uri) and is_local(root):
        return local_path(uri).is_relative_to(local_path(root))
    return uri == root or uri.startswith(root.rstrip("/") + "/")
