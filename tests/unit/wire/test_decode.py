"""What the decoder takes, what it makes of it, and what it says of the rest."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlkeep.core.entities import RunStatus, ViewType
from mlkeep.core.errors import InvalidInput
from mlkeep.wire.check import checked
from mlkeep.wire.decode import from_body, from_query
from mlkeep.wire.errors import body_of
from mlkeep.wire.experiments import CreateExperiment, SearchExperiments
from mlkeep.wire.logged_models import FinalizeLoggedModel, GetLoggedModel, SetLoggedModelTags
from mlkeep.wire.message import KeyValueInput, Request
from mlkeep.wire.metrics import GetMetricHistory, LogMetric, MetricInput
from mlkeep.wire.registry import GetLatestVersions, SearchRegisteredModels
from mlkeep.wire.runs import CreateRun, GetRun, LogBatch, LogInputs, SearchRuns, SetTag, UpdateRun
from mlkeep.wire.table import ENDPOINTS

POINT = LogMetric(run_id="r", key="m", value=1.0, timestamp=3, step=2)


def metric(**changes: str) -> bytes:
    """The body of a point, with some fields written as given."""
    fields = {"run_id": '"r"', "key": '"m"', "value": "1.0", "timestamp": "3", "step": "2", **changes}
    return ("{" + ", ".join(f'"{name}": {text}' for name, text in fields.items()) + "}").encode()


# What is taken


@pytest.mark.parametrize(
    "body",
    [
        metric(),
        metric(value="1", timestamp='"3"', step='"2"'),
        metric(timestamp='"3e+00"', step="2.0"),
        metric(timestamp='" 3 "', value='"1.0"'),
        metric(value="true"),
        metric(model_id="null", dataset_name="null", something="[1, {}]", anotherThing="null"),
        b'{"runId": "r", "key": "m", "value": 1, "timestamp": 3, "step": 2}',
        b'{"run_uuid": "r", "key": "m", "value": 1, "timestamp": 3, "step": 2}',
        b'{"runUuid": "r", "key": "m", "value": 1, "timestamp": 3, "step": 2}',
        json.dumps(metric().decode()).encode(),
        b"\xef\xbb\xbf" + metric(),
        b" \n" + metric() + b"\n",
    ],
    ids=[
        "plain",
        "quoted integers",
        "scientific integers",
        "quoted double",
        "true as 1",
        "nulls and unknown fields",
        "camelCase",
        "older name",
        "older name in camelCase",
        "encoded twice",
        "byte order mark",
        "white space",
    ],
)
def test_a_point_is_read_however_it_is_written(body: bytes) -> None:
    request = from_body(LogMetric, body)
    assert (request.run_id, request.key, request.value, request.timestamp, request.step) == ("r", "m", 1.0, 3, 2)
    assert (request.model_id, request.dataset_name) == ("", "")


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ('"NaN"', "nan"),
        ("NaN", "nan"),
        ('"Infinity"', "inf"),
        ("Infinity", "inf"),
        ('"-Infinity"', "-inf"),
        ("-Infinity", "-inf"),
        ("1e400", "inf"),
        ("-1e400", "-inf"),
        ("1" + "0" * 400, "inf"),
        ("-1" + "0" * 400, "-inf"),
        ("-0.0", "-0.0"),
        ("5e-324", "5e-324"),
        ("1.7976931348623157e308", "1.7976931348623157e+308"),
        ("9007199254740993", "9007199254740992.0"),
        ('"1e-3"', "0.001"),
    ],
)
def test_a_double_is_read(written: str, value: str) -> None:
    for body in (metric(value=written), metric(value=written, unknown="1")):
        assert repr(from_body(LogMetric, body).value) == value


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("9223372036854775807", 2**63 - 1),
        ('"9223372036854775807"', 2**63 - 1),
        ('"1e+05"', 100_000),
        ('"1.7e+12"', 1_700_000_000_000),
        ("1e5", 100_000),
        ('"-3"', -3),
        ('"+3"', 3),
    ],
)
def test_an_integer_is_read(written: str, value: int) -> None:
    assert from_body(LogMetric, metric(timestamp=written)).timestamp == value


def test_lists_and_objects_are_read() -> None:
    body = b"""{"runId": "r", "metrics": [{"key": "m", "value": "NaN", "timestamp": "1", "runId": "r"}],
                "params": [{"key": "p"}], "tags": [{"key": "t", "value": null}]}"""
    request = from_body(LogBatch, body)
    (point,) = request.metrics
    assert (point.key, point.timestamp, point.step, point.run_id) == ("m", 1, 0, "r")
    assert math.isnan(point.value or 0)
    assert (request.params, request.tags) == ([KeyValueInput(key="p")], [KeyValueInput(key="t")])


@pytest.mark.parametrize(
    ("written", "status"),
    [('"FINISHED"', RunStatus.FINISHED), ("4", RunStatus.FAILED), ('"5"', RunStatus.KILLED), ('"DONE"', None)],
)
def test_a_status_is_a_name_or_a_number_and_an_unknown_name_is_none(written: str, status: RunStatus | None) -> None:
    assert from_body(UpdateRun, b'{"run_id": "r", "status": %s}' % written.encode()).status == status


def test_an_empty_body_is_an_empty_object() -> None:
    for body in (b"", b" \n", b"{}", b'"{}"'):
        assert from_body(SearchRuns, body) == SearchRuns()


def test_characters_beyond_the_first_plane_are_read_from_their_escapes() -> None:
    for body in (
        b'{"run_id": "r", "key": "k", "value": "\\ud83d\\uDE00"}',
        '{"runId":"r","key":"k","value":"😀"}'.encode(),
    ):
        assert from_body(SetTag, body).value == "😀"
    assert from_body(SetTag, rb'{"run_id": "r", "key": "k", "value": "\\ud800"}').value == "\\ud800"


def test_values_of_the_path_win() -> None:
    assert from_body(SetLoggedModelTags, b'{"model_id": "other"}', {"model_id": "m-1"}).model_id == "m-1"
    assert from_body(SetLoggedModelTags, b"", {"model_id": "m-1"}).model_id == "m-1"
    assert from_body(SetLoggedModelTags, b'{"modelId": "other"}', {"model_id": "m-1"}).model_id == "m-1"
    assert from_query(GetLoggedModel, {"model_id": ["other"]}, {"model_id": "m-1"}).model_id == "m-1"
    assert from_query(GetLoggedModel, {"modelId": ["other"]}, {"model_id": "m-1"}).model_id == "m-1"


def test_a_value_of_either_type_stays_as_it_was_sent() -> None:
    for status in ("LOGGED_MODEL_READY", 2):
        body = json.dumps({"status": status, "unknown": 1}).encode()
        assert from_body(FinalizeLoggedModel, body, {"model_id": "m-1"}).status == status


# Queries


def test_a_query_is_read() -> None:
    query = {"experiment_ids": ["1"], "order_by": ["a", "b"], "maxResults": ["5"], "filter": ["x", "y"], "z": ["?"]}
    assert from_query(SearchExperiments, query) == SearchExperiments(order_by=["a", "b"], max_results=5, filter="y")
    assert from_query(GetLatestVersions, {"name": ["m"], "stages": ["None"]}).stages == ["None"]
    assert from_query(GetRun, {"run_uuid": ["r"]}).run_id == "r"
    assert (
        from_query(GetMetricHistory, {"run_id": ["r"], "metric_key": ["m"], "max_results": ["1e3"]}).max_results
        == 1_000
    )
    assert from_query(SearchExperiments, {"view_type": ["ALL"]}).view_type is ViewType.ALL


@pytest.mark.parametrize(("written", "value"), [("true", True), ("false", False), ("True", True)])
def test_a_boolean_in_a_query_is_a_word(written: str, value: bool) -> None:
    assert from_query(GetLoggedModel, {"model_id": ["m"], "allow_deleted": [written]}).allow_deleted is value


@pytest.mark.parametrize("written", ["1", "yes", ""])
def test_a_boolean_is_no_other_word(written: str) -> None:
    with pytest.raises(InvalidInput, match=f"Invalid value \"{written}\" for parameter 'allow_deleted'"):
        from_query(GetLoggedModel, {"model_id": ["m"], "allow_deleted": [written]})


# What is refused


@pytest.mark.parametrize(
    ("kind", "body", "sentence"),
    [
        (LogMetric, metric(timestamp="1.5"), "Invalid value 1.5 for parameter 'timestamp' supplied: it must be an int"),
        (LogMetric, metric(timestamp='"x"'), "Invalid value \"x\" for parameter 'timestamp'"),
        (LogMetric, metric(timestamp='""'), "Invalid value \"\" for parameter 'timestamp'"),
        (LogMetric, metric(timestamp="true"), "Invalid value true for parameter 'timestamp'"),
        (LogMetric, metric(timestamp="[1]"), "Invalid value [1] for parameter 'timestamp'"),
        (LogMetric, metric(timestamp="NaN"), "Invalid value NaN for parameter 'timestamp'"),
        (LogMetric, metric(timestamp='"²"'), "Invalid value \"²\" for parameter 'timestamp'"),
        (LogMetric, metric(timestamp="9223372036854775808"), "9223372036854775808 for parameter 'timestamp' supplied: it does not fit into 64 bits."),
        (LogMetric, metric(step='"-9223372036854775809"'), "for parameter 'step' supplied: it does not fit into 64 bits."),
        (LogMetric, metric(step="1e30"), "Invalid value 1e+30 for parameter 'step' supplied: it does not fit"),
        (LogMetric, metric(timestamp='"' + "1" * 5_000 + '"'), "for parameter 'timestamp'"),
        (LogMetric, metric(value='"x"'), "Invalid value \"x\" for parameter 'value' supplied: Please specify value as a valid double"),
        (LogMetric, metric(value="{}"), "Invalid value {} for parameter 'value'"),
        (LogMetric, metric(value="[1]"), "got list"),
        (LogMetric, metric(key="5"), "Invalid value 5 for parameter 'key' supplied: it must be a string. Hint: Value was of type 'int'."),
        (LogMetric, metric(key="[]"), "Value was of type 'list'"),
        (LogMetric, metric(value="null"), "Missing value for required parameter 'value'"),
        (LogMetric, metric(run_id='""'), "Missing value for required parameter 'run_id'"),
        (LogMetric, b"", "Missing value for required parameter 'run_id'"),
        (CreateRun, b'{"tags": {}}', "Invalid value {} for parameter 'tags' supplied: it must be a list, got object."),
        (CreateRun, b'{"tags": [1]}', "Invalid value 1 for parameter 'tags[0]' supplied: it must be an object, got int."),
        (CreateRun, b'{"tags": [{"key": "a"}, {"value": "x"}]}', "Missing value for required parameter 'tags[1].key'"),
        (CreateRun, b'{"tags": [{"key": 5}]}', "Invalid value 5 for parameter 'tags[0].key'"),
        (CreateRun, b'{"tags": "a"}', "it must be a list, got str"),
        (LogBatch, b'{"run_id": "r", "metrics": [{"key": "m", "value": 1}]}', "'metrics[0].timestamp'"),
        (LogInputs, b'{"run_id": "r", "datasets": [{"dataset": {"digest": "x"}}]}', "'datasets[0].dataset.name'"),
        (LogInputs, b'{"run_id": "r", "datasets": [{}]}', "'datasets[0].dataset'"),
        (SearchRuns, b'{"experiment_ids": [1]}', "Invalid value 1 for parameter 'experiment_ids[0]'"),
        (SearchRuns, b'{"order_by": "metrics.a"}', "for parameter 'order_by' supplied: it must be a list"),
        (SearchRuns, b'{"run_view_type": 9}', "must be one of ACTIVE_ONLY, DELETED_ONLY, ALL."),
        (UpdateRun, b'{"run_id": "r", "status": 9}', "Invalid value 9 for parameter 'status' supplied: it must be one of RUNNING"),
        (UpdateRun, b'{"run_id": "r", "status": []}', "Invalid value [] for parameter 'status'"),
        (SetTag, b'{"run_id": "r", "runId": "r", "key": "k"}', "The field 'run_id' is given twice"),
        (LogBatch, b'{"run_id": "r", "metrics": [{"model_id": "", "modelId": ""}]}', "'metrics[0].model_id' is given twice"),
    ],
)  # fmt: skip
def test_a_value_that_does_not_fit_is_named_with_its_field(kind: type[Request], body: bytes, sentence: str) -> None:
    assert sentence in refusal(kind, body)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"{", "not valid JSON"),
        (b'"{"', "not valid JSON"),
        (b"x", "not valid JSON"),
        (b'{"run_id": 1' + b"0" * 5_000 + b"}", "'run_id' supplied: it must be a string"),
        (b'{"run_id": "\xff"}', "not valid JSON"),
        (b'{"run_id": "\xed\xa0\x80"}', "not valid JSON"),
        ('{"run_id": "r"}'.encode("utf-16"), "not valid JSON"),
        (b"[1]", "must be a JSON object, got list"),
        (b"5", "must be a JSON object, got int"),
        (b"null", "must be a JSON object, got null"),
        (b'"\\"\\""', "must be a JSON object, got str"),
        (b'{"run_id": "\\ud800", "key": "k"}', "half of a surrogate pair"),
        (b'{"run_id": "\\uDC00", "key": "k"}', "half of a surrogate pair"),
        (b'{"run_id": ["\\ud800"], "key": "k"}', "half of a surrogate pair"),
        (b'{"runId": "r", "\\ud800": "k"}', "half of a surrogate pair"),
        (rb'"{\"run_id\": \"\\ud800\"}"', "half of a surrogate pair"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"run_id": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deeply"),
        (b'{"unknown": ' * 100_000, "nested too deeply"),
        (json.dumps("[" * 100_000).encode(), "nested too deeply"),
    ],
    ids=lambda value: ascii(value[:24]) if isinstance(value, bytes) else value,
)
def test_a_body_that_is_no_object_is_refused(body: bytes, sentence: str) -> None:
    assert sentence in refusal(SetTag, body)


@pytest.mark.parametrize("depth", [10, 500, 900, 950, 980, 990])
def test_a_value_nested_almost_too_deeply_is_refused_like_any_other(depth: int) -> None:
    message = refusal(SetTag, b'{"runId": "r", "key": ' + b"[" * depth + b"]" * depth + b"}")
    assert "parameter 'key'" in message or "nested too deeply" in message
    assert len(message) < 400


def refusal(kind: type[Request], body: bytes) -> str:
    """What is said of a body that is refused, and can be sent."""
    with pytest.raises(InvalidInput) as refused:
        from_body(kind, body)
    assert body_of(refused.value)
    return refused.value.message


KINDS = sorted({endpoint.request for endpoint in ENDPOINTS}, key=lambda kind: kind.__name__)
FIELDS = sorted({name for kind in KINDS for name in kind.__struct_fields__} | {"runId", "metricKey", "unknown"})
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(["1e+05", "NaN"]),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), children, max_size=3),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(
    kind=st.sampled_from(KINDS),
    body=st.binary(max_size=40)
    | st.dictionaries(st.sampled_from(FIELDS), json_values, max_size=6).map(lambda value: json.dumps(value).encode()),
)
def test_any_body_is_read_or_refused(kind: type[Request], body: bytes) -> None:
    try:
        request = from_body(kind, body)
    except InvalidInput as refused:
        assert body_of(refused)  # noqa: PT017 - not all are refused
    else:
        assert checked(request) is request


@settings(max_examples=100, deadline=None)
@given(
    kind=st.sampled_from(KINDS),
    query=st.dictionaries(
        st.sampled_from(FIELDS), st.lists(st.text(max_size=5) | st.just("true"), min_size=1, max_size=2), max_size=4
    ),
)
def test_any_query_is_read_or_refused(kind: type[Request], query: dict[str, list[str]]) -> None:
    try:
        from_query(kind, query)
    except InvalidInput as refused:
        assert body_of(refused)  # noqa: PT017 - not all are refused


# Requests made in a program


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        (CreateExperiment(), "Missing value for required parameter 'name'."),
        (LogMetric(run_id="r", key="m", value=1.0), "Missing value for required parameter 'timestamp'."),
        (CreateRun(tags=[KeyValueInput(value="x")]), "Missing value for required parameter 'tags[0].key'."),
        (SetTag(run_id="r", key="k", value="\ud800"), "for parameter 'value' supplied: it has half of a surrogate pair"),
        (SearchRuns(experiment_ids=["1", "\udc00"]), "for parameter 'experiment_ids'"),
        (SearchRegisteredModels(max_results=2**63), "9223372036854775808 for parameter 'max_results' supplied"),
        (LogBatch(run_id="r", metrics=[MetricInput(key="m", value=1.0, timestamp=1, step=-(2**63) - 1)]), "'step'"),
    ],
)  # fmt: skip
def test_a_request_that_cannot_be_sent_is_refused(request_: Request, sentence: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        checked(request_)
    assert sentence in refused.value.message
    assert body_of(refused.value)


def test_a_request_that_can_be_sent_is_given_back() -> None:
    assert checked(POINT) is POINT
    assert checked(UpdateRun(run_id="r")) == UpdateRun(run_id="r")
    assert checked(LogMetric(run_id="é", key="m", value=math.inf, timestamp=2**63 - 1)).run_id == "é"
