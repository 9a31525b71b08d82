"""Where downloaded files land: in a folder that no name leads out of, each appearing whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mlkeep.blobs import paths
from mlkeep.core.errors import InvalidInput

_PREFIX = ".mlkeep-download."


class Landing:
    """A folder for what is downloaded. Names are relative to it, with `/`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._real = os.path.realpath(folder)
        self._safe: set[Path] = set()

    def place(self, name: str) -> Path:
        """Where a file of this name goes; the folders on the way are made.

        Raises:
            InvalidInput: the name is not safe, or a link that is there already leads out of the folder.
        """
        target = self.folder / paths.checked_listing(name, nested=True)
        above = target.parent
        if above not in self._safe:
            real = os.path.realpath(above)
            if real != self._real and not real.startswith(f"{self._real.rstrip(os.sep)}{os.sep}"):
                raise InvalidInput(
                    f"'{name}' cannot be put into '{self.folder}': a link there leads out of it, to '{real}'. Remove the "
                    "link, or download to another folder."
                )
            above.mkdir(parents=True, exist_ok=True)
            self._safe.add(above)
        if target.is_dir() and not target.is_symlink():
            raise InvalidInput(f"'{name}' cannot be put into '{self.folder}': there is a folder of this name.")
        return target


@contextmanager
def appearing(target: Path) -> Iterator[Path]:
    """Where to write what appears as `target` when the block ends without an error, and vanishes otherwise.

    Nothing is there yet; the block has to make it.
    """
    temporary = beside(target)
    try:
        yield temporary
        os.replace(temporary, target)  # noqa: PTH105 - done for every file, of which there may be many
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def beside(target: Path) -> Path:
    """A name in the same folder that nobody else uses."""
    return target.with_name(_PREFIX + os.urandom(8).hex())


def write_new(file: Path, data: bytes) -> None:
    """Make a small file of these bytes."""
    opened = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        left = memoryview(data)
        while left:
            left = left[os.write(opened, left) :]
    finally:
        os.close(opened)
