"""Texts that the protocol does not limit have limits all the same, whichever way a request comes in."""

from __future__ import annotations

import typing
from typing import Any

import msgspec
import pytest

from mlkeep.core.errors import InvalidInput
from mlkeep.wire.bounds import BOUNDS, MAX_ID_LENGTH, MAX_LONG_TEXT_LENGTH, MAX_TEXT_LENGTH
from mlkeep.wire.check import checked
from mlkeep.wire.decode import from_body
from mlkeep.wire.message import KeyValueInput, Request
from mlkeep.wire.registry import CreateModelVersion, CreateRegisteredModel
from mlkeep.wire.runs import CreateRun, DatasetFields, DatasetUse, LogInputs, ModelUse

LONG_ID, LONG_TEXT = "x" * (MAX_ID_LENGTH + 1), "x" * (MAX_TEXT_LENGTH + 1)
LONG_PAGES = "x" * (MAX_LONG_TEXT_LENGTH + 1)


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (CreateRun(experiment_id="0", run_name=LONG_TEXT), "run_name"),
        (CreateRun(experiment_id="0", tags=[KeyValueInput(key="a"), KeyValueInput(key="k" * 251)]), "tags[1].key"),
        (LogInputs(run_id="r", models=[ModelUse(model_id=LONG_ID)]), "models[0].model_id"),
        (
            LogInputs(run_id="r", datasets=[DatasetUse(dataset=DatasetFields(name="d", source_type=LONG_TEXT))]),
            "datasets[0].dataset.source_type",
        ),
        (CreateRegisteredModel(name="m", description=LONG_PAGES), "description"),
        (CreateModelVersion(name="m", source="s", run_id=LONG_ID), "run_id"),
    ],
)
def test_a_text_that_is_too_long_is_refused_by_its_place(request_: Request, field: str) -> None:
    sentence = rf"parameter '{field.replace('[', chr(92) + '[')}' supplied: it has \d+ characters, the limit is"
    with pytest.raises(InvalidInput, match=sentence):
        checked(request_)
    with pytest.raises(InvalidInput, match=sentence):
        from_body(type(request_), msgspec.json.encode(request_))


def test_a_text_as_long_as_it_may_be_is_taken() -> None:
    longest = CreateRun(experiment_id="0", run_name=LONG_TEXT[1:], tags=[KeyValueInput(key="k" * 250)])
    assert from_body(CreateRun, msgspec.json.encode(longest)) == checked(longest) == longest


def kind_at(kind: Any, path: str) -> Any:
    """What kind of field there is at a path."""
    for name in path.split("."):
        kind = typing.get_type_hints(kind)[name]
        while parts := [part for part in typing.get_args(kind) if part is not type(None)]:
            kind = parts[0]
    return kind


@pytest.mark.parametrize("kind", BOUNDS, ids=lambda kind: kind.__name__)
def test_a_bound_is_of_a_text_that_is_there(kind: type[Request]) -> None:
    assert {path: kind_at(kind, path) for path in BOUNDS[kind]} == dict.fromkeys(BOUNDS[kind], str)
