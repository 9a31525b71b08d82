"""What may be called what."""

from __future__ import annotations

import posixpath
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlkeep.core import limits
from mlkeep.core.errors import InvalidInput
from mlkeep.core.names import (
    check_alias,
    check_key,
    check_length,
    check_logged_model_name,
    check_model_name,
    invalid,
    made_up_name,
)


@pytest.mark.parametrize("key", ["a", "lr", "a b", "a/b.c-d:e_f", "ü", "日本", "a/..b", "a..b", "x" * 250, " ", "_"])
def test_a_key_is_given_back(key: str) -> None:
    assert check_key(key, "key") == key


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        ("", "Missing value for required parameter 'params[0].key'"),
        ("a*b", "Invalid value \"a*b\" for parameter 'params[0].key' supplied: Names may only contain alphanumerics"),
        ("a\n", "Names may only contain alphanumerics"),
        ("/a", "must not resolve to other names when treated as such. This name would resolve to '/a'"),
        ("a//b", "would resolve to 'a/b'"),
        ("a/", "would resolve to 'a'"),
        ("./a", "would resolve to 'a'"),
        ("a/../b", "would resolve to 'b'"),
        ("..", "would resolve to '..'"),
        ("../a", "would resolve to '../a'"),
        (".", "would resolve to '.'"),
        ("x" * 251, "it has 251 characters, the limit is 250."),
    ],
)
def test_a_key_that_cannot_be_is_refused_with_mlflows_words(key: str, sentence: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_key(key, "params[0].key")
    assert sentence in refused.value.message


@given(st.text(alphabet=st.characters() | st.sampled_from("/.- :_a")))
def test_a_key_names_one_place_below_a_folder(key: str) -> None:
    try:
        check_key(key, "key")
    except InvalidInput:
        return
    assert posixpath.normpath(posixpath.join("/root", key)) == f"/root/{key}"
    assert re.fullmatch(r"[/\w.\- :]{1,250}", key)


@pytest.mark.parametrize("name", ["a", "a b", "é@%\\", "x" * 256, "...", "a.b"])
def test_a_model_name_is_given_back(name: str) -> None:
    assert check_model_name(name) == name


@pytest.mark.parametrize("name", ["", "  ", "\t", "a/b", "a:b", ".", "..", "x" * 257])
def test_a_model_name_that_cannot_be_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="'new_name'"):
        check_model_name(name, "new_name")


@pytest.mark.parametrize("alias", ["champion", "a-b_1", "Ünicode", "x" * 255, "v", "v1a", "latest2", "1"])
def test_an_alias_is_given_back(alias: str) -> None:
    assert check_alias(alias) == alias


@pytest.mark.parametrize("alias", ["", "latest", "Latest", "v1", "V007", "a b", "a.b", "a/b", "a\n", "x" * 256])
def test_an_alias_that_cannot_be_is_refused(alias: str) -> None:
    with pytest.raises(InvalidInput, match="'alias'"):
        check_alias(alias)


@pytest.mark.parametrize("name", ["a/b", "a:b", "a.b", "a%b", 'a"b', "a'b"])
def test_a_logged_model_name_has_no_signs_that_uris_use(name: str) -> None:
    with pytest.raises(InvalidInput, match="'name'"):
        check_logged_model_name(name)
    assert check_logged_model_name("a b-c_d é") == "a b-c_d é"


def test_a_length_is_counted_in_characters() -> None:
    assert check_length("é" * 5, "f", 5) == "é" * 5
    with pytest.raises(InvalidInput, match="'f' supplied: it has 6 characters, the limit is 5"):
        check_length("é" * 6, "f", 5)


def test_an_error_shows_the_beginning_of_a_long_value() -> None:
    message = invalid("f", "x" * 10_000, "too long.").message
    assert message == f"Invalid value \"{'x' * 196}... for parameter 'f' supplied: too long."
    assert invalid("f", {"é": [1, None]}, "no.").message == (
        "Invalid value {\"é\": [1, null]} for parameter 'f' supplied: no."
    )


def test_made_up_names_have_one_shape_and_seldom_repeat() -> None:
    names = [made_up_name() for _ in range(200)]
    assert all(re.fullmatch(r"[a-z]+-[a-z]+-\d{1,3}", name) and len(name) <= 20 for name in names)
    assert len(set(names)) > 190
    assert all(check_key(name, "key") for name in names)


def test_limits_are_those_of_the_protocol() -> None:
    assert {name: value for name, value in vars(limits).items() if name.isupper()} == {
        "MAX_KEY_LENGTH": 250,
        "MAX_PARAM_VALUE_LENGTH": 6_000,
        "MAX_TAG_VALUE_LENGTH": 8_000,
        "MAX_EXPERIMENT_TAG_VALUE_LENGTH": 20_000,
        "MAX_MODEL_TAG_VALUE_LENGTH": 100_000,
        "MAX_EXPERIMENT_NAME_LENGTH": 500,
        "MAX_MODEL_NAME_LENGTH": 256,
        "MAX_ALIAS_LENGTH": 255,
        "MAX_ARTIFACT_LOCATION_LENGTH": 2_048,
        "MAX_METRICS_PER_BATCH": 1_000,
        "MAX_PARAMS_PER_BATCH": 100,
        "MAX_TAGS_PER_BATCH": 100,
        "MAX_ENTITIES_PER_BATCH": 1_000,
        "MAX_DATASET_NAME_LENGTH": 500,
        "MAX_DATASET_DIGEST_LENGTH": 36,
        "MAX_DATASET_SOURCE_LENGTH": 65_535,
        "MAX_DATASET_SCHEMA_LENGTH": 1_048_575,
        "MAX_DATASET_PROFILE_LENGTH": 16_777_215,
        "MAX_INPUT_TAG_KEY_LENGTH": 255,
        "MAX_INPUT_TAG_VALUE_LENGTH": 500,
        "DEFAULT_RUNS_PER_PAGE": 1_000,
        "MAX_RUNS_PER_PAGE": 50_000,
        "MAX_EXPERIMENTS_PER_PAGE": 50_000,
        "DEFAULT_MODELS_PER_PAGE": 100,
        "MAX_MODELS_PER_PAGE": 1_000,
        "MAX_VERSIONS_PER_PAGE": 200_000,
        "DEFAULT_LOGGED_MODELS_PER_PAGE": 50,
        "METRIC_HISTORY_PAGE": 25_000,
        "MAX_SAMPLED_POINTS": 2_500,
        "MAX_RUNS_PER_HISTORY": 100,
        "MAX_EXPERIMENTS_OF_DATASETS": 20,
        "MAX_DATASET_SUMMARIES": 1_000,
        "DEFAULT_DATASETS_PER_PAGE": 1_000,
        "MAX_DATASETS_PER_PAGE": 50_000,
        "DEFAULT_RECORDS_PER_PAGE": 1_000,
        "MAX_RECORDS_PER_PAGE": 50_000,
        "MAX_FILES_PER_RECORD": 50_000,
        "MAX_PATHS_PER_FORGETTING": 1_000,
        "MAX_ARTIFACT_PATH_BYTES": 2_000,
        "MAX_BATCH_BODY_BYTES": 1_000_000,
        "MAX_RUNS_PER_HEARTBEAT": 1_000,
        "MAX_HEARTBEAT_INTERVAL_MS": 86_400_000,
        "MAX_COLUMNS_BODY_BYTES": 16 * 1024 * 1024,
        "MAX_COLUMNS_PER_BATCH": 100_000,
        "MAX_ROWS_PER_COLUMNS": 1_000,
        "DEFAULT_CHART_BUCKETS": 500,
        "MIN_CHART_BUCKETS": 2,
        "MAX_CHART_BUCKETS": 2_000,
        "MAX_CHART_SERIES": 1_000,
        "MAX_CHART_BUCKETS_IN_ALL": 1_000_000,
        "MAX_ARTIFACT_BYTES": 1_125_899_906_842_624,
        "MAX_INT64": 9_223_372_036_854_775_807,
        "MIN_INT64": -9_223_372_036_854_775_808,
    }
