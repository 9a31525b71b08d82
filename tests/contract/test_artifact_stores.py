"""Every place for artifacts keeps the promises of stores."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mlkeep.blobs.folder.store import FolderStore
from mlkeep.testing.conformance import StorePartsPromises, StorePromises
from mlkeep.testing.conformance.stores import OpenStore

STORES = ("folder", "durable folder below")


@pytest.fixture(params=STORES)
def open_store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenStore]:
    """One place for artifacts that only this test uses."""
    place: Path = tmp_path_factory.mktemp("store") / "not made yet"
    match request.param:
        case "folder":
            yield lambda: FolderStore(place)
        case _:
            yield lambda: FolderStore(place, durable=True).below("1/run/artifacts")


class TestStores(StorePromises):
    pass


class TestStoreParts(StorePartsPromises):
    pass
