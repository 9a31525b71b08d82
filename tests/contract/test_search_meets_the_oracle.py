"""Whatever is in the database and whatever is asked, the database finds what plain Python says it should."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from unittest import mock

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mlkeep import MlkeepClient
from mlkeep.core import limits
from mlkeep.core.entities import Dataset, DatasetInput, InputTag, Run, RunData, RunInfo, RunInputs, RunStatus
from mlkeep.core.filters import (
    RUNS,
    Comparison,
    Entity,
    Field,
    IsNull,
    Node,
    Not,
    Op,
    OrderTerm,
    all_of,
    any_of,
    order_text,
    to_text,
)
from mlkeep.core.filters.check import LIST_OPS, PATTERN_OPS
from mlkeep.core.filters.grammar import KeyRule, ValueKind
from mlkeep.sdk.doors import door_to
from mlkeep.storage.sql.searching import legs, run_search
from mlkeep.testing.conformance.search import copy_run
from mlkeep.testing.filter_oracle import matches, ordered
from tests.contract.conftest import empty_database

# Few keys and values, so that filters find something; long texts, because an index holds only their beginning.
KEYS = ["a", "b c", "ü/x"]
LONG = "x" * 200
TEXTS = ["", "a", "A", "ab", "é", "É", "ß", "%", "a_b", "10", "9", "it's", "\n", "😀", LONG, f"{LONG}y", f"{LONG}Y"]
PATTERNS = [*TEXTS, "_", "%a%", "A%", "x%y", "_%_", "%É", "\\%"]
DOUBLES = [0.0, -1.0, 0.1, 1.0, 1.5, 2.0**53, 1e308, math.inf, -math.inf, math.nan]
NUMBERS: list[int | float] = [0, 1, -1, 0.1, 1.5, 2**53, 2**53 + 1, 1e308, -1e308, 10, 2.5, limits.MAX_INT64, 1e19]
TIMES = [0, 1, 2, 10, 2**53 + 1, limits.MAX_INT64]
STATUSES = [status.name for status in RunStatus]

texts = st.sampled_from(TEXTS)


def some(values: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, str]]:
    return st.dictionaries(st.sampled_from(KEYS), values, max_size=2)


@st.composite
def dataset_inputs(draw: st.DrawFn) -> DatasetInput:
    context = draw(st.none() | st.sampled_from(["train", "eval", ""]))
    tags = [] if context is None else [InputTag("mlflow.data.context", context)]
    dataset = Dataset(draw(st.sampled_from(["D", "d", "é"])), draw(st.sampled_from(["", "1", "2"])), "local", "{}")
    return DatasetInput(dataset, tags)


@st.composite
def runs(draw: st.DrawFn) -> Run:
    name = draw(st.sampled_from([text for text in TEXTS if text]))
    info = RunInfo(
        run_id="",
        experiment_id="",
        run_name=name,
        user_id=draw(texts),
        status=draw(st.sampled_from(STATUSES)),
        start_time=draw(st.sampled_from(TIMES)),
        end_time=draw(st.none() | st.sampled_from(TIMES)),
    )
    metrics = draw(st.dictionaries(st.sampled_from(KEYS), st.sampled_from(DOUBLES), max_size=3))
    data = RunData(metrics, draw(some(texts)), draw(some(texts)))
    used = draw(st.lists(dataset_inputs(), max_size=2, unique_by=lambda one: (one.dataset.name, one.dataset.digest)))
    return Run(info, data, RunInputs(used))


def members(field: Field) -> st.SearchStrategy[str]:
    known = {"status": [*STATUSES, "running"], "name": ["D", "é"], "digest": ["", "1"], "context": ["train", ""]}
    return st.sampled_from([*known.get(field.key, []), *TEXTS, "run-1", "run-2"])


def scalars(field: Field, rule: KeyRule, op: Op) -> st.SearchStrategy[str] | st.SearchStrategy[int | float]:
    if rule.kind is ValueKind.NUMBER:
        return st.sampled_from([*NUMBERS, *TIMES])
    if op in PATTERN_OPS:
        return st.sampled_from([*PATTERNS, "run%", "%artifacts", "FINI%", "fini%"])
    return members(field)


@st.composite
def clauses(draw: st.DrawFn) -> Node:
    entity_rule = draw(st.sampled_from(RUNS.entities))
    if entity_rule.any_key is not None:
        key, rule = draw(st.sampled_from([*KEYS, "never logged"])), entity_rule.any_key
    else:
        key, rule = draw(st.sampled_from(list(entity_rule.keys.items())))
    field = Field(entity_rule.entity, key)
    if rule.nullable and draw(st.booleans()):
        return IsNull(field, draw(st.booleans()))
    op = draw(st.sampled_from(rule.ops))
    if op in LIST_OPS:
        return Comparison(field, op, tuple(draw(st.lists(members(field), min_size=1, max_size=3))))
    return Comparison(field, op, draw(scalars(field, rule, op)))


def compounds(children: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    several = st.lists(children, min_size=2, max_size=3)
    return several.map(all_of) | several.map(any_of) | children.map(Not)


nodes = st.recursive(clauses(), compounds, max_leaves=6)
terms = st.builds(
    OrderTerm,
    st.builds(
        Field, st.sampled_from([Entity.METRIC, Entity.PARAM, Entity.TAG]), st.sampled_from([*KEYS, "never logged"])
    )
    | st.builds(Field, st.just(Entity.ATTRIBUTE), st.sampled_from(RUNS.order.keys)),
    st.booleans(),
)
questions = st.tuples(st.none() | nodes, st.lists(terms, max_size=3, unique_by=lambda term: term.field))

NAN_AND_MISSING = [
    Run(RunInfo("", "", "a", "", "RUNNING", 0), RunData({"a": value} if value is not None else {}))
    for value in (None, math.nan, -math.inf, 0.0, math.inf, math.nan, None)
]
# Doubles and integers that lie between each other, where one of the two cannot hold the other.
LARGE = [
    Run(RunInfo("", "", "a", "", "RUNNING", start), RunData({"a": value}))
    for start, value in [(2**53, 2.0**53), (2**53 + 1, 2.0**63), (limits.MAX_INT64, math.inf), (0, 2.5)]
]
ABOUT_LARGE: list[tuple[Node | None, list[OrderTerm]]] = [
    (Comparison(field, op, number), [])
    for field in (Field(Entity.METRIC, "a"), Field(Entity.ATTRIBUTE, "start_time"))
    for op in (Op.EQ, Op.NE, Op.LT, Op.LE, Op.GT, Op.GE)
    for number in (2**53 + 1, 2.0**53, limits.MAX_INT64, limits.MAX_INT64 - 1, 1e19, -1e19, 2.5, 3, -3)
]
# A search looks at the numbers of runs to choose how to go about it. With few runs it would never choose some ways.
WAYS: dict[str, dict[str, float]] = {
    "as is best": {},
    "from a condition": {"COST_OF_LEAD": 0},
    "along the order": {"COST_OF_LEAD": math.inf},
    "value by value": {"COST_OF_LEAD": math.inf, "FEW_EQUAL": 0, "LEAST_COMMON": 0},
    "uncounted": {"LEAST_COUNTED": 0},
    "and then all": {"COST_OF_LEAD": math.inf, "FEW_EQUAL": 0, "MOST_LEGS": 2},
}
BY_METRIC = OrderTerm(Field(Entity.METRIC, "a"), descending=True)


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.combinations)])
def client(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> MlkeepClient:
    """In this process: what is tested is the database."""
    return MlkeepClient(tracking_uri=empty_database(request.param, request, tmp_path_factory.mktemp("oracle")))


@pytest.fixture(scope="module")
def numbers() -> Iterator[int]:
    return itertools.count()


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    population=st.lists(runs(), max_size=8),
    asked=st.lists(questions, min_size=5, max_size=8),
    size=st.integers(1, 4),
    way=st.sampled_from(list(WAYS)),
)
@example(population=NAN_AND_MISSING, asked=[(None, [BY_METRIC])], size=1, way="as is best")
@example(population=NAN_AND_MISSING, asked=[(None, [BY_METRIC])], size=1, way="value by value")
@example(population=LARGE, asked=ABOUT_LARGE, size=4, way="as is best")
@example(population=LARGE, asked=ABOUT_LARGE, size=4, way="from a condition")
def test_a_search_finds_what_the_oracle_says(
    client: MlkeepClient,
    numbers: Iterator[int],
    population: list[Run],
    asked: list[tuple[Node | None, list[OrderTerm]]],
    size: int,
    way: str,
) -> None:
    door, number = door_to(client.tracking_uri), next(numbers)
    experiment_id = client.create_experiment(f"population {number}")
    # Ids in an order of their own, the same in every experiment as far as filters go.
    stored = [copy_run(door, run, experiment_id, f"run-{i}-{number}") for i, run in enumerate(population)]
    for node, order in asked:
        text = None if node is None else to_text(node, RUNS)
        order_by = [order_text(term, RUNS) for term in order]
        expected = [run.info.run_id for run in ordered([run for run in stored if matches(node, run)], order)]
        with mock.patch.dict(vars(run_search), WAYS[way]), mock.patch.dict(vars(legs), WAYS[way]):
            found = client.search_runs([experiment_id], text, order_by=order_by)
            paged = pages(client, experiment_id, text, order_by, size)
        assert [run.info.run_id for run in found] == expected, (text, order_by)
        assert paged == expected, (text, order_by, size)
        assert client.search_runs([experiment_id], text, max_results=0, count=True).total == len(expected), text


def pages(client: MlkeepClient, experiment_id: str, text: str | None, order_by: list[str], size: int) -> list[str]:
    """The ids a search finds, page by page."""
    found: list[str] = []
    token = None
    while True:
        page = client.search_runs([experiment_id], text, order_by=order_by, max_results=size, page_token=token)
        found += [run.info.run_id for run in page]
        if (token := page.token) is None:
            return found
