"""All groups of rows, and where their recorded answers are."""

from __future__ import annotations

from pathlib import Path

from tests.wire.exchange import Row
from tests.wire.rows import (
    artifacts,
    evaluation_datasets,
    experiments,
    logged_models,
    metrics,
    registered_models,
    runs,
    sources,
    transport,
    versions,
)

GROUPS: dict[str, tuple[Row, ...]] = {
    module.__name__.rpartition(".")[2]: module.ROWS
    for module in (
        transport,
        experiments,
        runs,
        metrics,
        artifacts,
        logged_models,
        registered_models,
        versions,
        sources,
        evaluation_datasets,
    )
}


def golden(group: str) -> Path:
    """The file of the answers that the official server gave to a group."""
    return Path(__file__).parent / "golden" / f"{group}.json"
