"""For how long somebody was there to hear of runs."""

from __future__ import annotations

from mlkeep.services.heartbeats import Watch

SOON = 1_000_000
BEGIN_MS = 1_767_323_045_678


class Machine:
    """A clock on the wall, and one that only goes on."""

    def __init__(self) -> None:
        self.wall, self.steady = BEGIN_MS, 5_000

    def go_on(self, ms: int) -> None:
        self.wall, self.steady = self.wall + ms, self.steady + ms

    def watch(self) -> Watch:
        return Watch(lambda: self.wall, lambda: self.steady)


def test_it_counts_from_its_beginning() -> None:
    machine = Machine()
    watch = machine.watch()
    told = []
    for _ in range(3):
        machine.go_on(60_000)
        told.append(watch.look(SOON))
    assert told == [60_000, 120_000, 180_000]


def test_a_leap_of_the_clock_in_either_direction_begins_it_anew() -> None:
    """So does a machine that was suspended, where the steady clock stands still meanwhile."""
    for leap_ms in (3_600_000, -3_600_000):
        machine = Machine()
        watch = machine.watch()
        machine.go_on(60_000)
        machine.wall += leap_ms
        assert watch.look(SOON) == 0
        machine.go_on(60_000)
        assert watch.look(SOON) == 60_000


def test_a_clock_that_is_set_right_little_by_little_does_not() -> None:
    machine = Machine()
    watch = machine.watch()
    for _ in range(100):
        machine.go_on(60_000)
        machine.wall += 100
        told = watch.look(SOON)
    assert told == 6_000_000


def test_who_was_away_begins_anew() -> None:
    machine = Machine()
    watch = machine.watch()
    machine.go_on(60_000)
    assert watch.look(again_within_ms=60_000) == 60_000
    machine.go_on(60_001)
    assert watch.look(again_within_ms=60_000) == 0
