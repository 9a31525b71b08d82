"""Which URIs name places in a file system, and what of a URI may be shown."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from mlkeep.core.errors import InvalidInput

_PASSWORD = re.compile(r"(?<=:)[^:/@]*(?=@)")
_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+:")


def without_password(uri: str) -> str:
    """`uri`, which may be no proper one, as it may be shown: what stands where a password would is masked."""
    return _PASSWORD.sub("***", uri)


def has_scheme(uri: str) -> bool:
    """Whether `uri` starts with a scheme. A single letter is a drive, not a scheme."""
    return _SCHEME.match(uri) is not None


def is_local(uri: str) -> bool:
    """Whether `uri` names a place in a file system: a path, or a `file:` URI."""
    return not has_scheme(uri) or uri.lower().startswith("file:")


def local_path(uri: str) -> Path:
    """The path a local URI names.

    Raises:
        InvalidInput: it names another host.
    """
    if not uri.lower().startswith("file:"):
        return Path(uri)
    parts = urlsplit(uri)
    if parts.netloc not in ("", "localhost"):
        raise InvalidInput(f"Invalid file URI '{uri}': it names another host; use file:///path.")
    return Path(unquote(parts.path))
