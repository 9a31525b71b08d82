"""Use-cases on a database in a file of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mlkeep.blobs.opening import open_store
from mlkeep.services.call import Settings
from mlkeep.services.dispatch import Dispatcher
from mlkeep.storage.sql.storage import SqlStorage


@pytest.fixture
def dispatcher(tmp_path: Path) -> Iterator[Dispatcher]:
    storage = SqlStorage(f"sqlite:///{tmp_path / 'mlkeep.db'}")
    dispatcher = Dispatcher(storage, Settings(artifact_root=str(tmp_path / "artifacts")), open_store)
    yield dispatcher
    dispatcher.close()
