"""Which installed distributions provide a module.

`importlib.metadata.packages_distributions` parses the lists of all installed files anew at every call, which takes some
hundred milliseconds. Here they are searched once, and again only when something was installed or removed since.
"""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import json
import os
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

_METADATA_FOLDER = (".dist-info", ".egg-info")
_TOP = re.compile(rb"^\"?([^/,\n\"]+)(/|(?=[,\n\"]))", re.MULTILINE)
_MODULE_FILE = re.compile(r"(\w+)(?:\.[\w-]+)*\.(?:py|pyc|so|pyd)")


class Installed:
    """The distributions that can be imported from in this process, as they were when it was made."""

    def __init__(self, folders: Iterable[str]) -> None:
        self._providers: dict[str, list[Path]] = {}
        self._editable: dict[Path, Path] = {}
        """Folders that distributions are installed from in place, and the metadata of those."""
        for folder in folders:
            for entry in os.scandir(folder):
                if entry.name.endswith(_METADATA_FOLDER):
                    self._add(Path(entry.path))

    def of_module(self, module: str) -> list[str]:
        """The names of the distributions that provide `module`, which may be dotted; none for a script's own module.

        Where several have a part in one namespace, those with the longest part of the name; a namespace alone is
        nobody's.
        """
        parts = module.split(".")
        found = self._providers.get(parts[0], [])
        if len(found) > 1:
            found = _with_longest_part(found, parts)
        return sorted({_name(path) for path in found})

    def installed_in_place(self, module: str) -> str | None:
        """The name of the distribution whose own folder, not a copy, `module` is imported from."""
        file = _file_of(module)
        if file is None:
            return None
        return next((_name(meta) for folder, meta in self._editable.items() if file.is_relative_to(folder)), None)

    @functools.cache  # noqa: B019 - there is one of these, for as long as it is right
    def needed_by(self, name: str) -> frozenset[str]:
        """The canonical names of all that a distribution brings along, directly or not, without extras."""
        needed: set[str] = set()
        waiting = [name]
        while waiting:
            for line in _requires(waiting.pop()):
                if (other := _unconditional(line)) is not None and other not in needed:
                    needed.add(other)
                    waiting.append(other)
        return frozenset(needed - {canonicalize_name(name)})

    def _add(self, metadata: Path) -> None:
        for name in _tops(metadata):
            self._providers.setdefault(name, []).append(metadata)
        if (folder := _editable_folder(metadata)) is not None:
            self._editable[folder] = metadata


def installed() -> Installed:
    """The distributions of this process; read again when a folder of `sys.path` was changed."""
    folders = {path: os.stat(path).st_mtime_ns for path in sys.path if path and os.path.isdir(path)}  # noqa: PTH112, PTH116 - some hundred times a second
    return _installed(tuple(folders.items()))


@functools.lru_cache(maxsize=1)
def _installed(folders: tuple[tuple[str, int], ...]) -> Installed:
    return Installed(path for path, _ in folders)


def source_of(distribution: str) -> str | None:
    """Where pip was told to take a distribution from, if not an index: the line that installs it from there again.

    An empty line is a folder or file of this machine, which is not there elsewhere.
    """
    try:
        text = importlib.metadata.distribution(distribution).read_text("direct_url.json")
    except importlib.metadata.PackageNotFoundError:
        return None
    if not text:
        return None
    told = json.loads(text)
    url = str(told.get("url", ""))
    if (vcs := told.get("vcs_info")) is not None:
        folder = f"#subdirectory={told['subdirectory']}" if told.get("subdirectory") else ""
        return f"{distribution} @ {vcs['vcs']}+{url}@{vcs['commit_id']}{folder}"
    return "" if url.startswith("file:") else f"{distribution} @ {url}"


def _tops(metadata: Path) -> set[str]:
    """The names of the top-level modules a distribution has."""
    try:
        record = (metadata / "RECORD").read_bytes()
    except OSError:
        try:  # of an older kind, or of a distribution of the operating system
            return set((metadata / "top_level.txt").read_text(encoding="utf-8").split())
        except OSError:
            return set()
    found = set()
    for match in set(_TOP.findall(record)):
        name = match[0].decode(errors="replace")
        if match[1]:
            if name.isidentifier() and name != "__pycache__":
                found.add(name)
        elif (file := _MODULE_FILE.fullmatch(name)) is not None:
            found.add(file[1])
    return found


def _editable_folder(metadata: Path) -> Path | None:
    try:
        told = json.loads((metadata / "direct_url.json").read_bytes())
    except (OSError, ValueError):
        return None
    if not told.get("dir_info", {}).get("editable"):
        return None
    return Path(unquote(urlsplit(told["url"]).path))


def _with_longest_part(candidates: list[Path], parts: list[str]) -> list[Path]:
    records = {path: _record(path) for path in candidates}
    for length in range(len(parts), 1, -1):
        inner = "/".join(parts[:length])
        if found := [path for path, text in records.items() if f"\n{inner}/" in text or f"\n{inner}." in text]:
            return found
    top = parts[0]
    return [path for path, text in records.items() if f"\n{top}/__init__." in text or f"\n{top}." in text]


def _record(metadata: Path) -> str:
    try:
        return "\n" + (metadata / "RECORD").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


@functools.lru_cache(maxsize=1024)
def _name(metadata: Path) -> str:
    return importlib.metadata.Distribution.at(metadata).metadata["Name"] or metadata.name.partition("-")[0]


def _file_of(module: str) -> Path | None:
    loaded = sys.modules.get(module) or sys.modules.get(module.partition(".")[0])
    file = getattr(loaded, "__file__", None)
    return None if file is None else Path(file).resolve()


def _requires(name: str) -> list[str]:
    try:
        return importlib.metadata.requires(name) or []
    except importlib.metadata.PackageNotFoundError:
        return []


def _unconditional(line: str) -> str | None:
    """The distribution that a line of metadata asks for here, if it does so without an extra."""
    try:
        asked = Requirement(line)
    except InvalidRequirement:
        return None
    environment: Mapping[str, str] = {"extra": ""}
    return canonicalize_name(asked.name) if asked.marker is None or asked.marker.evaluate(dict(environment)) else None
