"""What is logged to runs, written together: one statement a table, whoever the points, params and tags come from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mlkeep.core.errors import InvalidInput, MlkeepException
from mlkeep.storage.contract import Logged, RunKey
from mlkeep.storage.sql.dialect import FindRows
from mlkeep.storage.sql.schema import logged_models
from mlkeep.storage.sql.session import Session
from mlkeep.storage.sql.transaction import SqlTransaction

_FIND_MODELS = FindRows([logged_models.c.model_id], {"model_id": logged_models.c.model_id})


def write_logged(tx: SqlTransaction, given: Sequence[Logged]) -> list[MlkeepException | None]:
    """Write what was logged, in this order; why each was refused, if it was. Nothing is written of what is refused."""
    keys = tx.runs.active_keys({each.run_id for each in given})
    refusals: list[MlkeepException | None] = [None] * len(given)
    accepted: list[tuple[int, RunKey, Logged]] = []
    for i, each in enumerate(given):
        key = keys[each.run_id]
        if isinstance(key, MlkeepException):
            refusals[i] = key
        else:
            accepted.append((i, key, each))
    _refuse(_unknown_models(tx.session, accepted), accepted, refusals)
    if batches := [(i, (run, each.params)) for i, run, each in accepted if each.params]:
        refused = tx.params.add_many([batch for _, batch in batches])
        _refuse(zip((i for i, _ in batches), refused, strict=True), accepted, refusals)
    if points := [(run, each.points) for _, run, each in accepted if each.points]:
        tx.metrics.add_many(points)
    for _, run, each in accepted:
        if each.columns:
            tx.metrics.add_columns(run, each.columns)
        if each.run_name is not None:
            tx.runs.update(run, name=each.run_name)
    if tags := [(run, each.tags) for _, run, each in accepted if each.tags]:
        tx.tags.put_many(tags)
    return refusals


def _refuse(
    found: Iterable[tuple[int, InvalidInput | None]],
    accepted: list[tuple[int, RunKey, Logged]],
    refusals: list[MlkeepException | None],
) -> None:
    """Note why something is refused, and go on without it."""
    refused = {i: refusal for i, refusal in found if refusal is not None}
    if refused:
        for i, refusal in refused.items():
            refusals[i] = refusal
        accepted[:] = [each for each in accepted if each[0] not in refused]


def _unknown_models(session: Session, accepted: list[tuple[int, RunKey, Logged]]) -> list[tuple[int, InvalidInput]]:
    wanted = {point.model_id: i for i, _, each in accepted for point in each.points if point.model_id}
    if not wanted:
        return []
    known = {row[0] for row in session.find(_FIND_MODELS, {"model_id": list(wanted)})}
    unknown = wanted.keys() - known
    return [
        (i, InvalidInput(f"Invalid value '{point.model_id}' for parameter 'model_id' supplied: no such model."))
        for i, _, each in accepted
        for point in each.points
        if point.model_id in unknown
    ]
