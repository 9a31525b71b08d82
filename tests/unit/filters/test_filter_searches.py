"""What the searches other than that for runs can be asked, and what means what there."""

from __future__ import annotations

import pytest

from mlkeep.core.entities import Experiment, LoggedModel, LoggedModelStatus, Metric, ModelVersion, RegisteredModel
from mlkeep.core.errors import InvalidInput
from mlkeep.core.filters import (
    EXPERIMENTS,
    LOGGED_MODELS,
    MODEL_VERSIONS,
    REGISTERED_MODELS,
    Comparison,
    Entity,
    Field,
    Grammar,
    IsNull,
    Node,
    Not,
    Op,
    Value,
    all_of,
    hide_prompts,
    parse,
)
from mlkeep.testing.filter_oracle import Subject, matches

PROMPT = "tags.`mlflow.prompt.is_prompt`"


def attribute(key: str, op: Op, value: Value) -> Comparison:
    return Comparison(Field(Entity.ATTRIBUTE, key), op, value)


@pytest.mark.parametrize(
    ("grammar", "text", "meaning"),
    [
        (EXPERIMENTS, "name LIKE 'e%'", attribute("name", Op.LIKE, "e%")),
        (EXPERIMENTS, "attribute.name = 'x'", attribute("name", Op.EQ, "x")),
        (EXPERIMENTS, "experiment_id IN ('1','2')", attribute("experiment_id", Op.IN, ("1", "2"))),
        (EXPERIMENTS, "creation_time > 1000", attribute("creation_time", Op.GT, 1000)),
        (EXPERIMENTS, "last_update_time = -1", attribute("last_update_time", Op.EQ, -1)),
        (EXPERIMENTS, "tags.a IS NULL", IsNull(Field(Entity.TAG, "a"))),
        (REGISTERED_MODELS, "name not in (\"a\", 'b')", attribute("name", Op.NOT_IN, ("a", "b"))),
        (REGISTERED_MODELS, "tag.a IS NOT NULL", IsNull(Field(Entity.TAG, "a"), negated=True)),
        (MODEL_VERSIONS, "version_number = 2", attribute("version_number", Op.EQ, 2)),
        (MODEL_VERSIONS, "attribute.version_number >= '2'", attribute("version_number", Op.GE, 2)),
        (MODEL_VERSIONS, "run_id = ''", attribute("run_id", Op.EQ, "")),
        (MODEL_VERSIONS, "run_id IN ('')", attribute("run_id", Op.IN, ("",))),
        (MODEL_VERSIONS, "source_path LIKE 's3://b/zb%'", attribute("source_path", Op.LIKE, "s3://b/zb%")),
        (LOGGED_MODELS, "params.lr = 0.10", Comparison(Field(Entity.PARAM, "lr"), Op.EQ, "0.10")),
        (LOGGED_MODELS, 'attributes.name = "A"', attribute("name", Op.EQ, "A")),
        (LOGGED_MODELS, "name = A", attribute("name", Op.EQ, "A")),
        (LOGGED_MODELS, "experiment_id = 1", attribute("experiment_id", Op.EQ, "1")),
        (LOGGED_MODELS, "creation_time > 1.5", attribute("creation_timestamp", Op.GT, 1.5)),
        (LOGGED_MODELS, "tags.t IN ('x')", Comparison(Field(Entity.TAG, "t"), Op.IN, ("x",))),
        (LOGGED_MODELS, "metrics.`a b` != 1", Comparison(Field(Entity.METRIC, "a b"), Op.NE, 1)),
        (LOGGED_MODELS, "status = 2", attribute("status", Op.EQ, "READY")),
        (LOGGED_MODELS, "status = '2'", attribute("status", Op.EQ, "READY")),
        (LOGGED_MODELS, "status != READY", attribute("status", Op.NE, "READY")),
        (LOGGED_MODELS, "status = 'LOGGED_MODEL_UPLOAD_FAILED'", attribute("status", Op.EQ, "FAILED")),
        (LOGGED_MODELS, "status IN ('READY', '1')", attribute("status", Op.IN, ("READY", "PENDING"))),
        (LOGGED_MODELS, "status LIKE 'R%'", attribute("status", Op.LIKE, "R%")),
    ],
)
def test_a_filter_means(grammar: Grammar, text: str, meaning: Node) -> None:
    assert parse(text, grammar) == meaning


@pytest.mark.parametrize(
    ("grammar", "text", "reason"),
    [
        (EXPERIMENTS, "attributes.name = 'x'", "Invalid entity type 'attributes'"),
        (EXPERIMENTS, "params.a = 'x'", "Invalid entity type 'params'"),
        (EXPERIMENTS, "name IN ('x')", "Invalid comparator 'IN'"),
        (EXPERIMENTS, "name IS NULL", "Invalid comparator 'IS NULL'"),
        (EXPERIMENTS, "experiment_id LIKE '1'", "Invalid comparator 'LIKE'"),
        (EXPERIMENTS, "experiment_id = 1", "quoted string"),
        (EXPERIMENTS, "creation_time > 1e3", "whole number"),
        (EXPERIMENTS, "creation_time > 1000.5", "whole number"),
        (EXPERIMENTS, "creation_time > '1'", "whole number"),
        (EXPERIMENTS, "creation_time > 9223372036854775808", "64 bits"),
        (EXPERIMENTS, "creation_time > " + "9" * 10_000, "64 bits"),
        (EXPERIMENTS, "lifecycle_stage = 'active'", "Invalid attribute key 'lifecycle_stage'"),
        (REGISTERED_MODELS, "creation_timestamp > 0", "Invalid attribute key 'creation_timestamp'"),
        (REGISTERED_MODELS, "tags.a IN ('1')", "Invalid comparator 'IN'"),
        (REGISTERED_MODELS, "attributes.name = 'm'", "Invalid entity type 'attributes'"),
        (MODEL_VERSIONS, "version = 1", "Invalid attribute key 'version'"),
        (MODEL_VERSIONS, "source = 'x'", "Invalid attribute key 'source'"),
        (MODEL_VERSIONS, "version_number = 1.5", "whole number"),
        (MODEL_VERSIONS, "version_number = 'x'", "whole number"),
        (MODEL_VERSIONS, "version_number IN (1)", "Invalid comparator 'IN'"),
        (MODEL_VERSIONS, "source_path IN ('x')", "Invalid comparator 'IN'"),
        (LOGGED_MODELS, "param.lr = '0.1'", "Invalid entity type 'param'"),
        (LOGGED_MODELS, "attribute.name = 'x'", "Invalid entity type 'attribute'"),
        (LOGGED_MODELS, "datasets.name = 'x'", "Invalid entity type 'datasets'"),
        (LOGGED_MODELS, "tags.x IS NULL", "Invalid comparator 'IS NULL'"),
        (LOGGED_MODELS, "nonsense = '1'", "Invalid attribute key 'nonsense'"),
        (LOGGED_MODELS, "metrics.acc > 'x'", "Expected numeric"),
        (LOGGED_MODELS, "status > 1", "Invalid comparator '>'"),
        (LOGGED_MODELS, "status = 'ready'", "READY (2)"),
        (LOGGED_MODELS, "status = 7", "READY (2)"),
        (LOGGED_MODELS, "name = hello world", "needs an AND"),
        (LOGGED_MODELS, "name = null", "Use either single or double quotes"),
        (LOGGED_MODELS, "name IN (a)", "quoted values"),
    ],
)
def test_a_filter_is_refused(grammar: Grammar, text: str, reason: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse(text, grammar)
    assert reason in refused.value.message


EXPERIMENT = Experiment("3", "exp", "", tags={"a": "1"}, creation_time=1000)
MODEL = RegisteredModel("zbeta", 1, 2, tags={"a": "2"})
VERSION = ModelVersion("zbeta", "2", 1, 2, source="s3://b/zbeta/2")
LOGGED = LoggedModel(
    "m-1",
    "3",
    "A",
    "s3://b/m-1",
    1000,
    2000,
    status=LoggedModelStatus.READY,
    params={"lr": "0.1"},
    metrics=[Metric("acc", 0.5, 1), Metric("acc", 0.7, 2)],
)


@pytest.mark.parametrize(
    ("grammar", "subject", "text"),
    [
        (EXPERIMENTS, EXPERIMENT, "name ILIKE 'E%' AND tags.a = '1' AND tags.b IS NULL AND creation_time = 1000"),
        (EXPERIMENTS, EXPERIMENT, "NOT last_update_time != 5 AND experiment_id NOT IN ('1', '2')"),
        (REGISTERED_MODELS, MODEL, "name IN ('zbeta','zgamma') AND tags.a != '1'"),
        (MODEL_VERSIONS, VERSION, "name='zbeta' AND version_number = 2 AND NOT version_number > 2"),
        (MODEL_VERSIONS, VERSION, "run_id = '' AND source_path LIKE 's3://b/zb%'"),
        (LOGGED_MODELS, LOGGED, "metrics.acc > 0.6 AND metrics.acc < 0.6 AND name = 'A' AND params.lr = 0.1"),
        (LOGGED_MODELS, LOGGED, "status = READY AND lifecycle_stage = 'active' AND creation_timestamp_ms >= 1e3"),
    ],
)
def test_a_subject_matches(grammar: Grammar, subject: Subject, text: str) -> None:
    assert matches(parse(text, grammar), subject)


IS_PROMPT = Comparison(Field(Entity.TAG, "mlflow.prompt.is_prompt"), Op.EQ, "true")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (None, "plain unprompted"),
        (f"{PROMPT} != 'true'", "plain unprompted"),
        (f"{PROMPT} = 'false'", "plain unprompted"),
        (f"{PROMPT} = 'true'", "prompt"),
        (f"{PROMPT} != 'false'", "prompt"),
        (f"NOT {PROMPT} = 'true'", "plain unprompted"),
        ("name LIKE 'p%'", "plain"),
        (f"name LIKE 'p%' AND {PROMPT} = 'true'", "prompt"),
        (f"name LIKE 'u%' OR {PROMPT} = 'true'", "unprompted prompt"),
        (f"{PROMPT} IS NULL", "plain"),
    ],
)
def test_prompts_are_found_only_by_those_who_ask(text: str | None, names: str) -> None:
    models = [
        RegisteredModel("plain", 1, 1),
        RegisteredModel("unprompted", 1, 1, tags={"mlflow.prompt.is_prompt": "false"}),
        RegisteredModel("prompt", 1, 1, tags={"mlflow.prompt.is_prompt": "true"}),
    ]
    node = hide_prompts(parse(text, REGISTERED_MODELS))
    assert [model.name for model in models if matches(node, model)] == names.split()


def test_hiding_prompts_adds_to_a_conjunction_without_nesting_it() -> None:
    meant = hide_prompts(parse("name = 'a' AND tags.b = 'c'", REGISTERED_MODELS))
    clauses = (attribute("name", Op.EQ, "a"), Comparison(Field(Entity.TAG, "b"), Op.EQ, "c"), Not(IS_PROMPT))
    assert meant == all_of(clauses)
