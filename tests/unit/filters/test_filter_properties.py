"""What holds for any filter: text and meaning go back and forth, and nothing but InvalidInput comes of nonsense."""

from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlkeep.core import limits
from mlkeep.core.entities import LoggedModelStatus, Run
from mlkeep.core.errors import InvalidInput
from mlkeep.core.filters import (
    EXPERIMENTS,
    LOGGED_MODELS,
    MODEL_VERSIONS,
    REGISTERED_MODELS,
    RUNS,
    And,
    Comparison,
    Entity,
    Field,
    Grammar,
    IsNull,
    Node,
    Not,
    Op,
    Or,
    OrderTerm,
    all_of,
    any_of,
    logged_model_order,
    order_text,
    parse,
    parse_order_by,
    to_text,
)
from mlkeep.core.filters.check import LIST_OPS, PATTERN_OPS
from mlkeep.core.filters.grammar import KeyRule, ValueKind
from mlkeep.testing.filter_oracle import matches, ordered

GRAMMARS = {
    grammar.subject: grammar for grammar in (RUNS, EXPERIMENTS, REGISTERED_MODELS, MODEL_VERSIONS, LOGGED_MODELS)
}
each_grammar = pytest.mark.parametrize("grammar", GRAMMARS.values(), ids=GRAMMARS.keys())

quick = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])

storable = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
odd_text = st.text(storable | st.sampled_from("`'\"%_\\.-/: ()=<>,;#"), max_size=12)
values = odd_text.filter(lambda text: not {"'", '"'} <= set(text))
keys = odd_text.filter(lambda text: text != "" and not {"'", '"', "`"} <= set(text))
integers = st.integers(limits.MIN_INT64, limits.MAX_INT64)
PIECES = (
    "AND OR NOT IS NULL IN LIKE ilike ( ) , = != < <= > >= == . ' \" ` - -- ; 1 -2.5e3 1. .5 'a' \"b\" ('a','b') () "
    "metrics.loss params.`a b` tags.'c' tag.\"d\" start_time run_id name status foo foo.x datasets.name version_number "
    "attribute.name creation_time ASC desc \0 é ² ٣"
)
words = st.sampled_from(PIECES.split(" "))


def scalars(rule: KeyRule, op: Op) -> st.SearchStrategy[str] | st.SearchStrategy[int | float]:
    match rule.kind:
        case ValueKind.MODEL_STATUS if op not in PATTERN_OPS:
            return st.sampled_from([status.name for status in LoggedModelStatus])
        case ValueKind.TEXT | ValueKind.MODEL_STATUS:
            return values
        case ValueKind.NUMBER:
            return integers | st.floats(allow_nan=False)
        case ValueKind.INTEGER | ValueKind.VERSION:
            return integers


@st.composite
def clauses(draw: st.DrawFn, grammar: Grammar) -> Node:
    entity_rule = draw(st.sampled_from(grammar.entities))
    if entity_rule.any_key is not None:
        key, rule = draw(keys), entity_rule.any_key
    else:
        key, rule = draw(st.sampled_from(list(entity_rule.keys.items())))
    field = Field(entity_rule.entity, key)
    if rule.nullable and draw(st.booleans()):
        return IsNull(field, draw(st.booleans()))
    op = draw(st.sampled_from(rule.ops))
    if op in LIST_OPS:
        members = (
            st.sampled_from(list(LoggedModelStatus.__members__)) if rule.kind is ValueKind.MODEL_STATUS else values
        )
        return Comparison(field, op, tuple(draw(st.lists(members, min_size=1, max_size=4))))
    return Comparison(field, op, draw(scalars(rule, op)))


def nodes(grammar: Grammar) -> st.SearchStrategy[Node]:
    def compound(children: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
        several = st.lists(children, min_size=2, max_size=3)
        return several.map(all_of) | several.map(any_of) | children.map(Not)

    return st.recursive(clauses(grammar), compound, max_leaves=8)


@each_grammar
@quick
@given(data=st.data())
def test_a_filter_survives_being_written_and_read(grammar: Grammar, data: st.DataObject) -> None:
    node = data.draw(nodes(grammar))
    assert parse(to_text(node, grammar), grammar) == node


@quick
@given(entity=st.sampled_from([Entity.METRIC, Entity.PARAM, Entity.TAG]), key=keys, descending=st.booleans())
def test_a_sort_key_survives_being_written_and_read(entity: Entity, key: str, descending: bool) -> None:
    term = OrderTerm(Field(entity, key), descending)
    assert parse_order_by([order_text(term, RUNS)], RUNS) == (term,)


@each_grammar
@quick
@given(text=st.text() | st.lists(words, max_size=12).map(" ".join) | st.lists(words, max_size=12).map("".join))
def test_any_text_is_read_or_refused(grammar: Grammar, text: str) -> None:
    for read in (
        lambda: parse(text, grammar),
        lambda: parse_order_by([text], grammar),
        lambda: logged_model_order(text),
    ):
        with contextlib.suppress(InvalidInput):
            read()


@quick
@given(data=st.data())
def test_a_filter_and_its_negation_share_the_runs_out(six_runs: list[Run], data: st.DataObject) -> None:
    node = data.draw(nodes(RUNS))
    assert [matches(node, run) for run in six_runs] == [not matches(Not(node), run) for run in six_runs]


@quick
@given(data=st.data())
def test_the_order_of_runs_does_not_depend_on_how_they_came(six_runs: list[Run], data: st.DataObject) -> None:
    items = data.draw(st.lists(st.sampled_from(["metrics.loss", "params.lr DESC", "tags.team", "end_time DESC"])))
    shuffled = data.draw(st.permutations(six_runs))
    terms = parse_order_by(items, RUNS)
    assert [run.info.run_id for run in ordered(shuffled, terms)] == [
        run.info.run_id for run in ordered(six_runs, terms)
    ]


@pytest.mark.parametrize(
    "node",
    [
        Comparison(Field(Entity.PARAM, "a"), Op.EQ, "both ' and \""),
        Comparison(Field(Entity.PARAM, "all of `'\""), Op.EQ, "x"),
        Comparison(Field(Entity.PARAM, "a"), Op.EQ, "\0"),
        Comparison(Field(Entity.PARAM, ""), Op.EQ, "x"),
        Comparison(Field(Entity.PARAM, "a"), Op.EQ, 1),
        Comparison(Field(Entity.PARAM, "a"), Op.GT, "x"),
        Comparison(Field(Entity.METRIC, "a"), Op.EQ, "x"),
        Comparison(Field(Entity.METRIC, "a"), Op.EQ, float("nan")),
        Comparison(Field(Entity.METRIC, "a"), Op.EQ, 2**63),
        Comparison(Field(Entity.ATTRIBUTE, "run_id"), Op.IN, ()),
        Comparison(Field(Entity.ATTRIBUTE, "run_id"), Op.IN, "x"),
        Comparison(Field(Entity.ATTRIBUTE, "created"), Op.EQ, 1),
        Comparison(Field(Entity.ATTRIBUTE, "foo"), Op.EQ, "x"),
        IsNull(Field(Entity.METRIC, "a")),
        And(()),
    ],
)
def test_what_the_language_cannot_say_is_not_written(node: Node) -> None:
    with pytest.raises(InvalidInput):
        to_text(node, RUNS)


def test_what_another_search_knows_is_not_written() -> None:
    with pytest.raises(InvalidInput, match="Invalid entity type 'parameter'"):
        to_text(Comparison(Field(Entity.PARAM, "a"), Op.EQ, "x"), EXPERIMENTS)


def test_chains_are_flat_however_they_are_grouped() -> None:
    a, b, c = (Comparison(Field(Entity.PARAM, key), Op.EQ, "x") for key in "abc")
    assert parse("params.a = 'x' AND (params.b = 'x' AND params.c = 'x')", RUNS) == And((a, b, c))
    assert parse("((params.a = 'x' OR params.b = 'x')) OR params.c = 'x'", RUNS) == Or((a, b, c))
    assert parse("(params.a = 'x' AND params.b = 'x') OR params.c = 'x'", RUNS) == Or((And((a, b)), c))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("(" * 31 + "status = 'x'" + ")" * 31, "more than 30 deep"),
        ("NOT " * 31 + "status = 'x'", "more than 30 deep"),
        ("(" * 100_000, "more than 30 deep"),
        ("NOT " * 100_000, "more than 30 deep"),
        (" AND ".join(["status = 'x'"] * 501), "at most 500"),
        ("run_id IN (" + "'a'," * 30_001 + ")", "30000"),
        (f"status = '{'x' * 1_000_000}'", "limit is 1000000"),
    ],
    ids=["parentheses", "nots", "open parentheses", "dangling nots", "clauses", "list members", "length"],
)
def test_absurd_filters_are_refused(text: str, reason: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse(text, RUNS)
    assert reason in refused.value.message
    assert len(refused.value.message) < 500


def test_large_filters_are_fine() -> None:
    ids = tuple(f"{index:032x}" for index in range(20_000))
    one_of = Comparison(Field(Entity.ATTRIBUTE, "run_id"), Op.IN, ids)
    assert parse(to_text(one_of, RUNS), RUNS) == one_of
    assert parse("(" * 30 + "status = 'x'" + ")" * 30, RUNS) == parse("status = 'x'", RUNS)


@each_grammar
@pytest.mark.parametrize(
    "place", ["{}", "{} = 1", "x.{} = 1", "metrics.{} = 1", "metrics.a {} 1", "name {}", "name = {}"]
)
def test_errors_stay_short_and_say_what_they_are_about(grammar: Grammar, place: str) -> None:
    word = "a" * 5000
    for filler in ("1" * 5000, word, f"`{word}`", f"'{word}'", f'"{word}"', "=" * 5000):
        text = place.format(filler)
        with pytest.raises(InvalidInput) as refused:
            parse_order_by([text], grammar)
        assert len(refused.value.message) < 800
        try:
            parse(text, grammar)
        except InvalidInput as err:
            assert len(err.message) < 800  # noqa: PT017 - some of these are fine


@pytest.mark.parametrize("piece", ["'", '"', "`", "''", "' ", "a.", "-", "1", "1e", "=", "a`", "a.'", "\n"])
def test_reading_nonsense_takes_time_in_proportion_to_its_length(piece: str) -> None:
    text = piece * 100_000
    begun = time.process_time()
    try:
        parse(text, RUNS)
    except InvalidInput as refused:
        assert len(refused.message) < 800  # noqa: PT017 - that it is refused is not required
    assert time.process_time() - begun < 5
