"""A transaction: the stores over one session."""

from __future__ import annotations

from functools import cached_property

from mlkeep.storage.sql.artifact_files import SqlArtifactFiles
from mlkeep.storage.sql.evaluation_datasets import SqlEvaluationDatasets
from mlkeep.storage.sql.events import SqlEvents
from mlkeep.storage.sql.experiments import SqlExperiments
from mlkeep.storage.sql.heartbeats import SqlHeartbeats
from mlkeep.storage.sql.inputs import SqlInputs
from mlkeep.storage.sql.logged_models import SqlLoggedModels
from mlkeep.storage.sql.metrics import SqlMetrics
from mlkeep.storage.sql.params import SqlParams
from mlkeep.storage.sql.registered_models import SqlRegisteredModels
from mlkeep.storage.sql.runs import SqlRuns
from mlkeep.storage.sql.session import Session
from mlkeep.storage.sql.tags import SqlTags
from mlkeep.storage.sql.versions import SqlVersions


class SqlTransaction:
    """`contract.Transaction` over one session; stores are made when first used."""

    def __init__(self, session: Session) -> None:
        self.session = session

    @cached_property
    def experiments(self) -> SqlExperiments:
        return SqlExperiments(self.session)

    @cached_property
    def runs(self) -> SqlRuns:
        return SqlRuns(self.session)

    @cached_property
    def heartbeats(self) -> SqlHeartbeats:
        return SqlHeartbeats(self.session)

    @cached_property
    def metrics(self) -> SqlMetrics:
        return SqlMetrics(self.session)

    @cached_property
    def params(self) -> SqlParams:
        return SqlParams(self.session)

    @cached_property
    def tags(self) -> SqlTags:
        return SqlTags(self.session)

    @cached_property
    def inputs(self) -> SqlInputs:
        return SqlInputs(self.session)

    @cached_property
    def logged_models(self) -> SqlLoggedModels:
        return SqlLoggedModels(self.session)

    @cached_property
    def models(self) -> SqlRegisteredModels:
        return SqlRegisteredModels(self.session)

    @cached_property
    def versions(self) -> SqlVersions:
        return SqlVersions(self.session)

    @cached_property
    def artifact_files(self) -> SqlArtifactFiles:
        return SqlArtifactFiles(self.session)

    @cached_property
    def evaluation_datasets(self) -> SqlEvaluationDatasets:
        return SqlEvaluationDatasets(self.session)

    @cached_property
    def events(self) -> SqlEvents:
        return SqlEvents(self.session)
