"""What one row of the endpoint table says."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable
from typing import Any

import msgspec

from mlkeep.wire.message import Message, Request


class Permission(enum.Enum):
    """What a caller must be allowed to do, as `resource:action`."""

    EXPERIMENT_CREATE = "experiment:create"
    EXPERIMENT_READ = "experiment:read"
    EXPERIMENT_WRITE = "experiment:write"
    EXPERIMENT_DELETE = "experiment:delete"
    EXPERIMENT_SEARCH = "experiment:search"
    RUN_READ = "run:read"
    RUN_WRITE = "run:write"
    RUN_DELETE = "run:delete"
    RUN_SEARCH = "run:search"
    ARTIFACT_READ = "artifact:read"
    ARTIFACT_WRITE = "artifact:write"
    ARTIFACT_DELETE = "artifact:delete"
    MODEL_CREATE = "model:create"
    MODEL_READ = "model:read"
    MODEL_WRITE = "model:write"
    MODEL_DELETE = "model:delete"
    MODEL_SEARCH = "model:search"
    DATASET_CREATE = "dataset:create"
    DATASET_READ = "dataset:read"
    DATASET_WRITE = "dataset:write"
    DATASET_DELETE = "dataset:delete"
    DATASET_SEARCH = "dataset:search"
    SERVER_READ = "server:read"


class AuditTag(enum.Enum):
    """What is written into the event of a change, as `resource:action`."""

    EXPERIMENT_CREATED = "experiment:created"
    EXPERIMENT_UPDATED = "experiment:updated"
    EXPERIMENT_DELETED = "experiment:deleted"
    EXPERIMENT_RESTORED = "experiment:restored"
    EXPERIMENT_TAG_SET = "experiment:tag-set"
    EXPERIMENT_TAG_DELETED = "experiment:tag-deleted"
    RUN_CREATED = "run:created"
    RUN_DELETED = "run:deleted"
    RUN_RESTORED = "run:restored"
    RUN_LOST = "run:lost"
    RUN_RETURNED = "run:returned"
    MODEL_CREATED = "model:created"
    MODEL_UPDATED = "model:updated"
    MODEL_RENAMED = "model:renamed"
    MODEL_DELETED = "model:deleted"
    MODEL_TAG_SET = "model:tag-set"
    MODEL_TAG_DELETED = "model:tag-deleted"
    ALIAS_SET = "model:alias-set"
    ALIAS_DELETED = "model:alias-deleted"
    VERSION_CREATED = "version:created"
    VERSION_UPDATED = "version:updated"
    VERSION_DELETED = "version:deleted"
    VERSION_STAGE_CHANGED = "version:stage-changed"
    VERSION_TAG_SET = "version:tag-set"
    VERSION_TAG_DELETED = "version:tag-deleted"
    LOGGED_MODEL_CREATED = "logged-model:created"
    LOGGED_MODEL_DELETED = "logged-model:deleted"
    DATASET_CREATED = "dataset:created"
    DATASET_DELETED = "dataset:deleted"
    DATASET_TAG_SET = "dataset:tag-set"
    DATASET_TAG_DELETED = "dataset:tag-deleted"
    DATASET_RECORDS_PUT = "dataset:records-put"
    DATASET_RECORDS_DELETED = "dataset:records-deleted"
    DATASET_EXPERIMENTS_ADDED = "dataset:experiments-added"
    DATASET_EXPERIMENTS_REMOVED = "dataset:experiments-removed"


ROOTS = ("api", "ajax-api")
AJAX_ONLY = ("ajax-api",)
"""What the paths of MLflow's user interface alone begin with."""


OWN = "mlkeep/1"
"""The `version` of what only mlkeep has."""


class Endpoint(msgspec.Struct, frozen=True):
    """One row. `path` lies below `mlflow/`, or below `mlkeep/1/`; parts in braces are fields of the request.

    `methods` are the verbs the server takes; a client uses the first. `permission` has no default: a row that does not
    say who may call it cannot be written. `audit` is None for what changes nothing that is governed. `roots` are what its paths
    may begin with; a client uses the first. `columns` is what is taken as `application/msgpack` in the place of `request`;
    `packed`, where there is one, writes the answer for who would rather have msgpack than JSON.
    """

    methods: tuple[str, ...]
    path: str
    request: type[Request]
    response: type[Message]
    permission: Permission
    audit: AuditTag | None
    version: str = "2.0"
    roots: tuple[str, ...] = ROOTS
    packed: Callable[[Any], bytes] | None = None
    columns: type[Request] | None = None

    @property
    def paths(self) -> tuple[str, ...]:
        """Every path the server answers on."""
        space = self.version if self.version == OWN else f"{self.version}/mlflow"
        return tuple(f"/{root}/{space}/{self.path}" for root in self.roots)

    @property
    def path_fields(self) -> tuple[str, ...]:
        """The fields of the request that are parts of the path."""
        return tuple(re.findall(r"\{(\w+)\}", self.path))
