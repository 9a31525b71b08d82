"""What is promised of model versions: numbers, stages, tags, search."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mlkeep.core.clock import now_ms
from mlkeep.core.entities import ModelVersion
from mlkeep.core.errors import InvalidInput, NotFound
from mlkeep.sdk.client import MlkeepClient
from mlkeep.sdk.doors import Door
from mlkeep.testing.conformance.registered_models import IS_PROMPT, SOURCE, RegistrySuite
from mlkeep.testing.conformance.suite import names_both, unique
from mlkeep.wire.registry import UpdateModelVersion


class VersionPromises(RegistrySuite):
    """Versions of registered models."""

    def test_a_version_is_what_it_was_made_of(self, client: MlkeepClient, model: str) -> None:
        before = now_ms()
        made = client.create_model_version(
            model, SOURCE, run_id="run of elsewhere", tags={"a": 1}, run_link="http://ci/1", description="First."
        )
        assert before <= made.creation_timestamp <= now_ms()
        assert made == ModelVersion(
            name=model,
            version="1",
            creation_timestamp=made.creation_timestamp,
            last_updated_timestamp=made.creation_timestamp,
            description="First.",
            current_stage="None",
            source=SOURCE,
            run_id="run of elsewhere",
            status="READY",
            tags={"a": "1"},
            run_link="http://ci/1",
        )
        assert client.get_model_version(model, 1) == made
        registered = client.get_registered_model(model)
        assert registered.latest_versions == [made]
        assert registered.last_updated_timestamp >= made.creation_timestamp

    def test_a_number_is_never_used_again(self, client: MlkeepClient, model: str) -> None:
        assert [client.create_model_version(model, SOURCE).version for _ in range(3)] == ["1", "2", "3"]
        client.delete_model_version(model, 3)
        client.delete_model_version(model, 1)
        assert client.create_model_version(model, SOURCE).version == "4"
        assert sorted(one.version for one in client.search_model_versions(f"name = '{model}'")) == ["2", "4"]

    def test_a_deleted_version_is_gone(self, client: MlkeepClient, model: str) -> None:
        client.create_model_version(model, SOURCE)
        client.delete_model_version(model, 1)
        with pytest.raises(NotFound, match=names_both(model, "1")):
            client.get_model_version(model, 1)
        with pytest.raises(NotFound, match=names_both(model, "1")):
            client.delete_model_version(model, 1)
        assert client.get_latest_versions(model) == []

    def test_a_description_is_set_and_cleared(self, client: MlkeepClient, door: Door, model: str) -> None:
        client.create_model_version(model, SOURCE, description="First.")
        assert client.update_model_version(model, 1, "Better.").description == "Better."
        assert client.get_model_version(model, 1).description == "Better."
        door.call(UpdateModelVersion(name=model, version="1"))
        assert client.get_model_version(model, 1).description is None

    @pytest.mark.parametrize(
        ("asked", "stage"),
        [("staging", "Staging"), ("PRODUCTION", "Production"), ("Archived", "Archived"), ("none", "None")],
    )
    def test_stages_are_written_one_way(self, client: MlkeepClient, model: str, asked: str, stage: str) -> None:
        client.create_model_version(model, SOURCE)
        assert client.transition_model_version_stage(model, 1, asked).current_stage == stage
        assert client.get_model_version(model, 1).current_stage == stage
        client.transition_model_version_stage(model, 1, asked)  # being there already is fine

    @pytest.mark.parametrize("stage", ["Live", "Deleted_Internal", ""])
    def test_a_stage_that_is_none_is_refused(self, client: MlkeepClient, model: str, stage: str) -> None:
        client.create_model_version(model, SOURCE)
        with pytest.raises(InvalidInput, match=names_both("stage", stage)):
            client.transition_model_version_stage(model, 1, stage)
        if stage:
            with pytest.raises(InvalidInput, match=names_both("stage", stage)):
                client.get_latest_versions(model, [stage])

    def test_a_version_may_archive_those_it_replaces(self, client: MlkeepClient, model: str) -> None:
        for _ in range(4):
            client.create_model_version(model, SOURCE)
        for version, stage in ((1, "Production"), (2, "Production"), (3, "Staging")):
            client.transition_model_version_stage(model, version, stage)
        moved = client.transition_model_version_stage(model, 4, "production", archive_existing_versions=True)
        stages = {one.version: one for one in client.search_model_versions(f"name = '{model}'")}
        assert {version: one.current_stage for version, one in stages.items()} == {
            "1": "Archived",
            "2": "Archived",
            "3": "Staging",
            "4": "Production",
        }
        touched = {stages[version].last_updated_timestamp for version in "124"}
        assert touched == {moved.last_updated_timestamp}
        assert client.get_registered_model(model).last_updated_timestamp == moved.last_updated_timestamp

    @pytest.mark.parametrize("stage", ["Archived", "None"])
    def test_nothing_is_archived_on_the_way_out(self, client: MlkeepClient, model: str, stage: str) -> None:
        client.create_model_version(model, SOURCE)
        with pytest.raises(InvalidInput, match=names_both("archive", stage)):
            client.transition_model_version_stage(model, 1, stage, archive_existing_versions=True)

    def test_the_latest_version_of_each_stage_is_told(self, client: MlkeepClient, model: str) -> None:
        assert client.get_latest_versions(model) == []
        for _ in range(5):
            client.create_model_version(model, SOURCE)
        for version, stage in ((1, "Production"), (2, "Production"), (5, "Staging")):
            client.transition_model_version_stage(model, version, stage)

        def latest(*stages: str) -> list[tuple[str, str]]:
            return [(one.current_stage, one.version) for one in client.get_latest_versions(model, stages)]

        everything = [("Production", "2"), ("None", "4"), ("Staging", "5")]  # as they come first among the versions
        assert latest() == everything
        assert latest("production", "Archived") == [("Production", "2")]
        assert latest("Staging", "Production") == [("Production", "2"), ("Staging", "5")]
        told = [(one.current_stage, one.version) for one in client.get_registered_model(model).latest_versions]
        assert told == everything
        client.delete_model_version(model, 2)
        assert latest("Production") == [("Production", "1")]

    def test_tags_are_set_replaced_and_removed(self, client: MlkeepClient, model: str) -> None:
        client.create_model_version(model, SOURCE, tags={"a": "0"})
        client.set_model_version_tag(model, 1, "a", 1)
        client.transition_model_version_stage(model, 1, "Staging")
        client.set_model_version_tag(model, key="b/c d", value="x", stage="Staging")
        assert client.get_model_version(model, 1).tags == {"a": "1", "b/c d": "x"}
        for _ in range(2):
            client.delete_model_version_tag(model, 1, "b/c d")
        assert client.get_model_version(model, 1).tags == {"a": "1"}
        with pytest.raises(InvalidInput, match=names_both("value", "100001 characters")):
            client.set_model_version_tag(model, 1, "a", "x" * 100_001)
        with pytest.raises(InvalidInput, match=names_both("key", r"a\*b")):
            client.create_model_version(model, SOURCE, tags={"a*b": "1"})
        assert client.get_latest_versions(model, ["None"]) == []

    def test_what_is_not_there_is_not_found(self, client: MlkeepClient, model: str) -> None:
        nobody = unique("nobody")
        changes: list[Callable[[str], object]] = [
            lambda name: client.get_model_version(name, 7),
            lambda name: client.update_model_version(name, 7, "x"),
            lambda name: client.transition_model_version_stage(name, 7, "Staging"),
            lambda name: client.delete_model_version(name, 7),
            lambda name: client.get_model_version_download_uri(name, 7),
            lambda name: client.set_model_version_tag(name, 7, "a", "1"),
            lambda name: client.delete_model_version_tag(name, 7, "a"),
        ]
        for change in changes:
            with pytest.raises(NotFound, match=nobody):
                change(nobody)
            with pytest.raises(NotFound, match=names_both(model, "7")):
                change(model)
        with pytest.raises(NotFound, match=nobody):
            client.create_model_version(nobody, SOURCE)

    @pytest.mark.parametrize("version", ["one", "1.0", "--1", "9" * 30, "²"])
    def test_a_version_that_is_no_integer_is_refused(self, client: MlkeepClient, model: str, version: str) -> None:
        with pytest.raises(InvalidInput, match=names_both("version", f"'{version}'")):
            client.get_model_version(model, version)

    def test_a_version_is_an_integer_however_it_is_written(self, client: MlkeepClient, model: str) -> None:
        client.create_model_version(model, SOURCE)
        for version in (1, "1", " 1", "+1", "01"):
            assert client.get_model_version(model, version).version == "1"
        with pytest.raises(NotFound, match=names_both(model, "-1")):
            client.get_model_version(model, "-1")

    def test_that_there_is_no_model_is_said_before_that_there_is_no_stage(
        self, client: MlkeepClient, model: str
    ) -> None:
        with pytest.raises(InvalidInput, match=r"'one\.txt'"):
            client.get_latest_versions(model, ["one.txt"])
        with pytest.raises(NotFound, match="nobody"):
            client.get_latest_versions(unique("nobody"), ["one.txt"])


class _Versions:
    """Versions of two models whose names share a beginning."""

    def __init__(self, client: MlkeepClient) -> None:
        self._client = client
        self.prefix = unique("find")
        for word in ("zbeta", "alpha"):
            client.create_registered_model(self.prefix + word)
        client.create_model_version(f"{self.prefix}zbeta", "s3://b/zb/1", tags={"a": "1"})
        client.create_model_version(f"{self.prefix}zbeta", "s3://b/zb/2", run_id="r2", tags={"a": "2"})
        client.create_model_version(f"{self.prefix}alpha", "s3://b/al/1", run_id="r1")
        client.create_model_version(f"{self.prefix}alpha", "s3://b/pr/1", tags={IS_PROMPT: "true"})

    def found(self, text: str, order_by: list[str] | None = None) -> list[str]:
        """What a filter finds among them, as `name/version`; `#` in it stands for the beginning of their names."""
        mine = f"name LIKE '{self.prefix}%'"
        text = f"{mine} AND {text.replace('#', self.prefix)}" if text else mine
        versions = self._client.search_model_versions(text, order_by=order_by)
        return [f"{one.name.removeprefix(self.prefix)}/{one.version}" for one in versions]


class VersionSearchPromises(RegistrySuite):
    """The search for model versions."""

    @pytest.fixture(scope="class")
    @classmethod
    def versions(cls, client: MlkeepClient) -> _Versions:
        """zbeta/1, zbeta/2, alpha/1, and alpha/2, which is tagged as a prompt."""
        return _Versions(client)

    @pytest.mark.parametrize(
        ("text", "found"),
        [
            ("", "alpha/1 zbeta/2 zbeta/1"),
            ("name = '#zbeta' AND version_number = 2", "zbeta/2"),
            ("version_number >= '2'", "zbeta/2"),
            ("name IN ('#alpha')", "alpha/1"),
            ("run_id = '' AND name = '#zbeta'", "zbeta/1"),
            ("attribute.run_id IN ('r1', 'r2')", "alpha/1 zbeta/2"),
            ("source_path LIKE 's3://b/zb%'", "zbeta/2 zbeta/1"),
            ("tags.a != '1'", "zbeta/2"),
            ("tags.a IS NULL", "alpha/1"),
            (f"tags.`{IS_PROMPT}` = 'true'", "alpha/2"),
        ],
    )
    def test_a_filter_finds(self, versions: _Versions, text: str, found: str) -> None:
        assert versions.found(text, ["name", "version_number DESC"]) == found.split()

    @pytest.mark.parametrize(
        ("order_by", "found"),
        [
            (["name DESC"], "zbeta/2 zbeta/1 alpha/1"),
            (["version_number"], "alpha/1 zbeta/1 zbeta/2"),
            (["attribute.version_number DESC", "name DESC"], "zbeta/2 zbeta/1 alpha/1"),
        ],
    )
    def test_versions_are_sorted(self, versions: _Versions, order_by: list[str], found: str) -> None:
        assert versions.found("", order_by) == found.split()

    def test_those_changed_last_come_first(self, client: MlkeepClient, versions: _Versions) -> None:
        found = client.search_model_versions(f"name LIKE '{versions.prefix}%'")
        times = [one.last_updated_timestamp for one in found]
        assert (len(times), times) == (3, sorted(times, reverse=True))

    def test_found_versions_are_told_without_their_aliases(self, client: MlkeepClient, model: str) -> None:
        client.create_model_version(model, SOURCE, tags={"a": "1"})
        whole = client.get_model_version(model, 1)
        client.set_registered_model_alias(model, "champion", 1)
        assert client.search_model_versions(f"name = '{model}'") == [whole]

    def test_pages_put_together_are_the_whole(self, client: MlkeepClient, model: str) -> None:
        for _ in range(5):
            client.create_model_version(model, SOURCE)
        mine, order, pages, token = f"name = '{model}'", ["version_number"], [], None
        while True:
            page = client.search_model_versions(mine, max_results=2, order_by=order, page_token=token)
            pages.append([one.version for one in page])
            if (token := page.token) is None:
                break
        assert pages == [["1", "2"], ["3", "4"], ["5"]]

    @pytest.mark.parametrize("max_results", [0, -1, 200_001])
    def test_a_page_has_1_to_200000_versions(self, client: MlkeepClient, max_results: int) -> None:
        with pytest.raises(InvalidInput, match=names_both("max_results", str(max_results))):
            client.search_model_versions(max_results=max_results)

    @pytest.mark.parametrize("text", ["version = 1", "source = 'x'", "version_number = 1.5", "current_stage = 'None'"])
    def test_a_filter_that_makes_no_sense_is_refused(self, client: MlkeepClient, text: str) -> None:
        with pytest.raises(InvalidInput, match=text.split(maxsplit=1)[0]):
            client.search_model_versions(text)
