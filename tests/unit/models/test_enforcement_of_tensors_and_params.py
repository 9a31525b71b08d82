"""What a model with tensors or parameters in its signature accepts, and what it gets: sections 9.4 and 9.5."""

from __future__ import annotations

from typing import Any

import pytest
from scipy import sparse

from mlkeep.core.errors import InvalidInput
from mlkeep.models.enforcement import enforce_params, enforce_schema
from tests.unit.models.enforcement_cases import (
    DEFAULTS,
    ONE,
    PARAM_CASES,
    PARAMS,
    TENSORS,
    TWO,
    ZEROS,
    Case,
    Refused,
    plain,
)


@pytest.mark.parametrize("case", TENSORS, ids=lambda case: case.name)
def test_tensors_are_checked_and_never_cast_but_in_frames(case: Case) -> None:
    if isinstance(case.expected, Refused):
        with pytest.raises(InvalidInput, match=case.expected.message):
            enforce_schema(case.data, case.schema)
    else:
        assert plain(enforce_schema(case.data, case.schema)) == case.expected


def test_arrays_that_fit_are_handed_on_as_they_are() -> None:
    matrix = sparse.csr_matrix(ZEROS)
    given = {"x": ZEROS[:, :2], "y": ZEROS[:, 0].astype("int64")}
    assert enforce_schema(ZEROS, ONE) is ZEROS
    assert enforce_schema(matrix, ONE) is matrix
    assert all(value is given[name] for name, value in enforce_schema(given, TWO).items())


def test_defaults_stand_in_for_what_is_not_given() -> None:
    assert enforce_params(None, PARAMS) == DEFAULTS
    assert enforce_params({}, PARAMS) == DEFAULTS
    assert enforce_params({"long": 7}, PARAMS) == {**DEFAULTS, "long": 7}


def test_what_the_schema_does_not_name_is_dropped(caplog: pytest.LogCaptureFixture) -> None:
    assert enforce_params({"zz": 1}, PARAMS) == DEFAULTS
    assert enforce_params({"zz": 1}, None) == {}
    assert caplog.text.count("Ignoring params ['zz']") == 2


@pytest.mark.parametrize(("name", "given", "expected"), PARAM_CASES, ids=lambda value: f"{value!r}"[:40])
def test_params_are_cast_without_loss_or_refused_by_name(name: str, given: Any, expected: Any) -> None:
    if isinstance(expected, Refused):
        with pytest.raises(InvalidInput, match=rf"Invalid parameters found: \{{\('{name}'"):
            enforce_params({name: given}, PARAMS)
    else:
        found = enforce_params({name: given}, PARAMS)[name]
        assert (found, type(found)) == (expected, type(expected))


def test_params_are_a_dict() -> None:
    for schema in (PARAMS, None):
        with pytest.raises(InvalidInput, match=r"Parameters must be a dictionary\. Got type 'str'\."):
            enforce_params("x", schema)  # type: ignore[arg-type]  # what a script may do
