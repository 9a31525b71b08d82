"""Forked children log to the runs of their parent, and leave their end to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlkeep.sdk.client import MlkeepClient
from tests.unit.sdk.conftest import Start


@pytest.mark.parametrize(
    ("leave", "code"),
    [("sys.exit(0)", 0), ("1 / 0", 1), ("mlkeep.get_run(run.info.run_id); os._exit(0)", 0), ("pass", 0)],
    ids=["exit", "exception", "_exit", "end of program"],
)
@pytest.mark.parametrize(
    "opened", ["if run := mlkeep.start_run():", "with mlkeep.start_run() as run:"], ids=["open", "block"]
)
def test_a_forked_child_logs_to_the_run_of_its_parent_and_does_not_end_it(
    start: Start, client: MlkeepClient, opened: str, leave: str, code: int
) -> None:
    program = start(
        f"""
        import os, sys
        {opened}
            print(run.info.run_id, flush=True)
            mlkeep.log_metric("parent", 1)
            child = os.fork()
            if child == 0:
                mlkeep.log_metric("child", 2, step=1)
                mlkeep.log_param("from", "child")
                {leave}
            else:
                print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
                print(mlkeep.get_run(run.info.run_id).info.status, flush=True)
                mlkeep.log_metric("after", 3)
        """
    )
    run_id = program.line()
    assert (program.line(), program.line()) == (str(code), "RUNNING")
    program.ended()
    run = client.get_run(run_id)
    assert (run.info.status, run.data.metrics, run.data.params) == (
        "FINISHED",
        {"parent": 1, "child": 2, "after": 3},
        {"from": "child"},
    )


def test_children_of_multiprocessing_send_what_they_log_before_they_leave(
    start: Start, client: MlkeepClient, tmp_path: Path
) -> None:
    program = start(
        """
        import multiprocessing
        def work(number):
            mlkeep.log_metric("points", number, step=number)
            return number
        def fail():
            mlkeep.log_metric("failed", 1)
            raise ValueError
        with mlkeep.start_run() as run:
            print(run.info.run_id, flush=True)
            mlkeep.log_metric("points", 0, step=0)
            fork = multiprocessing.get_context("fork")
            pool = fork.Pool(2)
            pool.map(work, range(1, 101))
            pool.close()
            pool.join()
            child = fork.Process(target=fail)
            child.start()
            child.join()
            print(child.exitcode)
        """
    )
    run_id = program.line()

    assert program.ended()[:2] == (0, "1\n")
    assert client.get_run(run_id).info.status == "FINISHED"
    assert sorted(point.step for point in client.get_metric_history(run_id, "points")) == list(range(101))
    assert client.get_run(run_id).data.metrics["failed"] == 1
    assert list((tmp_path / "journal").glob("*")) == []


def test_a_child_ends_the_runs_that_it_started_itself(start: Start, client: MlkeepClient) -> None:
    program = start(
        """
        import multiprocessing
        def work(outcome):
            run = mlkeep.start_run(nested=True, run_name=outcome)
            mlkeep.log_metric("m", 1)
            if outcome == "FAILED":
                raise ValueError("bad luck")
        parent = mlkeep.start_run(run_name="parent")
        for outcome in ("FINISHED", "FAILED"):
            child = multiprocessing.get_context("fork").Process(target=work, args=[outcome])
            child.start()
            child.join()
        print(mlkeep.get_run(parent.info.run_id).info.status, parent.info.run_id)
        """
    )
    status, parent = program.line().split()
    program.ended()

    assert status == "RUNNING"
    children = client.search_runs(["0"], f"tags.`mlflow.parentRunId` = '{parent}'")
    assert sorted((run.info.run_name, run.info.status, run.data.tags.get("mlkeep.error")) for run in children) == [
        ("FAILED", "FAILED", "ValueError: bad luck"),
        ("FINISHED", "FINISHED", None),
    ]
    assert [run.data.metrics for run in children] == [{"m": 1}, {"m": 1}]


def test_children_of_a_program_that_tracks_nothing_end_their_runs_too(start: Start, client: MlkeepClient) -> None:
    program = start(
        """
        import multiprocessing
        def work():
            print(mlkeep.start_run().info.run_id, flush=True)
            mlkeep.log_metric("m", 1)
        child = multiprocessing.get_context("fork").Process(target=work)
        child.start()
        child.join()
        """
    )
    run = client.get_run(program.line())
    program.ended()
    run = client.get_run(run.info.run_id)

    assert (run.info.status, run.data.metrics) == ("FINISHED", {"m": 1})


def test_workers_that_load_data_log_from_beside_the_training(start: Start, client: MlkeepClient) -> None:
    program = start(
        """
        import multiprocessing
        fork = multiprocessing.get_context("fork")
        def load(number, wanted, batches):
            while (index := wanted.get()) is not None:
                mlkeep.log_metrics({"loaded": index, f"loaded.{number}": index}, step=index)
                batches.put(index)
        run = mlkeep.start_run()
        for epoch in range(2):
            wanted, batches = fork.Queue(), fork.Queue()
            workers = [fork.Process(target=load, args=[number, wanted, batches], daemon=True) for number in range(3)]
            for worker in workers:
                worker.start()
            for index in range(40):
                wanted.put(40 * epoch + index)
            for index in range(40):
                mlkeep.log_metric("trained", batches.get(), step=40 * epoch + index)
            for worker in workers:
                wanted.put(None)
            for worker in workers:
                worker.join()
        print(run.info.run_id)
        """
    )
    run_id = program.line()

    assert program.ended()[0] == 0
    loaded = client.get_metric_history(run_id, "loaded")
    assert sorted((point.step, point.value) for point in loaded) == [(step, step) for step in range(80)]
    assert [point.timestamp for point in loaded] == sorted(point.timestamp for point in loaded)
    assert sorted(point.value for point in client.get_metric_history(run_id, "trained")) == list(range(80))


def test_a_process_that_forks_while_its_threads_log_does_not_stand_still(start: Start, client: MlkeepClient) -> None:
    program = start(
        """
        import os, threading
        run = mlkeep.start_run()
        stopping = threading.Event()
        def log(number):
            with mlkeep.start_run(run.info.run_id):
                step = 0
                while not stopping.is_set():
                    mlkeep.log_metric(f"thread.{number}", step, step=step)
                    step += 1
            counts[number] = step
        counts = {}
        def tag():
            number = 0
            while not stopping.is_set():
                mlkeep.MlkeepClient().set_tag(run.info.run_id, "number", number)
                number += 1
        threads = [threading.Thread(target=log, args=[number]) for number in range(2)] + [threading.Thread(target=tag)]
        for thread in threads:
            thread.start()
        children = []
        for number in range(12):
            child = os.fork()
            if child == 0:
                mlkeep.log_metric("child", number, step=number)
                mlkeep.set_tag(f"child.{number}", number)
                raise SystemExit
            children.append(child)
        for child in children:
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        stopping.set()
        for thread in threads:
            thread.join()
        print(run.info.run_id, counts[0], counts[1])
        """,
    )
    run_id, *counts = program.line().split()

    assert program.ended()[0] == 0
    assert sorted(point.value for point in client.get_metric_history(run_id, "child")) == list(range(12))
    assert {f"child.{number}" for number in range(12)} <= client.get_run(run_id).data.tags.keys()
    for number, count in enumerate(counts):
        history = client.get_metric_history(run_id, f"thread.{number}")
        assert sorted(point.step for point in history) == list(range(int(count)))


def test_a_child_that_is_told_to_terminate_sends_what_it_logged_and_ends_nothing(
    start: Start, client: MlkeepClient
) -> None:
    program = start(
        """
        import os, signal
        run = mlkeep.start_run()
        ready, say = os.pipe()
        child = os.fork()
        if child == 0:
            mlkeep.log_metric("child", 1)
            os.write(say, b"!")
            while True:
                signal.pause()
        os.read(ready, 1)
        os.kill(child, signal.SIGTERM)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        print(run.info.run_id)
        mlkeep.log_metric("parent", 1)
        """
    )
    code, run_id = program.line(), program.line()

    assert (code, program.ended()[0]) == ("-15", 0)
    run = client.get_run(run_id)
    assert (run.info.status, run.data.metrics) == ("FINISHED", {"child": 1, "parent": 1})


def test_a_child_has_no_lock_of_its_parent(start: Start, client: MlkeepClient) -> None:
    program = start(
        """
        import os, signal
        run = mlkeep.start_run()
        mlkeep.log_metric("m", 1)
        ready, say = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(say, b"!")
            signal.pause()
        os.read(ready, 1)
        open_files = {os.path.realpath(f"/proc/{child}/fd/{fd}") for fd in os.listdir(f"/proc/{child}/fd")}
        print(sorted(path for path in open_files if "journal" in path and os.path.isfile(path) or path.endswith((".db", "-wal", "-shm"))))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        """
    )
    assert program.line() == "[]"
    assert program.ended()[0] == 0


def test_threads_and_children_use_a_database_while_the_process_forks(start: Start, client: MlkeepClient) -> None:
    """No connection is carried into a child: SQLite would take its parent's locks for its own."""
    program = start(
        """
        import os, threading
        client = mlkeep.MlkeepClient()
        parent = os.getpid()
        stopping = threading.Event()
        made = []
        def work():
            while not stopping.is_set():
                made.append(client.get_experiment(client.create_experiment(f"{parent}.thread.{len(made)}")).name)
        thread = threading.Thread(target=work)
        thread.start()
        children = []
        for number in range(6):
            child = os.fork()
            if child == 0:
                client.create_experiment(f"{parent}.child.{number}")
                grandchild = os.fork()
                if grandchild == 0:
                    client.create_experiment(f"{parent}.grandchild.{number}")
                    raise SystemExit
                raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(grandchild, 0)[1]))
            children.append(child)
        codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        stopping.set()
        thread.join()
        print(len(made), *codes)
        """
    )
    count, *codes = program.line().split()
    assert (codes, program.ended()[0]) == (6 * ["0"], 0)
    kinds = [("thread", int(count)), ("child", 6), ("grandchild", 6)]
    found = client.search_experiments(max_results=50_000, filter_string=f"name LIKE '{program.process.pid}.%'")
    assert sorted(experiment.name for experiment in found) == sorted(
        f"{program.process.pid}.{kind}.{number}" for kind, count in kinds for number in range(count)
    )
