"""Whether a search knows a field, and what the field can be compared with."""

from __future__ import annotations

import math
from collections.abc import Iterable

from mlkeep.core import limits
from mlkeep.core.entities import LoggedModelStatus
from mlkeep.core.errors import InvalidInput
from mlkeep.core.filters.ast import Comparison, Entity, Field, Op, Value
from mlkeep.core.filters.grammar import EntityRule, Grammar, KeyRule, ValueKind
from mlkeep.core.filters.lexer import clipped

LIST_OPS = frozenset({Op.IN, Op.NOT_IN})
PATTERN_OPS = frozenset({Op.LIKE, Op.ILIKE})

_LONG_STATUS_NAMES = {
    "LOGGED_MODEL_STATUS_UNSPECIFIED": LoggedModelStatus.UNSPECIFIED,
    "LOGGED_MODEL_PENDING": LoggedModelStatus.PENDING,
    "LOGGED_MODEL_READY": LoggedModelStatus.READY,
    "LOGGED_MODEL_UPLOAD_FAILED": LoggedModelStatus.FAILED,
}
_STATUS_NAMES = {
    **{spelling: status.name for spelling, status in _LONG_STATUS_NAMES.items()},
    **{status.name: status.name for status in LoggedModelStatus},
    **{str(status.number): status.name for status in LoggedModelStatus},
}


def known_field(parts: tuple[str, ...], grammar: Grammar) -> tuple[Field, KeyRule]:
    """The field written as `parts` (prefix and key, or an attribute's key alone), with its rule.

    Raises:
        InvalidInput: the search has no such prefix, or the entity no such key.
    """
    key = parts[-1]
    entity_rule = grammar.rule(Entity.ATTRIBUTE) if len(parts) == 1 else grammar.rule_for_prefix(parts[0])
    if entity_rule is None:
        raise unknown_entity(parts[0], grammar)
    if len(parts) == 1 and grammar.rule_for_prefix(key) is not None:
        raise InvalidInput(
            f"Invalid attribute key {key!r}: a dot and a key must follow it at once; a key beginning with digits "
            f"needs quotes, as in {key}.`5`."
        )
    canonical = entity_rule.aliases.get(key, key)
    return Field(entity_rule.entity, canonical), _key_rule(entity_rule, key)


def rule_of(field: Field, grammar: Grammar) -> KeyRule:
    """The rule of a field whose key is canonical.

    Raises:
        InvalidInput: the search has no such field.
    """
    entity_rule = grammar.rule(field.entity)
    if entity_rule is None:
        raise unknown_entity(field.entity.value, grammar)
    if field.key in entity_rule.aliases:
        raise unknown_key(entity_rule.entity, field.key, entity_rule.keys)
    return _key_rule(entity_rule, field.key)


def check_operator(op: Op, rule: KeyRule, shown: str) -> None:
    """Nothing, if the field written `shown` knows `op`.

    Raises:
        InvalidInput: it does not.
    """
    if op not in rule.ops:
        raise unknown_operator(op.value, rule, shown)


def check_null(rule: KeyRule, shown: str) -> None:
    """Nothing, if the field written `shown` may be asked for with IS NULL.

    Raises:
        InvalidInput: it may not.
    """
    if not rule.nullable:
        raise InvalidInput(
            f"Invalid comparator 'IS NULL' for {shown}: it can be compared with {operators(rule)}. IS NULL and "
            "IS NOT NULL are for tags, and for the params of runs."
        )


def check_comparison(comparison: Comparison, grammar: Grammar) -> KeyRule:
    """The rule `comparison` keeps.

    Raises:
        InvalidInput: the field, operator or value is none a parsed filter of this search can have.
    """
    field, op, value = comparison.field, comparison.op, comparison.value
    rule = rule_of(field, grammar)
    shown = clipped(repr(field.key))
    check_operator(op, rule, shown)
    if not _fits(value, op, rule.kind):
        raise InvalidInput(
            f"Invalid value {clipped(repr(value))} for {shown} with {op.value}: expected {rule.kind.value}."
        )
    return rule


def status_name(text: str, op: Op) -> str:
    """The status of a logged model written as a name or a number; patterns stay as they are.

    Raises:
        InvalidInput: no status is written so.
    """
    if op in PATTERN_OPS:
        return text
    if text not in _STATUS_NAMES:
        known = ", ".join(f"{status.name} ({status.number})" for status in LoggedModelStatus)
        raise InvalidInput(f"Invalid status {clipped(text)!r} of a logged model in filter string: use one of {known}.")
    return _STATUS_NAMES[text]


def fits_int64(number: int) -> bool:
    """Whether `number` can be a time or a version."""
    return limits.MIN_INT64 <= number <= limits.MAX_INT64


def operators(rule: KeyRule) -> str:
    """The operators of a rule, for people."""
    nullable = ["IS NULL", "IS NOT NULL"] if rule.nullable else []
    return ", ".join([op.value for op in rule.ops] + nullable)


def unknown_operator(found: str, rule: KeyRule, shown: str) -> InvalidInput:
    """The error for the operator `found` after the field written `shown`."""
    return InvalidInput(
        f"Invalid comparator '{clipped(found)}' for {shown} in filter string: it can be compared with {operators(rule)}."
    )


def unknown_entity(found: str, grammar: Grammar) -> InvalidInput:
    """The error for a prefix a search does not know."""
    return InvalidInput(
        f"Invalid entity type {clipped(found)!r} in a search for {grammar.subject}. Valid values are "
        f"{', '.join(grammar.prefixes)}; case counts."
    )


def unknown_key(entity: Entity, found: str, known: Iterable[str]) -> InvalidInput:
    """The error for a key an entity does not have."""
    return InvalidInput(f"Invalid {entity.value} key {clipped(found)!r} specified. Valid keys are {', '.join(known)}.")


def _key_rule(entity_rule: EntityRule, key: str) -> KeyRule:
    if entity_rule.any_key is not None:
        if not key:
            raise InvalidInput(
                f"Invalid {entity_rule.entity.value} key '' specified: a key has at least one character."
            )
        return entity_rule.any_key
    rule = entity_rule.keys.get(entity_rule.aliases.get(key, key))
    if rule is None:
        raise unknown_key(entity_rule.entity, key, [*entity_rule.keys, *entity_rule.aliases])
    return rule


def _fits(value: Value, op: Op, kind: ValueKind) -> bool:
    if op in LIST_OPS:
        return isinstance(value, tuple) and bool(value) and all(_fits(member, Op.EQ, kind) for member in value)
    if kind is ValueKind.TEXT:
        return isinstance(value, str)
    if kind is ValueKind.MODEL_STATUS:
        return isinstance(value, str) and (op in PATTERN_OPS or value in LoggedModelStatus.__members__)
    if kind is ValueKind.NUMBER and isinstance(value, float):
        return not math.isnan(value)
    return isinstance(value, int) and fits_int64(value)
