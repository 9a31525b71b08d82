"""Moving files and folders between this machine and a store: how, and what is told meanwhile.

`uploads.upload` and `downloads.download_files` do it.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

import msgspec

from mlkeep.core.errors import Damaged, Unavailable

_dice = random.Random()  # noqa: S311 - no secret; of our own, for programs that seed `random`

MIB = 1024 * 1024
MAX_PARTS = 9_000
"""S3 takes 10,000 parts of one file."""

MIN_PART_BYTES = 8 * MIB
PARTS_FROM, RANGES_FROM = 32 * MIB, 64 * MIB

T = TypeVar("T")


class Retries(msgspec.Struct, frozen=True):
    """How often something that failed is tried again, and after how many seconds: more each time, and some by chance."""

    most: int = 4
    backoff_s: float = 1.0
    jitter_s: float = 1.0

    def delay_s(self, failures: int) -> float:
        """Seconds to wait after this many failures: none after the first."""
        grown = self.backoff_s * 2.0 ** (failures - 1) if failures > 1 else 0.0
        return min(120.0, grown) + _dice.uniform(0, self.jitter_s)


class Plan(msgspec.Struct, frozen=True):
    """How files are moved. Sizes in bytes.

    Files up to `small_bytes` go many at a time where the store takes them so. Files from `parts_from` on go up in parts
    of at least `part_bytes`, and from `ranges_from` on come down in ranges of `range_bytes`; None: never.
    """

    threads: int = 8
    small_bytes: int = MIB
    bundle_bytes: int = 8 * MIB
    bundle_files: int = 500
    parts_from: int | None = PARTS_FROM
    part_bytes: int = MIN_PART_BYTES
    ranges_from: int | None = RANGES_FROM
    range_bytes: int = 32 * MIB
    at_once: int = 4
    """Parts or ranges of one file on their way at a time."""
    bundles_at_once: int = 2
    """Bundles on their way at a time: with more, those who write their files get in each other's way in the folder."""
    retries: Retries = Retries()
    verify: bool = True


class Progress(Protocol):
    """Is told how a transfer goes, by any thread."""

    def begin(self, files: int, size: int) -> None:
        """So many files and bytes are to be moved."""
        ...

    def moved(self, size: int) -> None:
        """So many bytes more have been moved; fewer, if negative: they have to be moved again."""
        ...

    def done(self, files: int = 1) -> None:
        """So many files more are complete."""
        ...


class Silent:
    """See `Progress`: tells nobody."""

    def begin(self, files: int, size: int) -> None: ...

    def moved(self, size: int) -> None: ...

    def done(self, files: int = 1) -> None: ...


SILENT: Progress = Silent()


def patiently(retries: Retries, work: Callable[[], T], *, damaged: bool = False) -> T:
    """What `work` gives, which is done again if the store does not answer, or (with `damaged`) got other bytes."""
    failures = 0
    while True:
        try:
            return work()
        except (Unavailable, Damaged) as err:
            failures += 1
            if failures > retries.most or (isinstance(err, Damaged) and not damaged):
                raise
        time.sleep(retries.delay_s(failures))


class _Sized(Protocol):
    @property
    def size(self) -> int: ...


S = TypeVar("S", bound=_Sized)


def bundled(files: Iterable[S], plan: Plan) -> Iterator[list[S]]:
    """The files in groups that are small enough to go in one bundle, in order."""
    group: list[S] = []
    held = 0
    for file in files:
        if group and (held + file.size > plan.bundle_bytes or len(group) >= plan.bundle_files):
            yield group
            group, held = [], 0
        group.append(file)
        held += file.size
    if group:
        yield group
