"""mlkeep's client and functions on a server of the official MLflow: what is promised of them holds there too."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pandas as pd
import pytest

import mlkeep
from bench.environments import Library
from mlkeep.core.entities import (
    Dataset,
    DatasetInput,
    InputTag,
    LoggedModel,
    LoggedModelInput,
    LoggedModelOutput,
    Metric,
    Param,
    Run,
    RunTag,
    ViewType,
)
from mlkeep.core.errors import AlreadyExists, InvalidInput, MlkeepException, NoSuchEndpoint, NotFound
from mlkeep.sdk import active_experiment
from mlkeep.sdk.client import MlkeepClient
from mlkeep.testing.conformance.suite import unique

pytestmark = [pytest.mark.interop, pytest.mark.xdist_group("official")]

SOURCE = "s3://bucket/model"
BIGGEST = 1.7976931348623157e308


@pytest.fixture
def client(official_server: str) -> MlkeepClient:
    return MlkeepClient(official_server)


@pytest.fixture
def experiment_id(client: MlkeepClient) -> str:
    return client.create_experiment(unique("experiment"))


@pytest.fixture
def run_id(client: MlkeepClient, experiment_id: str) -> str:
    return client.create_run(experiment_id).info.run_id


@pytest.fixture
def model(client: MlkeepClient) -> str:
    return client.create_registered_model(unique("model")).name


@pytest.fixture
def is_new(official_mlflow: Library) -> bool:
    """Whether the server knows what came with 3.0, such as logged models."""
    return not official_mlflow.version.startswith("2.")


@pytest.fixture
def fluent(official_server: str, experiment_id: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """The functions act on a new experiment of the server."""
    for name in os.environ:
        if name.startswith(("MLFLOW_", "MLKEEP_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    for name in ("MLKEEP_TRACKING_URI", "MLFLOW_TRACKING_URI", "MLKEEP_EXPERIMENT_ID", "MLFLOW_EXPERIMENT_ID"):
        monkeypatch.setenv(name, "")  # so that it is taken back after the test
    monkeypatch.setattr(active_experiment, "_active_experiment_id", None)
    mlkeep.set_tracking_uri(official_server)
    mlkeep.set_experiment(experiment_id=experiment_id)
    yield
    mlkeep.clear_active_model()
    mlkeep.set_tracking_uri(None)


def refused(call: Callable[[], object]) -> tuple[type[MlkeepException], str]:
    """Class and code of what a call raises."""
    with pytest.raises(MlkeepException) as told:
        call()
    assert str(told.value).startswith(f"{told.value.error_code}: ")
    return type(told.value), told.value.error_code


def test_experiments_are_made_found_renamed_deleted_and_restored(client: MlkeepClient, is_new: bool) -> None:
    name = unique("experiment")
    experiment_id = client.create_experiment(name, tags={"team": "risk", "n": 1})
    made = client.get_experiment(experiment_id)
    assert (made.name, made.tags, made.lifecycle_stage) == (name, {"team": "risk", "n": "1"}, "active")
    assert made.artifact_location == f"mlflow-artifacts:/{experiment_id}"
    assert client.get_experiment_by_name(name) == made
    assert client.get_experiment_by_name("nobody") is None

    client.set_experiment_tag(experiment_id, "n", 2)
    if is_new:
        client.delete_experiment_tag(experiment_id, "team")
    else:
        with pytest.raises(NoSuchEndpoint, match=r"the server does not offer POST .*delete-experiment-tag"):
            client.delete_experiment_tag(experiment_id, "team")
    client.rename_experiment(experiment_id, f"{name}!")
    client.delete_experiment(experiment_id)
    deleted = client.get_experiment(experiment_id)
    tags = {"n": "2"} if is_new else {"n": "2", "team": "risk"}
    assert (deleted.name, deleted.tags, deleted.lifecycle_stage) == (f"{name}!", tags, "deleted")
    mine = f"name LIKE '{name}%'"
    assert client.search_experiments(filter_string=mine) == []
    assert client.search_experiments(ViewType.DELETED_ONLY, filter_string=mine) == [deleted]
    client.restore_experiment(experiment_id)
    assert client.get_experiment(experiment_id).lifecycle_stage == "active"

    assert refused(lambda: client.create_experiment(f"{name}!")) == (AlreadyExists, "RESOURCE_ALREADY_EXISTS")
    assert refused(lambda: client.get_experiment("987654")) == (NotFound, "RESOURCE_DOES_NOT_EXIST")


def test_pages_of_experiments_put_together_are_the_whole(client: MlkeepClient) -> None:
    name = unique("page")
    ids = [client.create_experiment(f"{name}{i}") for i in range(5)]
    mine, found, token = f"name LIKE '{name}%'", [], None
    while True:
        page = client.search_experiments(
            max_results=2, filter_string=mine, order_by=["experiment_id ASC"], page_token=token
        )
        found += [experiment.experiment_id for experiment in page]
        if (token := page.token) is None:
            break
    assert sorted(found) == sorted(ids)
    assert len(found) == 5


def test_a_run_is_made_changed_ended_deleted_and_restored(client: MlkeepClient, experiment_id: str) -> None:
    run = client.create_run(experiment_id, start_time=5, tags={"a": 1}, run_name="first")
    run_id = run.info.run_id
    assert (run.info.status, run.info.start_time, run.info.end_time) == ("RUNNING", 5, None)
    assert run.data.tags == {"a": "1", "mlflow.runName": "first"}
    assert run.info.artifact_uri == f"mlflow-artifacts:/{experiment_id}/{run_id}/artifacts"

    client.update_run(run_id, name="second")
    client.set_terminated(run_id, "FAILED", 9)
    client.delete_tag(run_id, "a")
    ended = client.get_run(run_id)
    assert (ended.info.run_name, ended.info.status, ended.info.end_time) == ("second", "FAILED", 9)
    assert ended.data.tags == {"mlflow.runName": "second"}
    client.update_run(run_id, status="KILLED")
    assert (client.get_run(run_id).info.status, client.get_run(run_id).info.end_time) == ("KILLED", 9)

    client.delete_run(run_id)
    assert client.search_runs([experiment_id]) == []
    assert refused(lambda: client.log_metric(run_id, "m", 1)) == (InvalidInput, "INVALID_PARAMETER_VALUE")
    client.restore_run(run_id)
    assert client.search_runs([experiment_id]) == [client.get_run(run_id)]
    assert refused(lambda: client.get_run("f" * 32)) == (NotFound, "RESOURCE_DOES_NOT_EXIST")


def test_metrics_keep_their_history_and_what_is_no_finite_number(client: MlkeepClient, run_id: str) -> None:
    for step, value in enumerate([1.5, math.nan, math.inf, -math.inf, 0.1]):
        client.log_metric(run_id, "loss", value, timestamp=1_000 + step, step=step)
    client.log_metric(run_id, "big", 10**15 + 0.5, timestamp=2**41, step=-3)

    history = client.get_metric_history(run_id, "loss")
    assert [(point.timestamp, point.step) for point in history] == [(1_000 + step, step) for step in range(5)]
    values = [point.value for point in history]
    # MLflow stores the infinities as the greatest doubles.
    assert math.isnan(values.pop(1))
    assert values == [1.5, BIGGEST, -BIGGEST, 0.1]
    assert client.get_run(run_id).data.metrics == {"loss": 0.1, "big": 10**15 + 0.5}
    assert client.get_metric_history(run_id, "big") == [Metric("big", 10**15 + 0.5, 2**41, -3)]
    assert client.get_metric_history(run_id, "nothing") == []
    assert refused(lambda: client.log_metric(run_id, "bad$", 1, synchronous=True)) == (
        InvalidInput,
        "INVALID_PARAMETER_VALUE",
    )


def test_a_batch_of_any_size_arrives_whole(client: MlkeepClient, run_id: str) -> None:
    metrics = [Metric("m", float(i), i, i) for i in range(2_300)]
    params = [Param(f"p{i}", str(i)) for i in range(250)]
    tags = [RunTag(f"t{i}", str(i)) for i in range(130)]
    client.log_batch(run_id, metrics, params, tags)

    run = client.get_run(run_id)
    assert run.data.params == {param.key: param.value for param in params}
    assert {tag.key: tag.value for tag in tags}.items() <= run.data.tags.items()
    assert client.get_metric_history(run_id, "m") == metrics
    assert client.log_param(run_id, "p0", 0) == 0
    assert refused(lambda: client.log_param(run_id, "p0", 1)) == (InvalidInput, "INVALID_PARAMETER_VALUE")
    assert refused(lambda: client.delete_tag(run_id, "nothing")) == (NotFound, "RESOURCE_DOES_NOT_EXIST")


def test_what_a_run_used_is_kept(client: MlkeepClient, run_id: str) -> None:
    used = DatasetInput(Dataset("d", "abc", "local", "{}", "[]", "{}"), [InputTag("mlflow.data.context", "train")])
    client.log_inputs(run_id, [used])
    assert client.get_run(run_id).inputs.dataset_inputs == [used]


def test_runs_are_found_sorted_and_paged(client: MlkeepClient, experiment_id: str) -> None:
    def made(number: int) -> Run:
        run_id = client.create_run(experiment_id, start_time=number, tags={"kind": "odd" if number % 2 else "even"})
        client.log_metric(run_id.info.run_id, "loss", number / 10)
        client.log_param(run_id.info.run_id, "depth", number)
        return client.get_run(run_id.info.run_id)

    runs = [made(number) for number in range(7)]
    assert client.search_runs([experiment_id]) == runs[::-1]
    odd = client.search_runs(
        [experiment_id], "tags.kind = 'odd' AND metrics.loss < 0.5", order_by=["metrics.loss DESC"]
    )
    assert odd == [runs[3], runs[1]]
    assert client.search_runs([experiment_id], "params.depth LIKE '%4%'") == [runs[4]]
    found, token = [], None
    while True:
        page = client.search_runs([experiment_id], order_by=["start_time ASC"], max_results=3, page_token=token)
        found.append(len(page))
        if (token := page.token) is None:
            break
    assert found == [3, 3, 1]
    assert refused(lambda: client.search_runs([experiment_id], "nonsense")) == (
        InvalidInput,
        "INVALID_PARAMETER_VALUE",
    )


def test_artifacts_go_through_the_proxy_of_the_server(client: MlkeepClient, run_id: str, tmp_path: Path) -> None:
    (tmp_path / "data" / "deep").mkdir(parents=True)
    (tmp_path / "data" / "deep" / "größe 1.bin").write_bytes(bytes(range(256)) * 5_000)
    (tmp_path / "data" / "a.txt").write_text("a")
    client.log_artifact(run_id, tmp_path / "data" / "a.txt", "single")
    client.log_artifacts(run_id, tmp_path / "data", "all")
    client.log_text(run_id, "naïve", "note.txt")
    client.log_dict(run_id, {"b": [1, None]}, "conf.yaml")

    assert [(info.path, info.is_dir) for info in client.list_artifacts(run_id)] == [
        ("all", True),
        ("conf.yaml", False),
        ("note.txt", False),
        ("single", True),
    ]
    assert [(info.path, info.file_size) for info in client.list_artifacts(run_id, "all")] == [
        ("all/a.txt", 1),
        ("all/deep", None),
    ]
    folder = Path(client.download_artifacts(run_id, "all", str(tmp_path / "back")))
    assert (folder / "deep" / "größe 1.bin").read_bytes() == bytes(range(256)) * 5_000
    assert Path(client.download_artifacts(run_id, "note.txt")).read_text() == "naïve"
    with pytest.raises(NotFound, match="nothing"):
        client.download_artifacts(run_id, "nothing.txt")


def test_models_are_registered_described_tagged_and_renamed(client: MlkeepClient, model: str) -> None:
    assert refused(lambda: client.create_registered_model(model)) == (AlreadyExists, "RESOURCE_ALREADY_EXISTS")
    client.update_registered_model(model, "What it is.")
    client.set_registered_model_tag(model, "team", "risk")
    client.set_registered_model_tag(model, "gone", 1)
    client.delete_registered_model_tag(model, "gone")
    renamed = client.rename_registered_model(model, f"{model}!")
    assert (renamed.name, renamed.description) == (f"{model}!", "What it is.")
    found = client.search_registered_models(f"name = '{model}!'")
    assert [(one.name, one.tags) for one in found] == [(f"{model}!", {"team": "risk"})]
    client.delete_registered_model(f"{model}!")
    assert refused(lambda: client.get_registered_model(f"{model}!")) == (NotFound, "RESOURCE_DOES_NOT_EXIST")


def test_versions_have_numbers_stages_tags_and_aliases(client: MlkeepClient, model: str) -> None:
    first = client.create_model_version(model, SOURCE, run_id="elsewhere", tags={"a": 1}, description="First.")
    assert (first.version, first.source, first.run_id, first.status) == ("1", SOURCE, "elsewhere", "READY")
    assert {tag.key: tag.value for tag in first.tags} == {"a": "1"}  # type: ignore[attr-defined]  # as old programs do
    assert first.version + 1 == 2  # type: ignore[operator]  # as programs on a database do
    second = client.create_model_version(model, SOURCE)

    client.set_registered_model_alias(model, "champion", second.version)
    assert client.get_model_version_by_alias(model, "champion").version == "2"
    assert client.get_registered_model(model).aliases == {"champion": "2"}
    assert client.get_model_version(model, 2).aliases == ["champion"]
    client.delete_registered_model_alias(model, "champion")
    assert refused(lambda: client.get_model_version_by_alias(model, "champion")) == (
        InvalidInput,
        "INVALID_PARAMETER_VALUE",
    )

    for version in (1, 2):
        client.transition_model_version_stage(model, version, "production", archive_existing_versions=True)
    assert [(one.version, one.current_stage) for one in client.get_latest_versions(model)] == [
        ("1", "Archived"),
        ("2", "Production"),
    ]
    client.set_model_version_tag(model, key="b", value="2", stage="Production")
    assert client.get_model_version(model, 2).tags == {"b": "2"}
    client.delete_model_version_tag(model, 2, "b")
    assert client.update_model_version(model, 2, "Second.").description == "Second."
    assert client.get_model_version_download_uri(model, 1) == SOURCE

    found = client.search_model_versions(f"name = '{model}'", order_by=["version_number ASC"], max_results=1)
    assert [one.version for one in found] == ["1"]
    assert found.token is not None
    client.delete_model_version(model, 2)
    assert refused(lambda: client.get_model_version(model, 2)) == (NotFound, "RESOURCE_DOES_NOT_EXIST")
    assert refused(lambda: client.get_model_version(model, "two")) == (InvalidInput, "INVALID_PARAMETER_VALUE")


def test_a_version_is_copied_to_another_model(client: MlkeepClient, model: str) -> None:
    client.create_model_version(model, SOURCE, run_id="elsewhere", tags={"a": "1"})
    copy = client.copy_model_version(f"models:/{model}/1", f"{model}-copy")
    assert (copy.name, copy.version, copy.source) == (f"{model}-copy", "1", f"models:/{model}/1")
    assert (copy.run_id, copy.tags) == ("elsewhere", {"a": "1"})
    assert client.get_model_version_download_uri(f"{model}-copy", 1) == SOURCE


def test_logged_models_where_the_server_knows_them(
    client: MlkeepClient, experiment_id: str, run_id: str, tmp_path: Path, is_new: bool
) -> None:
    if not is_new:
        with pytest.raises(
            NoSuchEndpoint, match=r"the server does not offer POST /api/2.0/mlflow/logged-models; is it"
        ):
            client.create_logged_model(experiment_id, "net")
        return
    made = client.create_logged_model(experiment_id, "net", run_id, {"a": 1}, {"depth": 3}, "classifier")
    assert (made.name, made.source_run_id, made.model_type, made.status) == ("net", run_id, "classifier", "PENDING")
    assert (made.tags, made.params) == ({"a": "1"}, {"depth": "3"})
    model_id = made.model_id
    client.log_outputs(run_id, [LoggedModelOutput(model_id, 0)])
    client.log_inputs(run_id, models=[LoggedModelInput(model_id)])
    assert client.get_run(run_id).outputs.model_outputs == [LoggedModelOutput(model_id, 0)]
    assert client.get_run(run_id).inputs.model_inputs == [LoggedModelInput(model_id)]

    (tmp_path / "weights.bin").write_bytes(b"weights")
    client.log_model_artifact(model_id, tmp_path / "weights.bin", "deep")
    assert [info.path for info in client.list_logged_model_artifacts(model_id, "deep")] == ["deep/weights.bin"]
    assert [info.path for info in client.list_artifacts(run_id, "net")] == ["net/deep"]

    client.set_logged_model_tags(model_id, {"b": 2})
    client.delete_logged_model_tag(model_id, "a")
    client.log_model_params(model_id, {"width": 5})
    client.log_batch(run_id, [Metric("acc", 0.9, 7, 1, model_id, "d", "abc")])
    ready = client.finalize_logged_model(model_id, "READY")
    assert (ready.status, ready.tags, ready.params) == ("READY", {"b": "2"}, {"depth": "3", "width": "5"})
    assert [(point.key, point.value, point.dataset_name, point.run_id) for point in ready.metrics] == [
        ("acc", 0.9, "d", run_id)
    ]

    client.create_logged_model(experiment_id, "other")
    by_accuracy = [{"field_name": "metrics.acc", "ascending": False}]

    def found(text: str | None = None, dataset: str | None = None) -> list[str]:
        datasets = None if dataset is None else [{"dataset_name": dataset, "dataset_digest": "abc"}]
        return [one.name for one in client.search_logged_models([experiment_id], text, datasets, order_by=by_accuracy)]

    assert (found(), found("params.depth = '3'"), found("metrics.acc > 0.95")) == (["net", "other"], ["net"], [])
    assert (found("metrics.acc > 0.5", "d"), found("metrics.acc > 0.5", "e")) == (["net"], [])
    first = client.search_logged_models([experiment_id], max_results=1)
    rest = client.search_logged_models([experiment_id], max_results=1, page_token=first.token)
    assert [one.name for one in [*first, *rest]] == ["other", "net"]

    client.delete_logged_model(model_id)
    assert refused(lambda: client.get_logged_model(model_id)) == (NotFound, "RESOURCE_DOES_NOT_EXIST")


@pytest.mark.usefixtures("fluent")
def test_nested_runs_and_everything_that_is_logged_to_them(experiment_id: str, tmp_path: Path) -> None:
    with mlkeep.start_run(run_name="outer", tags={"team": "risk"}, description="Note.") as outer:
        mlkeep.log_params({"depth": 3, "list": [1, 2]})
        mlkeep.log_metrics({"loss": 0.5, "nan": math.nan}, step=2)
        with mlkeep.start_run(run_name="inner", nested=True) as inner:
            mlkeep.set_tags({"a": 1})
            assert mlkeep.log_param("p", "x") == "x"
            operations = mlkeep.log_metric("acc", 1, synchronous=False)
            assert operations is not None
            operations.wait()
        mlkeep.log_input(Dataset("d", "abc", "local", "{}"), context="training", tags={"k": "v"})
        mlkeep.log_metric("on d", 3, dataset=Dataset("e", "abc", "local", "{}"))
        mlkeep.log_text("text", "notes/a.txt")
    parent = mlkeep.get_parent_run(inner.info.run_id)

    assert parent is not None
    assert (parent.info.run_id, parent.info.status, parent.info.run_name) == (outer.info.run_id, "FINISHED", "outer")
    assert parent.data.params == {"depth": "3", "list": "[1, 2]"}
    assert parent.data.metrics.pop("nan") is not None
    assert parent.data.metrics == {"loss": 0.5, "on d": 3.0}
    assert {"team": "risk", "mlflow.note.content": "Note."}.items() <= parent.data.tags.items()
    assert [
        (used.dataset.name, {tag.key: tag.value for tag in used.tags}) for used in parent.inputs.dataset_inputs
    ] == [
        ("d", {"k": "v", "mlflow.data.context": "training"}),
        ("e", {}),
    ]
    child = mlkeep.get_run(inner.info.run_id)
    assert (child.data.params, child.data.metrics, child.data.tags["a"]) == ({"p": "x"}, {"acc": 1.0}, "1")
    last = mlkeep.last_active_run()
    assert last is not None
    assert last.info == parent.info

    with pytest.raises(ZeroDivisionError), mlkeep.start_run(run_id=inner.info.run_id):
        raise ZeroDivisionError
    assert mlkeep.get_run(inner.info.run_id).info.status == "FAILED"

    found = cast("list[Run]", mlkeep.search_runs(filter_string="tags.a = '1'", output_format="list"))
    assert [run.info.run_id for run in found] == [inner.info.run_id]
    frame = cast("pd.DataFrame", mlkeep.search_runs([experiment_id], order_by=["attributes.start_time ASC"]))
    assert list(frame["tags.mlflow.runName"]) == ["outer", "inner"]
    found = cast(
        "list[Run]", mlkeep.search_runs(None, "tags.a = '1'", output_format="list", search_all_experiments=True)
    )
    assert inner.info.run_id in [run.info.run_id for run in found]


@pytest.mark.usefixtures("fluent")
def test_a_model_is_registered_from_where_it_was_logged(
    client: MlkeepClient, is_new: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    name = unique("model")
    with mlkeep.start_run() as run:
        mlkeep.log_text("flavors: {}\n", "old/MLmodel")
    version = mlkeep.register_model(f"runs:/{run.info.run_id}/old", name, tags={"a": 1})
    assert (version.version, version.run_id, version.tags) == ("1", run.info.run_id, {"a": "1"})
    assert version.source == f"{run.info.artifact_uri}/old"
    with pytest.raises(NotFound, match="nothing"):
        mlkeep.register_model(f"runs:/{run.info.run_id}/nothing", name)
    if is_new:
        with mlkeep.start_run() as run:
            external = mlkeep.create_external_model("agent", params={"depth": 3})
            mlkeep.log_outputs([LoggedModelOutput(external.model_id, 0)])
            mlkeep.log_metric("acc", 1.0)
        version = mlkeep.register_model(f"runs:/{run.info.run_id}/agent", name)
        assert (version.version, version.run_id) == ("2", run.info.run_id)
        assert version.source == f"models:/{external.model_id}"
        kept = client.get_logged_model(external.model_id)
        assert (kept.status, kept.params, [point.key for point in kept.metrics]) == ("READY", {"depth": "3"}, ["acc"])
        assert kept.tags["mlflow.model.isExternal"] == "true"
        found = cast("list[LoggedModel]", mlkeep.search_logged_models(output_format="list"))
        assert [one.name for one in found] == ["agent"]
    assert capsys.readouterr().err.splitlines()[:2] == [
        f"Successfully registered model '{name}'.",
        f"Created version '1' of model '{name}'.",
    ]
