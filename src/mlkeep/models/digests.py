"""Digests of a model's files, in its MLmodel: a folder that was damaged is not loaded."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from mlkeep.core import settings
from mlkeep.core.errors import Damaged, InvalidInput, NotFound
from mlkeep.models.inside import stays_inside

KEY = "mlkeep_files"
"""In MLmodel: path below the folder -> {"size": bytes, "sha256": 64 hex digits}."""

_PARALLEL_FROM_BYTES = 8 << 20  # below that, starting threads costs more than they gain
_THREADS = 4


def digests(folder: Path, paths: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Size and SHA-256 of files below `folder`, as MLmodel keeps them."""
    files = {path: (folder / path).stat().st_size for path in sorted(paths)}
    found = _hashed({path: folder / path for path in files}, sum(files.values()))
    return {path: {"size": size, "sha256": found[path]} for path, size in files.items()}


def check(folder: Path, recorded: object, *, contents: bool = True) -> None:
    """See that the files below `folder` are those that `recorded`, the value of `KEY` in its MLmodel, tells of.

    Without `contents` only their sizes are looked at. Other files may lie beside them. Nothing is recorded in folders of
    MLflow, and the setting VERIFY_ARTIFACTS switches this off.

    Raises:
        NotFound: a file is missing.
        Damaged: a file is not what was saved.
        InvalidInput: `recorded` is not of that form.
    """
    if not recorded or not settings.flag("VERIFY_ARTIFACTS", default=True):
        return
    expected = _checked_form(folder, recorded)
    for path, (size, _) in expected.items():
        _check_size(folder, path, size)
    if not contents:
        return
    found = _hashed({path: folder / path for path in expected}, sum(size for size, _ in expected.values()))
    for path, (_, sha256) in expected.items():
        if found[path] != sha256:
            raise Damaged(f"'{path}' in {folder} is not what was saved: its SHA-256 is {found[path]}. {_WAYS_OUT}")


_WAYS_OUT = (
    "Get the model again from where it was logged; if the file was changed on purpose, MLKEEP_VERIFY_ARTIFACTS=false "
    "loads it as it is."
)


def _check_size(folder: Path, path: str, size: int) -> None:
    try:
        found = os.stat(folder / path).st_size  # noqa: PTH116 - a fraction of the time of Path.stat, for many files
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotFound(f"'{path}', which belongs to the model in {folder}, is missing. {_WAYS_OUT}") from error
    if found != size:
        raise Damaged(f"'{path}' in {folder} is not what was saved: it has {found} bytes, not {size}. {_WAYS_OUT}")


def _checked_form(folder: Path, recorded: object) -> dict[str, tuple[int, str]]:
    expected = {}
    for path, entry in recorded.items() if isinstance(recorded, Mapping) else ((None, None),):
        size, sha256 = (entry.get("size"), entry.get("sha256")) if isinstance(entry, Mapping) else (None, None)
        if not (isinstance(path, str) and isinstance(size, int) and isinstance(sha256, str)) or not stays_inside(path):
            raise InvalidInput(f"MLmodel in {folder}: {KEY} must map paths below the folder to their size and sha256.")
        expected[path] = (size, sha256.lower())
    return expected


def _hashed(files: Mapping[str, Path], total_bytes: int) -> dict[str, str]:
    if len(files) < 2 or total_bytes < _PARALLEL_FROM_BYTES:
        return {path: _sha256(file) for path, file in files.items()}
    with ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1, len(files))) as threads:
        return dict(zip(files, threads.map(_sha256, files.values()), strict=True))


def _sha256(file: Path) -> str:
    with file.open("rb", buffering=0) as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
