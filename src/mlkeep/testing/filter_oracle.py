"""What filters and sort keys mean, in plain Python: slow, and meant to be obviously right.

Databases are held against this. A subject is seen as the values it has for a field: none if it lacks the field, one as
a rule, several where any of them may satisfy a clause (the datasets of a run, the points of a logged model's metric).
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias, TypeVar, assert_never

from mlkeep.core.entities import Experiment, LifecycleStage, LoggedModel, ModelVersion, RegisteredModel, Run
from mlkeep.core.filters import And, Comparison, Entity, Field, IsNull, Node, Not, Op, Or, OrderTerm, Value

Scalar: TypeAlias = str | int | float
Subject: TypeAlias = Run | Experiment | RegisteredModel | ModelVersion | LoggedModel
S = TypeVar("S", bound=Subject)

DATASET_CONTEXT_TAG = "mlflow.data.context"


def matches(node: Node | None, subject: Subject) -> bool:
    """Whether `subject` satisfies `node`; everything satisfies None."""
    match node:
        case None:
            return True
        case And():
            return all(matches(child, subject) for child in node.children)
        case Or():
            return any(matches(child, subject) for child in node.children)
        case Not():
            return not matches(node.child, subject)
        case IsNull():
            return bool(values(subject, node.field)) == node.negated
        case Comparison():
            return any(_compares(found, node.op, node.value) for found in values(subject, node.field))
        case _:
            assert_never(node)


def ordered(runs: Iterable[Run], terms: Sequence[OrderTerm] = ()) -> list[Run]:
    """`runs` sorted by `terms`, the first weighing most.

    In both directions runs without the field come last, and NaN just before them. Text is sorted by code points.
    Equals are sorted by start_time, latest first, unless start_time is among the terms; then by run_id.
    """
    latest_first = OrderTerm(Field(Entity.ATTRIBUTE, "start_time"), descending=True)
    by_id = OrderTerm(Field(Entity.ATTRIBUTE, "run_id"))
    ties = [by_id] if any(term.field == latest_first.field for term in terms) else [latest_first, by_id]
    return ordered_by(runs, [*terms, *ties])


def ordered_by(subjects: Iterable[S], terms: Sequence[OrderTerm]) -> list[S]:
    """`subjects` sorted by `terms` and nothing else; equals stay as they were."""
    result = list(subjects)
    # Sorting is stable, so sorting by the last key first leaves the first key weighing most.
    for term in reversed(terms):
        result = _sorted(result, term)
    return result


def values(subject: Subject, field: Field) -> list[Scalar]:
    """The values `subject` has for `field`; an empty list if it lacks it."""
    match subject:
        case Run():
            found = _run_values(subject, field)
        case LoggedModel():
            found = _logged_model_values(subject, field)
        case Experiment() | RegisteredModel() | ModelVersion():
            is_tag = field.entity is Entity.TAG
            found = [subject.tags.get(field.key) if is_tag else _registry_attribute(subject, field.key)]
        case _:
            assert_never(subject)
    return [value for value in found if value is not None]


def _run_values(run: Run, field: Field) -> list[Scalar | None]:
    match field.entity:
        case Entity.METRIC:
            return [run.data.metrics.get(field.key)]
        case Entity.PARAM:
            return [run.data.params.get(field.key)]
        case Entity.TAG:
            return [run.data.tags.get(field.key)]
        case Entity.ATTRIBUTE:
            return [getattr(run.info, field.key)]
        case Entity.DATASET if field.key == "context":
            used = run.inputs.dataset_inputs
            return [tag.value for dataset in used for tag in dataset.tags if tag.key == DATASET_CONTEXT_TAG]
        case Entity.DATASET:
            return [getattr(used.dataset, field.key) for used in run.inputs.dataset_inputs]
        case _:
            assert_never(field.entity)


def _logged_model_values(model: LoggedModel, field: Field) -> list[Scalar | None]:
    match field.entity:
        case Entity.METRIC:
            return [metric.value for metric in model.metrics if metric.key == field.key]
        case Entity.PARAM:
            return [model.params.get(field.key)]
        case Entity.TAG:
            return [model.tags.get(field.key)]
        case Entity.ATTRIBUTE if field.key == "status":
            return [model.status.name]
        case Entity.ATTRIBUTE if field.key == "lifecycle_stage":
            return [LifecycleStage.ACTIVE]
        case Entity.ATTRIBUTE | Entity.DATASET:
            return [getattr(model, field.key)]
        case _:
            assert_never(field.entity)


def _registry_attribute(subject: Experiment | RegisteredModel | ModelVersion, key: str) -> Scalar | None:
    if isinstance(subject, ModelVersion) and key == "version_number":
        return int(subject.version)
    found: Scalar | None = getattr(subject, "source" if key == "source_path" else key)
    return found


def _compares(found: Scalar, op: Op, wanted: Value) -> bool:
    match op:
        case Op.EQ:
            return found == wanted
        case Op.NE:
            return found != wanted
        case Op.LT | Op.LE | Op.GT | Op.GE:
            return _compare_numbers(found, op, wanted)
        case Op.LIKE:
            return _is_like(str(found), str(wanted))
        case Op.ILIKE:
            return _is_like(str(found).lower(), str(wanted).lower())
        case Op.IN:
            return isinstance(wanted, tuple) and found in wanted
        case Op.NOT_IN:
            return isinstance(wanted, tuple) and found not in wanted
        case _:
            assert_never(op)


_PRECEDENCE: dict[Op, Callable[[float, float], bool]] = {
    Op.LT: operator.lt,
    Op.LE: operator.le,
    Op.GT: operator.gt,
    Op.GE: operator.ge,
}


def _compare_numbers(found: Scalar, op: Op, wanted: Value) -> bool:
    # NaN gives False with all four.
    if isinstance(found, str) or isinstance(wanted, str | tuple):
        raise TypeError(f"{op.value} compares numbers, not {found!r} and {wanted!r}")
    return _PRECEDENCE[op](found, wanted)


def _is_like(text: str, pattern: str) -> bool:
    wildcards = {"%": ".*", "_": "."}
    regex = "".join(wildcards.get(character, re.escape(character)) for character in pattern)
    return re.fullmatch(regex, text, re.DOTALL) is not None


def _sorted(subjects: list[S], term: OrderTerm) -> list[S]:
    present: list[tuple[Scalar, S]] = []
    not_numbers: list[S] = []
    missing: list[S] = []
    for subject in subjects:
        found = values(subject, term.field)
        if not found:
            missing.append(subject)
        elif isinstance(found[0], float) and math.isnan(found[0]):
            not_numbers.append(subject)
        else:
            present.append((found[0], subject))
    # reverse=True keeps equals as they were, as reversing afterwards would not.
    present.sort(key=operator.itemgetter(0), reverse=term.descending)
    return [subject for _, subject in present] + not_numbers + missing
