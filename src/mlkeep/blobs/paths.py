"""Which artifact paths are safe.

The rules are the same on every system, so that a path that one server takes is taken by the next. A backslash, a colon
or a name such as `NUL` is a plain name where files lie on a POSIX system, and MLflow takes them as such; so do we, as
long as the path does not leave the root when a backslash is read as a slash. A client on Windows refuses them in a
server's listing (`checked_listing`), where they mean something else.
"""

from __future__ import annotations

import os
import re
from urllib.parse import unquote

from mlkeep.core.errors import InvalidInput

UPLOAD_PREFIX = ".artifact.uploading."
"""Names MLflow keeps for files on their way; nobody may ask for one."""

STAGING = ".mlkeep-uploads"
"""The folder at the root of a destination in which uploads in parts lie; nobody may ask for it."""

_PLAIN = re.compile(r"[\w=+,()\[\]-][\w=+,.()\[\] -]*(?:/[\w=+,()\[\]-][\w=+,.()\[\] -]*)*", re.ASCII)
"""Paths that need no second look: nothing in them is encoded, and no segment begins with a dot."""

_SEPARATOR = re.compile(r"[/\\]")
_DRIVE = re.compile(r"[a-zA-Z]:")
_CLIMBS = re.compile(r"[ .]*\.[ .]*\.[ .]*")
"""`..`, and what Windows makes `..` of by dropping spaces and dots at the end of a name."""
_FORBIDDEN = re.compile(r"[#\x00-\x1f\x7f\ud800-\udfff]")
_FORBIDDEN_ENCODED = re.compile(r"[#\x00-\x0f]")
"""What may not come out by decoding either. MLflow 2 names images `key%step%0%timestamp%1700…`: `%17` is part of a name."""
_OVERLONG = re.compile(r"%c0%a[ef]|%e0%80%a[ef]", re.IGNORECASE)
"""Dots and slashes encoded in more bytes than UTF-8 allows, which careless decoders accept."""
_MAX_DECODINGS = 10
_WINDOWS_DEVICE = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(?:[ .].*)?", re.IGNORECASE)


def checked(path: str) -> str:
    """`path` in normal form: no leading, trailing or doubled slashes, no `.` segments. "" is the root.

    What it would become by percent-decoding, however often, is checked too, though not used.

    Raises:
        InvalidInput: it is absolute, leaves the root by `..`, has a `#`, a `file:` or a control character in it, or
            names what is kept for files on their way.
    """
    if _PLAIN.fullmatch(path):
        return path
    decoded = path
    for _ in range(_MAX_DECODINGS):
        _refuse_unsafe(decoded, path)
        if (normal := _normal(decoded)) != decoded:
            _refuse_unsafe(normal, path)
        further = unquote(decoded)
        if further == decoded:
            break
        decoded = further
    return _normal(path)


def checked_file(path: str) -> str:
    """`checked(path)`, if it can name a file. Raises InvalidInput: it names the root or a folder."""
    name = checked(path)
    if not name or path.endswith("/"):
        raise InvalidInput(f"Invalid path: '{path}': it must name a file.")
    return name


def checked_listing(name: str, *, nested: bool = False, windows: bool = os.name == "nt") -> str:
    """`name` as it came in a server's listing, if files may be written under it: one segment, or several if `nested`.

    Raises:
        InvalidInput: it is not safe, not in normal form, or (for `windows`) means something else than a name there.
    """
    if checked_file(name) != name or ("/" in name and not nested):
        raise InvalidInput(
            f"Invalid path: the server lists {name!a}, which is not a plain name. Nothing is written there."
        )
    if windows and any(_means_something_on_windows(segment) for segment in name.split("/")):
        raise InvalidInput(f"Invalid path: the server lists {name!a}, which Windows does not take as a plain name.")
    return name


def is_reserved(segment: str) -> bool:
    """Whether a name is kept for files on their way."""
    return segment.startswith(".") and segment.lower().startswith((UPLOAD_PREFIX, STAGING))


def joined(*parts: str) -> str:
    """Parts of a path put together; empty ones count for nothing."""
    return "/".join(part for part in parts if part)


def _normal(text: str) -> str:
    return "/".join([segment for segment in text.split("/") if segment not in ("", ".")])


def _refuse_unsafe(text: str, path: str) -> None:
    segments = _SEPARATOR.split(text)
    if any(_CLIMBS.fullmatch(segment) for segment in segments):
        raise InvalidInput(f"Invalid path: {path!a}: it must not contain '..'.")
    if text.startswith(("/", "\\")) or any(_DRIVE.fullmatch(segment) for segment in segments):
        raise InvalidInput(f"Invalid path: {path!a}: it must be relative to the artifact root.")
    forbidden = _FORBIDDEN if text == path else _FORBIDDEN_ENCODED
    if forbidden.search(text) or _OVERLONG.search(text) or text.lower().startswith("file:"):
        raise InvalidInput(
            f"Invalid path: {path!a}: it must be a plain relative path, without '#' and control characters."
        )
    if any(is_reserved(segment) for segment in segments):
        raise InvalidInput(
            f"Invalid path: {path!a}: names starting with '{UPLOAD_PREFIX}' or '{STAGING}' are reserved."
        )


def _means_something_on_windows(segment: str) -> bool:
    return (
        "\\" in segment
        or ":" in segment
        or segment.endswith((" ", "."))
        or _WINDOWS_DEVICE.fullmatch(segment) is not None
    )
