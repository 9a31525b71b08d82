"""The worked examples of runs: what each filter finds among six runs, in the default order."""

from __future__ import annotations

import pytest

from mlkeep.core.entities import Run
from mlkeep.core.errors import InvalidInput
from mlkeep.core.filters import RUNS, parse, parse_order_by
from mlkeep.testing.conformance.worked_examples import (
    EXPERIMENTS_FOUND,
    EXPERIMENTS_REFUSED,
    LOGGED_MODELS_FOUND,
    LOGGED_MODELS_REFUSED,
    MODELS_FOUND,
    MODELS_REFUSED,
    VERSIONS_FOUND,
    VERSIONS_REFUSED,
)
from mlkeep.testing.filter_examples import FOUND, FOUND_BY_OUR_EXTENSION, PAGES, REFUSED, REFUSED_ORDERS, SORTED
from mlkeep.testing.filter_oracle import matches, ordered


@pytest.mark.parametrize(("example", "text", "names"), FOUND + FOUND_BY_OUR_EXTENSION)
def test_a_filter_finds(six_runs: list[Run], example: str, text: str | None, names: str) -> None:
    node = parse(text, RUNS)
    found = ordered([run for run in six_runs if matches(node, run)])
    assert [run.info.run_name for run in found] == names.split()


@pytest.mark.parametrize(("example", "text", "reason"), REFUSED)
def test_a_filter_is_refused_with_the_reason(example: str, text: str, reason: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse(text, RUNS)
    assert reason in refused.value.message


def test_dataset_clauses_are_satisfied_by_any_dataset_each_by_itself(six_runs: list[Run]) -> None:
    _, _, alpha, beta, _, _ = six_runs
    both = Run(alpha.info, inputs=type(alpha.inputs)([*alpha.inputs.dataset_inputs, *beta.inputs.dataset_inputs]))
    for text in (
        "dataset.name = 'D1' AND dataset.context = 'eval'",
        "dataset.name = 'D1' AND dataset.name = 'D2'",
        "dataset.name != 'D1'",
        "dataset.name NOT IN ('D1')",
    ):
        assert matches(parse(text, RUNS), both), text


@pytest.mark.parametrize(("example", "order_by", "names"), SORTED)
def test_runs_are_sorted(six_runs: list[Run], example: str, order_by: list[str], names: str) -> None:
    assert [run.info.run_name for run in ordered(six_runs, parse_order_by(order_by, RUNS))] == names.split()


def test_every_numbered_example_is_tested() -> None:
    runs = FOUND + FOUND_BY_OUR_EXTENSION + REFUSED + SORTED + REFUSED_ORDERS + PAGES
    others = (
        EXPERIMENTS_FOUND
        + EXPERIMENTS_REFUSED
        + MODELS_FOUND
        + MODELS_REFUSED
        + VERSIONS_FOUND
        + VERSIONS_REFUSED
        + LOGGED_MODELS_FOUND
        + LOGGED_MODELS_REFUSED
    )
    numbers = [{int(row[0]) for row in rows if row[0].isdigit()} for rows in (runs, others)]
    assert numbers == [set(range(1, 65)), set(range(65, 82))]


@pytest.mark.parametrize(("example", "order_by"), REFUSED_ORDERS)
def test_an_order_that_makes_no_sense_is_refused(example: str, order_by: list[str]) -> None:
    with pytest.raises(InvalidInput, match=r"order_by|attribute key"):
        parse_order_by(order_by, RUNS)
