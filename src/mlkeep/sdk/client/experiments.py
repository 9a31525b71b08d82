"""Experiments, through the client."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mlkeep.core.entities import Experiment, ExperimentCounts, ViewType
from mlkeep.core.errors import NotFound
from mlkeep.core.pages import PagedList
from mlkeep.sdk.client.base import ClientBase
from mlkeep.wire import experiments as wire
from mlkeep.wire.message import key_value_inputs


class ExperimentClient(ClientBase):
    """Operations on experiments."""

    def create_experiment(
        self, name: str, artifact_location: str | None = None, tags: Mapping[str, Any] | None = None
    ) -> str:
        """Make an experiment and give its id. Raises AlreadyExists."""
        request = wire.CreateExperiment(
            name=name,
            artifact_location=artifact_location or "",
            tags=key_value_inputs({key: str(value) for key, value in (tags or {}).items()}),
        )
        experiment_id: str = self._tracking.call(request).experiment_id
        return experiment_id

    def get_experiment(self, experiment_id: str) -> Experiment:
        """The experiment, deleted or not. Raises NotFound."""
        request = wire.GetExperiment(experiment_id=str(experiment_id))
        experiment: Experiment = self._tracking.call(request).experiment.entity()
        return experiment

    def count_experiment(self, experiment_id: str) -> ExperimentCounts:
        """How many runs of each status and how many keys an experiment has; only mlkeep's servers tell. Raises NotFound."""
        request = wire.CountExperiment(experiment_id=str(experiment_id))
        counts: ExperimentCounts = self._tracking.call(request).entity()
        return counts

    def get_experiment_by_name(self, name: str) -> Experiment | None:
        """The experiment of this name, deleted or not, or None."""
        try:
            found: Experiment = self._tracking.call(wire.GetExperimentByName(experiment_name=name)).experiment.entity()
        except NotFound:
            return None
        return found

    def search_experiments(
        self,
        view_type: int = ViewType.ACTIVE_ONLY,
        max_results: int | None = 1_000,
        filter_string: str | None = None,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList[Experiment]:
        """One page of experiments, newest first unless `order_by` says otherwise."""
        answer = self._tracking.call(
            wire.SearchExperiments(
                max_results=1_000 if max_results is None else max_results,
                page_token=page_token or "",
                filter=filter_string or "",
                order_by=list(order_by or []),
                view_type=ViewType(view_type),
            )
        )
        return PagedList([found.entity() for found in answer.experiments], answer.next_page_token or None)

    def rename_experiment(self, experiment_id: str, new_name: str) -> None:
        """Give an experiment another name. Raises AlreadyExists."""
        self._tracking.call(wire.UpdateExperiment(experiment_id=str(experiment_id), new_name=new_name))

    def delete_experiment(self, experiment_id: str) -> None:
        """Put an experiment and its runs into the bin."""
        self._tracking.call(wire.DeleteExperiment(experiment_id=str(experiment_id)))

    def restore_experiment(self, experiment_id: str) -> None:
        """Take an experiment and its runs out of the bin."""
        self._tracking.call(wire.RestoreExperiment(experiment_id=str(experiment_id)))

    def set_experiment_tag(self, experiment_id: str, key: str, value: Any) -> None:
        """Set a tag, replacing its value."""
        self._tracking.call(wire.SetExperimentTag(experiment_id=str(experiment_id), key=key, value=str(value)))

    def delete_experiment_tag(self, experiment_id: str, key: str) -> None:
        """Remove a tag. Raises NotFound."""
        self._tracking.call(wire.DeleteExperimentTag(experiment_id=str(experiment_id), key=key))
