"""What a storage promises of evaluation datasets: a part of `storage.contract`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from mlkeep.core.evaluation import EvaluationDataset, EvaluationRecord

if TYPE_CHECKING:
    from mlkeep.storage.contract import Page, Search


class EvaluationDatasetStore(Protocol):
    """Evaluation datasets, their tags, experiments and records. All but `delete` and `search` raise NotFound."""

    def add(self, new: EvaluationDataset) -> None:
        """Add a dataset without records. Its experiments must be there."""
        ...

    def get(self, dataset_id: str) -> EvaluationDataset:
        """The dataset with tags and experiments."""
        ...

    def delete(self, dataset_id: str) -> bool:
        """Remove the dataset with its records; whether it was there."""
        ...

    def put_tags(self, dataset_id: str, tags: Mapping[str, str]) -> None:
        """Set tags, replacing values."""
        ...

    def delete_tag(self, dataset_id: str, key: str) -> None:
        """Remove a tag if it is there."""
        ...

    def link(self, dataset_id: str, experiment_ids: Sequence[str], now_ms: int) -> None:
        """Say that the dataset belongs to these experiments, which must be there."""
        ...

    def unlink(self, dataset_id: str, experiment_ids: Sequence[str], now_ms: int) -> None:
        """Say that the dataset does not belong to these experiments."""
        ...

    def search(self, search: Search, experiment_ids: Sequence[str]) -> Page:
        """`EvaluationDataset`s that belong to any of these experiments; without experiments, any."""
        ...

    def find_records(self, dataset_id: str, input_hashes: Sequence[str]) -> dict[str, EvaluationRecord]:
        """The records with these inputs, by the hash of the inputs."""
        ...

    def put_records(self, dataset_id: str, records: Sequence[EvaluationRecord]) -> None:
        """Add records; those whose inputs are there already get the content, and keep id and creation."""
        ...

    def records(self, dataset_id: str, limit: int, token: str | None) -> Page:
        """`EvaluationRecord`s, in the order they were added."""
        ...

    def count_records(self, dataset_id: str) -> int:
        """How many records the dataset has."""
        ...

    def delete_records(self, dataset_id: str, record_ids: Sequence[str]) -> int:
        """Remove records; how many of them were there."""
        ...

    def describe(
        self, dataset_id: str, *, digest: str, schema: str | None, profile: str | None, user: str | None, now_ms: int
    ) -> None:
        """Set what is told of the dataset's content; a user of None leaves the last one."""
        ...
