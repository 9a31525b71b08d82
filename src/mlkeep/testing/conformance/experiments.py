"""What is promised of experiments."""

from __future__ import annotations

import pytest

from mlkeep.core.clock import now_ms
from mlkeep.core.entities import Experiment, ViewType
from mlkeep.core.errors import AlreadyExists, InvalidInput, NotFound
from mlkeep.core.pages import PagedList
from mlkeep.sdk.client import MlkeepClient
from mlkeep.sdk.doors import Door
from mlkeep.testing.conformance.suite import Suite, names_both, unique
from mlkeep.wire import experiments as wire


class ExperimentPromises(Suite):
    """Experiments: names, lifecycle, tags, search."""

    def test_an_experiment_is_what_it_was_made_of(self, client: MlkeepClient) -> None:
        name, before = unique("made"), now_ms()
        experiment_id = client.create_experiment(name, tags={"team": "red", "mlflow.note.content": "# Hello"})
        found = client.get_experiment(experiment_id)
        assert found.creation_time is not None
        assert before <= found.creation_time <= now_ms()
        assert found == Experiment(
            experiment_id=experiment_id,
            name=name,
            artifact_location=found.artifact_location,
            lifecycle_stage="active",
            tags={"team": "red", "mlflow.note.content": "# Hello"},
            creation_time=found.creation_time,
            last_update_time=found.creation_time,
        )
        assert client.get_experiment_by_name(name) == found

    def test_artifacts_of_an_experiment_go_to_a_place_named_after_its_id(self, client: MlkeepClient) -> None:
        experiment_id = client.create_experiment(unique("place"))
        assert client.get_experiment(experiment_id).artifact_location.endswith(f"/{experiment_id}")

    def test_a_given_artifact_location_is_kept(self, client: MlkeepClient) -> None:
        experiment_id = client.create_experiment(unique("place"), artifact_location="s3://bucket/some/path")
        assert client.get_experiment(experiment_id).artifact_location == "s3://bucket/some/path"

    @pytest.mark.parametrize(
        "location",
        ["runs:/abc/models", "s3://bucket/p#part", "s3://bucket/p;v=1", "s3://bucket/p?x=..", "s3://b/" + "x" * 2_048],
    )
    def test_an_artifact_location_that_cannot_be_is_refused(self, client: MlkeepClient, location: str) -> None:
        with pytest.raises(InvalidInput, match=names_both("artifact_location", location[:7])):
            client.create_experiment(unique("place"), artifact_location=location)

    def test_ids_are_integers_and_grow(self, client: MlkeepClient) -> None:
        first, second = (int(client.create_experiment(unique("id"))) for _ in range(2))
        assert 0 < first < second

    def test_clients_that_choose_no_experiment_have_one(self, client: MlkeepClient) -> None:
        default = client.get_experiment("0")
        assert (default.name, default.experiment_id) == ("Default", "0")
        assert client.get_experiment_by_name("Default") == default

    def test_an_unknown_experiment_is_not_found(self, client: MlkeepClient) -> None:
        for experiment_id in ("999999999999", "-1"):
            with pytest.raises(NotFound, match=experiment_id):
                client.get_experiment(experiment_id)
        assert client.get_experiment_by_name(unique("nobody")) is None

    @pytest.mark.parametrize("experiment_id", ["abc", "--1", "1.5", "9" * 30, "²"])
    def test_an_id_that_is_no_integer_is_refused(self, client: MlkeepClient, experiment_id: str) -> None:
        with pytest.raises(InvalidInput, match=names_both("experiment_id", experiment_id)):
            client.get_experiment(experiment_id)

    def test_a_name_is_used_once_even_if_its_experiment_is_deleted(self, client: MlkeepClient) -> None:
        name = unique("once")
        experiment_id = client.create_experiment(name)
        with pytest.raises(AlreadyExists, match=f"'{name}' already exists"):
            client.create_experiment(name)
        client.delete_experiment(experiment_id)
        with pytest.raises(AlreadyExists, match="deleted state"):
            client.create_experiment(name)

    def test_a_name_has_1_to_500_characters(self, client: MlkeepClient) -> None:
        longest = unique("long").ljust(500, "ü")
        client.create_experiment(longest)
        found = client.get_experiment_by_name(longest)
        assert found is not None
        assert found.name == longest
        with pytest.raises(InvalidInput, match=names_both("name", "501 characters")):
            client.create_experiment(longest + "x")
        with pytest.raises(InvalidInput, match="Missing value for required parameter 'name'"):
            client.create_experiment("")

    def test_an_experiment_gets_another_name(self, client: MlkeepClient, experiment_id: str) -> None:
        name, before = unique("renamed"), client.get_experiment(experiment_id)
        client.rename_experiment(experiment_id, name)
        after = client.get_experiment(experiment_id)
        assert (after.name, after.creation_time) == (name, before.creation_time)
        assert client.get_experiment_by_name(before.name) is None
        client.rename_experiment(experiment_id, name)  # its own name is no other's

    def test_a_rename_that_cannot_be_is_refused(self, client: MlkeepClient, experiment_id: str) -> None:
        taken = unique("taken")
        client.create_experiment(taken)
        with pytest.raises(AlreadyExists, match=taken):
            client.rename_experiment(experiment_id, taken)
        with pytest.raises(InvalidInput, match="'new_name'"):
            client.rename_experiment(experiment_id, "")
        with pytest.raises(NotFound, match="999999999999"):
            client.rename_experiment("999999999999", unique("x"))
        client.delete_experiment(experiment_id)
        with pytest.raises(InvalidInput, match="must be in the 'active' state"):
            client.rename_experiment(experiment_id, unique("x"))

    def test_deleting_an_experiment_deletes_its_runs_and_restoring_brings_them_back(
        self, client: MlkeepClient, experiment_id: str
    ) -> None:
        elsewhere = client.create_run(client.create_experiment(unique("elsewhere")))
        kept, deleted_before = (client.create_run(experiment_id).info.run_id for _ in range(2))
        client.delete_run(deleted_before)
        client.delete_experiment(experiment_id)
        assert client.get_experiment(experiment_id).lifecycle_stage == "deleted"
        assert client.get_run(elsewhere.info.run_id) == elsewhere
        assert [client.get_run(run).info.lifecycle_stage for run in (kept, deleted_before)] == ["deleted", "deleted"]
        client.restore_experiment(experiment_id)
        assert client.get_experiment(experiment_id).lifecycle_stage == "active"
        assert [client.get_run(run).info.lifecycle_stage for run in (kept, deleted_before)] == ["active", "active"]

    def test_an_experiment_is_deleted_once_and_restored_once(self, client: MlkeepClient, experiment_id: str) -> None:
        with pytest.raises(NotFound, match=experiment_id):
            client.restore_experiment(experiment_id)
        client.delete_experiment(experiment_id)
        with pytest.raises(NotFound, match=experiment_id):
            client.delete_experiment(experiment_id)
        for change in (client.delete_experiment, client.restore_experiment):
            with pytest.raises(NotFound):
                change("999999999999")

    def test_a_deleted_experiment_takes_nothing_new(self, client: MlkeepClient, experiment_id: str) -> None:
        client.set_experiment_tag(experiment_id, "a", "1")
        client.delete_experiment(experiment_id)
        with pytest.raises(InvalidInput, match="must be in the 'active' state"):
            client.create_run(experiment_id)
        with pytest.raises(InvalidInput, match="must be in the 'active' state"):
            client.set_experiment_tag(experiment_id, "a", "2")
        with pytest.raises(InvalidInput, match="must be in the 'active' state"):
            client.delete_experiment_tag(experiment_id, "a")
        with pytest.raises(InvalidInput, match="must be in the 'active' state"):
            client.create_logged_model(experiment_id)

    def test_tags_are_set_replaced_and_removed(self, client: MlkeepClient, experiment_id: str) -> None:
        client.set_experiment_tag(experiment_id, "a", "1")
        client.set_experiment_tag(experiment_id, "b", "x" * 20_000)
        client.set_experiment_tag(experiment_id, "a", "")
        assert client.get_experiment(experiment_id).tags == {"a": "", "b": "x" * 20_000}
        client.delete_experiment_tag(experiment_id, "b")
        assert client.get_experiment(experiment_id).tags == {"a": ""}
        with pytest.raises(NotFound, match="'b'"):
            client.delete_experiment_tag(experiment_id, "b")

    def test_a_tag_that_cannot_be_is_refused(self, client: MlkeepClient, experiment_id: str) -> None:
        with pytest.raises(InvalidInput, match=names_both("value", "20001 characters")):
            client.set_experiment_tag(experiment_id, "a", "x" * 20_001)
        with pytest.raises(InvalidInput, match=names_both("key", r"a\*b")):
            client.set_experiment_tag(experiment_id, "a*b", "1")
        with pytest.raises(NotFound, match="999999999999"):
            client.set_experiment_tag("999999999999", "a", "1")
        name = unique("untagged")
        with pytest.raises(InvalidInput, match=names_both("key", "/a")):
            client.create_experiment(name, tags={"/a": "1"})
        assert client.get_experiment_by_name(name) is None


class _Three:
    """Three experiments whose names share a beginning."""

    def __init__(self, client: MlkeepClient) -> None:
        self.prefix = unique("find")
        self.ids = [
            client.create_experiment(f"{self.prefix} {word}", tags=tags)
            for word, tags in (("Beta", {"a": "1"}), ("alpha", {"a": "2"}), ("gamma", {}))
        ]

    def names(self, found: PagedList[Experiment]) -> list[str]:
        return [one.name.removeprefix(f"{self.prefix} ") for one in found]


class ExperimentSearchPromises(Suite):
    """The search for experiments."""

    @pytest.fixture(scope="class")
    @classmethod
    def three(cls, client: MlkeepClient) -> _Three:
        """Made one after the other: Beta, alpha, gamma."""
        return _Three(client)

    @pytest.mark.parametrize(
        ("text", "names"),
        [
            ("", "gamma alpha Beta"),
            ("tags.a = '1'", "Beta"),
            ("tag.a != '1'", "alpha"),
            ("tags.a IS NULL", "gamma"),
            ("tags.a IS NOT NULL AND attribute.name LIKE '%a'", "alpha Beta"),
            ("name LIKE '%BETA'", ""),
            ("name ILIKE '%BETA'", "Beta"),
            ("creation_time > 1000 AND last_update_time >= 1000", "gamma alpha Beta"),
            ("creation_time < 1000", ""),
            ("tags.a = '1' OR NOT tags.a IS NOT NULL", "gamma Beta"),
        ],
    )
    def test_a_filter_finds(self, client: MlkeepClient, three: _Three, text: str, names: str) -> None:
        mine = f"name LIKE '{three.prefix}%'"
        found = client.search_experiments(filter_string=f"{mine} AND ({text})" if text else mine)
        assert sorted(three.names(found)) == sorted(names.split())

    def test_ids_are_compared_as_texts_and_sorted_as_numbers(self, client: MlkeepClient, three: _Three) -> None:
        first, _, third = three.ids
        one_of = f"experiment_id IN ('{first}', '{third}')"
        found = client.search_experiments(filter_string=one_of, order_by=["experiment_id DESC"])
        assert [one.experiment_id for one in found] == [third, first]
        found = client.search_experiments(filter_string=f"{one_of} AND experiment_id != '{first}'")
        assert [one.experiment_id for one in found] == [third]

    @pytest.mark.parametrize(
        ("order_by", "names"),
        [
            (["name"], "Beta alpha gamma"),
            (["attribute.name DESC"], "gamma alpha Beta"),
            (["experiment_id ASC"], "Beta alpha gamma"),
        ],
    )
    def test_experiments_are_sorted(self, client: MlkeepClient, three: _Three, order_by: list[str], names: str) -> None:
        found = client.search_experiments(filter_string=f"name LIKE '{three.prefix}%'", order_by=order_by)
        assert three.names(found) == names.split()

    def test_the_newest_come_first_unless_asked_otherwise(self, client: MlkeepClient, three: _Three) -> None:
        mine = f"name LIKE '{three.prefix}%'"
        for order_by, descending in (([], True), (["creation_time"], False), (["last_update_time DESC"], True)):
            times = [one.creation_time or 0 for one in client.search_experiments(filter_string=mine, order_by=order_by)]
            assert (len(times), times) == (3, sorted(times, reverse=descending))

    def test_pages_go_on_where_the_last_one_ended(self, client: MlkeepClient, three: _Three) -> None:
        mine, order = f"name LIKE '{three.prefix}%'", ["name"]
        first = client.search_experiments(filter_string=mine, order_by=order, max_results=2)
        second = client.search_experiments(filter_string=mine, order_by=order, max_results=2, page_token=first.token)
        assert (three.names(first), three.names(second), second.token) == (["Beta", "alpha"], ["gamma"], None)

    def test_deleted_experiments_are_seen_by_those_who_ask(self, client: MlkeepClient) -> None:
        three = _Three(client)
        client.delete_experiment(three.ids[1])
        mine, order = f"name LIKE '{three.prefix}%'", ["name"]
        seen = {
            view.name: three.names(client.search_experiments(view, filter_string=mine, order_by=order))
            for view in ViewType
        }
        assert seen == {"ACTIVE_ONLY": ["Beta", "gamma"], "DELETED_ONLY": ["alpha"], "ALL": ["Beta", "alpha", "gamma"]}

    @pytest.mark.parametrize("max_results", [0, -1, 50_001])
    def test_a_page_has_1_to_50000_experiments(self, client: MlkeepClient, max_results: int) -> None:
        with pytest.raises(InvalidInput, match=names_both("max_results", str(max_results))):
            client.search_experiments(max_results=max_results)

    def test_the_size_of_a_page_must_be_said(self, door: Door) -> None:
        with pytest.raises(InvalidInput, match="max_results"):
            door.call(wire.SearchExperiments())

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("attributes.name = 'x'", "attributes"),
            ("creation_time > 1e3", "whole number"),
            ("name IN ('a')", "IN"),
            ("name = x", "quoted"),
        ],
    )
    def test_a_filter_that_makes_no_sense_is_refused(self, client: MlkeepClient, text: str, reason: str) -> None:
        with pytest.raises(InvalidInput, match=reason):
            client.search_experiments(filter_string=text)
