"""Which artifact paths are safe."""

from __future__ import annotations

import re
from urllib.parse import unquote

from mlkeep.core.errors import InvalidInput

UPLOAD_PREFIX = ".artifact.uploading."
"""Names MLflow keeps for files on their way; nobody may ask for one."""

_DRIVE = re.compile(r"[a-zA-Z]:[/\\]")
_FORBIDDEN = re.compile(r"[#\x00-\x1f\x7f\ud800-\udfff]")
_MAX_DECODINGS = 10


def checked(path: str) -> str:
    """`path` in normal form: no leading, trailing or doubled slashes, no `.` segments. "" is the root.

    What it would become by percent-decoding, however often, is checked too, though not used.

    Raises:
        InvalidInput: it is absolute, leaves the root by `..`, or has a `#`, a `file:` or a control character in it.
    """
    decoded = path
    for _ in range(_MAX_DECODINGS):
        _refuse_unsafe(decoded, path)
        further = unquote(decoded)
        if further == decoded:
            break
        decoded = further
    segments = [segment for segment in path.split("/") if segment not in ("", ".")]
    if segments and segments[-1].startswith(UPLOAD_PREFIX):
        raise InvalidInput(f"Invalid path: '{path}': names starting with '{UPLOAD_PREFIX}' are reserved.")
    return "/".join(segments)


def checked_file(path: str) -> str:
    """`checked(path)`, if it can name a file. Raises InvalidInput: it names the root or a folder."""
    name = checked(path)
    if not name or path.endswith("/"):
        raise InvalidInput(f"Invalid path: '{path}': it must name a file.")
    return name


def _refuse_unsafe(text: str, path: str) -> None:
    if ".." in re.split(r"[/\\]", text):
        raise InvalidInput(f"Invalid path: '{path}': it must not contain '..'.")
    if text.startswith(("/", "\\")) or _DRIVE.match(text):
        raise InvalidInput(f"Invalid path: '{path}': it must be relative to the artifact root.")
    if _FORBIDDEN.search(text) or text.lower().startswith("file:"):
        raise InvalidInput(
            f"Invalid path: {path!a}: it must be a plain relative path, without '#' and control characters."
        )


def joined(*parts: str) -> str:
    """Parts of a path put together; empty ones count for nothing."""
    return "/".join(part for part in parts if part)
