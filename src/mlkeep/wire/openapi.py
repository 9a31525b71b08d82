"""The OpenAPI 3.1 document of the server, read off the endpoint table and the messages.

It says what is sent and answered when everything is spelled the plain way. What is also understood (quoted integers,
camelCase names, null for what is left out, names nobody knows) is in `mlkeep.wire.decode`.
"""

from __future__ import annotations

import enum
import inspect
import re
import typing
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import msgspec

from mlkeep.wire import experiments, runs
from mlkeep.wire.columns import MSGPACK
from mlkeep.wire.endpoint import Endpoint, Permission
from mlkeep.wire.errors import ErrorBody
from mlkeep.wire.field_limits import LIMITS
from mlkeep.wire.message import Request
from mlkeep.wire.resources import ANY_TYPE, JSON, RESOURCES, Resource
from mlkeep.wire.table import ENDPOINTS

Json = dict[str, Any]

_REF = "#/components/schemas/{name}"
_SPELLED_NUMBERS: Json = {"type": "string", "enum": ["NaN", "Infinity", "-Infinity"]}

_REFUSES_NOTHING_MISSING = frozenset({Permission.EXPERIMENT_CREATE, Permission.MODEL_CREATE})
"""Who creates these names nothing that must be there already; and searches find nothing rather than fail."""

_ERROR_STATUSES = (400, 403, 404, 413, 415, 422, 500, 501, 503, 507)
_WITHOUT_BODY = frozenset({304, 416})
_PARTIAL = 206

_ALSO_REQUIRED: dict[type[Request], tuple[str, ...]] = {
    experiments.SearchExperiments: ("max_results",),
    runs.CreateRun: ("experiment_id",),
}
"""What is refused when it is missing, though not with the sentence for that."""


def document(version: str, prefix: str = "") -> Json:
    """The document of a server of this version of mlkeep, all paths of which begin with `prefix`."""
    schemas = _Schemas()
    paths: dict[str, Json] = {}
    for endpoint in ENDPOINTS:
        for path in endpoint.paths:
            for method in endpoint.methods:
                paths.setdefault(path, {})[method.lower()] = _operation(endpoint, method, path, schemas)
    for resource in RESOURCES:
        for path in resource.paths:
            paths.setdefault(path, {})[resource.method.lower()] = _resource(resource, path, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "mlkeep",
            "version": version,
            "description": (
                "The API of MLflow's tracking server and model registry, with additions of mlkeep's own. Paths under "
                "ajax-api are the same as those under api. Errors are JSON with error_code and message, whatever the "
                "status; a path or verb that is not listed here is answered so with 404 or 405."
            ),
        },
        "servers": [{"url": prefix or "/"}],
        "paths": paths,
        "components": {"schemas": schemas.components, "responses": _error_responses(schemas)},
    }


class _Schemas:
    """The schemas of all messages, by name."""

    def __init__(self) -> None:
        told = [kind for endpoint in ENDPOINTS for kind in (endpoint.request, endpoint.response)]
        told += [endpoint.columns for endpoint in ENDPOINTS if endpoint.columns is not None]
        told += [resource.message for resource in RESOURCES if resource.message is not None]
        told += [resource.request for resource in RESOURCES if resource.request is not None]
        kinds = list(dict.fromkeys(_structs([*told, ErrorBody])))
        references, self.components = msgspec.json.schema_components(kinds, ref_template=_REF)
        self._references = dict(zip(kinds, references, strict=True))
        for kind in kinds:
            self._complete(kind, self.resolved(kind))

    def of(self, kind: type[Any]) -> Json:
        """A reference to the schema of a message."""
        return self._references[kind]

    def resolved(self, kind: type[Any]) -> Json:
        """The schema of a message itself."""
        schema: Json = self.components[self._references[kind]["$ref"].rpartition("/")[2]]
        return schema

    def _complete(self, kind: type[Any], schema: Json) -> None:
        if issubclass(kind, enum.Enum):
            _complete_enumeration(kind, schema)
            return
        _tell_about(kind, schema)
        properties: dict[str, Json] = schema["properties"]
        for name, given in list(properties.items()):
            properties[name] = _plain(given, is_request=issubclass(kind, Request))
        if issubclass(kind, Request):
            _complete_request(kind, schema)
        elif not kind.__struct_config__.omit_defaults:
            optional = {field.encode_name for field in msgspec.structs.fields(kind) if field.default is msgspec.UNSET}
            schema["required"] = [name for name in properties if name not in optional]
        if not schema.get("required"):
            schema.pop("required", None)


def _structs(kinds: list[Any]) -> Iterator[type[Any]]:
    """The messages and enumerations in `kinds`, and those inside them."""
    for kind in kinds:
        if isinstance(kind, type) and issubclass(kind, enum.Enum):
            yield kind
        elif isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            yield kind
            yield from _structs(list(typing.get_type_hints(kind).values()))
        else:
            yield from _structs(list(typing.get_args(kind)))


def _tell_about(kind: type[Any], schema: Json) -> None:
    schema.pop("title", None)
    schema.pop("description", None)
    if text := _text_of(kind):
        schema["description"] = text


def _text_of(kind: type[Any]) -> str:
    """What its docstring says; the answers' docstrings name our own classes."""
    return inspect.cleandoc(kind.__dict__.get("__doc__") or "").replace("`entities.", "`")


def _plain(schema: Json, *, is_request: bool) -> Json:
    """`schema` without null, which is never written; doubles with the spellings of those that JSON cannot write."""
    given = {name: value for name, value in schema.items() if name != "default" or value is not None}
    options = [option for option in given.pop("anyOf", []) if option != {"type": "null"}]
    if {"type": "number"} in options and {"type": "string"} in options:
        return {"anyOf": [{"type": "number"}, _SPELLED_NUMBERS], **given}
    if len(options) > 1:
        return {"anyOf": options, **given}
    if options:
        given = {**options[0], **given}
    if given.get("type") == "number" and is_request:
        return {"anyOf": [{"type": "number"}, _SPELLED_NUMBERS], **{k: v for k, v in given.items() if k != "type"}}
    if given.get("type") == "integer":
        given = {"type": "integer", "format": "int64", **{k: v for k, v in given.items() if k != "type"}}
    return given


def _complete_request(kind: type[Request], schema: Json) -> None:
    properties: dict[str, Json] = schema["properties"]
    schema.pop("additionalProperties", None)  # what nobody knows is not looked at
    for name in _required(kind):
        properties[name].pop("default", None)
        if properties[name].get("type") == "string":
            properties[name]["minLength"] = 1
    schema["required"] = _required(kind)
    if "run_uuid" in properties and "run_id" in kind.required:
        schema["required"].remove("run_id")
        schema["anyOf"] = [{"required": ["run_id"]}, {"required": ["run_uuid"]}]
    for (limited, name), limit in LIMITS.items():
        if limited is kind:
            properties[name].update(limit)


def _required(kind: type[Request]) -> list[str]:
    return [*kind.required, *_ALSO_REQUIRED.get(kind, ())]


def _complete_enumeration(kind: type[enum.Enum], schema: Json) -> None:
    """Enumerations are written by name; their numbers are taken as well."""
    _tell_about(kind, schema)
    names = {"type": "string", "enum": [member.name for member in kind]}
    schema["anyOf"] = [names, {"type": "integer", "enum": schema.pop("enum")}]


def _operation(endpoint: Endpoint, method: str, path: str, schemas: _Schemas) -> Json:
    told: Json = {
        "operationId": _operation_id(method, path),
        "tags": [endpoint.path.partition("/")[0]],
        "x-permission": endpoint.permission.value,
    }
    if endpoint.audit is not None:
        told["x-audit"] = endpoint.audit.value
    if text := _text_of(endpoint.request):
        told["description"] = text
    if parameters := [*_parameters(endpoint, method, schemas)]:
        told["parameters"] = parameters
    has_body = method != "GET"
    if has_body:
        needed = set(_required(endpoint.request)) - set(endpoint.path_fields)
        content = {JSON: {"schema": _body(endpoint, schemas)}}
        if endpoint.columns is not None:
            content[MSGPACK] = {"schema": schemas.of(endpoint.columns)}
        told["requestBody"] = {"required": bool(needed) or method == "POST", "content": content}
    answers: Json = {JSON: {"schema": schemas.of(endpoint.response)}}
    if endpoint.packed is not None:
        answers[MSGPACK] = {}
    told["responses"] = _responses(answers, _error_statuses(endpoint, has_body=has_body))
    return told


def _operation_id(method: str, path: str) -> str:
    return "-".join([method.lower(), *re.findall(r"[\w.]+", path)])


def _parameters(endpoint: Endpoint, method: str, schemas: _Schemas) -> Iterator[Json]:
    fields: dict[str, Json] = schemas.resolved(endpoint.request)["properties"]
    for name in endpoint.path_fields:
        yield {"name": name, "in": "path", "required": True, "schema": fields[name]}
    if method != "GET":
        return
    required = _required(endpoint.request)
    for name, schema in fields.items():
        if name not in endpoint.path_fields:
            yield {"name": name, "in": "query", "required": name in required, "schema": schema}


def _body(endpoint: Endpoint, schemas: _Schemas) -> Json:
    """The schema of a body: that of the request without what is in the path."""
    if not endpoint.path_fields:
        return schemas.of(endpoint.request)
    whole = schemas.resolved(endpoint.request)
    in_path = set(endpoint.path_fields)
    body: Json = {
        "type": "object",
        "properties": {name: schema for name, schema in whole["properties"].items() if name not in in_path},
    }
    if needed := [name for name in whole.get("required", []) if name not in in_path]:
        body["required"] = needed
    return body


def _error_statuses(endpoint: Endpoint, *, has_body: bool) -> tuple[int, ...]:
    finds_nothing = endpoint.permission in _REFUSES_NOTHING_MISSING or endpoint.permission.value.endswith(":search")
    missing = () if finds_nothing else (404,)
    of_body = (413, 415) if has_body else ()
    elsewhere = (501,) if endpoint.permission is Permission.ARTIFACT_READ else ()
    return 400, *missing, *of_body, 500, *elsewhere, 503


def _resource(resource: Resource, path: str, schemas: _Schemas) -> Json:
    told: Json = {
        "operationId": _operation_id(resource.method, path) if path != "/" else "home",
        "tags": ["artifacts" if "artifact" in path else "server"],
        "summary": resource.summary,
        "x-permission": resource.permission.value,
    }
    in_path = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in re.findall(r"\{(\w+)\}", path)
    ]
    in_query = [{"name": name, "in": "query", "schema": {"type": "string"}} for name in resource.query]
    if in_path or in_query:
        told["parameters"] = [*in_path, *in_query]
    if resource.request is not None:
        told["requestBody"] = {"required": True, "content": {JSON: {"schema": schemas.of(resource.request)}}}
    elif resource.body is not None:
        told["requestBody"] = {"content": {resource.body: {"schema": {"type": "string", "format": "binary"}}}}
    told["responses"] = _responses({resource.answer: _answer(resource, schemas)}, resource.statuses)
    return told


def _answer(resource: Resource, schemas: _Schemas) -> Json:
    if resource.message is not None:
        return {"schema": schemas.of(resource.message)}
    if resource.answer == JSON:
        return {"schema": {"type": "object"}}
    return {} if resource.answer == ANY_TYPE else {"schema": {"type": "string"}}


def _responses(content: Json, statuses: tuple[int, ...]) -> Json:
    responses: Json = {"200": {"description": "OK", "content": content}}
    for status in sorted(statuses):
        if status == _PARTIAL:
            responses[str(status)] = {"description": HTTPStatus(status).phrase, "content": content}
        elif status in _WITHOUT_BODY:
            responses[str(status)] = {"description": HTTPStatus(status).phrase}
        else:
            responses[str(status)] = {"$ref": f"#/components/responses/{status}"}
    return responses


def _error_responses(schemas: _Schemas) -> Json:
    content = {JSON: {"schema": schemas.of(ErrorBody)}}
    return {
        str(status): {"description": HTTPStatus(status).phrase, "content": content}
        for status in sorted(_ERROR_STATUSES)
    }
