"""A wheel of the mlkeep that runs here, so that it can be installed into other environments.

It is made from the files that this process runs, with the metadata they were installed with. So it is there without a
network and without a build, and is the same code, whether mlkeep came from an index, a wheel or a checkout.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import importlib.metadata
import os
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from mlkeep import version
from mlkeep.core.errors import NotInstalled
from mlkeep.version import __version__

_NAME = f"mlkeep-{__version__}"
_INFO = f"{_NAME}.dist-info"
_WHEEL = "Wheel-Version: 1.0\nGenerator: mlkeep\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same files give the same wheel


def write_own_wheel(folder: Path) -> Path:
    """Write the wheel into `folder`; its path. It appears whole, and may be there already.

    Raises:
        NotInstalled: mlkeep runs from files alone, without the metadata of an installation.
    """
    path = folder / f"{_NAME}-py3-none-any.whl"
    records = []
    fd, temporary = tempfile.mkstemp(dir=folder, suffix=".part")
    try:
        with os.fdopen(fd, "wb") as out, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for name, content in _files():
                digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
                records.append(f"{name},sha256={digest},{len(content)}")
                archive.writestr(zipfile.ZipInfo(name, _EPOCH), content, zipfile.ZIP_DEFLATED)
            record = f"{_INFO}/RECORD"
            archive.writestr(zipfile.ZipInfo(record, _EPOCH), "\n".join([*records, f"{record},,", ""]))
        os.replace(temporary, path)  # noqa: PTH105 - both are one file system away from nothing
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return path


@functools.cache
def own_digest() -> str:
    """A digest of all that is in the wheel, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    for name, content in _files():
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def _files() -> Iterator[tuple[str, bytes]]:
    package = Path(version.__file__).parent
    for path in sorted(package.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield f"mlkeep/{path.relative_to(package).as_posix()}", path.read_bytes()
    try:
        installed = importlib.metadata.distribution("mlkeep")
    except importlib.metadata.PackageNotFoundError:
        raise NotInstalled(
            "mlkeep runs here without being installed, so it cannot be put into another environment: install it (pip "
            "install -e <checkout>), or name a checkout or wheel in MLKEEP_HOME."
        ) from None
    yield f"{_INFO}/METADATA", (installed.read_text("METADATA") or "").encode()
    yield f"{_INFO}/WHEEL", _WHEEL.encode()
    if scripts := installed.read_text("entry_points.txt"):
        yield f"{_INFO}/entry_points.txt", scripts.encode()
