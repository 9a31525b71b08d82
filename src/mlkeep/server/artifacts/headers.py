"""What an answer tells of a file besides its bytes, and which of its bytes were asked for."""

from __future__ import annotations

import mimetypes
import os
import re
from collections.abc import Mapping
from email.utils import formatdate, parsedate_to_datetime
from io import FileIO
from urllib.parse import quote

import msgspec

from mlkeep.blobs.contract import ArtifactStore
from mlkeep.core.errors import NotFound
from mlkeep.wire.uploads import digest_header

_TEXT = (
    "txt log err cfg conf cnf cf ini properties prop hocon toml yaml yml xml json js py py3 csv tsv md rst ipynb mlmodel "
    "mlproject"
)
_TEXT_ENDINGS = frozenset(_TEXT.split())
"""Endings (or whole names without a dot) that MLflow sends as plain text, whatever their own type."""

_RANGE = re.compile(r"\s*bytes\s*=\s*(\d*)\s*-\s*(\d*)\s*", re.ASCII | re.IGNORECASE)
_TAG = re.compile(r'(?:W/)?("[^"]*")')


class FileFacts(msgspec.Struct, frozen=True):
    """A stored file as answers tell of it.

    `etag` changes when the file does, "" if nothing is known that would; `modified_s` is in seconds since 1970;
    `sha256` is what was recorded of it, "" if nothing was.
    """

    name: str
    size: int
    etag: str = ""
    modified_s: float | None = None
    sha256: str = ""


class Selection(msgspec.Struct, frozen=True):
    """What is answered: a status of 200, 206, 304 or 416, and the bytes from `start` up to but not including `end`."""

    status: int
    start: int = 0
    end: int = 0


def look_at(store: ArtifactStore, path: str, sha256: str = "") -> tuple[FileIO | None, FileFacts]:
    """What is known of a file, and the file, open, if it lies on this machine. `sha256` is what was recorded of it.

    Raises:
        NotFound: there is no such file.
        InvalidInput: it is a folder.
    """
    name = path.rpartition("/")[2]
    local = store.local_file(path)
    if local is None:
        size = store.size(path)
        if size is None:
            raise NotFound(f"No such artifact: '{path}'")
        return None, FileFacts(name, size, f'"{sha256[:32]}-{size:x}"' if sha256 else "", sha256=sha256)
    try:
        opened = local.open("rb", buffering=0)
    except OSError:
        raise NotFound(f"No such artifact: '{path}'") from None
    told = os.fstat(opened.fileno())
    etag = f'"{told.st_mtime_ns:x}-{told.st_size:x}-{told.st_ino:x}"'
    return opened, FileFacts(name, told.st_size, etag, told.st_mtime, sha256)


def selected(headers: Mapping[str, str], file: FileFacts) -> Selection:
    """What a GET or HEAD with these headers asks for (RFC 9110). Names of `headers` are in lower case.

    Several ranges at once, and units other than bytes, are answered with the whole file.
    """
    if _is_known_already(headers, file):
        return Selection(304)
    whole = Selection(200, 0, file.size)
    found = _RANGE.fullmatch(headers.get("range", ""))
    if found is None or found.group(1) == found.group(2) == "" or not _range_holds(headers.get("if-range"), file):
        return whole
    first, last = (int(text[:20]) if text else None for text in found.groups())
    if first is None:
        start, end = max(0, file.size - (last or 0)), file.size
    elif last is not None and last < first:
        return whole  # as if there were no range at all
    else:
        start, end = first, file.size if last is None else min(last + 1, file.size)
    return Selection(206, start, end) if start < end else Selection(416)


def _is_known_already(headers: Mapping[str, str], file: FileFacts) -> bool:
    if (known := headers.get("if-none-match")) is not None:
        return known.strip() == "*" or (bool(file.etag) and file.etag in _TAG.findall(known))
    if file.modified_s is None or "if-modified-since" not in headers:
        return False
    since = _seconds(headers["if-modified-since"])
    return since is not None and int(file.modified_s) <= since


def _range_holds(condition: str | None, file: FileFacts) -> bool:
    """Whether the file is still the one of which the client has a piece."""
    if condition is None:
        return True
    if '"' in condition:
        return bool(file.etag) and condition.strip() == file.etag
    return file.modified_s is not None and _seconds(condition) == int(file.modified_s)


def _seconds(date: str) -> int | None:
    try:
        return int(parsedate_to_datetime(date).timestamp())
    except (ValueError, OverflowError):
        return None


def headers_of(file: FileFacts, chosen: Selection) -> dict[str, str]:
    """The headers of the answer, without its length."""
    told = {
        "Accept-Ranges": "bytes",
        "Cache-Control": "no-cache",
        "X-Content-Type-Options": "nosniff",
    }
    if file.etag:
        told["ETag"] = file.etag
    if file.modified_s is not None:
        told["Last-Modified"] = formatdate(file.modified_s, usegmt=True)
    if chosen.status == 416:
        told["Content-Range"] = f"bytes */{file.size}"
    if chosen.status == 206:
        told["Content-Range"] = f"bytes {chosen.start}-{chosen.end - 1}/{file.size}"
    if chosen.status in {200, 206}:
        told["Content-Type"] = content_type_of(file.name)
        told["Content-Disposition"] = attachment(file.name)
        if file.sha256:
            told["Repr-Digest"] = digest_header(file.sha256)
    return told


def content_type_of(name: str) -> str:
    """The content type an artifact of this name is sent with."""
    if name.rpartition(".")[2].lower() in _TEXT_ENDINGS and name != "MLproject":
        return "text/plain"
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


def attachment(name: str) -> str:
    """The `Content-Disposition` of a file that a browser should keep under this name."""
    if name.isascii() and name.isprintable() and not set(name) & set(" \"\\;,()<>@:/[]?={}*'%"):
        return f"attachment; filename={name}"
    return f"attachment; filename*=UTF-8''{quote(name, safe='')}"
