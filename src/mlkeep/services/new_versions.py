"""What an installation asks of the files behind a new model version, looked at before it is made."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import msgspec
import yaml

from mlkeep.blobs.contract import ArtifactStore
from mlkeep.core import model_files
from mlkeep.core.artifact_owners import OwnerKind
from mlkeep.core.errors import Forbidden, MlkeepException, NotFound
from mlkeep.core.filters.prompts import PROMPT_TAG
from mlkeep.core.proofs import TAG, Proof, digest_of_files, is_of_model, read_proof, tag_on_run
from mlkeep.core.yaml_text import read_yaml
from mlkeep.services.artifacts import OpenStore, find_place
from mlkeep.services.call import Call
from mlkeep.services.rules import NO_PICKLE, SIGNATURE, VERIFIED, Rules
from mlkeep.services.sources import Source, resolve
from mlkeep.storage.contract import Transaction
from mlkeep.wire.registry import CreateModelVersion

_MLMODEL = "MLmodel"
_MAX_MLMODEL_BYTES = 1024 * 1024


class Known(msgspec.Struct, frozen=True):
    """What the storage knows of a source: where the files lie, their sizes and digests, and proofs that were recorded.

    `verifiable` is the URI that names it so that a proof is kept for it, "" if there is none.
    """

    source: Source
    verifiable: str
    files: dict[str, tuple[int, str]]
    proofs: list[Proof]


def known_of_source(call: Call, request: CreateModelVersion) -> Known | None:
    """What is known of the source of a version that is to be made; None if no files are asked about, as for prompts.

    Raises:
        MlkeepException: as making the version would.
    """
    model = call.tx.models.get(request.name)
    if model.tags.get(PROMPT_TAG) == "true" and "/" not in request.source:
        return None
    source = resolve(call, request.source, request.run_id, request.model_id)
    place = find_place(call.tx, source.storage_uri)
    files = {}
    texts = list(_proofs_of_source(call.tx, source))
    verifiable = request.source if request.source.startswith(("models:/", "runs:/")) else ""
    if not verifiable and source.model_id:
        verifiable = f"models:/{source.model_id}"
    if place is not None:
        start = len(place.path) + 1 if place.path else 0
        files = {file.path[start:]: (file.size, file.sha256) for file in call.tx.artifact_files.files(place)}
        if place.owner.kind is OwnerKind.RUN and source.run_id:
            texts.append(dict(call.tx.runs.get(source.run_id).tags).get(tag_on_run(place.path)))
            verifiable = verifiable or f"runs:/{source.run_id}/{place.path}"
    found = [read_proof(text) for text in texts if text]
    return Known(source, verifiable, files, [proof for proof in found if proof is not None])


def check(rules: Rules, request: CreateModelVersion, known: Known, open_store: OpenStore) -> None:
    """See that the files of a new version are what the installation asks for. They are read outside of transactions.

    Raises:
        Forbidden: they are not, or cannot be read; the message has all that is wrong, and what to do.
    """
    try:
        store = open_store(known.source.storage_uri)
        mlmodel = _read_mlmodel(store)
        files = {info.path: info.file_size or 0 for info in store.tree() if is_of_model(info.path)}
    except MlkeepException as error:
        raise _refused(rules, request, [f"its files cannot be looked at: {error.message}"]) from error
    checks: dict[str, Callable[[], str]] = {
        NO_PICKLE: lambda: _pickles_found(mlmodel, files),
        SIGNATURE: lambda: _signature_missing(mlmodel),
        VERIFIED: lambda: _proof_missing(known, files),
    }
    wrong = [told for name, look in checks.items() if name in rules.required_of_versions and (told := look())]
    if wrong:
        raise _refused(rules, request, wrong)


def _proofs_of_source(tx: Transaction, source: Source) -> Iterator[str | None]:
    if source.model_id:
        yield tx.logged_models.get(source.model_id).tags.get(TAG)
    name, slash, number = source.uri.removeprefix("models:/").partition("/")
    if source.uri.startswith("models:/") and slash:
        yield tx.versions.get(name, number).tags.get(TAG)


def _read_mlmodel(store: ArtifactStore) -> dict[str, Any]:
    size = store.size(_MLMODEL)
    if size is None:
        raise NotFound("there is no MLmodel file.")
    if size > _MAX_MLMODEL_BYTES:
        raise Forbidden(f"the MLmodel file has {size} bytes, more than {_MAX_MLMODEL_BYTES}.")
    try:
        content = read_yaml(b"".join(store.read(_MLMODEL, 0, size)).decode())
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise Forbidden("the MLmodel file is no YAML that can be read.") from error
    if not isinstance(content, dict):
        raise Forbidden("the MLmodel file is no mapping.")
    return content


def _pickles_found(mlmodel: Mapping[str, Any], files: Collection[str]) -> str:
    named_so = {file for file in files if file.endswith(model_files.PICKLE_SUFFIXES)}  # whoever may read them
    if found := sorted({*model_files.pickles(mlmodel, files), *named_so}):
        return (
            f"{', '.join(found)} is a pickle, which runs code when it is loaded: log the model in a safe format "
            "(serialization_format='skops' for scikit-learn, 'pt2' for PyTorch, the framework's own for others)"
        )
    if doubtful := sorted(model_files.doubtful_types(mlmodel)):
        return (
            f"it asks to be trusted with {', '.join(doubtful)}, of which nobody knows that they run no code: log the model "
            "without these types"
        )
    return ""


def _signature_missing(mlmodel: Mapping[str, Any]) -> str:
    signature = mlmodel.get("signature")
    if isinstance(signature, Mapping) and (signature.get("inputs") or signature.get("params")):
        return ""
    return "it has no signature: log the model with signature=infer_signature(inputs, outputs) or an input_example"


def _proof_missing(known: Known, files: Mapping[str, int]) -> str:
    do = f"run `mlkeep models verify {known.verifiable}`"
    if not known.verifiable:
        do = "log it in a run or as a logged model, and run `mlkeep models verify` with its URI runs:/... or models:/m-..."
    if not known.proofs:
        return f"there is no proof that it runs: {do} first"
    recorded = {path: size for path, (size, _) in known.files.items()}
    if missing := sorted(path for path, size in files.items() if recorded.get(path) != size):
        return f"the digest of {missing[0]} is not known, so no proof fits it: {do} again, which records it"
    digest = digest_of_files((path, known.files[path][1]) for path in files)
    fitting = [proof for proof in known.proofs if proof.model == digest]
    if not fitting:
        return f"its files have changed since it was verified: {do} again"
    if not any(proof.has_passed for proof in fitting):
        return f"it was verified and failed ({fitting[0].reason}): correct that, and {do} again"
    return ""


def _refused(rules: Rules, request: CreateModelVersion, wrong: list[str]) -> Forbidden:
    asked = ",".join(sorted(rules.required_of_versions))
    reasons = "; ".join(f"{told.rstrip('.')}" for told in wrong)
    return Forbidden(
        f"No version of '{request.name}' is made of '{request.source}', because of what this installation asks of new "
        f"versions (MLKEEP_REQUIRE_OF_VERSIONS={asked}): {reasons}."
    )
