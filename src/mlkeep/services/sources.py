"""The source of a model version: which may be named, and where its files really lie."""

from __future__ import annotations

import re

import msgspec

from mlkeep.core.errors import InvalidInput
from mlkeep.core.filters.prompts import PROMPT_TAG
from mlkeep.core.uris import is_local
from mlkeep.services.call import Call
from mlkeep.services.locations import below, has_parent_segments, is_inside
from mlkeep.services.registered_models import alias_target

_PROXY = "/mlflow-artifacts/artifacts"
"""What the addresses of a server's artifact proxy have in them."""


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A source as it is kept. `storage_uri` is the place of the files, `uri` what the version shows."""

    uri: str
    storage_uri: str
    run_id: str
    model_id: str


def resolve(call: Call, uri: str, run_id: str, model_id: str) -> Source:
    """The source named by `uri`, checked against the run or logged model it is said to come from.

    A version may not reach into other runs, or into the server's own files: local and proxied places must lie among the
    artifacts of the run or model that is named with them.

    Raises:
        InvalidInput: the source may not be used, or does not belong to the run or model.
        NotFound: the run, model or version it refers to does not exist.
    """
    rules = call.settings.rules
    if rules.source_pattern and not re.search(rules.source_pattern, uri):
        raise _refused(uri, f"this installation takes only sources that match '{rules.source_pattern}'.")
    rules.check_host(uri, "source")
    if has_parent_segments(uri):
        raise _refused(uri, "it must not contain '..'.")
    if uri.startswith("models:/"):
        return _from_model(call, uri, run_id, model_id)
    if uri.startswith("runs:/"):
        return _from_run(call, uri, run_id, model_id)
    if model_id:
        model = call.tx.logged_models.get(model_id)
        run_id = run_id or model.source_run_id
    if is_local(uri) or uri.lower().startswith("mlflow-artifacts:") or _PROXY in uri:
        _check_belongs(call, uri, run_id, model_id)
    return Source(uri=uri, storage_uri=uri, run_id=run_id, model_id=model_id)


def _from_run(call: Call, uri: str, run_id: str, model_id: str) -> Source:
    named, _, path = uri.removeprefix("runs:/").strip("/").partition("/")
    if run_id and run_id != named:
        raise _refused(uri, f"it is of run '{named}', the version of run '{run_id}'.")
    root = call.tx.runs.get_info(named).artifact_uri
    return Source(uri=uri, storage_uri=below(root, path) if path else root, run_id=named, model_id=model_id)


def _from_model(call: Call, uri: str, run_id: str, model_id: str) -> Source:
    rest = uri.removeprefix("models:/").strip("/")
    name, _, suffix = rest.partition("/")
    if name and not suffix and "@" not in name:
        model = call.tx.logged_models.get(name)
        if model_id and model_id != name:
            raise _refused(uri, f"it is not of the logged model '{model_id}'.")
        return Source(uri=uri, storage_uri=model.artifact_location, run_id=run_id or model.source_run_id, model_id=name)
    name, number = _version_named(call, uri, name, suffix)
    version = call.tx.versions.get(name, number)
    for field, given, actual in (("run_id", run_id, version.run_id), ("model_id", model_id, version.model_id or "")):
        if given and given != actual:
            raise _refused(uri, f"its {field} is '{actual}', not '{given}'.")
    return Source(
        uri=f"models:/{version.name}/{version.version}",
        storage_uri=call.tx.versions.storage_uri(version.name, version.version),
        run_id=version.run_id,
        model_id=version.model_id or "",
    )


def _version_named(call: Call, uri: str, name: str, suffix: str) -> tuple[str, str]:
    alias = ""
    if not suffix:
        name, _, alias = name.rpartition("@")
    if not name or "/" in suffix:
        raise _refused(uri, "it must look like models:/name/version, models:/name@alias or models:/m-id.")
    if call.tx.models.get(name).tags.get(PROMPT_TAG) == "true":
        raise _refused(uri, "it is a prompt, not a model.")
    if alias:
        return name, alias_target(call, name, alias)
    if suffix.isdigit():
        return name, suffix
    if suffix.lower() == "latest":
        return name, alias_target(call, name, "latest")
    latest = call.tx.versions.latest(name, [suffix.capitalize()])
    if not latest:
        raise InvalidInput(f"No version of the registered model '{name}' is in stage '{suffix}'.")
    return name, latest[0].version


def _check_belongs(call: Call, uri: str, run_id: str, model_id: str) -> None:
    if model_id:
        root, owner = call.tx.logged_models.get(model_id).artifact_location, f"the logged model '{model_id}'"
    elif run_id:
        if call.tx.runs.find_key(run_id) is None:
            raise _refused(uri, f"it is not among the artifacts of run '{run_id}', which is not there.")
        root, owner = call.tx.runs.get_info(run_id).artifact_uri, f"run '{run_id}'"
    else:
        raise _refused(uri, "name the run_id or model_id whose artifacts it is among.")
    if not is_inside(uri, root):
        raise _refused(uri, f"it is not among the artifacts of {owner}.")


def _refused(uri: str, why: str) -> InvalidInput:
    return InvalidInput(f"Invalid model version source: '{uri}': {why}")
