"""What is promised of runs themselves: making, changing, deleting, and what went in and came out."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest

from mlkeep.core.clock import now_ms
from mlkeep.core.entities import (
    Dataset,
    DatasetInput,
    InputTag,
    LoggedModelInput,
    LoggedModelOutput,
    Metric,
    Run,
    RunData,
    RunInfo,
    RunInputs,
    RunOutputs,
    ViewType,
)
from mlkeep.core.errors import AlreadyExists, BadRequest, InvalidInput, MlkeepException, NotFound
from mlkeep.sdk.client import MlkeepClient
from mlkeep.sdk.doors import Door
from mlkeep.testing.conformance.suite import Suite, names_both, unique
from mlkeep.wire import runs as wire
from mlkeep.wire.experiments import SearchDatasets
from mlkeep.wire.message import KeyValueInput

NOBODY = "f" * 32
"""An id no run has."""

CHANGES: dict[str, Callable[[MlkeepClient, str], object]] = {
    "log_metric": lambda client, run: client.log_metric(run, "m", 1.0),
    "log_param": lambda client, run: client.log_param(run, "p", "1"),
    "set_tag": lambda client, run: client.set_tag(run, "t", "1"),
    "delete_tag": lambda client, run: client.delete_tag(run, "mlflow.runName"),
    "log_batch": lambda client, run: client.log_batch(run, metrics=[Metric("m", 1.0, 1)]),
    "log_inputs": lambda client, run: client.log_inputs(run, models=[LoggedModelInput("m-1")]),
    "log_outputs": lambda client, run: client.log_outputs(run, [LoggedModelOutput("m-1")]),
    "log_model_record": lambda client, run: client.log_model_record(run, model_record(run)),
    "update_run": lambda client, run: client.update_run(run, status="FAILED"),
    "set_terminated": lambda client, run: client.set_terminated(run),
}
"""Everything that changes a run, by name."""


def model_record(run_id: str) -> str:
    """What clients before 3.0 send after logging a model."""
    return json.dumps({"artifact_path": "m", "flavors": {}, "utc_time_created": "2026-01-01", "run_id": run_id})


class RunPromises(Suite):
    """Runs: creation, names, state."""

    def test_a_run_is_what_it_was_made_of(self, client: MlkeepClient, experiment_id: str) -> None:
        tags = {"team": "red", "mlflow.user": "ann"}
        run = client.create_run(experiment_id, start_time=5, run_name="first light", tags=tags)
        assert re.fullmatch("[0-9a-f]{32}", run.info.run_id)
        location = client.get_experiment(experiment_id).artifact_location
        assert run == Run(
            RunInfo(
                run_id=run.info.run_id,
                experiment_id=experiment_id,
                run_name="first light",
                user_id="ann",
                status="RUNNING",
                start_time=5,
                end_time=None,
                lifecycle_stage="active",
                artifact_uri=f"{location}/{run.info.run_id}/artifacts",
            ),
            RunData(tags={**tags, "mlflow.runName": "first light"}),
        )
        assert client.get_run(run.info.run_id) == run

    def test_a_run_nobody_named_gets_a_name(self, client: MlkeepClient, experiment_id: str) -> None:
        run = client.create_run(experiment_id)
        assert re.fullmatch(r"[a-z]+-[a-z]+-\d{1,4}", run.info.run_name)
        assert run.data.tags == {"mlflow.runName": run.info.run_name}

    def test_a_tag_can_name_a_run(self, client: MlkeepClient, experiment_id: str) -> None:
        assert client.create_run(experiment_id, tags={"mlflow.runName": "tagged"}).info.run_name == "tagged"
        with pytest.raises(InvalidInput, match=names_both("'asked'", "'tagged'")):
            client.create_run(experiment_id, run_name="asked", tags={"mlflow.runName": "tagged"})

    def test_what_a_client_leaves_out_is_empty(self, door: Door, experiment_id: str) -> None:
        run: Run = door.call(wire.CreateRun(experiment_id=experiment_id)).run.entity()
        assert (run.info.start_time, run.info.user_id, run.info.status) == (0, "", "RUNNING")

    def test_creating_a_run_again_under_its_id_changes_nothing(
        self, client: MlkeepClient, door: Door, experiment_id: str
    ) -> None:
        request = wire.CreateRun(
            experiment_id=experiment_id,
            run_id=unique("mine"),
            run_name="once",
            tags=[KeyValueInput(key="a", value="1")],
        )
        first: Run = door.call(request).run.entity()
        assert first.info.run_id == request.run_id
        client.log_param(request.run_id, "p", "1")
        client.set_tag(request.run_id, "a", "2")
        second: Run = door.call(request).run.entity()
        assert second == client.get_run(request.run_id)
        assert second.data == RunData(params={"p": "1"}, tags={"a": "2", "mlflow.runName": "once"})
        assert len(client.search_runs([experiment_id])) == 1

    def test_an_id_belongs_to_one_experiment(self, client: MlkeepClient, door: Door, run_id: str) -> None:
        with pytest.raises(AlreadyExists, match=run_id):
            door.call(wire.CreateRun(experiment_id=client.create_experiment(unique("other")), run_id=run_id))

    @pytest.mark.parametrize("run_id", ["-a", "a b", "a/b", "é", "x" * 257, "a.b", "../a"])
    def test_an_id_that_cannot_be_is_refused(self, door: Door, experiment_id: str, run_id: str) -> None:
        with pytest.raises(InvalidInput, match=names_both("run_id", re.escape(run_id))):
            door.call(wire.CreateRun(experiment_id=experiment_id, run_id=run_id))

    def test_a_run_needs_an_experiment(self, client: MlkeepClient) -> None:
        with pytest.raises(BadRequest, match="experiment_id"):
            client.create_run("")
        with pytest.raises(NotFound, match="999999999999"):
            client.create_run("999999999999")
        with pytest.raises(InvalidInput, match=names_both("experiment_id", "'abc'")):
            client.create_run("abc")

    def test_a_new_run_has_each_tag_once(self, client: MlkeepClient, door: Door, experiment_id: str) -> None:
        twice = [KeyValueInput(key="a", value="1"), KeyValueInput(key="a", value="2")]
        with pytest.raises(BadRequest, match="'a'"):
            door.call(wire.CreateRun(experiment_id=experiment_id, tags=twice))
        with pytest.raises(InvalidInput, match="key"):
            door.call(wire.CreateRun(experiment_id=experiment_id, tags=[KeyValueInput(value="x")]))
        assert client.search_runs([experiment_id]) == []

    def test_a_run_ends(self, client: MlkeepClient, run_id: str) -> None:
        client.set_terminated(run_id, "KILLED", end_time=77)
        info = client.get_run(run_id).info
        assert (info.status, info.end_time) == ("KILLED", 77)
        client.update_run(run_id, status="RUNNING")  # what is not sent stays as it is
        info = client.get_run(run_id).info
        assert (info.status, info.end_time) == ("RUNNING", 77)
        before = now_ms()
        client.set_terminated(run_id)
        info = client.get_run(run_id).info
        assert info.status == "FINISHED"
        assert before <= (info.end_time or 0) <= now_ms()

    def test_a_run_gets_another_name_with_its_tag(self, client: MlkeepClient, run_id: str) -> None:
        client.update_run(run_id, name="second")
        run = client.get_run(run_id)
        assert (run.info.run_name, run.data.tags["mlflow.runName"]) == ("second", "second")
        client.set_tag(run_id, "mlflow.runName", "third")
        assert client.get_run(run_id).info.run_name == "third"
        client.update_run(run_id, name="")
        client.set_tag(run_id, "mlflow.runName", "")
        client.delete_tag(run_id, "mlflow.runName")
        run = client.get_run(run_id)
        assert (run.info.run_name, run.data.tags) == ("third", {})

    def test_an_unknown_status_is_refused(self, client: MlkeepClient, run_id: str) -> None:
        with pytest.raises(InvalidInput, match=names_both("status", "DONE")):
            client.update_run(run_id, status="DONE")

    def test_deleting_and_restoring_can_be_repeated(self, client: MlkeepClient, run_id: str) -> None:
        before = client.get_run(run_id)
        for _ in range(2):
            client.delete_run(run_id)
            assert client.get_run(run_id).info.lifecycle_stage == "deleted"
        for _ in range(2):
            client.restore_run(run_id)
            assert client.get_run(run_id) == before

    @pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
    def test_a_deleted_run_is_not_changed(
        self, client: MlkeepClient, run_id: str, change: Callable[[MlkeepClient, str], object]
    ) -> None:
        client.delete_run(run_id)
        before = client.get_run(run_id)
        with pytest.raises(InvalidInput, match=names_both(run_id, "must be in the 'active' state")):
            change(client, run_id)
        assert client.get_run(run_id) == before

    @pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
    def test_an_ended_run_may_still_be_changed(
        self, client: MlkeepClient, run_id: str, change: Callable[[MlkeepClient, str], object]
    ) -> None:
        client.set_terminated(run_id)
        change(client, run_id)

    @pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
    def test_a_run_that_is_not_there_is_not_found(
        self, client: MlkeepClient, change: Callable[[MlkeepClient, str], object]
    ) -> None:
        with pytest.raises(NotFound, match=f"Run with id={NOBODY} not found"):
            change(client, NOBODY)

    def test_what_is_not_there_is_not_found(self, client: MlkeepClient) -> None:
        for call in (client.get_run, client.delete_run, client.restore_run):
            with pytest.raises(NotFound, match=NOBODY):
                call(NOBODY)

    def test_a_deleted_run_is_read_like_any_other(self, client: MlkeepClient, experiment_id: str, run_id: str) -> None:
        client.log_metric(run_id, "m", 1.0, timestamp=1)
        client.delete_run(run_id)
        assert client.get_metric_history(run_id, "m") == [Metric("m", 1.0, 1)]
        assert client.search_runs([experiment_id]) == []
        for view in (ViewType.DELETED_ONLY, ViewType.ALL):
            assert [run.info.run_id for run in client.search_runs([experiment_id], "", view)] == [run_id]

    def test_a_nested_run_knows_its_parent(self, client: MlkeepClient, experiment_id: str, run_id: str) -> None:
        child = client.create_run(experiment_id, tags={"mlflow.parentRunId": run_id}).info.run_id
        assert client.get_parent_run(child) == client.get_run(run_id)
        assert client.get_parent_run(run_id) is None


def dataset(name: str, digest: str, *, source: str = "{}", context: str | None = None) -> DatasetInput:
    """A dataset as a run used it."""
    tags = [] if context is None else [InputTag("mlflow.data.context", context)]
    return DatasetInput(Dataset(name, digest, "local", source), tags)


class RunInputPromises(Suite):
    """What went into runs and what came out."""

    def test_the_datasets_of_experiments_are_summed_up(
        self, client: MlkeepClient, door: Door, experiment_id: str, run_id: str
    ) -> None:
        train, evaluation = ([InputTag("mlflow.data.context", context)] for context in ("train", "eval"))
        iris = Dataset("iris", "g", "http", "{}")
        for used in ([DatasetInput(iris, train), dataset("bare", "")], [DatasetInput(iris, train)]):
            client.log_inputs(run_id, used)
        other = client.create_run(experiment_id).info.run_id
        client.log_inputs(other, [DatasetInput(iris, evaluation)])
        client.delete_run(other)
        told = door.call(SearchDatasets(experiment_ids=[experiment_id, "999999999999"])).dataset_summaries
        assert [(one.experiment_id, one.name, one.digest, one.context) for one in told] == [
            (experiment_id, "bare", "", ""),
            (experiment_id, "iris", "g", "eval"),
            (experiment_id, "iris", "g", "train"),
        ]

    @pytest.mark.parametrize("experiment_ids", [[], ["0"] * 21, ["x"]])
    def test_datasets_are_of_some_experiments(self, door: Door, experiment_ids: list[str]) -> None:
        with pytest.raises(InvalidInput, match="experiment_id"):
            door.call(SearchDatasets(experiment_ids=experiment_ids))

    def test_outputs_may_be_none_but_must_be_said(self, client: MlkeepClient, door: Door, run_id: str) -> None:
        client.log_outputs(run_id, [])
        with pytest.raises(InvalidInput, match="'models'"):
            door.call(wire.LogOutputs(run_id=run_id))
        assert client.get_run(run_id).outputs == RunOutputs([])

    def test_inputs_and_outputs_are_kept(self, client: MlkeepClient, run_id: str) -> None:
        full = DatasetInput(
            Dataset("iris", "d1g3st", "http", '{"url": "x"}', '{"columns": []}', '{"rows": 150}'),
            [InputTag("mlflow.data.context", "train"), InputTag("split", "1")],
        )
        client.log_inputs(run_id, [full, dataset("bare", "")], [LoggedModelInput("m-in")])
        client.log_outputs(run_id, [LoggedModelOutput("m-out", 3), LoggedModelOutput("m-first")])
        run = client.get_run(run_id)
        assert run.inputs == RunInputs([full, dataset("bare", "")], [LoggedModelInput("m-in")])
        assert run.outputs == RunOutputs([LoggedModelOutput("m-first", 0), LoggedModelOutput("m-out", 3)])

    def test_saying_it_again_changes_nothing(self, client: MlkeepClient, run_id: str) -> None:
        for source in ("first", "second"):
            client.log_inputs(run_id, [dataset("d", "g", source=source, context=source)], [LoggedModelInput("m-1")])
            client.log_outputs(run_id, [LoggedModelOutput("m-2", 3)])
        run = client.get_run(run_id)
        assert run.inputs == RunInputs([dataset("d", "g", source="first", context="first")], [LoggedModelInput("m-1")])
        assert run.outputs == RunOutputs([LoggedModelOutput("m-2", 3)])

    def test_runs_of_an_experiment_share_datasets(self, client: MlkeepClient, experiment_id: str, run_id: str) -> None:
        other = client.create_run(experiment_id).info.run_id
        client.log_inputs(run_id, [dataset("d", "g", source="first", context="train")])
        client.log_inputs(other, [dataset("d", "g", source="second", context="eval")])
        assert client.get_run(other).inputs.dataset_inputs == [dataset("d", "g", source="first", context="eval")]

    @pytest.mark.parametrize(
        ("given", "field"),
        [
            (dataset("", "g"), "name"),
            (dataset("n" * 501, "g"), "name"),
            (dataset("n", "g" * 37), "digest"),
            (dataset("n", "g", source="s" * 65_536), "source"),
            (DatasetInput(Dataset("n", "g", "local", "", schema="s" * 1_048_576)), "schema"),
            (DatasetInput(Dataset("n", "g", "local", ""), [InputTag("k" * 256, "v")]), "key"),
            (DatasetInput(Dataset("n", "g", "local", ""), [InputTag("k", "v" * 501)]), "value"),
        ],
        ids=["no name", "name", "digest", "source", "schema", "tag key", "tag value"],
    )
    def test_a_dataset_that_cannot_be_is_refused(
        self, client: MlkeepClient, run_id: str, given: DatasetInput, field: str
    ) -> None:
        with pytest.raises(InvalidInput, match=field):
            client.log_inputs(run_id, [dataset("fine", "g"), given], [LoggedModelInput("m-1")])
        assert client.get_run(run_id).inputs == RunInputs()

    def test_a_use_without_its_dataset_is_refused(self, client: MlkeepClient, door: Door, run_id: str) -> None:
        for request in (
            wire.LogInputs(run_id=run_id, datasets=[wire.DatasetUse()]),
            wire.LogInputs(run_id=run_id, models=[wire.ModelUse()]),
            wire.LogOutputs(run_id=run_id, models=[wire.ModelMade()]),
        ):
            with pytest.raises(InvalidInput, match=r"\[0\]"):
                door.call(request)
        assert client.get_run(run_id).inputs == RunInputs()

    def test_models_logged_the_old_way_are_listed_in_a_tag(self, client: MlkeepClient, run_id: str) -> None:
        for _ in range(2):
            client.log_model_record(run_id, model_record(run_id))
        told = json.loads(client.get_run(run_id).data.tags["mlflow.log-model.history"])
        assert told == [json.loads(model_record(run_id))] * 2

    @pytest.mark.parametrize("text", ["{", "[]", "{}", '{"artifact_path": "m"}'])
    def test_a_model_record_that_is_none_is_refused(self, client: MlkeepClient, run_id: str, text: str) -> None:
        with pytest.raises(MlkeepException, match="model_json") as refused:
            client.log_model_record(run_id, text)
        assert refused.value.error_code == "INVALID_PARAMETER_VALUE"
