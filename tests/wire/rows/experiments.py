"""Experiments."""

from __future__ import annotations

from tests.wire.exchange import Ours, Row, get, post

_NOBODY = "999999999999"
_CREATE = "experiments/create"

ROWS: tuple[Row, ...] = (
    post("create", _CREATE, {"name": "one", "tags": [{"key": "a", "value": "b"}]}, keep={"e": "experiment_id"}),
    post("create with a location", _CREATE, {"name": "two", "artifact_location": "s3://b/p"}, keep={"f": "experiment_id"}),
    post("create without a name", _CREATE, {}),
    post("create again", _CREATE, {"name": "one"}),
    post("a long name", _CREATE, {"name": "n" * 501}),
    post("the longest name", _CREATE, {"name": "n" * 500}),
    post("a tag with a key that cannot be", _CREATE, {"name": "t1", "tags": [{"key": "a*", "value": "b"}]}),
    post("a tag that is too long", _CREATE, {"name": "t2", "tags": [{"key": "a", "value": "v" * 20_001}]}),
    post("a tag given twice", _CREATE, {"name": "x3", "tags": [{"key": "a", "value": "1"}, {"key": "a", "value": "2"}]}, ours=Ours(200, "", "the last one wins, as with all other tags")),
    *(
        post(f"location {location[:24]}", _CREATE, {"name": f"location {place}", "artifact_location": location})
        for place, location in enumerate(("runs:/x", "s3://b/x#f", "s3://b/x?a=..", "http://h/x", "ftp://h/x", "hdfs://h/x", "abfss://c@a/x", "r2://b/x", "mlflow-artifacts://h/x", "mlflow-artifacts:/x", "models:/x", "s3://b/../x", "x" * 2_049))
    ),
    get("get", "experiments/get?experiment_id=<e>"),
    get("get what is not there", f"experiments/get?experiment_id={_NOBODY}"),
    get("get without an id", "experiments/get"),
    get("get by an id that is none", "experiments/get?experiment_id=one"),
    get("get by name", "experiments/get-by-name?experiment_name=one"),
    get("get by a name nobody has", "experiments/get-by-name?experiment_name=nobody"),
    get("get by no name", "experiments/get-by-name"),
    get("the default experiment", "experiments/get?experiment_id=0"),
    post("rename", "experiments/update", {"experiment_id": "<e>", "new_name": "uno"}),
    post("rename to nothing", "experiments/update", {"experiment_id": "<e>", "new_name": ""}),
    post("rename to a name that is taken", "experiments/update", {"experiment_id": "<e>", "new_name": "two"}, ours=Ours(400, "RESOURCE_ALREADY_EXISTS", "the code says what is wrong")),
    post("rename what is not there", "experiments/update", {"experiment_id": _NOBODY, "new_name": "x"}),
    post("set a tag", "experiments/set-experiment-tag", {"experiment_id": "<e>", "key": "k", "value": "v"}),
    post("set a tag without a value", "experiments/set-experiment-tag", {"experiment_id": "<e>", "key": "empty"}),
    post("set a tag without a key", "experiments/set-experiment-tag", {"experiment_id": "<e>", "value": "v"}),
    post("set a tag with a key that is a path", "experiments/set-experiment-tag", {"experiment_id": "<e>", "key": "../k"}),
    post("set a long tag", "experiments/set-experiment-tag", {"experiment_id": "<e>", "key": "k", "value": "v" * 20_001}),
    post("set a tag of what is not there", "experiments/set-experiment-tag", {"experiment_id": _NOBODY, "key": "k"}),
    post("delete a tag", "experiments/delete-experiment-tag", {"experiment_id": "<e>", "key": "k"}),
    post("delete a tag again", "experiments/delete-experiment-tag", {"experiment_id": "<e>", "key": "k"}),
    post("delete a tag without a key", "experiments/delete-experiment-tag", {"experiment_id": "<e>"}),
    get("what became of it", "experiments/get?experiment_id=<e>"),
    post("search", "experiments/search", {"max_results": 10, "filter": "name = 'uno'"}),
    get("search by get", "experiments/search?max_results=10&filter=name+%3D+%27uno%27"),
    post("search without a page size", "experiments/search", {}),
    post("search too much", "experiments/search", {"max_results": 50_001}),
    post("search with a token that is none", "experiments/search", {"max_results": 1, "page_token": "x"}),
    post("search a page", "experiments/search", {"max_results": 1, "filter": "name IN ('a')"}),
    post("the first page", "experiments/search", {"max_results": 1, "filter": "name LIKE 't%'", "order_by": ["name"]}),
    post("search by nonsense", "experiments/search", {"max_results": 1, "filter": "attributes.name = 'x'"}),
    post("search in an order that makes no sense", "experiments/search", {"max_results": 1, "order_by": ["foo"]}),
    post("delete", "experiments/delete", {"experiment_id": "<e>"}),
    post("delete again", "experiments/delete", {"experiment_id": "<e>"}),
    post("delete what is not there", "experiments/delete", {"experiment_id": _NOBODY}),
    post("delete nothing", "experiments/delete", {}),
    get("a deleted one is seen", "experiments/get?experiment_id=<e>"),
    post("a deleted one keeps its name", _CREATE, {"name": "uno"}),
    post("a deleted one is not renamed", "experiments/update", {"experiment_id": "<e>", "new_name": "x"}, ours=Ours(400, "INVALID_PARAMETER_VALUE", "clients repeat a 500 for minutes")),
    post("a deleted one gets no tags", "experiments/set-experiment-tag", {"experiment_id": "<e>", "key": "k"}),
    post("a deleted one gets no runs", "runs/create", {"experiment_id": "<e>"}),
    post("search among the deleted", "experiments/search", {"max_results": 10, "view_type": "DELETED_ONLY"}),
    post("restore", "experiments/restore", {"experiment_id": "<e>"}),
    post("restore again", "experiments/restore", {"experiment_id": "<e>"}),
    post("restore what is not there", "experiments/restore", {"experiment_id": _NOBODY}),
)  # fmt: skip
