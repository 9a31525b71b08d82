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


class TestParamsAndTags(conformance.ParamAndTagPromises):
    pass


class TestBatches(conformance.BatchPromises):
    pass


class TestRunSearch(conformance.RunSearchPromises):
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
