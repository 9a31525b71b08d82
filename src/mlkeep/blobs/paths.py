"""Which artifact paths are safe."""

from __future__ import annotations

import re
from urllib.parse import unquote

from mlkeep.core.errors import InvalidInput

UPLOAD_PREFIX = ".artifact.uploading."
"""Names MLflow keeps for files on their way; nobody may ask for one."""

_DRIVE = re.compile(r"[a-zA-Z]:[/\\]")
_MAX_DECODINGS = 10


def checked(path: str) -> str:
    """`path` in normal form: no leading, trailing or doubled slashes, no `.` segments. "" is the root.

    What it would become by percent-decoding, however often, is checked too, though not used.

    Raises:
        InvalidInput: it is absolute, leaves the root by `..`, or has a `#`, a `file:` or a NUL in it.
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


def _refuse_unsafe(text: str, path: str) -> None:
    if ".." in re.split(r"[/\\]", text):
        raise InvalidInput(f"Invalid path: '{path}': it must not contain '..'.")
    if text.startswith(("/", "\\")) or _DRIVE.match(text):
        raise InvalidInput(f"Invalid path: '{path}': it must be relative to the artifact root.")
    if "#" in text or "\0" in text or text.lower().startswith("file:"):
        raise InvalidInput(f"Invalid path: '{path}': it must be a plain relative path, without '#'.")


def joined(*parts: str) -> str:
    """Parts of a path put together; empty ones count for nothing."""
    return "/".join(part for part in parts if part)
