"""Evaluation datasets, in version 3.0."""

from __future__ import annotations

import json
from typing import Any

from tests.wire.exchange import Ours, Row, delete, get, patch, post

_D = "/api/3.0/mlflow/datasets"
_NOBODY = f"{_D}/d-nobody"
_FAULT = Ours(400, "INVALID_PARAMETER_VALUE", "clients repeat a 500 for minutes")
_MISSING = Ours(404, "RESOURCE_DOES_NOT_EXIST", "a dataset that is not there is said to be so")


def _search(name: str, ours: Ours | None = None, **request: Any) -> Row:
    return post(name, f"{_D}/search", {"experiment_ids": ["<e>"], **request}, ours=ours)


def _put(name: str, records: Any, ours: Ours | None = None, **more: Any) -> Row:
    return post(name, f"{_D}/<d>/records", {"records": json.dumps(records), **more}, ours=ours)


_SOURCE = {"source_type": "HUMAN", "source_data": {"u": "ann"}}
_TRACE = {"source_type": "TRACE", "source_data": {"trace_id": "tr-1"}}

ROWS: tuple[Row, ...] = (
    post("make an experiment", "experiments/create", {"name": "evaluation"}, keep={"e": "experiment_id"}),
    post("make another", "experiments/create", {"name": "evaluation 2"}, keep={"f": "experiment_id"}),
    post("create", f"{_D}/create", {"name": "one", "experiment_ids": ["<e>"], "tags": '{"a": "1"}'}, keep={"d": "dataset.dataset_id"}),
    post("create with little", f"{_D}/create", {"name": "two"}, keep={"x": "dataset.dataset_id"}),
    post("create by somebody", f"{_D}/create", {"name": "three", "experiment_ids": ["<e>"], "tags": '{"mlflow.user": "bob"}'}),
    post("names are not unique", f"{_D}/create", {"name": "one", "experiment_ids": ["<f>"]}),
    post("create without a name", f"{_D}/create", {}),
    post("create with an object of tags", f"{_D}/create", {"name": "x", "tags": {"a": "1"}}),
    post("create with tags that are no json", f"{_D}/create", {"name": "x", "tags": "x"}, ours=_FAULT),
    post("create with a list of tags", f"{_D}/create", {"name": "x", "tags": "[1]"}, ours=_FAULT),
    post("create in an experiment that is not there", f"{_D}/create", {"name": "x", "experiment_ids": ["999"]}, ours=Ours(404, "RESOURCE_DOES_NOT_EXIST", "as when it is added")),
    get("get", f"{_D}/<d>"),
    get("get under the ajax root", "/ajax-api/3.0/mlflow/datasets/<d>"),
    get("get under 2.0", "datasets/<d>"),
    get("get what is not there", _NOBODY),
    patch("set tags", f"{_D}/<d>/tags", {"tags": '{"b": "2", "c": "3"}'}),
    patch("set no tags", f"{_D}/<d>/tags", {}),
    patch("set an object of tags", f"{_D}/<d>/tags", {"tags": {"b": "2"}}),
    patch("set tags of what is not there", f"{_NOBODY}/tags", {"tags": '{"b": "2"}'}),
    delete("delete a tag", f"{_D}/<d>/tags/b"),
    delete("delete a tag again", f"{_D}/<d>/tags/b"),
    get("with tags", f"{_D}/<d>"),
    # records
    _put("records", [{"inputs": {"q": "a"}, "expectations": {"x": 1}, "tags": {"t": "1"}, "source": _SOURCE}]),
    _put("another record", [{"inputs": {"q": "b", "n": 1.5, "l": [1], "t": True, "z": None, "o": {}}, "outputs": {"r": 1}, "source": _TRACE}]),
    _put("more of a record", [{"inputs": {"q": "a"}, "expectations": {"y": 2}, "tags": {"t": "2", "z": "1"}}]),
    _put("no records", []),
    _put("an object of records", {}, ours=_FAULT),
    _put("a number for a record", [1], ours=_FAULT),
    _put("a text for inputs", [{"inputs": "s"}], ours=_FAULT),
    post("a list for the text of records", f"{_D}/<d>/records", {"records": []}),
    post("records that are no json", f"{_D}/<d>/records", {"records": "x"}, ours=_FAULT),
    post("records that are not given", f"{_D}/<d>/records", {}),
    post("records of what is not there", f"{_NOBODY}/records", {"records": '[{"inputs": {}}]'}, ours=_MISSING),
    get("the records", f"{_D}/<d>/records", keep={"record": "records.0.dataset_record_id"}),
    get("the first record", f"{_D}/<d>/records?max_results=1", keep={"token": "next_page_token"}),
    get("the second record", f"{_D}/<d>/records?max_results=1&page_token=<token>"),
    get("zero is as many as ever", f"{_D}/<d>/records?max_results=0"),
    get("fewer than no records", f"{_D}/<d>/records?max_results=-1", ours=_FAULT),
    get("a token that is none", f"{_D}/<d>/records?page_token=zz", ours=_FAULT),
    get("the records of what is not there", f"{_NOBODY}/records", ours=_MISSING),
    get("with records", f"{_D}/<d>"),
    delete("delete a record", f"{_D}/<d>/records", {"dataset_record_ids": ["<record>", "dr-nobody"]}),
    delete("delete it again", f"{_D}/<d>/records", {"dataset_record_ids": ["<record>"]}),
    delete("delete no record", f"{_D}/<d>/records", {}),
    # experiments
    get("the experiments", f"{_D}/<d>/experiment-ids"),
    get("the experiments of what is not there", f"{_NOBODY}/experiment-ids", ours=_MISSING),
    post("add an experiment", f"{_D}/<x>/add-experiments", {"experiment_ids": ["<f>"]}),
    post("add it again", f"{_D}/<x>/add-experiments", {"experiment_ids": ["<f>"]}),
    post("add one that is not there", f"{_D}/<x>/add-experiments", {"experiment_ids": ["999"]}),
    post("add to what is not there", f"{_NOBODY}/add-experiments", {"experiment_ids": ["<f>"]}),
    get("the experiments now", f"{_D}/<x>/experiment-ids"),
    post("remove an experiment", f"{_D}/<x>/remove-experiments", {"experiment_ids": ["<f>", "999"]}),
    post("remove from what is not there", f"{_NOBODY}/remove-experiments", {"experiment_ids": ["<f>"]}),
    # search
    _search("search", filter_string="name = 'one'"),
    get("search by get", f"{_D}/search?experiment_ids=<e>&filter_string=name+%3D+%27one%27"),
    _search("in the order of names", order_by=["name DESC"]),
    _search("a page", order_by=["name"], max_results=1),
    *(_search(f"where {text}", filter_string=text) for text in ("attributes.name = 'one'", "name IN ('one', 'x')", "name NOT IN ('one')", "name ILIKE 'ON%'", "created_by = 'bob'", "created_by IN ('bob')", "created_time > 0 AND name = 'one'", "created_time > 1.5", "tags.c = '3'", "tag.c = '3'", "tags.c IS NULL", "digest = 'x'")),
    _search("by tags", order_by=["tags.c"]),
    _search("by a key nobody knows", order_by=["created_by"]),
    _search("none", max_results=0),
    _search("too many", max_results=50_001),
    _search("with a token that is none", page_token="x"),
    delete("delete", f"{_D}/<d>"),
    delete("delete again", f"{_D}/<d>"),
    get("a deleted one", f"{_D}/<d>"),
)  # fmt: skip
