"""Files of Python models that are compressed."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import zlib
from collections.abc import Callable
from pathlib import Path

import msgspec

from mlkeep.core.errors import Damaged, InvalidInput, NotFound

_VARIABLES = ("MLKEEP_LOG_MODEL_COMPRESSION", "MLFLOW_LOG_MODEL_COMPRESSION")


class _Compression(msgspec.Struct, frozen=True):
    suffix: str
    compress: Callable[[bytes], bytes]
    decompress: Callable[[bytes], bytes]


_COMPRESSIONS = {
    "lzma": _Compression(".xz", lzma.compress, lzma.decompress),
    "bzip2": _Compression(".bz2", bz2.compress, bz2.decompress),
    "gzip": _Compression(".gz", gzip.compress, gzip.decompress),
}
"""By MLflow's names."""


def asked_compression() -> str | None:
    """How pickles of Python models are to be compressed, as the environment says; None for not at all.

    Raises:
        InvalidInput: it names no compression there is.
    """
    for variable in _VARIABLES:
        if asked := os.environ.get(variable, "").strip().lower():
            if asked not in _COMPRESSIONS:
                raise InvalidInput(f"{variable}: {asked!r} is unknown; expected one of {sorted(_COMPRESSIONS)}.")
            return asked
    return None


def suffix(compression: str | None) -> str:
    """What the name of a file ends in that is so compressed."""
    return "" if compression is None else _COMPRESSIONS[compression].suffix


def compress(path: Path, compression: str | None) -> None:
    """Compress the file at `path`, under the same name."""
    if compression is not None:
        path.write_bytes(_COMPRESSIONS[compression].compress(path.read_bytes()))


def read_plain(path: Path, compression: object) -> bytes:
    """What is in a file, whose MLmodel says how it is compressed; None for not at all.

    Raises:
        InvalidInput: the compression is unknown.
        NotFound: there is no such file.
        Damaged: it is not so compressed.
    """
    if compression is not None and compression not in _COMPRESSIONS:
        raise InvalidInput(f"python_model_compression: {compression!r} is unknown; expected {sorted(_COMPRESSIONS)}.")
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise NotFound(f"The model needs the file {path.name}, which is not in {path.parent}.") from error
    if compression is None:
        return content
    try:
        return _COMPRESSIONS[str(compression)].decompress(content)
    except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError) as error:
        raise damaged(path, f"as a file compressed with {compression}", error) from error


def damaged(path: Path, how: str, error: Exception) -> Damaged:
    """The error for a file of a Python model that cannot be read so."""
    return Damaged(
        f"{path.name} in {path.parent} cannot be read {how}: {error}. The file is damaged; get it again from where the "
        "model was logged."
    )
