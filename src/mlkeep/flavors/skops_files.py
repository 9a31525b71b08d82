"""skops files: objects without code, made of types that are checked before any of them is."""

from __future__ import annotations

import json
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import skops.io
import skops.io.exceptions

from mlkeep.core import settings
from mlkeep.core.errors import Damaged, Forbidden, InvalidInput, NotFound
from mlkeep.core.model_files import HARMLESS_TYPES
from mlkeep.flavors import pickle_policy
from mlkeep.flavors.sameness import difference

TRUSTED_SETTING = "SKOPS_TRUSTED_TYPES"
"""Types, with commas between, that this process trusts in every skops file."""

_SCHEMA = "schema.json"
_SIGNS_OF_DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError),
    *(KeyError, ValueError, TypeError, AttributeError, RecursionError),
)


class Attempt(msgspec.Struct, frozen=True):
    """What came of writing an object as a skops file.

    `types` are those that skops does not trust by itself. `fault` says why the file does not give the object back as it
    is, "" if it does. `modules` are those its types come from.
    """

    types: list[str]
    fault: str = ""
    modules: frozenset[str] = frozenset()


def attempt(value: object, path: Path) -> Attempt:
    """Write `value` to `path` and read it again.

    What was just written is read with all its types trusted. There may be no file afterwards if skops cannot hold the
    object.
    """
    try:
        skops.io.dump(value, path)
        types = untrusted_types(path)
        found = difference(value, skops.io.load(path, trusted=types))
        modules = frozenset(_modules_of(path))
    except Exception as error:  # noqa: BLE001 - whatever skops or the object raises, it means that skops cannot hold it
        return Attempt(types=[], fault=f"skops cannot hold it: {type(error).__name__}: {error}")
    fault = "" if found is None else f"skops would change it: {found}"
    return Attempt(types, fault, modules)


def untrusted_types(path: Path) -> list[str]:
    """The types in a skops file that skops does not trust by itself, sorted. Nothing of them is made."""
    types: list[str] = skops.io.get_untrusted_types(file=path)
    return sorted(types)


def never_trusted() -> frozenset[str]:
    """Types with which a file can bring the process down, though it runs no code: the trees of scikit-learn."""
    return frozenset(getattr(skops.io.exceptions, "UNTRUSTED_TYPE_REASONS", {}))


def vouched_for() -> frozenset[str]:
    """Types that need nobody's word when a model is saved, as nothing can happen with them."""
    return HARMLESS_TYPES - never_trusted()


def load(path: Path, trusted_by_folder: Sequence[str]) -> Any:
    """The object in a skops file. Nothing is made before all of its types are found to be trusted.

    `trusted_by_folder` is what the MLmodel beside it says. Where pickles are forbidden, the folder's word counts only for
    types that are known to be harmless, as with any other type a file may run code like a pickle.

    Raises:
        NotFound: there is no such file.
        InvalidInput: it has types that nobody trusts.
        Forbidden: it has types that only the folder trusts, and pickles are forbidden here.
        Damaged: it cannot be read.
    """
    if not path.is_file():
        raise NotFound(f"The model needs the file {path.name}, which is not in {path.parent}.")
    own = [name.strip() for name in (settings.setting(TRUSTED_SETTING) or "").split(",") if name.strip()]
    policy = pickle_policy.forbidden_by()
    believed = [name for name in trusted_by_folder if policy is None or name in HARMLESS_TYPES]
    try:
        # skops looks through the whole file before it makes anything.
        return skops.io.load(path, trusted=[*own, *believed])
    except skops.io.exceptions.UntrustedTypesFoundException:
        unknown = set(untrusted_types(path)).difference(own, believed)
    except _SIGNS_OF_DAMAGE as error:
        raise Damaged(
            f"{path.name} in {path.parent} cannot be read as a skops file: {type(error).__name__}: {error}. The file is "
            "damaged, or other releases of skops and scikit-learn wrote it than are installed here."
        ) from error
    if policy is not None and (doubtful := sorted(unknown.intersection(trusted_by_folder))):
        raise Forbidden(
            f"{path.name} holds types that only its own folder trusts: {doubtful}. Made of them, a file may run code as a "
            f"pickle does, and {policy} forbids that. If you know the types to be harmless, set "
            f"MLKEEP_{TRUSTED_SETTING}={','.join(doubtful)}."
        )
    raise untrusted(path.name, sorted(unknown))


def untrusted(file: str, types: list[str]) -> InvalidInput:
    """The error for a file with types that nobody trusts."""
    return InvalidInput(
        f"{file} holds types that skops does not trust by itself: {types}. If you trust them, pass "
        f"skops_trusted_types={types} when saving; or save with serialization_format='cloudpickle'."
    )


def _modules_of(path: Path) -> Iterator[str]:
    with zipfile.ZipFile(path) as archive:
        yield from _modules_named(json.loads(archive.read(_SCHEMA)))


def _modules_named(node: Any) -> Iterator[str]:
    """The modules of all types a skops file consists of."""
    if isinstance(node, dict):
        if isinstance(module := node.get("__module__"), str):
            yield module
        for item in node.values():
            yield from _modules_named(item)
    elif isinstance(node, list):
        for item in node:
            yield from _modules_named(item)
