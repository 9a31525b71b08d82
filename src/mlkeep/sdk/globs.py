"""Patterns in artifact paths: `*`, `?` and `[...]` within a name, and `**` for any number of folders."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase

_SPECIAL = re.compile(r"[*?[]")


def may_be_pattern(path: str) -> bool:
    """Whether a path may be a pattern. It may also be a plain name with such characters in it."""
    return _SPECIAL.search(path) is not None


def plain_folder(pattern: str) -> str:
    """The folder that everything a pattern matches lies below: its first segments, as far as they are plain."""
    plain: list[str] = []
    for segment in pattern.split("/")[:-1]:
        if may_be_pattern(segment):
            break
        plain.append(segment)
    return "/".join(plain)


def matches(path: str, pattern: str) -> bool:
    """Whether the path of a file is one that the pattern means. Capitals and small letters differ.

    `**` as a segment is any number of folders, also none; at the end it is all that is below.
    """
    return _match(path.split("/"), pattern.split("/"))


def _match(names: Sequence[str], patterns: Sequence[str]) -> bool:
    if not names or not patterns:
        return not names and not patterns
    first, rest = patterns[0], patterns[1:]
    if first == "**":
        return not rest or any(_match(names[start:], rest) for start in range(len(names)))
    return fnmatchcase(names[0], first) and _match(names[1:], rest)
