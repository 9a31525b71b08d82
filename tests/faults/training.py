"""A program that trains nothing but logs a lot, and writes down each call before it is made and after it returned.

Run with a `Plan` as JSON. What it writes down survives its death: the kernel has each line when it goes on.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import random
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

import mlkeep
from mlkeep.core.entities import Metric
from mlkeep.sdk.journal import file as journal_file

CHAPTER = 40
"""Steps from one short run to the next."""

EARLY = 200
"""Steps after which a worker logs only points, or the server would be asked for little things for long."""

MANY = 2_000
"""Steps after which a worker rests a little after each, or comparing what it logged would take long."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What the program does. `steps` of each worker; None: until the file `stop` is there, or it is killed.

    With `steps`, it makes a file `done` among the ledgers after them, and waits for `stop` before it ends its run.

    A worker rests for `rest_s` after about one step of ten. `cut_from` are the bytes from which on what is sent is cut
    off journals, to have that happen often.
    """

    uri: str
    experiment_id: str
    ledgers: str
    stop: str
    seed: int
    steps: int | None = None
    threads: int = 0
    children: int = 0
    rest_s: float = 0.0
    cut_from: int | None = None


class Call(msgspec.Struct, frozen=True, array_like=True):
    """What one call has stored; `makes` is a mark by which a run is known whose id nobody was told."""

    run_id: str = ""
    points: list[tuple[str, int, int, float]] = []
    """Key, step, time and value."""
    params: dict[str, str] = {}
    tags: dict[str, str] = {}
    status: str = ""
    makes: str = ""


class Line(msgspec.Struct, frozen=True, array_like=True):
    """One line of a ledger: a call that begins, or (without `call`) how the one of this number ended."""

    number: int
    call: Call | None = None
    made: str = ""
    raised: str = ""


class Ledger:
    """What this process has done, in a file of its own."""

    def __init__(self, folder: str) -> None:
        self._fd = os.open(Path(folder) / f"{os.getpid()}.ledger", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._numbers = itertools.count()
        self._encoder = msgspec.json.Encoder()

    def enter(self, call: Call, action: Callable[[], Any]) -> Any:
        """Do it, written down before and after. What it raises is written down, and goes no further."""
        number = next(self._numbers)
        self._write(Line(number, call))
        try:
            answer = action()
        except Exception as error:  # noqa: BLE001 - whatever it is, the test wants to know
            self._write(Line(number, raised=f"{type(error).__name__}: {error}"))
            return None
        self._write(Line(number, made=answer if call.makes else ""))
        return answer

    def _write(self, line: Line) -> None:
        os.write(self._fd, self._encoder.encode(line) + b"\n")


class Worker:
    """One thread of training. Its name is in every key, so that no two write the same thing."""

    def __init__(self, plan: Plan, ledger: Ledger, run_id: str, name: str) -> None:
        self._plan = plan
        self._ledger = ledger
        self._run_id = run_id
        self._name = name
        self._random = random.Random(f"{plan.seed}.{name}")
        self._client = mlkeep.MlkeepClient(plan.uri)

    def work(self) -> None:
        """All its steps."""
        for step in itertools.count() if self._plan.steps is None else range(self._plan.steps):
            self._step(step)
            if step > MANY or self._random.random() < 0.1:
                time.sleep(self._plan.rest_s if step <= MANY else 0.02)
                if self._plan.steps is None and Path(self._plan.stop).exists():
                    return

    def _step(self, step: int) -> None:
        run_id, name = self._run_id, self._name
        values = {f"{name}.loss": step / 7, f"{name}.accuracy": -step / 3}
        at_ms = time.time_ns() // 1_000_000
        self._points(run_id, values, step, at_ms)
        if step % 3 == 0:
            key, value = f"{name}.single", self._random.random()
            call = Call(run_id, [(key, step, at_ms, value)])
            self._ledger.enter(call, lambda: mlkeep.log_metric(key, value, step=step, timestamp=at_ms, run_id=run_id))
        if step % 11 == 0:
            batch = {f"{name}.batch.{number}": float(number + step) for number in range(5)}
            metrics = [Metric(key, value, at_ms, step) for key, value in batch.items()]
            self._ledger.enter(
                _points_call(run_id, batch, step, at_ms), lambda: self._client.log_batch(run_id, metrics)
            )
        if step < EARLY:
            self._other_things(step)

    def _other_things(self, step: int) -> None:
        """Params, tags and short runs, now and then."""
        run_id, name = self._run_id, self._name
        if step % 13 == 0:
            self._param(run_id, f"{name}.param.{step}", str(step))
        if step % 17 == 0:
            params = {f"{name}.params.{step}.{number}": "x" * number for number in range(1, 4)}
            self._ledger.enter(Call(run_id, params=params), lambda: mlkeep.log_params(params, run_id=run_id))
        if step % 19 == 0:
            tag = {f"{name}.tag.{step}": str(step)}
            self._ledger.enter(Call(run_id, tags=tag), lambda: self._client.set_tag(run_id, *next(iter(tag.items()))))
        if step % CHAPTER == CHAPTER - 1:
            self._short_run(step)

    def _short_run(self, step: int) -> None:
        """A run of three points that is begun and ended."""
        mark = f"{self._name}.{step}"
        run_id = made_run(self._plan, self._ledger, mark)
        if run_id is None:
            return
        for each in range(3):
            self._points(run_id, {"short": each / 3}, each, time.time_ns() // 1_000_000)
        self._param(run_id, "short", mark)
        self._ledger.enter(Call(run_id, status="FINISHED"), lambda: self._client.set_terminated(run_id, "FINISHED"))

    def _points(self, run_id: str, values: Mapping[str, float], step: int, at_ms: int) -> None:
        self._ledger.enter(
            _points_call(run_id, values, step, at_ms),
            lambda: mlkeep.log_metrics(values, step=step, timestamp=at_ms, run_id=run_id),
        )

    def _param(self, run_id: str, key: str, value: str) -> None:
        self._ledger.enter(Call(run_id, params={key: value}), lambda: self._client.log_param(run_id, key, value))


def _points_call(run_id: str, values: Mapping[str, float], step: int, at_ms: int) -> Call:
    return Call(run_id, [(key, step, at_ms, value) for key, value in values.items()])


def made_run(plan: Plan, ledger: Ledger, mark: str) -> str | None:
    """A new run that has `mark` as a tag; None if that raised."""
    client = mlkeep.MlkeepClient(plan.uri)
    tags = {"mark": mark}
    run_id: str | None = ledger.enter(
        Call(makes=mark, tags=tags), lambda: client.create_run(plan.experiment_id, tags=tags).info.run_id
    )
    return run_id


def train(plan: Plan) -> None:
    """Work in this thread, in others, and in forked processes, all on one run of this process and short ones of their own."""
    if plan.cut_from is not None:
        journal_file.CUT_FROM = plan.cut_from
    mlkeep.set_tracking_uri(plan.uri)
    ledger = Ledger(plan.ledgers)
    run_id: str | None = ledger.enter(
        Call(makes="main", tags={"mark": "main"}),
        lambda: mlkeep.start_run(experiment_id=plan.experiment_id, tags={"mark": "main"}).info.run_id,
    )
    if run_id is None:
        return
    workers = [Worker(plan, ledger, run_id, f"thread{number}") for number in range(plan.threads)]
    threads = [threading.Thread(target=worker.work) for worker in workers]
    for thread in threads:
        thread.start()
    children = [
        multiprocessing.get_context("fork").Process(target=_child, args=[plan, run_id, f"child{number}"])
        for number in range(plan.children)
    ]
    for child in children:
        child.start()
    Worker(plan, ledger, run_id, "main").work()
    for thread in threads:
        thread.join()
    for child in children:
        child.join()
    if plan.steps is not None:
        (Path(plan.ledgers) / "done").touch()
        while not Path(plan.stop).exists():
            time.sleep(0.01)
    ledger.enter(Call(run_id, status="FINISHED"), mlkeep.end_run)


def _child(plan: Plan, run_id: str, name: str) -> None:
    Worker(plan, Ledger(plan.ledgers), run_id, name).work()


if __name__ == "__main__":
    train(msgspec.json.decode(sys.argv[1], type=Plan))
