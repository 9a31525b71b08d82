"""What `order_by` can say."""

from __future__ import annotations

import pytest

from mlkeep.core.errors import InvalidInput
from mlkeep.core.filters import (
    EXPERIMENTS,
    LOGGED_MODELS,
    MODEL_VERSIONS,
    REGISTERED_MODELS,
    RUNS,
    Entity,
    Field,
    Grammar,
    OrderTerm,
    complete_order,
    logged_model_order,
    parse_order_by,
)


def by(key: str, entity: Entity = Entity.ATTRIBUTE, *, descending: bool = False) -> OrderTerm:
    return OrderTerm(Field(entity, key), descending)


@pytest.mark.parametrize(
    ("grammar", "items", "terms"),
    [
        (RUNS, [], []),
        (RUNS, ["metric.loss DESC"], [by("loss", Entity.METRIC, descending=True)]),
        (RUNS, ["parameters.lr asc", "tag.`a b`"], [by("lr", Entity.PARAM), by("a b", Entity.TAG)]),
        (RUNS, ["tags.'a desc' \n DESC"], [by("a desc", Entity.TAG, descending=True)]),
        (RUNS, [" params.desc "], [by("desc", Entity.PARAM)]),
        (RUNS, ["Created", "run.status"], [by("start_time"), by("status")]),
        (RUNS, ["`start_time`", '"run_id" DESC'], [by("start_time"), by("run_id", descending=True)]),
        (RUNS, ["start_time DESC", "created", "run_id"], [by("start_time", descending=True), by("run_id")]),
        (EXPERIMENTS, ["attribute.name desc", "experiment_id"], [by("name", descending=True), by("experiment_id")]),
        (REGISTERED_MODELS, ["timestamp DESC"], [by("last_updated_timestamp", descending=True)]),
        (REGISTERED_MODELS, ["last_updated_timestamp", "name"], [by("last_updated_timestamp"), by("name")]),
        (MODEL_VERSIONS, ["attribute.version_number"], [by("version_number")]),
        (MODEL_VERSIONS, ["creation_timestamp"], [by("creation_timestamp")]),
    ],
)
def test_sort_keys_mean(grammar: Grammar, items: list[str], terms: list[OrderTerm]) -> None:
    assert parse_order_by(items, grammar) == tuple(terms)


@pytest.mark.parametrize(
    ("grammar", "item", "reason"),
    [
        (RUNS, "dataset.name", "Invalid order_by entity 'dataset'"),
        (RUNS, "foo", "Invalid attribute key 'foo'"),
        (RUNS, "foo.x", "Invalid entity type 'foo'"),
        (RUNS, "metrics.loss, params.lr", "Invalid order_by clause 'metrics.loss, params.lr'. Could not be parsed"),
        (RUNS, "", "Invalid order_by clause ''"),
        (RUNS, "  ", "Invalid order_by clause '  '"),
        (RUNS, "metrics.a/b", "Could not be parsed: '/b' at character 10"),
        (RUNS, "metrics.acc m", "Invalid ordering key in order_by clause 'metrics.acc m'"),
        (RUNS, "metrics.loss DESC NULLS LAST", "Could not be parsed"),
        (RUNS, "metrics.loss ASC DESC", "Could not be parsed"),
        (RUNS, "'metrics.loss'", "Could not be parsed"),
        (RUNS, "(metrics.loss)", "Could not be parsed"),
        (RUNS, "metrics.loss 'DESC'", "Invalid ordering key"),
        (RUNS, "run name", "Invalid ordering key"),
        (RUNS, "`run name`", "Invalid attribute key 'run name'"),
        (RUNS, "experiment_id", "Invalid attribute key 'experiment_id'"),
        (RUNS, "desc", "Invalid attribute key 'desc'"),
        (EXPERIMENTS, "attributes.name", "Invalid entity type 'attributes'"),
        (EXPERIMENTS, "tags.a", "Invalid order_by entity 'tags'"),
        (REGISTERED_MODELS, "creation_timestamp", "Invalid attribute key 'creation_timestamp'"),
        (REGISTERED_MODELS, "attribute.name", "Invalid order_by entity 'attribute'"),
        (MODEL_VERSIONS, "timestamp", "Invalid attribute key 'timestamp'"),
        (MODEL_VERSIONS, "run_id", "Invalid attribute key 'run_id'"),
    ],
)
def test_a_sort_key_is_refused(grammar: Grammar, item: str, reason: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_order_by([item], grammar)
    assert reason in refused.value.message


def test_order_by_is_a_list_not_a_text() -> None:
    with pytest.raises(InvalidInput, match="give a list of strings"):
        parse_order_by("start_time", RUNS)


def test_order_by_has_fifty_keys_at_most() -> None:
    with pytest.raises(InvalidInput, match="at most 50"):
        parse_order_by([f"metrics.m{index}" for index in range(51)], RUNS)
    with pytest.raises(InvalidInput, match="at most 50"):
        complete_order([logged_model_order(f"metrics.m{index}") for index in range(51)], LOGGED_MODELS)


@pytest.mark.parametrize(
    ("field_name", "field"),
    [
        ("metrics.acc", Field(Entity.METRIC, "acc")),
        ("metrics.a b/c.d", Field(Entity.METRIC, "a b/c.d")),
        ("metrics.`a b`", Field(Entity.METRIC, "a b")),
        ("name", Field(Entity.ATTRIBUTE, "name")),
        ("creation_time", Field(Entity.ATTRIBUTE, "creation_timestamp")),
        ("last_updated_timestamp", Field(Entity.ATTRIBUTE, "last_updated_timestamp")),
        ("artifact_location", Field(Entity.ATTRIBUTE, "artifact_location")),
    ],
)
def test_logged_models_are_sorted_by_a_field_in_either_direction(field_name: str, field: Field) -> None:
    assert logged_model_order(field_name) == OrderTerm(field, descending=False)
    assert logged_model_order(field_name, ascending=False) == OrderTerm(field, descending=True)


@pytest.mark.parametrize("name", ["", "foo", "params.x", "metric.acc", "metrics.", "metrics.``", "attributes.name"])
def test_logged_models_are_not_sorted_by_other_things(name: str) -> None:
    with pytest.raises(InvalidInput, match="Invalid order by field name"):
        logged_model_order(name)


@pytest.mark.parametrize(
    ("grammar", "terms", "complete"),
    [
        (RUNS, [], [by("start_time", descending=True), by("run_id")]),
        (RUNS, [by("end_time")], [by("end_time"), by("start_time", descending=True), by("run_id")]),
        (RUNS, [by("start_time")], [by("start_time"), by("run_id")]),
        (RUNS, [by("run_id")], [by("run_id"), by("start_time", descending=True)]),
        (EXPERIMENTS, [], [by("creation_time", descending=True), by("experiment_id")]),
        (EXPERIMENTS, [by("name")], [by("name"), by("experiment_id", descending=True)]),
        (REGISTERED_MODELS, [by("name", descending=True)], [by("name", descending=True)]),
        (
            MODEL_VERSIONS,
            [],
            [by("last_updated_timestamp", descending=True), by("name"), by("version_number", descending=True)],
        ),
        (MODEL_VERSIONS, [by("name")], [by("name"), by("version_number", descending=True)]),
        (LOGGED_MODELS, [by("acc", Entity.METRIC)], [by("acc", Entity.METRIC), by("model_id")]),
    ],
)
def test_an_order_is_completed_until_it_is_total(
    grammar: Grammar, terms: list[OrderTerm], complete: list[OrderTerm]
) -> None:
    assert complete_order(terms, grammar) == tuple(complete)
