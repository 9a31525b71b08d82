"""YAML that anybody may have written: it says what it says, or it is an error, in little time and memory."""

from __future__ import annotations

import pytest
import yaml

from mlkeep.core.yaml_text import read_yaml, write_yaml


def laughs(of: str, levels: int = 40) -> str:
    """Some hundred bytes that stand for 9 to the power of `levels` values; `of` is a level made of the one before."""
    lines = (f"a{level}: &a{level} {of.format(', '.join([f'*a{level - 1}'] * 9))}" for level in range(1, levels))
    return "\n".join(["a0: &a0 {x: 1}", *lines])


@pytest.mark.parametrize("of", ["[{}]", "{{<<: [{}]}}"], ids=["lists", "merged mappings"])
def test_aliases_that_stand_for_more_than_memory_holds_are_refused(of: str) -> None:
    with pytest.raises(yaml.YAMLError, match="its aliases stand for more than 100000 values"):
        read_yaml(laughs(of))


@pytest.mark.parametrize("text", ["&a [1, *a]", "a: &a {b: [1, {c: *a}]}", "&a [[*a], *a]"])
def test_what_is_part_of_itself_is_refused(text: str) -> None:
    with pytest.raises(yaml.YAMLError, match="an alias stands for what it is part of"):
        read_yaml(text)


def test_aliases_that_repeat_a_little_say_what_they_stand_for() -> None:
    shared = {"x": [1, 2]}
    text = write_yaml({"one": shared, "two": [shared, shared]}, sort_keys=True)
    assert text is not None
    assert "*id001" in text
    assert read_yaml(text) == {"one": {"x": [1, 2]}, "two": [{"x": [1, 2]}, {"x": [1, 2]}]}
    assert read_yaml("a: &a {x: 1, y: 1}\nb: {<<: *a, y: 2}") == {"a": {"x": 1, "y": 1}, "b": {"x": 1, "y": 2}}


@pytest.mark.parametrize(
    ("text", "said"),
    [("", None), ("a: 1", {"a": 1}), ("2 * 3", "2 * 3"), ("[1, 2.5, x, null, true]", [1, 2.5, "x", None, True])],
)
def test_plain_texts_are_read_as_ever(text: str, said: object) -> None:
    assert read_yaml(text) == said
