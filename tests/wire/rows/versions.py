"""Model versions: the version itself, its stages, tags and search."""

from __future__ import annotations

from typing import Any

from tests.wire.exchange import Ours, Row, delete, get, patch, post

_V = "model-versions/"
_ONE = {"name": "rm", "version": "1"}
_GONE = {"name": "rm", "version": "99"}
_BAD = {"name": "rm", "version": "one"}


def _stage(name: str, version: str, stage: str, *, ours: Ours | None = None, **more: Any) -> Row:
    body = {"name": "rm", "version": version, "stage": stage, **more}
    return post(name, f"{_V}transition-stage", body, ours=ours)


_FLAG = Ours(400, "INVALID_PARAMETER_VALUE", "clients repeat a 500 for minutes")

ROWS: tuple[Row, ...] = (
    post("make a model", "registered-models/create", {"name": "rm"}),
    post("create", f"{_V}create", {"name": "rm", "source": "s3://b/x", "run_id": "r", "run_link": "http://l", "description": "v1", "tags": [{"key": "a", "value": "1"}]}),
    post("create with little", f"{_V}create", {"name": "rm", "source": "s3://b/y"}),
    post("create a third", f"{_V}create", {"name": "rm", "source": "s3://b/z"}),
    post("create without a source", f"{_V}create", {"name": "rm"}),
    post("create without a name", f"{_V}create", {"source": "s3://b/x"}),
    post("create of a model that is not there", f"{_V}create", {"name": "nobody", "source": "s3://b/x"}),
    post("create with a tag that cannot be", f"{_V}create", {"name": "rm", "source": "s3://b/x", "tags": [{"key": "a*", "value": "1"}]}),
    post("an alias", "registered-models/alias", {"name": "rm", "alias": "champion", "version": "1"}),
    get("get", f"{_V}get?name=rm&version=1"),
    get("get what is not there", f"{_V}get?name=rm&version=99"),
    get("get of a model that is not there", f"{_V}get?name=nobody&version=1"),
    get("get a version that is no number", f"{_V}get?name=rm&version=one"),
    get("get without a version", f"{_V}get?name=rm"),
    patch("update", f"{_V}update", {**_ONE, "description": "new"}),
    patch("update to nothing", f"{_V}update", _ONE),
    patch("update what is not there", f"{_V}update", _GONE),
    patch("update a version that is no number", f"{_V}update", _BAD),
    post("set a tag", f"{_V}set-tag", {**_ONE, "key": "t", "value": "1"}),
    post("set a tag without a value", f"{_V}set-tag", {**_ONE, "key": "e"}),
    post("set a tag without a key", f"{_V}set-tag", _ONE),
    post("set a tag of what is not there", f"{_V}set-tag", {**_GONE, "key": "t"}),
    delete("delete a tag", f"{_V}delete-tag", {**_ONE, "key": "t"}),
    delete("delete a tag again", f"{_V}delete-tag", {**_ONE, "key": "t"}),
    delete("delete a tag of what is not there", f"{_V}delete-tag", {**_GONE, "key": "t"}),
    _stage("to staging", "1", "Staging"),
    _stage("in small letters", "2", "staging"),
    _stage("to production", "2", "Production", archive_existing_versions=False),
    _stage("to production, the others to the archive", "1", "Production", archive_existing_versions=True),
    get("the one that was there", f"{_V}get?name=rm&version=2"),
    _stage("to where it is", "1", "Production"),
    _stage("to nowhere", "1", "Dancing"),
    _stage("to no stage", "1", ""),
    _stage("what is not there", "99", "Staging"),
    _stage("archived, the others too", "1", "Archived", archive_existing_versions=True, ours=_FLAG),
    _stage("a flag as a text", "1", "Production", archive_existing_versions="true", ours=Ours(200, "", "the R client sends flags as texts")),
    _stage("out of the internal stage", "1", "Deleted_Internal"),
    post("the latest of each stage", "registered-models/get-latest-versions", {"name": "rm"}),
    get("the model with its latest versions", "registered-models/get?name=rm"),
    get("search", f"{_V}search?filter=name%3D%27rm%27"),
    get("search in an order", f"{_V}search?filter=name%3D%27rm%27&order_by=version_number+ASC&max_results=2"),
    post("search by post", f"{_V}search", {"filter": "name='rm'"}, ours=Ours(200, "", "as for registered models")),
    get("search by run", f"{_V}search?filter=run_id%3D%27r%27"),
    get("search too much", f"{_V}search?max_results=200001"),
    get("search nothing", f"{_V}search?max_results=0"),
    get("search by nonsense", f"{_V}search?filter=current_stage%3D%27None%27"),
    get("the place of the files", f"{_V}get-download-uri?name=rm&version=1"),
    get("the place of what is not there", f"{_V}get-download-uri?name=rm&version=99"),
    delete("delete", f"{_V}delete", _ONE),
    delete("delete again", f"{_V}delete", _ONE),
    delete("delete what is no number", f"{_V}delete", _BAD),
    delete("delete nothing", f"{_V}delete"),
    get("a deleted version", f"{_V}get?name=rm&version=1"),
    get("an alias of a deleted version", "registered-models/alias?name=rm&alias=champion"),
    get("the versions that are left", f"{_V}search?filter=name%3D%27rm%27"),
    post("numbers are not used again", f"{_V}create", {"name": "rm", "source": "s3://b/x"}),
)  # fmt: skip
