"""What clients are told of model versions: the number and the tags, for programs of both habits.

MLflow gives the number as a text over HTTP and as an integer in process, and tags as a dictionary that older programs
take for a list of tags. These classes are texts and dictionary keys that answer to the other habit too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import overload


class VersionNumber(str):
    """The number of a model version: a text such as "3" with which one can count: `version + 1` is 4."""

    __slots__ = ()

    @overload  # type: ignore[override]  # counting is what it is for
    def __add__(self, other: str) -> str: ...
    @overload
    def __add__(self, other: int) -> int: ...
    def __add__(self, other: str | int) -> str | int:
        return int(self) + other if isinstance(other, int) else super().__add__(other)

    def __radd__(self, other: int) -> int:
        return other + int(self)

    def __sub__(self, other: int | str) -> int:
        return int(self) - int(other)

    def __rsub__(self, other: int) -> int:
        return other - int(self)


class TagKey(str):
    """The key of a tag, which knows the tag's value: `{tag.key: tag.value for tag in version.tags}`."""

    __slots__ = ("_value",)
    _value: str

    def __new__(cls, key: str, value: str) -> TagKey:
        made = super().__new__(cls, key)
        made._value = value
        return made

    def __reduce__(self) -> tuple[type[TagKey], tuple[str, str]]:
        return TagKey, (self.key, self._value)

    @property
    def key(self) -> str:
        """The key as a plain text."""
        return str(self)

    @property
    def value(self) -> str:
        """The tag's value when the tags were fetched."""
        return self._value


def tags_of_both_habits(tags: Mapping[str, str]) -> dict[str, str]:
    """`tags`, with keys that know their values."""
    return {TagKey(key, value): value for key, value in tags.items()}
