"""Bytes of a journal that turned over, or whose rest was never written: named, skipped, nothing else lost."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.processes import MlkeepServer
from mlkeep.sdk.journal import records
from mlkeep.sdk.journal.records import Placed, Points
from tests.faults.drivers import Driven, logged, stored
from tests.faults.misbehaving import AWAY, MisbehavingServer
from tests.faults.trainers import recover

pytestmark = pytest.mark.faults

STEPS = 100
SEED = int(os.environ.get("MLKEEP_TEST_SEED", "20261123"))

WAYS: dict[str, Callable[[Placed], list[int]]] = {
    "its mark": lambda placed: [placed.at],
    "its length, which is too small now": lambda placed: [placed.at + 2],
    "its length, which is far too large now": lambda placed: [placed.at + 5],
    "its CRC": lambda placed: [placed.at + 6],
    "the kind of record": lambda placed: [placed.at + records.HEAD_BYTES],
    "its last byte": lambda placed: [placed.end - 1],
    "many of its bytes": lambda placed: list(range(placed.at, placed.end, 2)),
}
"""Which bytes of a record turn over."""


def journal_of_a_killed_trainer(front: MisbehavingServer, start_trainer: Callable[..., Driven]) -> Driven:
    """A trainer that logged `STEPS` steps without a server, and was killed."""
    trainer = start_trainer(front.url)
    front.misbehaviour = AWAY
    assert trainer.tell(f"log 0 {STEPS}") == "done"
    trainer.kill()
    return trainer


def journal_in(folder: Path) -> Path:
    """The only one there is."""
    (file,) = folder.glob("*.journal")
    return file


def records_in(file: Path) -> list[Placed]:
    found = list(records.scan(file.read_bytes()))
    assert all(isinstance(each, Placed) for each in found)
    return [each for each in found if isinstance(each, Placed)]


def points_in(file: Path) -> list[Placed]:
    return [each for each in records_in(file) if isinstance(each.record, Points)]


def flip(file: Path, places: list[int]) -> None:
    """Turn over one bit of each of these bytes, in place."""
    with file.open("r+b") as opened:
        for place in places:
            opened.seek(place)
            byte = opened.read(1)[0]
            opened.seek(place)
            opened.write(bytes([byte ^ 0x10]))


def steps_of(placed: list[Placed]) -> set[int]:
    return {each.record.step for each in placed if isinstance(each.record, Points)}


def named(file: Path, damaged: list[Placed]) -> list[str]:
    return [f"{file.name}: byte {each.at} to {each.end} damaged" for each in damaged]


def test_of_a_damaged_journal_only_the_damaged_records_are_lost(
    shared_server: MlkeepServer, front: MisbehavingServer, start_trainer: Callable[..., Driven]
) -> None:
    trainer = journal_of_a_killed_trainer(front, start_trainer)
    file = journal_in(trainer.journals)
    damaged = points_in(file)[5 : 5 + 10 * len(WAYS) : 10]
    for places, placed in zip(WAYS.values(), damaged, strict=True):
        flip(file, places(placed))

    told = recover(trainer.journals, shared_server.url)
    assert told == named(file, damaged)
    assert stored(shared_server.url, trainer.run_id) == logged(set(range(STEPS)) - steps_of(damaged))


def test_whichever_bit_turns_over_only_its_record_is_lost(
    shared_server: MlkeepServer, front: MisbehavingServer, start_trainer: Callable[..., Driven]
) -> None:
    trainer = journal_of_a_killed_trainer(front, start_trainer)
    file = journal_in(trainer.journals)
    draw = random.Random(SEED)
    print(f"MLKEEP_TEST_SEED={SEED}")
    # Not two that follow each other: what is damaged is one piece then.
    damaged = points_in(file)[draw.randrange(3) :: draw.randint(2, 9)]
    for placed in damaged:
        flip(file, [draw.randrange(placed.at, placed.end)])

    told = recover(trainer.journals, shared_server.url)
    assert told == named(file, damaged)
    assert stored(shared_server.url, trainer.run_id) == logged(set(range(STEPS)) - steps_of(damaged))


def test_a_journal_whose_last_record_was_cut_off_loses_that_one(
    shared_server: MlkeepServer, front: MisbehavingServer, start_trainer: Callable[..., Driven]
) -> None:
    trainer = journal_of_a_killed_trainer(front, start_trainer)
    file = journal_in(trainer.journals)
    last = records_in(file)[-1]
    os.truncate(file, last.end - 3)

    told = recover(trainer.journals, shared_server.url)
    assert told == [f"{file.name}: byte {last.at} to {last.end - 3} damaged"]
    assert stored(shared_server.url, trainer.run_id) == logged(range(STEPS - 1))


def test_without_its_first_record_a_journal_is_known_by_its_name(
    shared_server: MlkeepServer, front: MisbehavingServer, start_trainer: Callable[..., Driven]
) -> None:
    trainer = journal_of_a_killed_trainer(front, start_trainer)
    file = journal_in(trainer.journals)
    first = records_in(file)[0]
    flip(file, [first.at + records.HEAD_BYTES + 2])

    told = recover(trainer.journals, shared_server.url)
    assert told == named(file, [first])
    assert stored(shared_server.url, trainer.run_id) == logged(range(STEPS))


def test_a_trainer_that_lives_goes_on_after_what_is_damaged(
    shared_server: MlkeepServer, front: MisbehavingServer, start_trainer: Callable[..., Driven]
) -> None:
    trainer = start_trainer(front.url)
    front.misbehaviour = AWAY
    assert trainer.tell(f"log 0 {STEPS}") == "done"
    file = journal_in(trainer.journals)
    damaged = points_in(file)[5 : 5 + 10 * len(WAYS) : 10]
    for places, placed in zip(WAYS.values(), damaged, strict=True):
        flip(file, places(placed))

    front.misbehaviour = None
    assert trainer.tell(f"log {STEPS} {2 * STEPS}") == "done"
    assert trainer.tell("end") == "done"
    assert trainer.finish() == 0
    assert stored(shared_server.url, trainer.run_id) == logged(set(range(2 * STEPS)) - steps_of(damaged))
    assert [each for each in damaged if f"{each.at} to {each.end}" not in trainer.complaints] == []
