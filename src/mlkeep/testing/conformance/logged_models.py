"""What is promised of logged models."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import pytest

from mlkeep.core.clock import now_ms
from mlkeep.core.entities import FileInfo, LoggedModel, LoggedModelStatus
from mlkeep.core.errors import InvalidInput, NotFound
from mlkeep.sdk.client import MlkeepClient
from mlkeep.sdk.doors import Door
from mlkeep.testing.conformance.suite import Suite, names_both, unique
from mlkeep.wire import logged_models as wire
from mlkeep.wire.message import KeyValueInput

NOBODY = "m-" + "f" * 32
"""An id no logged model has."""


class LoggedModelPromises(Suite):
    """Logged models: making, finishing, deleting, tags and params, files."""

    @pytest.fixture
    def model_id(self, client: MlkeepClient, experiment_id: str) -> str:
        """A logged model that only this test uses."""
        return client.create_logged_model(experiment_id, "model").model_id

    def test_a_model_is_what_it_was_made_of(self, client: MlkeepClient, experiment_id: str, run_id: str) -> None:
        before = now_ms()
        model = client.create_logged_model(
            experiment_id, "iris", run_id, tags={"a": "1"}, params={"lr": 0.1}, model_type="sklearn"
        )
        assert re.fullmatch("m-[0-9a-f]{32}", model.model_id)
        assert before <= model.creation_timestamp <= now_ms()
        location = client.get_experiment(experiment_id).artifact_location
        assert model == LoggedModel(
            model_id=model.model_id,
            experiment_id=experiment_id,
            name="iris",
            artifact_location=f"{location}/models/{model.model_id}/artifacts",
            creation_timestamp=model.creation_timestamp,
            last_updated_timestamp=model.creation_timestamp,
            model_type="sklearn",
            source_run_id=run_id,
            status=LoggedModelStatus.PENDING,
            tags={"a": "1"},
            params={"lr": "0.1"},
        )
        assert client.get_logged_model(model.model_id) == model

    def test_a_model_nobody_named_gets_a_name(self, client: MlkeepClient, experiment_id: str) -> None:
        model = client.create_logged_model(experiment_id)
        assert re.fullmatch(r"[a-z]+-[a-z]+-\d+", model.name)
        assert (model.model_type, model.source_run_id, model.tags, model.params) == ("", "", {}, {})

    @pytest.mark.parametrize("name", ["a/b", "a:b", "a.b", "a%b", 'a"b', "a'b"])
    def test_a_name_that_cannot_be_is_refused(self, client: MlkeepClient, experiment_id: str, name: str) -> None:
        with pytest.raises(InvalidInput, match=names_both("name", re.escape(name[-1]))):
            client.create_logged_model(experiment_id, name)

    def test_a_model_needs_an_experiment(self, client: MlkeepClient) -> None:
        with pytest.raises(NotFound, match="999999999999"):
            client.create_logged_model("999999999999")
        with pytest.raises(InvalidInput, match="experiment_id"):
            client.create_logged_model("")

    @pytest.mark.parametrize("status", ["READY", "FAILED", "PENDING"])
    def test_the_status_says_whether_the_files_came(self, client: MlkeepClient, model_id: str, status: str) -> None:
        assert client.finalize_logged_model(model_id, status).status == LoggedModelStatus[status]
        assert client.get_logged_model(model_id).status == LoggedModelStatus[status]

    def test_a_status_nobody_knows_changes_nothing(self, client: MlkeepClient, door: Door, model_id: str) -> None:
        client.finalize_logged_model(model_id, "READY")
        answer = door.call(wire.FinalizeLoggedModel(model_id=model_id, status="SOMETHING"))
        assert answer.model.entity() == client.get_logged_model(model_id)
        assert client.get_logged_model(model_id).status == LoggedModelStatus.READY
        assert door.call(wire.FinalizeLoggedModel(model_id=model_id, status=3)).model.info.status.endswith("_FAILED")
        for status, reason in ((77, "77"), ("", "status")):
            with pytest.raises(InvalidInput, match=reason):
                door.call(wire.FinalizeLoggedModel(model_id=model_id, status=status))

    def test_a_deleted_model_is_seen_by_those_who_ask(
        self, client: MlkeepClient, door: Door, experiment_id: str, model_id: str
    ) -> None:
        for _ in range(2):
            client.delete_logged_model(model_id)
        with pytest.raises(NotFound, match=model_id):
            client.get_logged_model(model_id)
        assert client.search_logged_models([experiment_id]) == []
        seen = door.call(wire.GetLoggedModel(model_id=model_id, allow_deleted=True)).model.entity()
        assert seen.model_id == model_id

    def test_what_is_not_there_is_not_found(self, client: MlkeepClient) -> None:
        for call in (
            lambda: client.get_logged_model(NOBODY),
            lambda: client.finalize_logged_model(NOBODY, "READY"),
            lambda: client.delete_logged_model(NOBODY),
            lambda: client.set_logged_model_tags(NOBODY, {"a": "1"}),
            lambda: client.delete_logged_model_tag(NOBODY, "a"),
            lambda: client.log_model_params(NOBODY, {"a": "1"}),
        ):
            with pytest.raises(NotFound, match=NOBODY):
                call()
        with pytest.raises(InvalidInput, match="model_id"):
            client.get_logged_model("")

    def test_tags_are_set_replaced_and_removed(self, client: MlkeepClient, model_id: str) -> None:
        client.set_logged_model_tags(model_id, {"a": 1, "b/c d": "x", "é": ""})
        client.set_logged_model_tags(model_id, {"a": 2})
        assert client.get_logged_model(model_id).tags == {"a": "2", "b/c d": "x", "é": ""}
        for key in ("b/c d", "é"):
            client.delete_logged_model_tag(model_id, key)
        assert client.get_logged_model(model_id).tags == {"a": "2"}
        with pytest.raises(NotFound, match=names_both("'b'", model_id)):
            client.delete_logged_model_tag(model_id, "b")

    def test_keys_and_values_are_of_any_kind_and_length(self, client: MlkeepClient, experiment_id: str) -> None:
        anything = {"a*b": "x" * 9_000, "a/../b": "1", "k" * 250: ""}
        model_id = client.create_logged_model(experiment_id, tags=anything, params=anything).model_id
        client.set_logged_model_tags(model_id, {"c*d": "1"})
        client.log_model_params(model_id, {"c*d": "1"})
        model = client.get_logged_model(model_id)
        assert model.tags == model.params == {**anything, "c*d": "1"}

    def test_params_are_set_once(self, client: MlkeepClient, door: Door, model_id: str) -> None:
        client.log_model_params(model_id, {"lr": 0.1})
        with pytest.raises(InvalidInput, match=names_both("'lr'", "'0.1'")):
            client.log_model_params(model_id, {"new": "1", "lr": "0.1"})
        twice = [KeyValueInput(key="a", value="1"), KeyValueInput(key="a", value="1")]
        with pytest.raises(InvalidInput, match="'a'"):
            door.call(wire.LogLoggedModelParams(model_id=model_id, params=twice))
        assert client.get_logged_model(model_id).params == {"lr": "0.1"}

    def test_a_model_has_files(self, client: MlkeepClient, model_id: str, tmp_path: Path) -> None:
        (tmp_path / "data").mkdir()
        (tmp_path / "MLmodel").write_text("flavors: {}")
        (tmp_path / "data" / "weights").write_bytes(b"123")
        client.log_model_artifacts(model_id, tmp_path)
        assert client.list_logged_model_artifacts(model_id) == [
            FileInfo("MLmodel", is_dir=False, file_size=11),
            FileInfo("data", is_dir=True),
        ]
        assert client.list_logged_model_artifacts(model_id, "data") == [
            FileInfo("data/weights", is_dir=False, file_size=3)
        ]


class _Three:
    """Three logged models, made one after the other."""

    def __init__(self, client: MlkeepClient, experiment_id: str) -> None:
        self._client = client
        self.experiment_id = experiment_id
        run = client.create_run(experiment_id).info.run_id
        for name, lr, accuracies in (("A", "0.1", [0.5, 0.7]), ("B", "0.2", [0.9, 0.2]), ("C", "0.1", [math.nan])):
            made = client.create_logged_model(
                experiment_id, name, run, params={"lr": lr}, tags={"team": f"team {name}"}, model_type="sklearn"
            )
            for at, accuracy in enumerate(accuracies):
                client.log_metric(run, "acc", accuracy, timestamp=at, step=at, model_id=made.model_id)
        self.model_ids = [model.model_id for model in self.all("name")]
        client.finalize_logged_model(self.model_ids[1], "READY")

    def all(self, *fields: str, ascending: bool = True) -> list[LoggedModel]:
        """All three, sorted."""
        order = [{"field_name": field, "ascending": ascending} for field in fields]
        return list(self._client.search_logged_models([self.experiment_id], order_by=order))

    def names(self, text: str) -> str:
        """The names a filter finds, sorted."""
        found = self._client.search_logged_models([self.experiment_id], text, order_by=[{"field_name": "name"}])
        return " ".join(model.name for model in found)


class LoggedModelSearchPromises(Suite):
    """The search for logged models."""

    @pytest.fixture(scope="class")
    @classmethod
    def three(cls, client: MlkeepClient) -> _Three:
        """A, B and C, in an experiment of their own."""
        return _Three(client, client.create_experiment(unique("models")))

    @pytest.fixture(scope="class")
    @classmethod
    def measured(cls, client: MlkeepClient) -> str:
        """An experiment of the models A, B and C, of which A and B were measured on datasets."""
        experiment_id = client.create_experiment(unique("measured"))
        run = client.create_run(experiment_id).info.run_id
        for name, points in (
            ("A", [(0.5, "d1", "g1"), (0.7, "d2", "g2")]),
            ("B", [(0.9, "d1", "g1"), (0.2, "d1", "g1")]),
            ("C", [(0.4, None, None)]),
        ):
            made = client.create_logged_model(experiment_id, name, run).model_id
            for at, (value, dataset, digest) in enumerate(points):
                client.log_metric(run, "acc", value, at, at, model_id=made, dataset_name=dataset, dataset_digest=digest)
        return experiment_id

    @pytest.mark.parametrize(
        ("text", "names"),
        [
            ("", "A B C"),
            ("name = 'B'", "B"),
            ('attributes.name != "B"', "A C"),
            ("name IN ('A', 'C') AND params.lr = 0.1", "A C"),
            ("params.lr = '0.2'", "B"),
            ("tags.team LIKE 'team %' AND tags.team NOT IN ('team A')", "B C"),
            ("status = 2", "B"),
            ("status = 'PENDING'", "A C"),
            ("model_type = 'sklearn' AND creation_timestamp > 1000", "A B C"),
            ("metrics.acc > 0.6 AND name = 'A'", "A"),
            ("metrics.acc > 0.1 AND metrics.acc < 0.3", "B"),
            ("lifecycle_stage = 'active'", "A B C"),
            ("metrics.none > 0", ""),
        ],
    )
    def test_a_filter_finds(self, three: _Three, text: str, names: str) -> None:
        assert three.names(text) == names

    @pytest.mark.parametrize(
        ("field", "ascending", "names"),
        [
            ("name", True, "A B C"),
            ("name", False, "C B A"),
            ("metrics.acc", True, "B A C"),
            ("metrics.acc", False, "A B C"),
        ],
    )
    def test_models_are_sorted(self, three: _Three, field: str, ascending: bool, names: str) -> None:
        assert " ".join(model.name for model in three.all(field, ascending=ascending)) == names

    @pytest.mark.parametrize(
        ("request_", "names"),
        [
            ({"datasets": [("d1", "g1")]}, "A B"),
            ({"datasets": [("d1", "")]}, "A B"),
            ({"datasets": [("d2", "g2")]}, "A"),
            ({"datasets": [("d1", "g1"), ("d2", "g2")]}, "A B"),
            ({"datasets": [("d1", "other")]}, ""),
            ({"datasets": [("d1", "g1")], "filter": "metrics.acc > 0.6"}, "B"),
            ({"datasets": [("d2", "g2")], "filter": "metrics.acc > 0.6"}, "A"),
            ({"datasets": [("d1", "g1")], "filter": "name = 'C'"}, ""),
            ({"filter": "metrics.acc > 0.8 AND metrics.acc < 0.3"}, "B"),
            ({"by": ("metrics.acc", "d1", "g1")}, "B A C"),
            ({"by": ("metrics.acc", "d2", "")}, "A B C"),
            ({"by": ("metrics.acc", "", "g2")}, "A B C"),
            ({"by": ("metrics.acc", "", "")}, "B C A"),
        ],
    )
    def test_metrics_are_of_datasets(self, measured: str, door: Door, request_: dict[str, Any], names: str) -> None:
        field, name, digest = request_.get("by", ("name", "", ""))
        datasets = [
            wire.LoggedModelDataset(dataset_name=name, dataset_digest=digest)
            for name, digest in request_.get("datasets", [])
        ]
        by = [
            wire.LoggedModelOrder(field_name=field, dataset_name=name, dataset_digest=digest),
            wire.LoggedModelOrder(field_name="name"),
        ]
        answer = door.call(
            wire.SearchLoggedModels(
                experiment_ids=[measured], filter=request_.get("filter", ""), datasets=datasets, order_by=by
            )
        )
        assert " ".join(model.info.name for model in answer.models) == names

    def test_a_dataset_needs_a_name(self, door: Door, measured: str) -> None:
        with pytest.raises(InvalidInput, match="dataset_name"):
            door.call(
                wire.SearchLoggedModels(
                    experiment_ids=[measured], datasets=[wire.LoggedModelDataset(dataset_digest="g1")]
                )
            )

    def test_pages_put_together_are_the_whole(self, client: MlkeepClient, three: _Three) -> None:
        order = [{"field_name": "name"}]
        first = client.search_logged_models([three.experiment_id], max_results=2, order_by=order)
        second = client.search_logged_models([three.experiment_id], order_by=order, page_token=first.token)
        assert ([m.name for m in first], [m.name for m in second], second.token) == (["A", "B"], ["C"], None)

    def test_no_experiments_have_no_models(self, client: MlkeepClient) -> None:
        assert client.search_logged_models([]) == []

    @pytest.mark.parametrize(
        ("text", "reason"),
        [("param.lr = '0.1'", "param"), ("nonsense = '1'", "nonsense"), ("metrics.acc > 'x'", "numeric")],
    )
    def test_a_filter_that_makes_no_sense_is_refused(self, three: _Three, text: str, reason: str) -> None:
        with pytest.raises(InvalidInput, match=reason):
            three.names(text)

    def test_an_order_that_makes_no_sense_is_refused(self, three: _Three) -> None:
        for field in ("params.lr", "nonsense", "metrics.", ""):
            with pytest.raises(InvalidInput, match="field"):
                three.all(field)
