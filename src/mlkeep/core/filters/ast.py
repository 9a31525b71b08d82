"""What a filter says, apart from how it was written.

Keys are canonical (`start_time`, never its alias `created`), values unquoted. All nodes are frozen and hashable.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import TypeAlias

import msgspec


class Entity(enum.Enum):
    """The kinds of things a clause can look at."""

    METRIC = "metric"
    PARAM = "parameter"
    TAG = "tag"
    ATTRIBUTE = "attribute"
    DATASET = "dataset"


class Op(enum.Enum):
    """Comparison operators; the values are their spelling."""

    EQ = "="
    NE = "!="
    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="
    LIKE = "LIKE"
    ILIKE = "ILIKE"
    IN = "IN"
    NOT_IN = "NOT IN"


class Field(msgspec.Struct, frozen=True):
    """One searchable thing, such as the metric `loss` or the attribute `start_time`."""

    entity: Entity
    key: str


Value: TypeAlias = str | int | float | tuple[str, ...]
"""What a field is compared with: a tuple for `IN` and `NOT IN`, a number for numeric fields, else text."""


class Comparison(msgspec.Struct, frozen=True):
    """True if the subject has the field and its value compares so; false for a subject without the field.

    `LIKE` knows `%` (any run of characters) and `_` (one character), has no escape, and minds case; `ILIKE` does not.
    NaN satisfies only `!=`. A dataset clause is satisfied by any one dataset of the run, each clause by itself.
    """

    field: Field
    op: Op
    value: Value


class IsNull(msgspec.Struct, frozen=True):
    """True if the subject lacks the field (`IS NULL`) or, when `negated`, if it has it (`IS NOT NULL`)."""

    field: Field
    negated: bool = False


class And(msgspec.Struct, frozen=True):
    """True if all children are. As parsed: two or more children, none of them an `And`."""

    children: tuple[Node, ...]


class Or(msgspec.Struct, frozen=True):
    """True if any child is. As parsed: two or more children, none of them an `Or`."""

    children: tuple[Node, ...]


class Not(msgspec.Struct, frozen=True):
    """True if the child is false, so `NOT params.a = 'x'` also matches what has no param `a`."""

    child: Node


Node: TypeAlias = Comparison | IsNull | And | Or | Not


class OnDataset(msgspec.Struct, frozen=True):
    """A dataset that metrics of logged models were measured on. Without a name, or a digest, any one fits."""

    name: str = ""
    digest: str = ""


class OrderTerm(msgspec.Struct, frozen=True):
    """One sort key. Subjects without the field come last in both directions, NaN just before them.

    With a `dataset`, a metric counts only as measured on it; for logged models.
    """

    field: Field
    descending: bool = False
    dataset: OnDataset | None = None


def all_of(nodes: Iterable[Node]) -> Node:
    """The conjunction of one or more `nodes`, conjunctions among them dissolved; a single node as it is."""
    flat: list[Node] = []
    for node in nodes:
        flat.extend(node.children if isinstance(node, And) else (node,))
    return flat[0] if len(flat) == 1 else And(tuple(flat))


def any_of(nodes: Iterable[Node]) -> Node:
    """The disjunction of one or more `nodes`, disjunctions among them dissolved; a single node as it is."""
    flat: list[Node] = []
    for node in nodes:
        flat.extend(node.children if isinstance(node, Or) else (node,))
    return flat[0] if len(flat) == 1 else Or(tuple(flat))
