"""mlkeep keeps its promises, whichever way one comes in."""

from __future__ import annotations

from mlkeep.testing import conformance


class TestClient(conformance.ClientPromises):
    pass


class TestExperiments(conformance.ExperimentPromises):
    pass


class TestExperimentSearch(conformance.ExperimentSearchPromises):
    pass


class TestRuns(conformance.RunPromises):
    pass


class TestRunInputs(conformance.RunInputPromises):
    pass


class TestMetrics(conformance.MetricPromises):
    pass


class TestHeartbeats(conformance.HeartbeatPromises):
    pass


class TestCharts(conformance.ChartPromises):
    pass


class TestChartBuckets(conformance.ChartBucketPromises):
    pass


class TestEvaluationDatasets(conformance.EvaluationDatasetPromises):
    pass


class TestEvaluationDatasetSearch(conformance.EvaluationDatasetSearchPromises):
    pass


class TestParamsAndTags(conformance.ParamAndTagPromises):
    pass


class TestBatches(conformance.BatchPromises):
    pass


class TestRunSearch(conformance.RunSearchPromises):
    pass


class TestRunFields(conformance.RunFieldPromises):
    pass


class TestCounts(conformance.CountPromises):
    pass


class TestAllExperiments(conformance.AllExperimentsPromises):
    pass


class TestPages(conformance.PagePromises):
    pass


class TestWorkedExamples(conformance.WorkedExamplePromises):
    pass


class TestLoggedModels(conformance.LoggedModelPromises):
    pass


class TestLoggedModelSearch(conformance.LoggedModelSearchPromises):
    pass


class TestRegisteredModels(conformance.RegisteredModelPromises):
    pass


class TestRegisteredModelSearch(conformance.RegisteredModelSearchPromises):
    pass


class TestVersions(conformance.VersionPromises):
    pass


class TestVersionSearch(conformance.VersionSearchPromises):
    pass


class TestSources(conformance.SourcePromises):
    pass


class TestArtifacts(conformance.ArtifactPromises):
    pass


class TestManifest(conformance.ManifestPromises):
    pass


class TestSizes(conformance.SizePromises):
    pass


class TestTexts(conformance.TextPromises):
    pass
