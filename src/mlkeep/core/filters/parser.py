"""From the text of a filter to its meaning.

    filter      := [ disjunction ]
    disjunction := conjunction { OR conjunction }
    conjunction := negation { AND negation }
    negation    := NOT negation | "(" disjunction ")" | clause
    clause      := identifier operator value | identifier IS [ NOT ] NULL

Keywords in any case. MLflow knows only AND; OR, NOT and parentheses are ours. Like MLflow, we overlook an AND too many
at the start, the end, or next to another.
"""

from __future__ import annotations

from mlkeep.core.errors import InvalidInput
from mlkeep.core.filters import check, literals
from mlkeep.core.filters.ast import Comparison, Field, IsNull, Node, Not, Op, Value, all_of, any_of
from mlkeep.core.filters.grammar import Grammar, KeyRule
from mlkeep.core.filters.lexer import Token, TokenKind, clipped, refusal, tokens

MAX_DEPTH = 30
"""Parentheses and NOTs around a clause. Databases and the compilers of queries recurse; this keeps them from the edge."""

MAX_CLAUSES = 500
"""Clauses of one filter: SQLite takes chains of at most 1000 expressions."""

MAX_LIST_MEMBERS = 30_000
"""Members of all lists in one filter: SQLite and PostgreSQL bind at most 32 766 values."""

_WORD_OPS = {"LIKE": Op.LIKE, "ILIKE": Op.ILIKE, "IN": Op.IN}
_SIGN_OPS = {op.value: op for op in (Op.EQ, Op.NE, Op.LT, Op.LE, Op.GT, Op.GE)}


def parse(text: str | None, grammar: Grammar) -> Node | None:
    """The meaning of `text` in a search with `grammar`; None for a missing or blank text, which means no filter.

    Raises:
        InvalidInput: `text` is no filter of this search; the message says where, why and what is possible.
    """
    if text is None or not text.strip():
        return None
    return _Parser(tokens(text), grammar).filter()


class _Parser:
    """One pass over the tokens, by recursive descent."""

    def __init__(self, found: list[Token], grammar: Grammar) -> None:
        self._tokens = found
        self._grammar = grammar
        self._next = 0
        self._depth = 0
        self._clauses = 0
        self._members = 0

    def filter(self) -> Node:
        self._skip_ands()
        node = self._disjunction()
        if self._peek().kind is not TokenKind.END:
            raise self._unexpected("expected AND or OR, or the end; one comparison after another needs an AND")
        return node

    def _disjunction(self) -> Node:
        children = [self._conjunction()]
        while self._accept_word("OR"):
            children.append(self._conjunction())
        return any_of(children)

    def _conjunction(self) -> Node:
        children = [self._negation()]
        while self._accept_word("AND"):
            self._skip_ands()
            if self._peek().kind is TokenKind.END:
                break
            children.append(self._negation())
        return all_of(children)

    def _negation(self) -> Node:
        token = self._peek()
        if token.word != "NOT" and token.kind is not TokenKind.OPEN:
            return self._clause()
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._unexpected(f"parentheses and NOTs are nested more than {MAX_DEPTH} deep")
        self._take()
        node: Node
        if token.word == "NOT":
            node = Not(self._negation())
        else:
            node = self._disjunction()
            if self._peek().kind is not TokenKind.CLOSE:
                raise self._unexpected(f"expected ')' for the '(' at character {token.position}")
            self._take()
        self._depth -= 1
        return node

    def _clause(self) -> Node:
        self._clauses += 1
        if self._clauses > MAX_CLAUSES:
            raise self._unexpected(f"a filter has at most {MAX_CLAUSES} comparisons")
        field, rule, shown = self._field()
        if self._accept_word("IS"):
            negated = self._accept_word("NOT")
            if not self._accept_word("NULL"):
                raise self._unexpected(f"expected NULL or NOT NULL after '{shown} IS'")
            check.check_null(rule, shown)
            return IsNull(field, negated)
        op = self._operator(rule, shown)
        value: Value
        if op in check.LIST_OPS:
            value = self._list(op, rule, shown)
        else:
            takes_bare = self._grammar.has_bare_values
            value = literals.read_value(self._peek(), op, rule, shown, takes_bare=takes_bare)
            self._take()
        return Comparison(field, op, value)

    def _field(self) -> tuple[Field, KeyRule, str]:
        token = self._peek()
        is_name = token.kind is TokenKind.NAME and token.word not in literals.KEYWORDS
        # Double quotes hold a key as well as a value, so only the place tells which; single quotes hold values.
        if not is_name and not token.text.startswith('"'):
            raise self._unexpected(
                "expected 'Identifier', as in metrics.loss or start_time, to the left of a comparison operator"
            )
        self._take()
        field, rule = check.known_field(token.parts, self._grammar)
        return field, rule, clipped(token.text)

    def _operator(self, rule: KeyRule, shown: str) -> Op:
        token = self._peek()
        words = token.word
        op: Op | None = None
        if token.kind is TokenKind.OPERATOR:
            op = _SIGN_OPS.get(token.text)
            words = token.text
        elif words == "NOT":
            self._take()
            words = f"NOT {self._peek().word}"
            op = Op.NOT_IN if words == Op.NOT_IN.value else None
        elif words in _WORD_OPS:
            op = _WORD_OPS[words]
        else:
            raise self._unexpected(
                f"expected a comparison after {shown}, with one of {check.operators(rule)}; a key with blanks, or "
                "beginning with digits, needs quotes, as in metrics.`a key`"
            )
        if op is None:
            raise check.unknown_operator(words, rule, shown)
        check.check_operator(op, rule, shown)
        self._take()
        return op

    def _list(self, op: Op, rule: KeyRule, shown: str) -> tuple[str, ...]:
        if self._peek().kind is not TokenKind.OPEN:
            raise self._unexpected(f"{op.value} needs a list in parentheses, as in {shown} {op.value} ('a', 'b')")
        self._take()
        if self._peek().kind is TokenKind.CLOSE:
            raise InvalidInput(
                f"Expected a non-empty list of quoted values for {shown} {op.value}; found an empty list at character "
                f"{self._peek().position}."
            )
        members: list[str] = []
        # A comma may follow the last member: Python writes tuples of one so, and scripts paste them in.
        while self._peek().kind is not TokenKind.CLOSE:
            members.append(literals.read_member(self._peek(), op, rule, shown))
            self._take()
            if self._peek().kind is TokenKind.COMMA:
                self._take()
            elif self._peek().kind is not TokenKind.CLOSE:
                raise self._unexpected("expected ',' or ')' in a list")
        self._take()
        self._members += len(members)
        if self._members > MAX_LIST_MEMBERS:
            raise InvalidInput(f"The lists in a filter string have at most {MAX_LIST_MEMBERS} members in all.")
        return tuple(members)

    def _peek(self) -> Token:
        return self._tokens[self._next]

    def _take(self) -> None:
        self._next += 1

    def _accept_word(self, word: str) -> bool:
        if self._peek().word != word:
            return False
        self._take()
        return True

    def _skip_ands(self) -> None:
        while self._accept_word("AND"):
            pass

    def _unexpected(self, reason: str) -> InvalidInput:
        token = self._peek()
        return refusal(token.text, token.position, reason)
