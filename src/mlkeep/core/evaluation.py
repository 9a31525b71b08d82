"""Evaluation datasets: what a model is to be asked, and what it should answer.

The content of a record is JSON that means something to its users only, so it is kept, compared and merged as text.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from mlkeep.core.entities import Entity

SCHEMA_VERSION = "1.0"


class EvaluationDataset(Entity, frozen=True):
    """A named set of records. Names are not unique. `schema` and `profile` are JSON texts, made from the records."""

    dataset_id: str
    name: str
    digest: str
    created_time: int
    last_update_time: int
    tags: dict[str, str] = {}
    schema: str | None = None
    profile: str | None = None
    created_by: str | None = None
    last_updated_by: str | None = None
    experiment_ids: list[str] = []


class RecordContent(Entity, frozen=True):
    """What somebody says of a record; all but the names are JSON texts. Two are of the same record if `inputs` agree.

    `inputs` has its keys sorted. None leaves what a record has.
    """

    inputs: str
    outputs: str | None = None
    expectations: str | None = None
    tags: str | None = None
    source: str | None = None
    source_type: str | None = None
    source_id: str | None = None
    user: str | None = None

    @property
    def input_hash(self) -> str:
        """64 hexadecimal digits that tell inputs apart."""
        return hashlib.sha256(self.inputs.encode()).hexdigest()


class EvaluationRecord(Entity, frozen=True):
    """One record of a dataset, with what is known of its making."""

    dataset_record_id: str
    dataset_id: str
    content: RecordContent
    created_time: int
    last_update_time: int
    created_by: str | None = None
    last_updated_by: str | None = None


def canonical(value: object) -> str:
    """JSON with sorted keys and nothing but ASCII, the same for equal values."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def merged(old: RecordContent, new: RecordContent) -> RecordContent:
    """The content of a record after `new` was said of it.

    Expectations and tags are added to, key by key; outputs are replaced; the source stays the first one.
    """
    first = old if old.source is not None else new
    return RecordContent(
        inputs=old.inputs,
        outputs=old.outputs if new.outputs is None else new.outputs,
        expectations=_joined(old.expectations, new.expectations),
        tags=_joined(old.tags, new.tags),
        source=first.source,
        source_type=first.source_type,
        source_id=first.source_id,
        user=new.user or old.user,
    )


def digest_after(digest: str, *changes: str) -> str:
    """The digest of a dataset after changes: 8 hexadecimal digits."""
    told = hashlib.sha256(digest.encode())
    for change in changes:
        told.update(change.encode())
    return told.hexdigest()[:8]


def schema_after(schema: str | None, records: Iterable[RecordContent]) -> str:
    """The schema of a dataset, as JSON, once it also has `records`: the type of each key, as it was first seen."""
    known: dict[str, Any] = json.loads(schema) if schema else {"inputs": {}, "outputs": {}, "expectations": {}}
    for record in records:
        for part, text in (
            ("inputs", record.inputs),
            ("outputs", record.outputs),
            ("expectations", record.expectations),
        ):
            value = None if text is None else json.loads(text)
            if isinstance(value, Mapping) and isinstance(known[part], dict):
                for key, member in value.items():
                    known[part].setdefault(key, _type_name(member))
            elif value is not None and not known[part]:
                known[part] = _type_name(value)
    return json.dumps({**known, "version": SCHEMA_VERSION})


def profile_of(records: int) -> str:
    """What is told of the content of a dataset, as JSON."""
    return json.dumps({"num_records": records})


def _joined(old: str | None, new: str | None) -> str | None:
    if old is None or new is None:
        return new if old is None else old
    return canonical({**json.loads(old), **json.loads(new)})


def _type_name(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "float"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"
