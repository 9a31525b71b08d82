"""What is promised of registered models: names, tags, aliases, search."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from mlkeep.core.clock import now_ms
from mlkeep.core.entities import RegisteredModel
from mlkeep.core.errors import AlreadyExists, InvalidInput, NotFound
from mlkeep.sdk.client import MlkeepClient
from mlkeep.testing.conformance.suite import Suite, names_both, unique

IS_PROMPT = "mlflow.prompt.is_prompt"
SOURCE = "s3://bucket/model"
"""A source that is taken as it is."""


class RegistrySuite(Suite):
    """Base of the suites about the registry."""

    @pytest.fixture
    def model(self, client: MlkeepClient) -> str:
        """The name of a registered model that only this test uses."""
        return client.create_registered_model(unique("model")).name


class RegisteredModelPromises(RegistrySuite):
    """Registered models: making, renaming, deleting, tags, aliases."""

    def test_a_model_is_what_it_was_made_of(self, client: MlkeepClient) -> None:
        name, before = unique("a @ name % with \\ signs, é"), now_ms()
        made = client.create_registered_model(name, {"a": 1}, "What it is for.")
        assert before <= made.creation_timestamp <= now_ms()
        assert made == RegisteredModel(
            name, made.creation_timestamp, made.creation_timestamp, "What it is for.", tags={"a": "1"}
        )
        assert client.get_registered_model(name) == made

    def test_a_name_is_used_once(self, client: MlkeepClient, model: str) -> None:
        with pytest.raises(AlreadyExists, match=model):
            client.create_registered_model(model)

    @pytest.mark.parametrize("name", ["", " ", "a/b", "a:b", ".", "..", "x" * 257])
    def test_a_name_that_cannot_be_is_refused(self, client: MlkeepClient, model: str, name: str) -> None:
        with pytest.raises(InvalidInput, match=names_both("'name'", re.escape(name[:3].strip()))):
            client.create_registered_model(name)
        with pytest.raises(InvalidInput, match="'new_name'"):
            client.rename_registered_model(model, name)

    def test_a_model_gets_another_name_with_all_it_has(self, client: MlkeepClient, model: str) -> None:
        client.set_registered_model_tag(model, "a", "1")
        client.create_model_version(model, SOURCE, tags={"b": "2"})
        client.set_registered_model_alias(model, "champion", 1)
        name = unique("renamed")
        renamed = client.rename_registered_model(model, name)
        assert (renamed.name, renamed.tags, renamed.aliases) == (name, {"a": "1"}, {"champion": "1"})
        assert client.get_registered_model(name) == renamed
        version = client.get_model_version(name, 1)
        assert (version.name, version.tags, version.aliases) == (name, {"b": "2"}, ["champion"])
        with pytest.raises(NotFound, match=model):
            client.get_registered_model(model)
        client.rename_registered_model(name, name)  # its own name is no other's
        taken = client.create_registered_model(unique("taken")).name
        with pytest.raises(AlreadyExists, match=taken):
            client.rename_registered_model(name, taken)

    def test_a_description_is_set_and_cleared(self, client: MlkeepClient, model: str) -> None:
        assert client.update_registered_model(model, "Better than the last one.").description == (
            "Better than the last one."
        )
        assert client.update_registered_model(model, None).description is None
        assert client.get_registered_model(model).description is None

    def test_deleting_a_model_deletes_all_it_has(self, client: MlkeepClient, model: str) -> None:
        client.set_registered_model_tag(model, "a", "1")
        for _ in range(2):
            client.create_model_version(model, SOURCE)
        client.set_registered_model_alias(model, "champion", 2)
        client.delete_registered_model(model)
        with pytest.raises(NotFound, match=model):
            client.get_registered_model(model)
        assert client.search_model_versions(f"name = '{model}'") == []
        again = client.create_registered_model(model)
        assert (again.tags, again.aliases, again.latest_versions) == ({}, {}, [])
        assert client.create_model_version(model, SOURCE).version == "1"

    def test_tags_are_set_replaced_and_removed(self, client: MlkeepClient, model: str) -> None:
        client.set_registered_model_tag(model, "a", "1")
        client.set_registered_model_tag(model, "b/c d", "x" * 100_000)
        client.set_registered_model_tag(model, "a", "")
        assert client.get_registered_model(model).tags == {"a": "", "b/c d": "x" * 100_000}
        for _ in range(2):
            client.delete_registered_model_tag(model, "b/c d")
        assert client.get_registered_model(model).tags == {"a": ""}
        with pytest.raises(InvalidInput, match=names_both("value", "100001 characters")):
            client.set_registered_model_tag(model, "a", "x" * 100_001)
        with pytest.raises(InvalidInput, match=names_both("key", r"a\*b")):
            client.set_registered_model_tag(model, "a*b", "1")

    def test_an_alias_points_to_one_version_at_a_time(self, client: MlkeepClient, model: str) -> None:
        for _ in range(2):
            client.create_model_version(model, SOURCE)
        for alias, version in (("champion", 1), ("Champion", 2), ("weiß_1-x", 1), ("champion", "2")):
            client.set_registered_model_alias(model, alias, version)
        assert client.get_registered_model(model).aliases == {"champion": "2", "Champion": "2", "weiß_1-x": "1"}
        assert client.get_model_version_by_alias(model, "champion") == client.get_model_version(model, 2)
        assert client.get_model_version(model, 2).aliases == ["Champion", "champion"]
        for _ in range(2):
            client.delete_registered_model_alias(model, "champion")
        with pytest.raises(InvalidInput, match="alias champion not found"):
            client.get_model_version_by_alias(model, "champion")

    def test_the_alias_latest_is_the_highest_version(self, client: MlkeepClient, model: str) -> None:
        with pytest.raises(NotFound, match=model):
            client.get_model_version_by_alias(model, "latest")
        for _ in range(3):
            client.create_model_version(model, SOURCE)
        client.delete_model_version(model, 3)
        assert client.get_model_version_by_alias(model, "latest").version == "2"

    @pytest.mark.parametrize("alias", ["", "latest", "LATEST", "v1", "V12", "a b", "a.b", "a/b", "x" * 256])
    def test_an_alias_that_cannot_be_is_refused(self, client: MlkeepClient, model: str, alias: str) -> None:
        client.create_model_version(model, SOURCE)
        with pytest.raises(InvalidInput, match=names_both("'alias'", alias[:3])):
            client.set_registered_model_alias(model, alias, 1)
        assert client.get_registered_model(model).aliases == {}

    def test_an_alias_goes_with_its_version(self, client: MlkeepClient, model: str) -> None:
        client.create_model_version(model, SOURCE)
        client.set_registered_model_alias(model, "champion", 1)
        client.delete_model_version(model, 1)
        assert client.get_registered_model(model).aliases == {}

    def test_what_is_not_there_is_not_found(self, client: MlkeepClient, model: str) -> None:
        nobody = unique("nobody")
        calls: list[Callable[[], object]] = [
            lambda: client.get_registered_model(nobody),
            lambda: client.rename_registered_model(nobody, unique("x")),
            lambda: client.update_registered_model(nobody, "x"),
            lambda: client.delete_registered_model(nobody),
            lambda: client.set_registered_model_tag(nobody, "a", "1"),
            lambda: client.delete_registered_model_tag(nobody, "a"),
            lambda: client.set_registered_model_alias(nobody, "a", 1),
            lambda: client.delete_registered_model_alias(nobody, "a"),
            lambda: client.get_model_version_by_alias(nobody, "a"),
            lambda: client.get_latest_versions(nobody),
        ]
        for call in calls:
            with pytest.raises(NotFound, match=nobody):
                call()
        with pytest.raises(NotFound, match=names_both(model, "7")):
            client.set_registered_model_alias(model, "a", 7)
        with pytest.raises(InvalidInput, match=names_both("version", "'one'")):
            client.set_registered_model_alias(model, "a", "one")


class _Four:
    """Four registered models whose names share a beginning; one of them is a prompt."""

    def __init__(self, client: MlkeepClient) -> None:
        self._client = client
        self.prefix = unique("find")
        for word, tags in (
            ("zbeta", {"a": "1"}),
            ("Zgamma", {"a": "2", IS_PROMPT: "false"}),
            ("alpha", {}),
            ("prompt", {IS_PROMPT: "true", "a": "1"}),
        ):
            client.create_registered_model(f"{self.prefix}{word}", tags)

    def names(self, text: str, order_by: list[str] | None = None) -> str:
        """What a filter finds among the four; `#` in it stands for the beginning of their names."""
        mine = f"name LIKE '{self.prefix}%'"
        text = f"{mine} AND {text.replace('#', self.prefix)}" if text else mine
        found = self._client.search_registered_models(text, order_by=order_by)
        return " ".join(model.name.removeprefix(self.prefix) for model in found)


class RegisteredModelSearchPromises(RegistrySuite):
    """The search for registered models."""

    @pytest.fixture(scope="class")
    @classmethod
    def four(cls, client: MlkeepClient) -> _Four:
        """zbeta, Zgamma and alpha, and a prompt."""
        return _Four(client)

    @pytest.mark.parametrize(
        ("text", "names"),
        [
            ("", "Zgamma alpha zbeta"),
            ("name = '#alpha'", "alpha"),
            ("name IN ('#zbeta', '#Zgamma')", "Zgamma zbeta"),
            ("attribute.name NOT IN ('#zbeta')", "Zgamma alpha"),
            ("name ILIKE '#Z%'", "Zgamma zbeta"),
            ("tags.a != '1'", "Zgamma"),
            ("tags.a IS NULL", "alpha"),
            (f"tag.`{IS_PROMPT}` != 'true'", "Zgamma alpha zbeta"),
            (f"tags.`{IS_PROMPT}` = 'true'", "prompt"),
            (f"tags.`{IS_PROMPT}` = 'true' AND tags.a = '2'", ""),
        ],
    )
    def test_a_filter_finds(self, four: _Four, text: str, names: str) -> None:
        assert four.names(text) == names

    @pytest.mark.parametrize(
        ("order_by", "names"),
        [
            (["name DESC"], "zbeta alpha Zgamma"),
            (["name"], "Zgamma alpha zbeta"),
        ],
    )
    def test_models_are_sorted(self, four: _Four, order_by: list[str], names: str) -> None:
        assert four.names("", order_by) == names

    def test_models_are_sorted_by_their_last_change(self, client: MlkeepClient, four: _Four) -> None:
        for order, descending in (("timestamp DESC", True), ("last_updated_timestamp ASC", False)):
            found = client.search_registered_models(f"name LIKE '{four.prefix}%'", order_by=[order])
            times = [model.last_updated_timestamp for model in found]
            assert (len(times), times) == (3, sorted(times, reverse=descending))

    def test_found_models_are_whole(self, client: MlkeepClient, model: str) -> None:
        client.create_model_version(model, SOURCE, tags={"b": "2"})
        client.set_registered_model_alias(model, "champion", 1)
        assert client.search_registered_models(f"name = '{model}'") == [client.get_registered_model(model)]

    def test_pages_put_together_are_the_whole(self, client: MlkeepClient, four: _Four) -> None:
        mine = f"name LIKE '{four.prefix}%'"
        first = client.search_registered_models(mine, max_results=2)
        client.create_registered_model(f"{four.prefix}a newcomer among those that were seen")
        second = client.search_registered_models(mine, max_results=2, page_token=first.token)
        client.delete_registered_model(f"{four.prefix}a newcomer among those that were seen")
        assert [[model.name.removeprefix(four.prefix) for model in page] for page in (first, second)] == [
            ["Zgamma", "alpha"],
            ["zbeta"],
        ]
        assert second.token is None

    @pytest.mark.parametrize("max_results", [0, -1, 1_001])
    def test_a_page_has_1_to_1000_models(self, client: MlkeepClient, max_results: int) -> None:
        with pytest.raises(InvalidInput, match=names_both("max_results", str(max_results))):
            client.search_registered_models(max_results=max_results)

    @pytest.mark.parametrize(
        ("text", "order_by", "reason"),
        [
            ("creation_timestamp > 0", [], "creation_timestamp"),
            ("attributes.name = 'x'", [], "attributes"),
            ("", ["creation_timestamp"], "creation_timestamp"),
            ("", ["attribute.name"], "order_by"),
        ],
    )
    def test_what_makes_no_sense_is_refused(
        self, client: MlkeepClient, text: str, order_by: list[str], reason: str
    ) -> None:
        with pytest.raises(InvalidInput, match=reason):
            client.search_registered_models(text, order_by=order_by)
