"""Locks on names: advisory locks that PostgreSQL holds to the end of a transaction.

A transaction takes all of them at its beginning and in one order, so that two transactions never wait for each other:
first `everything`, then those of its names by number. `LAST_IN_LINE` comes after all others, just before the commit.
"""

from __future__ import annotations

from collections.abc import Collection
from hashlib import blake2b


def number_of(name: str) -> int:
    """The number of the lock on a name. Two names that share one wait for each other, and nothing worse.

    Numbers are spread over 64 bits, so that locks of other programs in the same database are not met.
    """
    return int.from_bytes(blake2b(name.encode(), digest_size=8, person=b"mlkeep").digest(), signed=True)


_EVERYTHING = number_of("everything")
LAST_IN_LINE = number_of("last in line")
MIGRATION = number_of("migration")


def locking(numbers: Collection[int], *, everything: bool) -> list[str]:
    """The statements that lock `numbers`, or keep everybody else out."""
    if everything:
        return [f"SELECT pg_advisory_xact_lock({_EVERYTHING})"]
    statements = [f"SELECT pg_advisory_xact_lock_shared({_EVERYTHING})"]
    if len(numbers) == 1:
        statements += [f"SELECT pg_advisory_xact_lock({number})" for number in numbers]
    elif numbers:
        # OFFSET 0 keeps the sorting where it stands: below the locking.
        statements.append(
            "SELECT pg_advisory_xact_lock(n) FROM (SELECT n FROM unnest("  # noqa: S608 - nothing but integers
            f"'{{{','.join(map(str, numbers))}}}'::bigint[]) AS names(n) ORDER BY n OFFSET 0) AS sorted"
        )
    return statements
