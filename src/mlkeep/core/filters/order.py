"""How results are sorted: from `order_by` to sort keys."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mlkeep.core.errors import InvalidInput
from mlkeep.core.filters import check
from mlkeep.core.filters.ast import Entity, Field, OnDataset, OrderTerm
from mlkeep.core.filters.grammar import LOGGED_MODELS, Grammar
from mlkeep.core.filters.lexer import REFUSAL, Token, TokenKind, clipped, tokens

MAX_ORDER_TERMS = 50
"""Sort keys of one search; each may cost the database a join, and SQLite joins at most 64 tables."""

_METRIC_PREFIX = "metrics."


def parse_order_by(items: Sequence[str], grammar: Grammar) -> tuple[OrderTerm, ...]:
    """The sort keys written in `items`, each an identifier and perhaps ASC or DESC (any case), the first weighing most.

    A key asked for again adds nothing and is dropped. Tie-breaks are not added: see `complete_order`.

    Raises:
        InvalidInput: not a list of sort keys of this search.
    """
    if isinstance(items, str):
        raise InvalidInput(f"Invalid order_by {clipped(items)!r}: give a list of strings, as in ['metrics.loss DESC'].")
    _check_count(items)
    return _distinct(_term(item, grammar) for item in items)


def logged_model_order(field_name: str, ascending: bool = True, dataset: OnDataset | None = None) -> OrderTerm:
    """The sort key of an `order_by` object in a search for logged models.

    `field_name` is `metrics.` and a key as it is, any characters, or an attribute's name without prefix. `dataset` says
    of a metric what it was measured on; for an attribute it means nothing.

    Raises:
        InvalidInput: logged models cannot be sorted by that.
    """
    if field_name.startswith(_METRIC_PREFIX):
        key = field_name.removeprefix(_METRIC_PREFIX)
        if len(key) > 1 and key[0] == key[-1] == "`":
            key = key[1:-1]
        if not key:
            raise InvalidInput(f"Invalid order by field name {clipped(field_name)!r}: the metric's key is missing.")
        return OrderTerm(Field(Entity.METRIC, key), not ascending, dataset)
    order = LOGGED_MODELS.order
    canonical = order.aliases.get(field_name, field_name)
    if canonical not in order.keys:
        raise InvalidInput(
            f"Invalid order by field name {clipped(field_name)!r}: logged models are sorted by metrics.<key> or one of "
            f"{', '.join([*order.keys, *order.aliases])}."
        )
    return OrderTerm(Field(Entity.ATTRIBUTE, canonical), not ascending)


def complete_order(terms: Sequence[OrderTerm], grammar: Grammar) -> tuple[OrderTerm, ...]:
    """`terms` with what decides between equals after them; the default order if there are none.

    No field comes twice, and the result is total: it ends with keys that together are unique.

    Raises:
        InvalidInput: too many sort keys.
    """
    _check_count(terms)
    if not terms:
        return grammar.order.default
    return _distinct([*terms, *grammar.order.tie_break])


def _check_count(items: Sequence[object]) -> None:
    if len(items) > MAX_ORDER_TERMS:
        raise InvalidInput(f"Invalid order_by with {len(items)} clauses: at most {MAX_ORDER_TERMS} are allowed.")


def _distinct(terms: Iterable[OrderTerm]) -> tuple[OrderTerm, ...]:
    kept: dict[tuple[Field, OnDataset | None], OrderTerm] = {}
    for term in terms:
        kept.setdefault((term.field, term.dataset), term)
    return tuple(kept.values())


def _term(item: str, grammar: Grammar) -> OrderTerm:
    try:
        found = tokens(item)
    except InvalidInput as err:
        raise _unreadable(item, err.message.removeprefix(REFUSAL)) from err
    name = found[0]
    directions = [token.word for token in found[1:-1]]
    if not _is_identifier(name) or len(directions) > 1:
        raise _unreadable(item, "expected a key, and perhaps ASC or DESC.")
    if directions and directions[0] not in {"ASC", "DESC"}:
        raise InvalidInput(
            f"Invalid ordering key in order_by clause {clipped(item)!r}: {clipped(found[1].text)!r} is neither ASC nor DESC. A key with "
            "blanks, or beginning with digits, needs quotes, as in metrics.`a key`."
        )
    return OrderTerm(_field(name.parts, grammar), directions == ["DESC"])


def _is_identifier(token: Token) -> bool:
    return token.kind is TokenKind.NAME or token.text.startswith('"')


def _field(parts: tuple[str, ...], grammar: Grammar) -> Field:
    order = grammar.order
    entity, key = Entity.ATTRIBUTE, parts[-1]
    if len(parts) == 2:
        entity_rule = grammar.rule_for_prefix(parts[0])
        if entity_rule is None:
            raise check.unknown_entity(parts[0], grammar)
        entity = entity_rule.entity
        if entity in order.entities:
            return check.known_field(parts, grammar)[0]
        if entity is not Entity.ATTRIBUTE or not order.has_prefix:
            allowed = ", ".join(order.keys)
            raise InvalidInput(
                f"Invalid order_by entity {clipped(parts[0])!r}: {grammar.subject} cannot be sorted by it; use one of {allowed}."
            )
    canonical = order.aliases.get(key, key)
    if canonical not in order.keys:
        raise check.unknown_key(entity, key, [*order.keys, *order.aliases])
    return Field(entity, canonical)


def _unreadable(item: str, reason: str) -> InvalidInput:
    return InvalidInput(f"Invalid order_by clause {clipped(item)!r}. Could not be parsed: {reason}")
