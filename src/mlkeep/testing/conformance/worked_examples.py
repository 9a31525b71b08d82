"""The worked examples of the searches other than that for runs, numbered as in the specification.

The things searched are named as there, behind a prefix that is free: `#` stands for it in filters. What others made in
the same installation is not looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pytest

from mlkeep.core.errors import InvalidInput
from mlkeep.sdk.client import MlkeepClient
from mlkeep.testing.conformance.suite import Suite, unique

T = TypeVar("T")

EXPERIMENTS_FOUND = [
    ("65", "name LIKE '#e%'", "e2 e1"),
    ("66", "attribute.name = '#e1'", "e1"),
    ("67", "experiment_id IN ('<e1>','<e2>')", "e2 e1"),
    ("68", "creation_time > 1000", "E3 e2 e1"),
    ("69", "tags.a IS NULL", "e2"),
]
"""Number, filter, names found in the default order; `<e1>` stands for the id of `e1`."""

EXPERIMENTS_REFUSED = [("66", "attributes.name = 'x'", "attributes"), ("68", "creation_time > 1e3", "whole number")]

MODELS_FOUND: list[tuple[str, str, list[str], str]] = [
    ("70", "name IN ('#zbeta', '#zgamma')", [], "zbeta zgamma"),
    ("71", "tags.a != '1'", [], "Zalpha"),
    ("73", "name ILIKE '#Z%'", ["timestamp DESC"], "zbeta zgamma Zalpha"),
]
MODELS_REFUSED = [("72", "creation_timestamp > 0", "creation_timestamp")]

VERSIONS_FOUND = [
    ("74", "name='#zbeta' AND version_number = 2", "zbeta/2"),
    ("75", "run_id = '' AND name='#zbeta'", "zbeta/1"),
    ("76", "source_path LIKE 's3://b/zb%'", "zbeta/1 zbeta/2"),
]
VERSIONS_REFUSED = [("77", "version = 1", "'version'"), ("77", "source = 'x'", "'source'")]

LOGGED_MODELS_FOUND = [
    ("78", "params.lr = 0.1", "A"),
    ("79", 'name = "A"', "A"),  # MLflow keeps the double quotes as part of the name, and finds nothing
    ("80", "metrics.acc > 0.6 AND name = 'A'", "A"),
]
LOGGED_MODELS_REFUSED = [("81", "param.lr = '0.1'", "param")]


def later(make: Callable[[], T], time_of: Callable[[T], int | None], than: T) -> T:
    """Make or change a thing until its time is past that of another: clocks tell milliseconds."""
    made = make()
    while (time_of(made) or 0) <= (time_of(than) or 0):
        made = make()
    return made


class WorkedExamplePromises(Suite):
    """Experiments, registered models, versions and logged models, each under a prefix of their own."""

    @pytest.fixture(scope="class")
    @classmethod
    def experiments(cls, client: MlkeepClient) -> dict[str, str]:
        """The ids of e1, e2 and E3 by name, made in this order at different times; e2 has no tag a."""
        prefix = unique("examples")
        first = client.get_experiment(client.create_experiment(f"{prefix}e1", tags={"a": "1"}))

        def made(name: str, tags: dict[str, str]) -> Callable[[], str]:
            def make() -> str:
                if (taken := client.get_experiment_by_name(prefix + name)) is not None:  # it came too early
                    client.rename_experiment(taken.experiment_id, unique("early"))
                return client.create_experiment(prefix + name, tags=tags)

            return make

        def at(experiment_id: str) -> int | None:
            return client.get_experiment(experiment_id).creation_time

        second = later(made("e2", {}), at, first.experiment_id)
        third = later(made("E3", {"a": "2"}), at, second)
        return {"#": prefix, "e1": first.experiment_id, "e2": second, "E3": third}

    @pytest.mark.parametrize(("example", "text", "names"), EXPERIMENTS_FOUND)
    def test_experiments_are_found(
        self, client: MlkeepClient, experiments: dict[str, str], example: str, text: str, names: str
    ) -> None:
        prefix = experiments["#"]
        for name, experiment_id in experiments.items():
            text = text.replace(f"<{name}>", experiment_id).replace("#", prefix)
        found = client.search_experiments(filter_string=f"{text} AND name LIKE '{prefix}%'")
        assert " ".join(one.name.removeprefix(prefix) for one in found) == names, example

    @pytest.mark.parametrize(("example", "text", "reason"), EXPERIMENTS_REFUSED)
    def test_a_filter_of_experiments_is_refused(
        self, client: MlkeepClient, example: str, text: str, reason: str
    ) -> None:
        with pytest.raises(InvalidInput) as refused:
            client.search_experiments(filter_string=text)
        assert reason in refused.value.message, example

    @pytest.fixture(scope="class")
    @classmethod
    def registry(cls, client: MlkeepClient) -> str:
        """The prefix of the models Zalpha, zgamma and zbeta, changed last in this order; zbeta has two versions."""
        prefix = unique("examples")
        client.create_registered_model(f"{prefix}zbeta", {"a": "1"})
        client.create_model_version(f"{prefix}zbeta", "s3://b/zb/1")
        client.create_model_version(f"{prefix}zbeta", "s3://b/zb/2", run_id="r2")
        last = client.create_registered_model(f"{prefix}Zalpha", {"a": "2"})
        client.create_registered_model(f"{prefix}zgamma")
        for word in ("zgamma", "zbeta"):
            last = later(
                lambda word=word: client.update_registered_model(f"{prefix}{word}", "changed"),  # type: ignore[misc]  # mypy infers no type of a default
                lambda model: model.last_updated_timestamp,
                last,
            )
        return prefix

    @pytest.mark.parametrize(("example", "text", "order_by", "names"), MODELS_FOUND)
    def test_registered_models_are_found(
        self, client: MlkeepClient, registry: str, example: str, text: str, order_by: list[str], names: str
    ) -> None:
        mine = f"{text.replace('#', registry)} AND name LIKE '{registry}%'"
        found = client.search_registered_models(mine, order_by=order_by)
        assert " ".join(model.name.removeprefix(registry) for model in found) == names, example

    @pytest.mark.parametrize(("example", "text", "reason"), MODELS_REFUSED)
    def test_a_filter_of_registered_models_is_refused(
        self, client: MlkeepClient, example: str, text: str, reason: str
    ) -> None:
        with pytest.raises(InvalidInput) as refused:
            client.search_registered_models(text)
        assert reason in refused.value.message, example

    @pytest.mark.parametrize(("example", "text", "names"), VERSIONS_FOUND)
    def test_versions_are_found(self, client: MlkeepClient, registry: str, example: str, text: str, names: str) -> None:
        mine = f"{text.replace('#', registry)} AND name LIKE '{registry}%'"
        found = client.search_model_versions(mine, order_by=["version_number"])
        assert " ".join(f"{one.name.removeprefix(registry)}/{one.version}" for one in found) == names, example

    @pytest.mark.parametrize(("example", "text", "reason"), VERSIONS_REFUSED)
    def test_a_filter_of_versions_is_refused(self, client: MlkeepClient, example: str, text: str, reason: str) -> None:
        with pytest.raises(InvalidInput) as refused:
            client.search_model_versions(text)
        assert reason in refused.value.message, example

    @pytest.fixture(scope="class")
    @classmethod
    def logged(cls, client: MlkeepClient) -> str:
        """An experiment with the models A (lr 0.1, acc 0.7) and B (lr 0.2, acc 0.9)."""
        experiment_id = client.create_experiment(unique("examples"))
        run_id = client.create_run(experiment_id).info.run_id
        for name, lr, accuracy in (("A", "0.1", 0.7), ("B", "0.2", 0.9)):
            model = client.create_logged_model(experiment_id, name, run_id, params={"lr": lr})
            client.log_metric(run_id, "acc", accuracy, model_id=model.model_id)
        return experiment_id

    @pytest.mark.parametrize(("example", "text", "names"), LOGGED_MODELS_FOUND)
    def test_logged_models_are_found(
        self, client: MlkeepClient, logged: str, example: str, text: str, names: str
    ) -> None:
        found = client.search_logged_models([logged], text, order_by=[{"field_name": "name"}])
        assert " ".join(model.name for model in found) == names, example

    @pytest.mark.parametrize(("example", "text", "reason"), LOGGED_MODELS_REFUSED)
    def test_a_filter_of_logged_models_is_refused(
        self, client: MlkeepClient, logged: str, example: str, text: str, reason: str
    ) -> None:
        with pytest.raises(InvalidInput) as refused:
            client.search_logged_models([logged], text)
        assert reason in refused.value.message, example
