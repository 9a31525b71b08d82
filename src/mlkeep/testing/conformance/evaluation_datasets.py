"""What is promised of evaluation datasets."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from mlkeep.core.clock import now_ms
from mlkeep.core.errors import InvalidInput, NotFound
from mlkeep.sdk.doors import Door
from mlkeep.testing.conformance.suite import Suite, unique
from mlkeep.wire import evaluation_datasets as wire

NOBODY = "d-" + "f" * 32
"""An id no dataset has."""


class EvaluationSuite(Suite):
    """Base of the suites of evaluation datasets."""

    def made(self, door: Door, name: str | None = None, **more: Any) -> wire.DatasetMessage:
        """A new dataset."""
        dataset: wire.DatasetMessage = door.call(wire.CreateDataset(name=name or unique("d"), **more)).dataset
        return dataset

    def seen(self, door: Door, dataset_id: str) -> wire.DatasetMessage:
        """The dataset as it is now."""
        dataset: wire.DatasetMessage = door.call(wire.GetDataset(dataset_id=dataset_id)).dataset
        return dataset

    def put(self, door: Door, dataset_id: str, *records: dict[str, Any], by: str = "") -> tuple[int, int]:
        """How many records were added and changed."""
        text = json.dumps(records)
        told = door.call(wire.PutDatasetRecords(dataset_id=dataset_id, records=text, updated_by=by))
        return told.inserted_count, told.updated_count

    def records(self, door: Door, dataset_id: str, **more: Any) -> list[dict[str, Any]]:
        """The records, parsed."""
        told = door.call(wire.GetDatasetRecords(dataset_id=dataset_id, **more))
        return list(json.loads(told.records))


class EvaluationDatasetPromises(EvaluationSuite):
    """Evaluation datasets: making, tags, experiments, records."""

    @pytest.fixture
    def dataset_id(self, door: Door) -> str:
        """A dataset that only this test uses."""
        return self.made(door).dataset_id

    def test_a_dataset_is_what_it_was_made_of(self, door: Door, experiment_id: str) -> None:
        before = now_ms()
        made = self.made(door, "one", experiment_ids=[experiment_id, experiment_id], tags='{"a": "1", "b": 2}')
        assert re.fullmatch("d-[0-9a-f]{32}", made.dataset_id)
        assert re.fullmatch("[0-9a-f]{8}", made.digest)
        assert made.created_time == made.last_update_time
        assert before <= (made.created_time or 0) <= now_ms()
        assert (made.name, json.loads(made.tags), made.experiment_ids) == ("one", {"a": "1", "b": "2"}, [experiment_id])
        seen = self.seen(door, made.dataset_id)
        assert (seen.digest, seen.schema, seen.profile, seen.experiment_ids) == (made.digest, "", "", [])

    def test_names_may_be_the_same_and_makers_are_told(self, door: Door) -> None:
        first, second = (
            self.made(door, "same", created_by="ann"),
            self.made(door, "same", tags='{"mlflow.user": "bob"}'),
        )
        assert first.dataset_id != second.dataset_id
        assert (first.created_by, first.last_updated_by) == ("ann", "ann")
        assert (second.created_by, second.last_updated_by) == ("bob", "bob")

    def test_what_cannot_be_made_is_refused(self, door: Door) -> None:
        for request, field in (
            (wire.CreateDataset(), "name"),
            (wire.CreateDataset(name="n" * 501), "name"),
            (wire.CreateDataset(name="n", tags="[1]"), "tags"),
            (wire.CreateDataset(name="n", tags="x"), "tags"),
            (wire.CreateDataset(name="n", tags='{"a*": "1"}'), "tags"),
            (wire.CreateDataset(name="n", experiment_ids=["x"]), "experiment_id"),
        ):
            with pytest.raises(InvalidInput, match=field):
                door.call(request)
        with pytest.raises(NotFound, match="999999999999"):
            self.made(door, experiment_ids=["999999999999"])

    def test_a_deleted_dataset_is_gone_with_its_records(self, door: Door, dataset_id: str) -> None:
        self.put(door, dataset_id, {"inputs": {"q": 1}})
        for _ in range(2):
            door.call(wire.DeleteDataset(dataset_id=dataset_id))
        with pytest.raises(NotFound, match=dataset_id):
            self.seen(door, dataset_id)

    def test_what_is_not_there_is_not_found(self, door: Door, experiment_id: str) -> None:
        for request in (
            wire.GetDataset(dataset_id=NOBODY),
            wire.SetDatasetTags(dataset_id=NOBODY, tags='{"a": "1"}'),
            wire.DeleteDatasetTag(dataset_id=NOBODY, key="a"),
            wire.PutDatasetRecords(dataset_id=NOBODY, records='[{"inputs": {}}]'),
            wire.GetDatasetRecords(dataset_id=NOBODY),
            wire.DeleteDatasetRecords(dataset_id=NOBODY, dataset_record_ids=["dr-1"]),
            wire.GetDatasetExperiments(dataset_id=NOBODY),
            wire.AddDatasetExperiments(dataset_id=NOBODY, experiment_ids=[experiment_id]),
            wire.RemoveDatasetExperiments(dataset_id=NOBODY, experiment_ids=[experiment_id]),
        ):
            with pytest.raises(NotFound, match=NOBODY):
                door.call(request)

    def test_tags_are_set_replaced_and_removed(self, door: Door, dataset_id: str) -> None:
        door.call(wire.SetDatasetTags(dataset_id=dataset_id, tags='{"a": "1", "b/c d": "x"}'))
        door.call(wire.SetDatasetTags(dataset_id=dataset_id, tags='{"a": "2", "b/c d": null}'))
        assert json.loads(self.seen(door, dataset_id).tags) == {"a": "2", "b/c d": "x"}
        for _ in range(2):
            door.call(wire.DeleteDatasetTag(dataset_id=dataset_id, key="b/c d"))
        assert json.loads(self.seen(door, dataset_id).tags) == {"a": "2"}

    def test_a_dataset_belongs_to_experiments(self, door: Door, dataset_id: str, experiment_id: str) -> None:
        def linked() -> list[str]:
            told = door.call(wire.GetDatasetExperiments(dataset_id=dataset_id))
            return list(told.experiment_ids)

        assert linked() == []
        for _ in range(2):
            door.call(wire.AddDatasetExperiments(dataset_id=dataset_id, experiment_ids=[experiment_id, "0"]))
            assert linked() == ["0", experiment_id]
        door.call(wire.RemoveDatasetExperiments(dataset_id=dataset_id, experiment_ids=["0", "999999999999"]))
        assert linked() == [experiment_id]
        with pytest.raises(NotFound, match="999999999999"):
            door.call(wire.AddDatasetExperiments(dataset_id=dataset_id, experiment_ids=["999999999999"]))

    def test_a_record_is_what_it_was_made_of(self, door: Door, dataset_id: str) -> None:
        source = {"source_type": "TRACE", "source_data": {"trace_id": "tr-1"}}
        given = {
            "inputs": {"q": "é\0", "n": [1, 2.5, None, {"deep": True}]},
            "outputs": "an answer",
            "expectations": {"x": 1},
            "tags": {"t": "1"},
            "source": source,
        }
        assert self.put(door, dataset_id, given, by="ann") == (1, 0)
        (seen,) = self.records(door, dataset_id)
        assert re.fullmatch("dr-[0-9a-f]{32}", seen.pop("dataset_record_id"))
        assert seen.pop("created_time") == seen.pop("last_update_time")
        assert seen == {
            **given,
            "dataset_id": dataset_id,
            "source_type": "TRACE",
            "source_id": "tr-1",
            "created_by": "ann",
            "last_updated_by": "ann",
        }

    def test_records_of_equal_inputs_are_one(self, door: Door, dataset_id: str) -> None:
        first = {"inputs": {"a": 1, "b": 2}, "expectations": {"x": 1}, "tags": {"t": "1"}, "outputs": 1}
        assert self.put(door, dataset_id, first, {"inputs": {"a": 1}}) == (2, 0)
        again = {"inputs": {"b": 2, "a": 1}, "expectations": {"y": 2}, "tags": {"t": "2", "z": "1"}, "outputs": 2}
        assert self.put(door, dataset_id, again, {"inputs": {"a": 1.0}}, {"inputs": {"a": 1.0}}, by="bob") == (1, 2)
        merged, other, newest = self.records(door, dataset_id)
        assert (merged["expectations"], merged["tags"], merged["outputs"]) == (
            {"x": 1, "y": 2},
            {"t": "2", "z": "1"},
            2,
        )
        assert (merged.get("created_by"), merged["last_updated_by"]) == (None, "bob")
        assert (other["inputs"], newest["inputs"], newest["outputs"], newest["tags"]) == ({"a": 1}, {"a": 1.0}, {}, {})
        assert repr(newest["inputs"]) == "{'a': 1.0}"

    def test_the_dataset_tells_of_its_records(self, door: Door, dataset_id: str) -> None:
        before = self.seen(door, dataset_id)
        self.put(door, dataset_id, {"inputs": {"s": "", "i": 1, "f": 1.0, "b": True}, "outputs": {"o": None}}, by="ann")
        self.put(door, dataset_id, {"inputs": {"s": 1, "l": [], "d": {}}, "expectations": {"x": 1}})
        after = self.seen(door, dataset_id)
        assert json.loads(after.schema) == {
            "inputs": {"s": "string", "i": "integer", "f": "float", "b": "boolean", "l": "array", "d": "object"},
            "outputs": {"o": "null"},
            "expectations": {"x": "integer"},
            "version": "1.0",
        }
        assert (json.loads(after.profile), after.last_updated_by) == ({"num_records": 2}, "ann")
        assert re.fullmatch("[0-9a-f]{8}", after.digest)
        assert after.digest != before.digest

    def test_records_come_in_pages_and_go(self, door: Door, dataset_id: str) -> None:
        self.put(door, dataset_id, *({"inputs": {"i": i}} for i in range(5)))
        first = door.call(wire.GetDatasetRecords(dataset_id=dataset_id, max_results=3))
        second = door.call(
            wire.GetDatasetRecords(dataset_id=dataset_id, max_results=3, page_token=first.next_page_token)
        )
        paged = [*json.loads(first.records), *json.loads(second.records)]
        assert [record["inputs"]["i"] for record in paged] == [0, 1, 2, 3, 4]
        assert second.next_page_token == ""
        gone = [paged[1]["dataset_record_id"], "dr-nobody", paged[1]["dataset_record_id"]]
        for deleted in (1, 0):
            told = door.call(wire.DeleteDatasetRecords(dataset_id=dataset_id, dataset_record_ids=gone))
            assert told.deleted_count == deleted
        assert [record["inputs"]["i"] for record in self.records(door, dataset_id)] == [0, 2, 3, 4]
        assert json.loads(self.seen(door, dataset_id).profile) == {"num_records": 4}

    @pytest.mark.parametrize(
        "records",
        ["x", "{}", "[1]", '[{"inputs": "s"}]', '[{"expectations": [1]}]', '[{"tags": 1}]', "[" * 100_000, "1" * 9_999],
    )
    def test_what_is_no_record_is_refused(self, door: Door, dataset_id: str, records: str) -> None:
        with pytest.raises(InvalidInput, match="records"):
            door.call(wire.PutDatasetRecords(dataset_id=dataset_id, records=records))
        for request in (
            wire.GetDatasetRecords(dataset_id=dataset_id, max_results=-1),
            wire.GetDatasetRecords(dataset_id=dataset_id, page_token="x"),  # noqa: S106 - no password
        ):
            with pytest.raises(InvalidInput, match=r"max_results|page_token"):
                door.call(request)
        assert self.records(door, dataset_id) == []


class _Three:
    """Three datasets of one experiment, made one after the other."""

    def __init__(self, door: Door, experiment_id: str) -> None:
        self._door = door
        self.experiment_id = experiment_id
        for name, tags in (("A", {"team": "red"}), ("b", {"team": "Blue"}), ("C", {"mlflow.user": "ann"})):
            door.call(wire.CreateDataset(name=name, experiment_ids=[experiment_id], tags=json.dumps(tags)))

    def names(self, text: str = "", **more: Any) -> str:
        """The names a search finds, in its order."""
        told = self._door.call(
            wire.SearchEvaluationDatasets(experiment_ids=[self.experiment_id], filter_string=text, **more)
        )
        return " ".join(dataset.name for dataset in told.datasets)


class EvaluationDatasetSearchPromises(EvaluationSuite):
    """The search for evaluation datasets."""

    @pytest.fixture
    def three(self, door: Door, experiment_id: str) -> _Three:
        """A, b and C, in an experiment of their own."""
        return _Three(door, experiment_id)

    def test_a_filter_finds(self, three: _Three) -> None:
        for text, names in (
            ("", "A C b"),
            ("name = 'A'", "A"),
            ("name != 'A'", "C b"),
            ("name IN ('A', 'b')", "A b"),
            ("name ILIKE 'B'", "b"),
            ("tags.team = 'red'", "A"),
            ("tags.team ILIKE 'b%' AND name LIKE '_'", "b"),
            ("created_by = 'ann' AND last_updated_by = 'ann'", "C"),
            ("created_time > 1000 AND last_update_time > 1000", "A C b"),
            ("created_time < 1000", ""),
            ("name = 'A' OR name = 'C'", "A C"),
        ):
            assert (text, three.names(text, order_by=["name"])) == (text, names)

    def test_datasets_are_sorted_and_come_in_pages(self, door: Door, three: _Three) -> None:
        assert three.names(order_by=["name DESC"]) == "b C A"
        assert sorted(three.names().split()) == ["A", "C", "b"]
        first = door.call(
            wire.SearchEvaluationDatasets(experiment_ids=[three.experiment_id], order_by=["name"], max_results=2)
        )
        assert [dataset.name for dataset in first.datasets] == ["A", "C"]
        assert three.names(order_by=["name"], max_results=2, page_token=first.next_page_token) == "b"

    @pytest.mark.parametrize(
        "request_",
        [
            {"text": "attributes.name = 'A'"},
            {"text": "tag.team = 'red'"},
            {"text": "name NOT IN ('A')"},
            {"text": "created_by IN ('ann')"},
            {"text": "created_time > 1.5"},
            {"text": "tags.team IS NULL"},
            {"text": "digest = 'x'"},
            {"order_by": ["tags.team"]},
            {"order_by": ["created_by"]},
            {"max_results": 0},
            {"max_results": 50_001},
            {"page_token": "x"},
        ],
    )
    def test_a_search_that_makes_no_sense_is_refused(self, three: _Three, request_: dict[str, Any]) -> None:
        with pytest.raises(InvalidInput, match=r"\w"):
            three.names(**request_)
