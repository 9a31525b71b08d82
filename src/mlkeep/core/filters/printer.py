"""From the meaning of a filter back to a text that means it."""

from __future__ import annotations

import math
from typing import assert_never

from mlkeep.core.errors import InvalidInput
from mlkeep.core.filters import check
from mlkeep.core.filters.ast import And, Comparison, Entity, Field, IsNull, Node, Not, Or, OrderTerm, Value
from mlkeep.core.filters.grammar import Grammar
from mlkeep.core.filters.lexer import clipped, is_bare_key, quoted

_KEY_QUOTES = "`\"'"
_VALUE_QUOTES = "'\""


def to_text(node: Node, grammar: Grammar) -> str:
    """A text that `parse` reads as `node`.

    Conjunctions inside conjunctions, which `parse` never makes, come back dissolved; so do disjunctions.

    Raises:
        InvalidInput: this search cannot ask that, or the language, which has no escapes, cannot write it: a key that
            contains all three quotes, a value that contains both.
    """
    match node:
        case Comparison():
            check.check_comparison(node, grammar)
            return f"{_field_text(node.field, grammar)} {node.op.value} {_value_text(node.value)}"
        case IsNull():
            check.check_null(check.rule_of(node.field, grammar), clipped(repr(node.field.key)))
            return f"{_field_text(node.field, grammar)} {'IS NOT NULL' if node.negated else 'IS NULL'}"
        case Not():
            return f"NOT {_operand(node.child, grammar)}"
        case And():
            return _joined(" AND ", node.children, grammar)
        case Or():
            return _joined(" OR ", node.children, grammar)
        case _:
            assert_never(node)


def order_text(term: OrderTerm, grammar: Grammar) -> str:
    """A text that `parse_order_by` reads as `term`, if this search can be sorted so.

    Raises:
        InvalidInput: the language cannot write the key.
    """
    return f"{_field_text(term.field, grammar)} {'DESC' if term.descending else 'ASC'}"


def _joined(word: str, children: tuple[Node, ...], grammar: Grammar) -> str:
    if not children:
        raise InvalidInput("The filter language cannot express an empty conjunction or disjunction.")
    return word.join(_operand(child, grammar) for child in children)


def _operand(node: Node, grammar: Grammar) -> str:
    text = to_text(node, grammar)
    return f"({text})" if isinstance(node, And | Or) else text


def _field_text(field: Field, grammar: Grammar) -> str:
    if field.entity is Entity.ATTRIBUTE:
        return field.key
    rule = grammar.rule(field.entity)
    if rule is None:
        raise check.unknown_entity(field.entity.value, grammar)
    return f"{rule.prefixes[0]}.{field.key if is_bare_key(field.key) else quoted(field.key, _KEY_QUOTES)}"


def _value_text(value: Value) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(quoted(member, _VALUE_QUOTES) for member in value)})"
    if isinstance(value, str):
        return quoted(value, _VALUE_QUOTES)
    if isinstance(value, float) and math.isinf(value):
        return "1e999" if value > 0 else "-1e999"
    return repr(value)
