"""Prompts among registered models.

MLflow keeps prompts as registered models with a tag, and hides them and their versions from searches that do not ask
for them. Its clients ask for everything else with `!= 'true'`, which here, unlike for any other tag, also holds for
what lacks the tag.
"""

from __future__ import annotations

from typing import assert_never

from mlkeep.core.filters.ast import And, Comparison, Entity, Field, IsNull, Node, Not, Op, Or, all_of

PROMPT_TAG = "mlflow.prompt.is_prompt"
"""The tag that makes a registered model, or a model version, a prompt: its value is 'true'."""

_IS_PROMPT = Comparison(Field(Entity.TAG, PROMPT_TAG), Op.EQ, "true")
_IS_NO_PROMPT = Not(_IS_PROMPT)
_MEANING: dict[tuple[Op, object], Node] = {
    (Op.EQ, "true"): _IS_PROMPT,
    (Op.NE, "false"): _IS_PROMPT,
    (Op.NE, "true"): _IS_NO_PROMPT,
    (Op.EQ, "false"): _IS_NO_PROMPT,
}


def hide_prompts(node: Node | None) -> Node:
    """`node`, a filter of registered models or model versions, with what it means for prompts spelled out.

    Clauses that compare the prompt tag with 'true' or 'false' become "is a prompt" or its negation; unless some clause
    asks for prompts, all of them are excluded. The result is to be evaluated as any other filter.
    """
    if node is None:
        return _IS_NO_PROMPT
    meant = _spelled_out(node)
    return meant if _asks_for_prompts(meant, positive=True) else all_of((meant, _IS_NO_PROMPT))


def _spelled_out(node: Node) -> Node:
    match node:
        case Comparison():
            return _MEANING.get((node.op, node.value), node) if node.field == _IS_PROMPT.field else node
        case IsNull():
            return node
        case Not():
            return Not(_spelled_out(node.child))
        case And():
            return And(tuple(_spelled_out(child) for child in node.children))
        case Or():
            return Or(tuple(_spelled_out(child) for child in node.children))
        case _:
            assert_never(node)


def _asks_for_prompts(node: Node, *, positive: bool) -> bool:
    match node:
        case Comparison() | IsNull():
            return positive and node == _IS_PROMPT
        case Not():
            return _asks_for_prompts(node.child, positive=not positive)
        case And() | Or():
            return any(_asks_for_prompts(child, positive=positive) for child in node.children)
        case _:
            assert_never(node)
