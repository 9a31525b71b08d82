"""What each search can be asked: its prefixes, keys, operators and sort keys, as data."""

from __future__ import annotations

import enum
from collections.abc import Mapping

import msgspec

from mlkeep.core.filters.ast import Entity, Field, Op, OrderTerm

_EQUALITY = (Op.EQ, Op.NE)
_ORDERING = (Op.EQ, Op.NE, Op.LT, Op.LE, Op.GT, Op.GE)
_PATTERNS = (Op.EQ, Op.NE, Op.LIKE, Op.ILIKE)
_LISTS = (Op.IN, Op.NOT_IN)


class ValueKind(enum.Enum):
    """What a key is compared with."""

    TEXT = "text"
    NUMBER = "number"
    INTEGER = "integer"
    VERSION = "version"
    """An integer that may be quoted."""
    MODEL_STATUS = "status"
    """Name or number of a `LoggedModelStatus`; a parsed filter has the name."""


class KeyRule(msgspec.Struct, frozen=True):
    """How one key, or any key of an entity, can be compared."""

    kind: ValueKind
    ops: tuple[Op, ...]
    nullable: bool = False
    """Whether `IS NULL` and `IS NOT NULL` may be asked."""


class EntityRule(msgspec.Struct, frozen=True, eq=False):
    """The keys of one entity: either any key under one rule, or the `keys` listed."""

    entity: Entity
    prefixes: tuple[str, ...]
    """What may stand before the dot; the first is how mlkeep writes it."""
    any_key: KeyRule | None = None
    keys: Mapping[str, KeyRule] = {}
    aliases: Mapping[str, str] = {}


class OrderRule(msgspec.Struct, frozen=True, eq=False):
    """What a search can be sorted by."""

    keys: tuple[str, ...]
    """Attributes, by canonical key."""
    default: tuple[OrderTerm, ...]
    """The order when nothing is asked for."""
    tie_break: tuple[OrderTerm, ...]
    """What decides between equals when something is asked for."""
    aliases: Mapping[str, str] = {}
    entities: tuple[Entity, ...] = ()
    """Entities that can be sorted by under any key."""
    has_prefix: bool = True
    """Whether attributes may be written with their prefix."""


class Grammar(msgspec.Struct, frozen=True, eq=False):
    """The language of one search."""

    subject: str
    entities: tuple[EntityRule, ...]
    order: OrderRule
    has_bare_values: bool = False
    """Whether text may be compared with an unquoted word or number."""

    def rule(self, entity: Entity) -> EntityRule | None:
        """The rule of `entity`, None if this search knows no such thing."""
        return next((rule for rule in self.entities if rule.entity is entity), None)

    def rule_for_prefix(self, prefix: str) -> EntityRule | None:
        """The rule of the entity written `prefix`, None if there is none; case counts."""
        return next((rule for rule in self.entities if prefix in rule.prefixes), None)

    @property
    def prefixes(self) -> tuple[str, ...]:
        """All prefixes this search knows."""
        return tuple(prefix for rule in self.entities for prefix in rule.prefixes)


_TEXT = KeyRule(ValueKind.TEXT, _PATTERNS)
_TEXT_OR_LIST = KeyRule(ValueKind.TEXT, _PATTERNS + _LISTS)
_NULLABLE_TEXT = KeyRule(ValueKind.TEXT, _PATTERNS, nullable=True)
_NUMBER = KeyRule(ValueKind.NUMBER, _ORDERING)
_INTEGER = KeyRule(ValueKind.INTEGER, _ORDERING)


def _by(key: str, *, descending: bool = False) -> OrderTerm:
    return OrderTerm(Field(Entity.ATTRIBUTE, key), descending)


# MLflow answers IS NULL on the tags of registered models and versions with an internal error; here it works.
_TAGS = EntityRule(Entity.TAG, ("tags", "tag"), any_key=_NULLABLE_TEXT)

RUNS = Grammar(
    subject="runs",
    entities=(
        EntityRule(Entity.METRIC, ("metrics", "metric"), any_key=_NUMBER),
        EntityRule(Entity.PARAM, ("params", "param", "parameters", "parameter"), any_key=_NULLABLE_TEXT),
        _TAGS,
        EntityRule(
            Entity.ATTRIBUTE,
            ("attributes", "attribute", "attr", "run"),
            keys={
                "run_id": _TEXT_OR_LIST,
                "run_name": _TEXT,
                "status": _TEXT,
                "artifact_uri": _TEXT,
                "user_id": _TEXT,
                "start_time": _NUMBER,
                "end_time": _NUMBER,
                "artifact_bytes": _NUMBER,
            },
            aliases={
                "run name": "run_name",
                "Run name": "run_name",
                "Run Name": "run_name",
                "created": "start_time",
                "Created": "start_time",
            },
        ),
        EntityRule(
            Entity.DATASET,
            ("datasets", "dataset"),
            keys={"name": _TEXT_OR_LIST, "digest": _TEXT_OR_LIST, "context": _TEXT_OR_LIST},
        ),
    ),
    order=OrderRule(
        keys=("start_time", "end_time", "status", "run_id", "run_name", "user_id", "artifact_uri", "artifact_bytes"),
        aliases={"created": "start_time", "Created": "start_time"},
        entities=(Entity.METRIC, Entity.PARAM, Entity.TAG),
        default=(_by("start_time", descending=True), _by("run_id")),
        tie_break=(_by("start_time", descending=True), _by("run_id")),
    ),
)

EXPERIMENTS = Grammar(
    subject="experiments",
    entities=(
        EntityRule(
            Entity.ATTRIBUTE,
            ("attribute",),
            keys={
                "name": _TEXT,
                "experiment_id": KeyRule(ValueKind.TEXT, _EQUALITY + _LISTS),
                "creation_time": _INTEGER,
                "last_update_time": _INTEGER,
                "artifact_bytes": _NUMBER,
            },
        ),
        _TAGS,
    ),
    order=OrderRule(
        keys=("name", "experiment_id", "creation_time", "last_update_time", "artifact_bytes"),
        default=(_by("creation_time", descending=True), _by("experiment_id")),
        tie_break=(_by("experiment_id", descending=True),),
    ),
)

REGISTERED_MODELS = Grammar(
    subject="registered models",
    entities=(EntityRule(Entity.ATTRIBUTE, ("attribute",), keys={"name": _TEXT_OR_LIST}), _TAGS),
    order=OrderRule(
        keys=("name", "last_updated_timestamp"),
        aliases={"timestamp": "last_updated_timestamp"},
        default=(_by("name"),),
        tie_break=(_by("name"),),
        has_prefix=False,
    ),
)

MODEL_VERSIONS = Grammar(
    subject="model versions",
    entities=(
        EntityRule(
            Entity.ATTRIBUTE,
            ("attribute",),
            keys={
                "name": _TEXT_OR_LIST,
                "run_id": _TEXT_OR_LIST,
                "source_path": _TEXT,
                "version_number": KeyRule(ValueKind.VERSION, _ORDERING),
                "artifact_bytes": _NUMBER,
            },
        ),
        _TAGS,
    ),
    order=OrderRule(
        keys=("name", "version_number", "creation_timestamp", "last_updated_timestamp", "artifact_bytes"),
        default=(_by("last_updated_timestamp", descending=True), _by("name"), _by("version_number", descending=True)),
        tie_break=(_by("name"), _by("version_number", descending=True)),
    ),
)

_LOGGED_MODEL_TIMES = {
    "creation_timestamp_ms": "creation_timestamp",
    "creation_time": "creation_timestamp",
    "last_updated_timestamp_ms": "last_updated_timestamp",
}

LOGGED_MODELS = Grammar(
    subject="logged models",
    entities=(
        EntityRule(
            Entity.ATTRIBUTE,
            ("attributes",),
            keys={
                "name": _TEXT_OR_LIST,
                "model_id": _TEXT_OR_LIST,
                "model_type": _TEXT_OR_LIST,
                "status": KeyRule(ValueKind.MODEL_STATUS, _PATTERNS + _LISTS),
                "status_message": _TEXT_OR_LIST,
                "source_run_id": _TEXT_OR_LIST,
                "experiment_id": _TEXT_OR_LIST,
                "lifecycle_stage": _TEXT_OR_LIST,
                "artifact_location": _TEXT_OR_LIST,
                "creation_timestamp": _NUMBER,
                "last_updated_timestamp": _NUMBER,
                "artifact_bytes": _NUMBER,
            },
            aliases=_LOGGED_MODEL_TIMES,
        ),
        EntityRule(Entity.PARAM, ("params",), any_key=_TEXT_OR_LIST),
        EntityRule(Entity.TAG, ("tags",), any_key=_TEXT_OR_LIST),
        EntityRule(Entity.METRIC, ("metrics",), any_key=_NUMBER),
    ),
    order=OrderRule(
        keys=(
            "name",
            "creation_timestamp",
            "last_updated_timestamp",
            "model_id",
            "model_type",
            "status",
            "status_message",
            "source_run_id",
            "experiment_id",
            "lifecycle_stage",
            "artifact_location",
            "artifact_bytes",
        ),
        aliases=_LOGGED_MODEL_TIMES,
        entities=(Entity.METRIC,),
        default=(_by("creation_timestamp", descending=True), _by("model_id")),
        tie_break=(_by("model_id"),),
        has_prefix=False,
    ),
    has_bare_values=True,
)

EVALUATION_DATASETS = Grammar(
    subject="evaluation datasets",
    entities=(
        EntityRule(
            Entity.ATTRIBUTE,
            (),
            keys={
                "name": KeyRule(ValueKind.TEXT, (*_PATTERNS, Op.IN)),
                "created_by": _TEXT,
                "last_updated_by": _TEXT,
                "created_time": _INTEGER,
                "last_update_time": _INTEGER,
            },
        ),
        EntityRule(Entity.TAG, ("tags",), any_key=_TEXT),
    ),
    order=OrderRule(
        keys=("name", "created_time", "last_update_time"),
        default=(_by("created_time", descending=True), _by("dataset_id", descending=True)),
        tie_break=(_by("dataset_id", descending=True),),
        has_prefix=False,
    ),
)
