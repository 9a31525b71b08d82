"""Which run is the active one, and what becomes of it."""

from __future__ import annotations

import os
import threading

import pytest

import mlkeep
from mlkeep.core.entities import Run
from mlkeep.core.errors import InvalidInput, NotFound
from mlkeep.testing.conformance.suite import unique

pytestmark = pytest.mark.usefixtures("embedded")


def again(run: Run) -> Run:
    """The run as it is now."""
    return mlkeep.get_run(run.info.run_id)


def test_a_run_ends_with_its_block_finished_or_failed() -> None:
    with mlkeep.start_run() as finished:
        assert mlkeep.active_run() is finished
    with pytest.raises(KeyboardInterrupt), mlkeep.start_run() as failed:
        raise KeyboardInterrupt

    assert mlkeep.active_run() is None
    assert [again(run).info.status for run in (finished, failed)] == ["FINISHED", "FAILED"]
    assert finished.info.status == "RUNNING"
    assert (again(failed).info.end_time or 0) >= failed.info.start_time


def test_a_run_that_was_ended_inside_its_block_keeps_its_status() -> None:
    with mlkeep.start_run() as run:
        mlkeep.end_run("KILLED")

    assert again(run).info.status == "KILLED"


def test_a_second_run_needs_to_be_nested_and_is_then_a_child_of_the_first() -> None:
    with mlkeep.start_run() as outer:
        with pytest.raises(Exception, match=f"Run with UUID {outer.info.run_id} is already active") as told:
            mlkeep.start_run()
        with mlkeep.start_run(nested=True) as inner, mlkeep.start_run(nested=True) as innermost:
            assert mlkeep.active_run() is innermost

    assert type(told.value) is Exception
    assert [mlkeep.get_parent_run(run.info.run_id) for run in (outer, inner, innermost)] == [
        None,
        again(outer),
        again(inner),
    ]
    last = mlkeep.last_active_run()
    assert last == again(outer)


def test_the_parent_can_be_named_where_no_run_is_active() -> None:
    with mlkeep.start_run() as parent:
        pass
    child = mlkeep.start_run(parent_run_id=parent.info.run_id)
    with pytest.raises(InvalidInput, match=f"{child.info.run_id} does not match the specified parent_run_id"):
        mlkeep.start_run(nested=True, parent_run_id=parent.info.run_id)
    mlkeep.end_run()
    mlkeep.delete_run(parent.info.run_id)

    assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id
    with pytest.raises(InvalidInput, match="in the deleted state"):
        mlkeep.start_run(parent_run_id=parent.info.run_id)
    with pytest.raises(NotFound, match="f" * 32):
        mlkeep.start_run(parent_run_id="f" * 32)


def test_each_thread_has_a_stack_of_its_own() -> None:
    seen: list[Run | None] = []

    def work() -> None:
        seen.extend((mlkeep.active_run(), mlkeep.last_active_run()))
        with mlkeep.start_run() as run:
            seen.append(run)

    with mlkeep.start_run() as run:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        assert mlkeep.active_run() is run

    assert seen[:2] == [None, None]
    assert seen[2] is not None
    assert "mlflow.parentRunId" not in seen[2].data.tags


def test_going_on_with_a_run_adds_to_it_and_keeps_its_end() -> None:
    with mlkeep.start_run(run_name="old", tags={"a": 1}) as run:
        mlkeep.log_param("p", 1)
    ended = again(run).info.end_time
    with mlkeep.start_run(run.info.run_id, run_name="new", tags={"b": 2}, description="Note."):
        running = again(run)

    assert (running.info.status, running.info.end_time, running.info.run_name) == ("RUNNING", ended, "new")
    assert running.data.params == {"p": "1"}
    assert {"a": "1", "b": "2", "mlflow.note.content": "Note.", "mlflow.runName": "new"}.items() <= (
        running.data.tags.items()
    )
    assert again(run).info.status == "FINISHED"


def test_the_run_of_the_environment_is_gone_on_with_once(environment: pytest.MonkeyPatch) -> None:
    with mlkeep.start_run() as run:
        pass
    environment.setenv("MLFLOW_RUN_ID", run.info.run_id)
    with mlkeep.start_run() as same:
        pass
    with mlkeep.start_run() as other:
        pass

    assert same.info.run_id == run.info.run_id != other.info.run_id
    assert "MLFLOW_RUN_ID" not in os.environ


def test_some_runs_cannot_be_gone_on_with() -> None:
    with mlkeep.start_run() as run:
        pass
    mlkeep.set_experiment(unique("other"))
    with pytest.raises(InvalidInput, match="active experiment ID does not match environment run ID"):
        mlkeep.start_run(run.info.run_id)
    mlkeep.set_experiment(experiment_id="0")
    mlkeep.delete_run(run.info.run_id)
    with pytest.raises(InvalidInput, match="in the deleted state"):
        mlkeep.start_run(run.info.run_id)
    with pytest.raises(NotFound, match="f" * 32):
        mlkeep.start_run("f" * 32)
    assert mlkeep.active_run() is None


def test_a_note_is_given_once() -> None:
    with pytest.raises(InvalidInput, match="given twice"):
        mlkeep.start_run(description="a", tags={"mlflow.note.content": "b"})


def test_ending_nothing_does_nothing_and_a_status_must_be_one() -> None:
    mlkeep.end_run("nonsense")
    with mlkeep.start_run():
        with pytest.raises(Exception, match=r"corresponding to string nonsense\. Valid run status strings: .*KILLED"):
            mlkeep.end_run("nonsense")
        assert mlkeep.active_run() is not None


def test_what_is_logged_without_a_run_starts_one_that_stays_open() -> None:
    mlkeep.log_metric("m", 1)
    run = mlkeep.active_run()
    assert run is not None
    mlkeep.set_tag("a", 1)
    assert mlkeep.active_run() is run
    assert again(run).info.status == "RUNNING"
