"""Ids, pages, entities and places."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mlkeep.core.clock import now_ms
from mlkeep.core.entities import Dataset, DatasetInput, Metric, Param, RunStatus, ViewType
from mlkeep.core.errors import InvalidInput, MlkeepException, NotFound
from mlkeep.core.ids import check_run_id, experiment_key, new_logged_model_id, new_run_id
from mlkeep.core.pages import PagedList
from mlkeep.core.uris import has_scheme, is_local, local_path


def test_new_ids_look_like_mlflows() -> None:
    assert re.fullmatch("[0-9a-f]{32}", new_run_id())
    assert re.fullmatch("m-[0-9a-f]{32}", new_logged_model_id())
    assert len({new_run_id() for _ in range(100)}) == 100
    assert check_run_id(new_run_id())


@pytest.mark.parametrize("run_id", ["a", "0", "A-b_c", "x" * 256])
def test_a_run_id_is_given_back(run_id: str) -> None:
    assert check_run_id(run_id) == run_id


@pytest.mark.parametrize("run_id", ["", "-a", "_a", "a b", "a/b", "a.b", "é", "a\n", "x" * 257])
def test_a_run_id_that_cannot_be_is_refused(run_id: str) -> None:
    with pytest.raises(InvalidInput, match="'run_id'"):
        check_run_id(run_id)


@pytest.mark.parametrize(("text", "key"), [("0", 0), ("17", 17), ("007", 7), ("9" * 18, 10**18 - 1)])
def test_an_experiment_id_is_an_integer(text: str, key: int) -> None:
    assert experiment_key(text) == key


@pytest.mark.parametrize("text", ["", "a", "--1", "+1", "1.0", " 1", "²", "٣", "9" * 19])
def test_an_experiment_id_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match=re.escape(f"Invalid value {text!r} for parameter 'experiment_id'")):
        experiment_key(text)


def test_a_page_is_a_list_that_knows_how_to_go_on() -> None:
    page = PagedList([1, 2], "token")
    assert (page, page.token, page.to_list(), PagedList().token) == ([1, 2], "token", [1, 2], None)


def test_the_clock_counts_milliseconds() -> None:
    assert 1_700_000_000_000 < now_ms() < 10_000_000_000_000


def test_a_status_has_a_name_and_a_number() -> None:
    assert [(status.name, status.value) for status in RunStatus] == [
        ("RUNNING", 1),
        ("SCHEDULED", 2),
        ("FINISHED", 3),
        ("FAILED", 4),
        ("KILLED", 5),
    ]
    assert RunStatus.from_string("KILLED") is RunStatus.KILLED
    assert RunStatus.to_string(3) == "FINISHED"
    assert [RunStatus.is_terminated(status) for status in ("RUNNING", "FAILED", 5, 2)] == [False, True, True, False]
    with pytest.raises(ValueError, match="'DONE'"):
        RunStatus.from_string("DONE")


def test_a_view_has_a_name_and_a_number() -> None:
    assert [(ViewType.to_string(view), view.value) for view in ViewType] == [
        ("active_only", 1),
        ("deleted_only", 2),
        ("all", 3),
    ]
    assert ViewType.from_string("all") is ViewType.ALL
    with pytest.raises(ValueError, match="'some'"):
        ViewType.from_string("some")


def test_an_entity_is_a_value() -> None:
    assert Param("a", "1") == Param("a", "1") != Param("a", "2")
    with pytest.raises(AttributeError):
        Param("a", "1").value = "2"  # type: ignore[misc]  # what is tested
    assert dict(Param("a", "1")) == {"key": "a", "value": "1"}
    assert [name for name, _ in Metric("m", 1.0, 1)] == sorted(Metric.__struct_fields__)
    used = DatasetInput(Dataset("d", "g", "local", "{}"))
    assert used.to_dictionary()["dataset"]["name"] == "d"


def test_an_error_has_a_code_and_a_message() -> None:
    error = NotFound("Nobody.")
    assert (str(error), error.message, error.error_code) == ("Nobody.", "Nobody.", "RESOURCE_DOES_NOT_EXIST")
    assert MlkeepException("x").error_code == "INTERNAL_ERROR"
    assert type(MlkeepException.invalid_parameter_value("x")) is InvalidInput


@pytest.mark.parametrize(
    ("uri", "scheme", "local"),
    [
        ("/a/b", False, True),
        ("a/b", False, True),
        ("C:/a", False, True),
        ("file:/a", True, True),
        ("FILE:///a", True, True),
        ("s3://b/a", True, False),
        ("mlflow-artifacts:/1", True, False),
        ("runs:/r/a", True, False),
    ],
)
def test_a_place_is_local_or_not(uri: str, scheme: bool, local: bool) -> None:
    assert (has_scheme(uri), is_local(uri)) == (scheme, local)


def test_a_local_place_has_a_path() -> None:
    for uri in ("/a b/ü", "file:/a%20b/ü", "file:///a%20b/%C3%BC", "file://localhost/a b/ü"):
        assert local_path(uri) == Path("/a b/ü")
    with pytest.raises(InvalidInput, match="another host"):
        local_path("file://elsewhere/a")
