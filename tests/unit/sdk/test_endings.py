"""A run says how its program ended."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from bench.processes import MlkeepServer
from mlkeep.core.entities import Run
from mlkeep.sdk import endings
from mlkeep.sdk.client import MlkeepClient
from tests.unit.sdk.conftest import Start
from tests.unit.sdk.programs import Program


def told(client: MlkeepClient, run_id: str) -> tuple[str, str | None]:
    """Status and error of a run."""
    run = client.get_run(run_id)
    return run.info.status, run.data.tags.get("mlkeep.error")


def traceback_of(run: Run) -> str:
    return run.data.tags["mlkeep.traceback"]


def test_a_program_that_just_ends_has_finished_its_runs(start: Start, client: MlkeepClient) -> None:
    program = start("print(mlkeep.start_run().info.run_id); mlkeep.log_metric('m', 1)")
    run_id = program.line()

    assert program.ended()[0] == 0
    run = client.get_run(run_id)
    assert (run.info.status, run.data.metrics, "mlkeep.error" in run.data.tags) == ("FINISHED", {"m": 1}, False)


def test_an_exception_that_nobody_catches_fails_all_open_runs_and_says_why(start: Start, client: MlkeepClient) -> None:
    program = start(
        """
        print(mlkeep.start_run().info.run_id)
        print(mlkeep.start_run(nested=True).info.run_id)
        def train():
            mlkeep.log_metric("m", 1)
            raise ValueError("no such\\0 batch")
        train()
        """
    )
    outer, inner = program.line(), program.line()
    code, _, errors = program.ended()

    assert (code, errors.count("Traceback"), "ValueError: no such" in errors) == (1, 1, True)
    assert [told(client, run_id) for run_id in (outer, inner)] == 2 * [("FAILED", "ValueError: no such\ufffd batch")]
    run = client.get_run(inner)
    assert run.data.metrics == {"m": 1}
    assert traceback_of(run).startswith("Traceback (most recent call last):\n")
    assert traceback_of(run).endswith("in train\nValueError: no such\ufffd batch\n")


def test_a_hook_that_was_there_before_is_called_too(start: Start, client: MlkeepClient) -> None:
    program = start(
        """
        import sys
        sys.excepthook = lambda kind, error, trace: print("seen", kind.__name__)
        print(mlkeep.start_run().info.run_id)
        1 / 0
        """
    )
    run_id = program.line()

    assert program.ended()[:2] == (1, "seen ZeroDivisionError\n")
    assert told(client, run_id) == ("FAILED", "ZeroDivisionError: division by zero")


def test_a_hook_that_is_only_told_of_an_error_ends_nothing(start: Start, client: MlkeepClient) -> None:
    program = start(
        """
        import sys
        print(mlkeep.start_run().info.run_id)
        try:
            1 / 0
        except ZeroDivisionError:
            sys.excepthook(*sys.exc_info())
        """
    )
    run_id = program.line()

    assert program.ended()[0] == 0
    assert told(client, run_id) == ("FINISHED", None)


def test_a_block_that_is_left_by_an_exception_says_which(start: Start, client: MlkeepClient) -> None:
    program = start(
        """
        import sys
        for leave in (lambda: 1 / 0, lambda: sys.exit(3)):
            try:
                with mlkeep.start_run() as run:
                    print(run.info.run_id)
                    leave()
            except ZeroDivisionError:
                pass
        """
    )
    failed, left = program.line(), program.line()

    assert program.ended()[0] == 3
    assert told(client, failed) == ("FAILED", "ZeroDivisionError: division by zero")
    assert told(client, left) == ("FAILED", "SystemExit: 3")
    assert traceback_of(client.get_run(failed)).endswith("ZeroDivisionError: division by zero\n")


def test_what_nothing_tells_of_is_taken_for_a_good_end(start: Start, client: MlkeepClient) -> None:
    program = start("import sys; print(mlkeep.start_run().info.run_id); sys.exit(1)")
    run_id = program.line()

    assert program.ended()[0] == 1
    assert told(client, run_id) == ("FINISHED", None)


def test_ctrl_c_kills_what_is_open_but_fails_the_run_of_a_block(start: Start, client: MlkeepClient) -> None:
    block = start(
        """
        import signal
        with mlkeep.start_run() as run:
            print(run.info.run_id, flush=True)
            signal.pause()
        """
    )
    bare = start("import signal; print(mlkeep.start_run().info.run_id, flush=True); signal.pause()")
    failed, killed = block.line(), bare.line()
    block.process.send_signal(signal.SIGINT)
    bare.process.send_signal(signal.SIGINT)

    assert (block.ended()[0], bare.ended()[0]) == (-signal.SIGINT, -signal.SIGINT)
    assert told(client, failed) == ("FAILED", "KeyboardInterrupt: ")
    assert told(client, killed) == ("KILLED", "KeyboardInterrupt: ")


@pytest.mark.parametrize(
    "work",
    [
        "signal.pause(); mlkeep.log_metric('went on', 1)",
        "for step in itertools.count(): mlkeep.log_metric('m', step, step)",
        # a call into C that nothing interrupts, as a hung collective operation is
        "libc = ctypes.CDLL(None); signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM]); libc.pause()",
    ],
    ids=["waiting", "logging", "in C"],
)
def test_sigterm_kills_what_is_open_and_the_process_dies_of_it(start: Start, client: MlkeepClient, work: str) -> None:
    program = start(
        f"""
        import ctypes, itertools, os, signal
        print(mlkeep.start_run().info.run_id)
        print(mlkeep.start_run(nested=True).info.run_id, flush=True)
        {work}
        """
    )
    ids = [program.line(), program.line()]
    program.process.terminate()

    assert program.ended()[0] == -signal.SIGTERM
    assert [told(client, run_id)[0] for run_id in ids] == ["KILLED", "KILLED"]
    assert "went on" not in client.get_run(ids[1]).data.metrics


def test_sigterm_belongs_to_who_had_it_before(start: Start, client: MlkeepClient) -> None:
    program = start(
        """
        import signal, sys
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
        print(mlkeep.start_run().info.run_id, flush=True)
        signal.pause()
        """
    )
    run_id = program.line()
    program.process.terminate()

    assert program.ended()[0] == 7
    assert told(client, run_id)[0] == "FINISHED"


def test_threads_end_their_own_runs_and_no_others(start: Start, client: MlkeepClient) -> None:
    program = start(
        """
        import threading
        def work():
            print(mlkeep.start_run().info.run_id)
            raise ValueError("in a thread")
        print(mlkeep.start_run().info.run_id)
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        mlkeep.log_metric("after", 1)
        """
    )
    main, other = program.line(), program.line()

    assert program.ended()[0] == 0
    assert (told(client, main), told(client, other)) == (("FINISHED", None), ("FAILED", "ValueError: in a thread"))
    assert client.get_run(main).data.metrics == {"after": 1}


def test_a_thread_that_goes_on_after_the_main_thread_failed_ends_its_run_itself(
    start: Start, client: MlkeepClient
) -> None:
    program = start(
        """
        import threading
        begun = threading.Event()
        def work():
            with mlkeep.start_run() as run:
                print(run.info.run_id)
                begun.set()
                threading.main_thread().join()
                mlkeep.log_metric("after", 1)
        threading.Thread(target=work).start()
        begun.wait()
        print(mlkeep.start_run().info.run_id)
        1 / 0
        """
    )
    other, main = program.line(), program.line()

    assert program.ended()[0] == 1
    assert (told(client, main)[0], told(client, other)) == ("FAILED", ("FINISHED", None))
    assert client.get_run(other).data.metrics == {"after": 1}


def test_an_error_at_a_prompt_ends_nothing(start: Start, client: MlkeepClient) -> None:
    program = start("print(mlkeep.start_run().info.run_id, flush=True); 1 / 0", "-i")
    run_id = program.line()

    program.ended()
    assert told(client, run_id) == ("FINISHED", None)


def test_a_run_that_is_gone_on_with_keeps_its_error_until_it_ends_well(start: Start, client: MlkeepClient) -> None:
    failing = start("print(mlkeep.start_run().info.run_id); 1 / 0")
    run_id = failing.line()
    failing.ended()
    again = start(f"mlkeep.start_run('{run_id}'); import signal; print(flush=True); signal.pause()")
    again.line()
    running = told(client, run_id)
    again.process.terminate()
    again.ended()
    killed = told(client, run_id)
    start(f"mlkeep.start_run('{run_id}')").ended()
    finished = client.get_run(run_id)

    error = "ZeroDivisionError: division by zero"
    assert (running, killed) == (("RUNNING", error), ("KILLED", error))
    assert finished.info.status == "FINISHED"
    assert [key for key in finished.data.tags if key.startswith("mlkeep.")] == []


@pytest.mark.parametrize("how", ["1 / 0", "pass", "os.kill(os.getpid(), signal.SIGTERM); signal.pause()"])
def test_a_server_that_hangs_is_waited_for_once_for_all_runs(tmp_path: Path, how: str) -> None:
    server = MlkeepServer(tmp_path / "server")
    try:
        program = Program(
            f"""
            import os, signal, sys
            runs = [mlkeep.start_run(nested=True) for _ in range(5)]
            print(*[run.info.run_id for run in runs], flush=True)
            sys.stdin.readline()
            mlkeep.log_metric("m", 1)
            {how}
            """,
            server.url,
            tmp_path,
            MLKEEP_FLUSH_TIMEOUT="1",
        )
        ids = program.line().split()
        server.process.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        program.tell("go on")
        program.ended()
        took_s = time.monotonic() - began
        program.end()
        left = sorted(path.name.partition(".")[0] for path in (tmp_path / "journal").glob("*.journal"))
    finally:
        server.end()

    assert took_s < endings.SIGTERM_WAIT_S + 4
    assert left == sorted(ids)
