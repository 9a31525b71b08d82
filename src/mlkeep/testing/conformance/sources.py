"""What is promised of the sources of model versions: which are taken, and where the files are found."""

from __future__ import annotations

import json

import pytest

from mlkeep.core.entities import ModelVersion
from mlkeep.core.errors import InvalidInput, NotFound
from mlkeep.sdk.client import MlkeepClient
from mlkeep.testing.conformance.registered_models import SOURCE, RegistrySuite
from mlkeep.testing.conformance.suite import names_both, unique


class SourcePromises(RegistrySuite):
    """A version reaches into no run but its own, nor into the server's files."""

    def created(self, client: MlkeepClient, made: ModelVersion) -> tuple[str, str, str, str | None]:
        """What a version shows as its source, where its files are, of which run and logged model it is."""
        place = client.get_model_version_download_uri(made.name, made.version)
        return made.source, place, made.run_id, made.model_id

    @pytest.mark.parametrize("source", [SOURCE, "gs://b/m", "dbfs:/m", "wasbs://c@a/m", "strange+scheme:/x"])
    def test_a_place_elsewhere_is_taken_as_it_is(self, client: MlkeepClient, model: str, source: str) -> None:
        assert self.created(client, client.create_model_version(model, source)) == (source, source, "", None)

    def test_the_artifacts_of_a_run_are_a_source(self, client: MlkeepClient, model: str, run_id: str) -> None:
        root = client.get_run(run_id).info.artifact_uri
        for place in (root, f"{root}/model"):
            made = client.create_model_version(model, place, run_id=run_id)
            assert self.created(client, made) == (place, place, run_id, None)

    def test_a_run_is_a_source(self, client: MlkeepClient, model: str, run_id: str) -> None:
        root = client.get_run(run_id).info.artifact_uri
        for uri, place in ((f"runs:/{run_id}/a/model", f"{root}/a/model"), (f"runs:/{run_id}", root)):
            for said in (run_id, None):
                made = client.create_model_version(model, uri, run_id=said)
                assert self.created(client, made) == (uri, place, run_id, None)

    def test_a_logged_model_is_a_source(
        self, client: MlkeepClient, model: str, experiment_id: str, run_id: str
    ) -> None:
        logged = client.create_logged_model(experiment_id, "m", run_id)
        root, uri = logged.artifact_location, f"models:/{logged.model_id}"
        for source, said in ((uri, None), (uri, logged.model_id), (root, logged.model_id)):
            made = client.create_model_version(model, source, model_id=said)
            assert self.created(client, made) == (source, root, run_id, logged.model_id)
        noted = json.loads(client.get_logged_model(logged.model_id).tags["mlflow.modelVersions"])
        assert noted == [{"name": model, "version": version} for version in (1, 2, 3)]

    def test_a_copy_is_not_noted_with_the_logged_model(
        self, client: MlkeepClient, model: str, experiment_id: str
    ) -> None:
        logged = client.create_logged_model(experiment_id).model_id
        client.create_model_version(model, f"models:/{logged}", model_id=logged)
        copy = client.create_model_version(model, f"models:/{model}/1")
        assert copy.model_id == logged
        noted = json.loads(client.get_logged_model(logged).tags["mlflow.modelVersions"])
        assert noted == [{"name": model, "version": 1}]

    def test_another_version_is_a_source(self, client: MlkeepClient, model: str, run_id: str) -> None:
        root = client.get_run(run_id).info.artifact_uri
        client.create_model_version(model, f"runs:/{run_id}/m", run_id=run_id)
        client.create_model_version(model, SOURCE)
        client.set_registered_model_alias(model, "champion", 1)
        client.transition_model_version_stage(model, 1, "Staging")
        copies = client.create_registered_model(unique("copies")).name
        for suffix in ("/1", "@champion", "/Staging", "/staging"):
            made = client.create_model_version(copies, f"models:/{model}{suffix}")
            assert self.created(client, made) == (f"models:/{model}/1", f"{root}/m", run_id, None)
        latest = client.create_model_version(copies, f"models:/{model}/latest")
        assert self.created(client, latest) == (f"models:/{model}/2", SOURCE, "", None)

    def test_a_version_is_copied(self, client: MlkeepClient, model: str) -> None:
        client.create_model_version(model, SOURCE, run_id="r", tags={"a": "1"}, run_link="l", description="First.")
        target = unique("copied")
        for number in ("1", "2"):
            copy = client.copy_model_version(f"models:/{model}/1", target)
            assert (copy.name, copy.version, copy.source) == (target, number, f"models:/{model}/1")
            assert (copy.run_id, copy.tags, copy.run_link, copy.description) == ("r", {"a": "1"}, "l", "First.")
        assert client.get_model_version_download_uri(target, 2) == SOURCE

    @pytest.mark.parametrize(
        "source",
        [
            "/etc/passwd",
            "etc/models",
            "file:/etc",
            "file:///etc",
            "FILE:///etc",
            "C:/models",
            "mlflow-artifacts:/0/models",
            "MLFLOW-ARTIFACTS:/0/models",
            "s3://b/a/../../c",
            "s3://b/%2e%2e/c",
            "s3://b/a%252f..%252fc",
            "runs:/../x",
            "models:/a/b/c",
            "models:/",
            "http://h/x",
            "HTTPS://h/x",
            "ftp://h/x",
            "sftp://h/x",
            "hdfs://h/x",
            "viewfs://h/x",
            "r2://b/x",
            "b2://b/x",
            "abfss://c@a/x",
            "mlflow-artifacts://h/0/models",
        ],
    )
    def test_a_place_that_belongs_to_nobody_is_refused(self, client: MlkeepClient, model: str, source: str) -> None:
        with pytest.raises(InvalidInput, match="source"):
            client.create_model_version(model, source)
        assert client.get_latest_versions(model) == []

    def test_a_place_of_another_run_or_model_is_refused(
        self, client: MlkeepClient, model: str, experiment_id: str, run_id: str
    ) -> None:
        other = client.create_run(experiment_id).info
        logged = client.create_logged_model(experiment_id)
        version = client.create_model_version(model, f"runs:/{other.run_id}/m")
        for source, said_run, said_model in (
            (f"{other.artifact_uri}/model", run_id, None),
            (f"{other.artifact_uri}-and-more", other.run_id, None),
            (f"{client.get_run(run_id).info.artifact_uri}/../../{other.run_id}/artifacts", run_id, None),
            (f"runs:/{other.run_id}/model", run_id, None),
            ("/etc/passwd", run_id, None),
            (f"{other.artifact_uri}/model", other.run_id, logged.model_id),
            (f"models:/{logged.model_id}", None, client.create_logged_model(experiment_id).model_id),
            (f"models:/{model}/{version.version}", run_id, None),
            (f"models:/{model}/{version.version}", None, logged.model_id),
        ):
            with pytest.raises(InvalidInput, match="source"):
                client.create_model_version(model, source, run_id=said_run, model_id=said_model)
        assert [one.version for one in client.get_latest_versions(model)] == ["1"]

    def test_a_prompt_is_no_source(self, client: MlkeepClient, model: str) -> None:
        prompt = client.create_registered_model(unique("prompt"), tags={"mlflow.prompt.is_prompt": "true"}).name
        client.create_model_version(prompt, SOURCE)
        for suffix in ("/1", "/latest"):
            with pytest.raises(InvalidInput, match=names_both("source", "prompt")):
                client.create_model_version(model, f"models:/{prompt}{suffix}")

    def test_a_source_that_is_not_there_is_not_found(self, client: MlkeepClient, model: str) -> None:
        for source in (f"runs:/{'f' * 32}/m", f"models:/m-{'f' * 32}", f"models:/{model}/7", "models:/nobody/1"):
            with pytest.raises(NotFound):
                client.create_model_version(model, source)
        for source in (f"models:/{model}@nobody", f"models:/{model}/Staging"):
            with pytest.raises(InvalidInput, match=names_both("not found|No version", "nobody|Staging")):
                client.create_model_version(model, source)
        with pytest.raises(InvalidInput, match="'source'"):
            client.create_model_version(model, "")
