"""What is to be uploaded: the files of a folder, found and looked at before the first byte is sent."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec

from mlkeep.blobs import paths
from mlkeep.core.errors import Conflict, InvalidInput

_MOST_TOLD = 10
"""Faults that an error names; there may be thousands."""


class SourceFile(msgspec.Struct, frozen=True):
    """A local file and where it goes. `fingerprint` changes when the file does."""

    local: Path
    path: str
    size: int
    fingerprint: str

    def check_unchanged(self) -> None:
        """Raises Conflict: the file is not what it was when the upload began."""
        try:
            now = fingerprint_of(self.local.stat())
        except OSError:
            now = ""
        if now != self.fingerprint:
            raise Conflict(
                f"The file '{self.local}' changed while it was being uploaded, so it was not kept: upload it again when "
                "nothing writes to it."
            )


def fingerprint_of(found: os.stat_result) -> str:
    """Size, time of change and number of a file: a file of another content has others."""
    return f"{found.st_size}-{found.st_mtime_ns}-{found.st_ino}"


def source_files(source: Path, target: str) -> list[SourceFile]:
    """The file `source`, bound for the path `target`; or all files below the folder `source`, bound for below `target`.

    Links are followed; one that leads back to a folder it lies in is left out, as all that is in there comes anyway.

    Raises:
        FileNotFoundError: there is no such file or folder.
        InvalidInput: some of it cannot be uploaded: no permission to read it, links to nothing, sockets, pipes and
            devices, names that no artifact can have. The message names the first of all that were found.
    """
    faults: list[str] = []
    found = _below(str(source), "", (), faults) if source.is_dir() else iter([(str(source), "")])
    files = [
        file for local, name in found if (file := _looked_at(local, paths.joined(target, name), faults)) is not None
    ]
    if faults:
        more = f" (and {len(faults) - _MOST_TOLD} more)" if len(faults) > _MOST_TOLD else ""
        raise InvalidInput(f"Nothing was uploaded, as this cannot be: {'; '.join(faults[:_MOST_TOLD])}{more}.")
    return files


def _below(folder: str, name: str, around: tuple[tuple[int, int], ...], faults: list[str]) -> Iterator[tuple[str, str]]:
    """Pairs of a local file and its path below the folder the walk began at. `around` are the folders it lies in."""
    here = os.stat(folder)  # noqa: PTH116 - ten thousand files: strings are several times cheaper than paths
    identity = (here.st_dev, here.st_ino)
    if identity in around:
        return
    try:
        with os.scandir(folder) as entries:
            ordered = sorted(entries, key=lambda entry: entry.name)
    except OSError as err:
        faults.append(f"the folder '{folder}' cannot be read ({err.strerror})")
        return
    for entry in ordered:
        below = paths.joined(name, entry.name)
        if entry.is_dir():
            yield from _below(entry.path, below, (*around, identity), faults)
        else:
            yield entry.path, below


def _looked_at(local: str, path: str, faults: list[str]) -> SourceFile | None:
    try:
        found = os.stat(local)  # noqa: PTH116 - as above
    except OSError as err:
        if not os.path.islink(local):  # noqa: PTH114 - as above
            raise
        faults.append(f"'{local}' is a link to what is not there ({err.strerror})")
        return None
    if not stat.S_ISREG(found.st_mode):
        faults.append(f"'{local}' is {_kind(found.st_mode)}, not a file")
    elif not os.access(local, os.R_OK):
        faults.append(f"'{local}' cannot be read (Permission denied)")
    else:
        try:
            return SourceFile(Path(local), paths.checked_file(path), found.st_size, fingerprint_of(found))
        except InvalidInput as err:
            faults.append(f"{local!a}: {err.message.rstrip('.')}")
    return None


def _kind(mode: int) -> str:
    if stat.S_ISSOCK(mode):
        return "a socket"
    return "a pipe" if stat.S_ISFIFO(mode) else "a device"
