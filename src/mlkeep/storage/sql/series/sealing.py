"""When points are sealed and segments merged, and what a process remembers of series to know it without asking."""

from __future__ import annotations

import bisect
import threading

import msgspec


class Sealing(msgspec.Struct, frozen=True, kw_only=True):
    """The sizes that decide where points of a series lie; see decision 0010.

    `batch` points that come together become a segment at once. A tail is sealed when it has `tail` rows, and, when its
    run ends, if it has `tail_at_end`. Segments of like size are merged `fan` at a time, into such of at most `most`
    points. `series_at_once` is how many tails one write seals, and `rows_at_once` how many rows of a tail; both keep
    others from waiting long. `rows_at_end` is the same for a run that ends.
    """

    batch: int = 32
    tail: int = 512
    tail_at_end: int = 16
    fan: int = 8
    most: int = 4_096
    series_at_once: int = 8
    rows_at_once: int = 32_768
    rows_at_end: int = 65_536

    @property
    def whole(self) -> int:
        """A segment of so many points is never merged again."""
        return self.most // 2

    def size_class(self, points: int) -> int:
        """Which segments one of `points` points is merged with: those of its class.

        `fan` of one class make one of a higher class, so that a point is sealed at most as often as there are classes.
        """
        return bisect.bisect_right((self.batch, self.batch * self.fan), points)

    def pieces(self, points: int) -> int:
        """How many segments of about equal size `points` points make."""
        return -(-points // self.most)


class _Run:
    """What is remembered of the series of a run, by the number of the key."""

    __slots__ = ("small", "tails")

    def __init__(self) -> None:
        self.tails: dict[int, int] = {}
        self.small: dict[int, dict[int, int]] = {}


class SeriesMemory:
    """How long the tails of series are, and which small segments they have, as far as this process wrote them.

    Nothing here is more than a hint: it begins empty, it does not hear of other processes or of what was undone, and it
    is dropped, the oldest runs first, when it is about more than `most_series` series. Whoever acts on it must look at
    what is there. The worst that comes of an error is that something is sealed or merged later, or in smaller pieces.
    """

    def __init__(self, sealing: Sealing, most_series: int = 200_000) -> None:
        self.sealing = sealing
        self._most_series = most_series
        self._runs: dict[int, _Run] = {}
        self._series = 0
        self._lock = threading.Lock()

    def add_rows(self, run: int, key: int, rows: int) -> int:
        """Note more rows of a tail; how many it has now."""
        tails = (self._runs.get(run) or self._new(run)).tails
        known = tails.get(key)
        if known is None:
            self._series += 1
            tails[key] = rows
            return rows
        tails[key] = known + rows
        return known + rows

    def set_rows(self, run: int, key: int, rows: int) -> None:
        """Note how many rows a tail has."""
        (self._runs.get(run) or self._new(run)).tails[key] = rows

    def add_segment(self, run: int, key: int, segment: int, points: int) -> None:
        """Note a segment, if it is small."""
        if points < self.sealing.whole:
            small = (self._runs.get(run) or self._new(run)).small
            if key not in small:
                self._series += 1
            small.setdefault(key, {})[segment] = points

    def take_due(self, run: int, key: int, points: int) -> list[int]:
        """The segments to be merged with `points` new points of their series, which are forgotten here."""
        known = self._runs.get(run)
        small = known.small.get(key) if known else None
        taken: list[int] = []
        while small and points < self.sealing.whole:
            kind = self.sealing.size_class(points)
            alike = [segment for segment, size in small.items() if self.sealing.size_class(size) == kind]
            if len(alike) < self.sealing.fan - 1:
                break
            taken += alike
            points += sum(small.pop(segment) for segment in alike)
        return taken

    def forget(self, run: int) -> None:
        """Know nothing of a run."""
        with self._lock:
            self._drop(run)

    def _new(self, run: int) -> _Run:
        with self._lock:
            while self._series > self._most_series:
                self._drop(next(iter(self._runs)))
            return self._runs.setdefault(run, _Run())

    def _drop(self, run: int) -> None:
        known = self._runs.pop(run, None)
        if known is not None:
            self._series -= len(known.tails) + len(known.small)
        if not self._runs:
            self._series = 0
