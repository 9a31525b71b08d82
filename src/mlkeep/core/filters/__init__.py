"""The language of filters and of `order_by`: MLflow's, with OR, NOT and parentheses on top.

`parse` and `parse_order_by` turn text into checked values, one grammar per search; `to_text` goes back.
"""

from mlkeep.core.filters.ast import (
    And,
    Comparison,
    Entity,
    Field,
    IsNull,
    Node,
    Not,
    OnDataset,
    Op,
    Or,
    OrderTerm,
    Value,
    all_of,
    any_of,
)
from mlkeep.core.filters.grammar import (
    EVALUATION_DATASETS,
    EXPERIMENTS,
    LOGGED_MODELS,
    MODEL_VERSIONS,
    REGISTERED_MODELS,
    RUNS,
    Grammar,
)
from mlkeep.core.filters.order import complete_order, logged_model_order, parse_order_by
from mlkeep.core.filters.parser import parse
from mlkeep.core.filters.printer import order_text, to_text
from mlkeep.core.filters.prompts import hide_prompts

__all__ = [
    "EVALUATION_DATASETS",
    "EXPERIMENTS",
    "LOGGED_MODELS",
    "MODEL_VERSIONS",
    "REGISTERED_MODELS",
    "RUNS",
    "And",
    "Comparison",
    "Entity",
    "Field",
    "Grammar",
    "IsNull",
    "Node",
    "Not",
    "OnDataset",
    "Op",
    "Or",
    "OrderTerm",
    "Value",
    "all_of",
    "any_of",
    "complete_order",
    "hide_prompts",
    "logged_model_order",
    "order_text",
    "parse",
    "parse_order_by",
    "to_text",
]
