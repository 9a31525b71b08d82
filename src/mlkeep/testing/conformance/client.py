"""What is promised of the client itself, whatever it speaks to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mlkeep.core.entities import LoggedModelStatus, Metric, Param, RunData, RunTag
from mlkeep.core.errors import InvalidInput, NotOffered
from mlkeep.sdk.client import MlkeepClient
from mlkeep.testing.conformance.suite import Suite, unique

SOURCE = "s3://bucket/model"


class Word(str):
    """A text of a class of its own, as numpy's and those of other libraries are."""

    __slots__ = ()


class ClientPromises(Suite):
    """The client takes what programs give it, and gives what programs of every habit can use."""

    def test_what_fits_into_one_batch_is_kept_whole_or_not_at_all(self, client: MlkeepClient, run_id: str) -> None:
        metrics, params = [Metric("m", 1.0, 1)], [Param("p", "1")]
        with pytest.raises(InvalidInput, match=r"a\*b"):
            client.log_batch(run_id, metrics, params, [RunTag("a*b", "1")])
        data = client.get_run(run_id).data
        assert (data.metrics, data.params) == ({}, {})
        client.log_batch(run_id, metrics, params, [RunTag("a", "1")])
        data = client.get_run(run_id).data
        assert data == RunData({"m": 1.0}, {"p": "1"}, {**data.tags, "a": "1"})

    def test_texts_of_any_class_are_taken_as_texts(self, client: MlkeepClient, experiment_id: str) -> None:
        run_id = client.create_run(Word(experiment_id), tags={Word("t"): Word("v")}).info.run_id
        client.log_metric(Word(run_id), Word("m"), 1)
        client.log_batch(run_id, params=[Param(Word("p"), Word("1"))])
        (run,) = client.search_runs([Word(experiment_id)], Word("params.p = '1'"), order_by=[Word("metrics.m")])
        assert (run.data.metrics, run.data.params, run.data.tags["t"]) == ({"m": 1.0}, {"p": "1"}, "v")
        assert {type(text) for text in (*run.data.metrics, *run.data.params, *run.data.tags)} == {str}

    def test_what_is_to_be_asynchronous_tells_how_it_went(self, client: MlkeepClient, run_id: str) -> None:
        done = client.log_param(run_id, "p", 1, synchronous=False)
        done.wait()
        refused = client.log_param(run_id, "p", 2, synchronous=False)
        with pytest.raises(InvalidInput, match="Changing param values is not allowed"):
            refused.wait()
        assert client.log_param(run_id, "p", 1, synchronous=True) == 1

    def test_the_number_of_a_version_is_a_text_that_counts(self, client: MlkeepClient) -> None:
        name = client.create_registered_model(unique("counted")).name
        version: Any = client.create_model_version(name, SOURCE, tags={"a": "1", "b": "2"})
        assert (version.version, version.version + 1, int(version.version)) == ("1", 2, 1)
        assert {tag.key: tag.value for tag in version.tags} == version.tags == {"a": "1", "b": "2"}
        client.set_registered_model_alias(name, "champion", version.version)
        assert client.get_model_version(name, version.version).aliases == ["champion"]

    def test_a_logged_model_has_a_status_that_equals_its_name(self, client: MlkeepClient, experiment_id: str) -> None:
        model = client.create_logged_model(experiment_id)
        assert model.status is LoggedModelStatus.PENDING
        assert (model.status, f"{model.status}", model.to_dictionary()["status"]) == ("PENDING", "PENDING", 1)
        assert client.finalize_logged_model(model.model_id, LoggedModelStatus.FAILED).status == "FAILED"
        with pytest.raises(InvalidInput, match="\"nonsense\" for parameter 'status'"):
            client.finalize_logged_model(model.model_id, "nonsense")

    def test_a_file_is_added_to_a_logged_model(self, client: MlkeepClient, experiment_id: str, tmp_path: Path) -> None:
        model_id = client.create_logged_model(experiment_id).model_id
        (tmp_path / "weights.bin").write_bytes(b"weights")
        client.log_model_artifact(model_id, tmp_path / "weights.bin")
        client.log_model_artifact(model_id, str(tmp_path / "weights.bin"), "deep/er")
        assert [info.path for info in client.list_logged_model_artifacts(model_id)] == ["deep", "weights.bin"]
        assert [info.path for info in client.list_logged_model_artifacts(model_id, "deep/er")] == [
            "deep/er/weights.bin"
        ]
        with pytest.raises(FileNotFoundError, match=r"nothing\.bin"):
            client.log_model_artifact(model_id, tmp_path / "nothing.bin")

    @pytest.mark.parametrize("argument", ["order_by", "datasets"])
    def test_a_search_for_logged_models_names_a_key_it_does_not_know(
        self, client: MlkeepClient, experiment_id: str, argument: str
    ) -> None:
        asked: dict[str, Any] = {argument: [{"field": "name"}]}
        with pytest.raises(InvalidInput, match=f"'{argument}' supplied: 'field' is none of "):
            client.search_logged_models([experiment_id], **asked)

    def test_a_store_of_workspaces_is_refused(self, client: MlkeepClient) -> None:
        with pytest.raises(NotOffered, match="workspace_store_uri"):
            MlkeepClient(client.tracking_uri, workspace_store_uri="sqlite:///workspaces.db")
