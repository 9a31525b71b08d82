"""What mlkeep promises its users, each promise stated once; needs pytest.

A suite is a class of tests that see only a client, so it holds a database, a server or a whole other installation to the
same promises. Whoever writes a storage or an artifact store runs it by giving it a client and subclassing:

    pytest.register_assert_rewrite("mlkeep.testing.conformance")  # in conftest.py: failures then show both sides

    @pytest.fixture(scope="session")
    def client() -> MlkeepClient: ...

    class TestRuns(conformance.RunPromises):
        '''What our storage cannot do, it says here, by overriding a test with the reason.'''

Stores of artifacts are held to theirs likewise, with a fixture `open_store` (`conformance.stores.OpenStore`).

The client has scope `session`. Suites make what they need under names of their own, so they may run on what others use.
"""

from mlkeep.testing.conformance.artifacts import ArtifactPromises
from mlkeep.testing.conformance.chart_buckets import ChartBucketPromises
from mlkeep.testing.conformance.charts import ChartPromises
from mlkeep.testing.conformance.client import ClientPromises
from mlkeep.testing.conformance.evaluation_datasets import EvaluationDatasetPromises, EvaluationDatasetSearchPromises
from mlkeep.testing.conformance.experiment_counts import ExperimentCountPromises
from mlkeep.testing.conformance.experiments import ExperimentPromises, ExperimentSearchPromises
from mlkeep.testing.conformance.heartbeats import HeartbeatPromises
from mlkeep.testing.conformance.logged_models import LoggedModelPromises, LoggedModelSearchPromises
from mlkeep.testing.conformance.manifest import ManifestPromises
from mlkeep.testing.conformance.metrics import MetricPromises
from mlkeep.testing.conformance.params_and_tags import BatchPromises, ParamAndTagPromises
from mlkeep.testing.conformance.registered_models import RegisteredModelPromises, RegisteredModelSearchPromises
from mlkeep.testing.conformance.runs import RunInputPromises, RunPromises
from mlkeep.testing.conformance.search import RunSearchPromises
from mlkeep.testing.conformance.search_extensions import (
    AllExperimentsPromises,
    CountPromises,
    PagePromises,
    RunFieldPromises,
)
from mlkeep.testing.conformance.sizes import SizePromises
from mlkeep.testing.conformance.sources import SourcePromises
from mlkeep.testing.conformance.store_parts import StorePartsPromises
from mlkeep.testing.conformance.stores import StorePromises
from mlkeep.testing.conformance.texts import TextPromises
from mlkeep.testing.conformance.versions import VersionPromises, VersionSearchPromises
from mlkeep.testing.conformance.worked_examples import WorkedExamplePromises

__all__ = [
    "AllExperimentsPromises",
    "ArtifactPromises",
    "BatchPromises",
    "ChartBucketPromises",
    "ChartPromises",
    "ClientPromises",
    "CountPromises",
    "EvaluationDatasetPromises",
    "EvaluationDatasetSearchPromises",
    "ExperimentCountPromises",
    "ExperimentPromises",
    "ExperimentSearchPromises",
    "HeartbeatPromises",
    "LoggedModelPromises",
    "LoggedModelSearchPromises",
    "ManifestPromises",
    "MetricPromises",
    "PagePromises",
    "ParamAndTagPromises",
    "RegisteredModelPromises",
    "RegisteredModelSearchPromises",
    "RunFieldPromises",
    "RunInputPromises",
    "RunPromises",
    "RunSearchPromises",
    "SizePromises",
    "SourcePromises",
    "StorePartsPromises",
    "StorePromises",
    "TextPromises",
    "VersionPromises",
    "VersionSearchPromises",
    "WorkedExamplePromises",
]
