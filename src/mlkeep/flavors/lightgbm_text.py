"""LightGBM's text format, looked at before LightGBM reads it.

LightGBM (4.7) ends the whole process, reads beyond its memory or never returns when a tree in a file is cut off or
changed. So a file is first seen to hold what its header announces, and trees that can be walked.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mlkeep.core.errors import Damaged

_SIZES = re.compile(rb"^tree_sizes=([\d ]*)$", re.MULTILINE)
# Possessive, which makes it several times faster: some megabytes of numbers are looked at.
_NUMBER = rb"[-+]?+(?>\d++\.?+\d*+(?:[eE][-+]?\d++)?+|inf|nan)"
_NUMBERS = re.compile(rb"(?: *+%s(?: ++%s)*+)?+ *+" % (_NUMBER, _NUMBER))
_WHOLE = re.compile(rb" *-?\d{1,9}(?: +-?\d{1,9})* *")
_OF_LEAVES = (b"leaf_weight", b"leaf_count")
_OF_NODES = (b"internal_value", b"internal_weight", b"internal_count")
_OF_SPLITS = (b"split_feature", b"split_gain", b"threshold", b"decision_type", b"left_child", b"right_child")
_END = b"end of trees"


def read(path: Path) -> str:
    """The text of the model in `path`.

    Raises:
        Damaged: it is none, or parts of it are missing or changed.
    """
    content = path.read_bytes()
    try:
        _check(content)
        return content.decode("utf-8")
    except (_Fault, UnicodeDecodeError) as error:
        raise Damaged(
            f"{path.name} in {path.parent} is no whole model of LightGBM: {error}. The file is damaged; get it again from "
            "where the model was logged."
        ) from error


class _Fault(Exception):  # noqa: N818 - never leaves this module
    """What is wrong with the text."""


def _check(content: bytes) -> None:
    if not content.startswith(b"tree"):
        raise _Fault("it does not begin with the word 'tree'")
    head_end = content.find(b"\nTree=") + 1 or content.find(_END)
    sizes = _SIZES.search(content, 0, max(head_end, 0))
    if head_end < 0 or sizes is None:
        raise _Fault("its header is not complete")
    highest = _number(_fields(content[:head_end]), b"max_feature_idx")
    at = head_end
    for index, size in enumerate(map(int, sizes[1].split())):
        _check_tree(content[at : at + size], index, highest)
        at += size
    if not content.startswith(_END, at):
        raise _Fault(f"after its last tree, '{_END.decode()}' is missing")


def _check_tree(block: bytes, index: int, highest_feature: int) -> None:
    fields = _fields(block)
    if fields.get(b"Tree") != str(index).encode():
        raise _Fault(f"tree {index} is not where the header says it is")
    try:
        _check_fields(fields, highest_feature)
    except _Fault as fault:
        raise _Fault(f"tree {index}: {fault}") from fault


def _check_fields(fields: dict[bytes, bytes], highest_feature: int) -> None:
    leaves, categories = _number(fields, b"num_leaves"), _number(fields, b"num_cat")
    if unreadable := [name for name, text in fields.items() if not _NUMBERS.fullmatch(text)]:
        raise _Fault(f"{_text(unreadable[0])} is not made of numbers")
    if leaves < 1:
        raise _Fault("it has no leaves")
    _count(fields, b"leaf_value", leaves)
    if fields.get(b"is_linear", b"0") != b"0":
        _check_linear(fields, leaves)
    if leaves == 1:
        return
    for name in _OF_SPLITS:
        _count(fields, name, leaves - 1)
    # Not every LightGBM writes these, but whoever has them has them for all.
    for name in (*_OF_LEAVES, *_OF_NODES):
        if name in fields:
            _count(fields, name, leaves - (name in _OF_NODES))
    features = _whole_numbers(fields, b"split_feature")
    if features.min() < 0 or features.max() > highest_feature:
        raise _Fault("it splits by a feature that the model does not have")
    children = np.concatenate([_whole_numbers(fields, b"left_child"), _whole_numbers(fields, b"right_child")])
    # Below zero are leaves. Each other node but the first is the child of one other: so walks come to an end.
    if children.min() < -leaves or not np.array_equal(np.sort(children[children >= 0]), np.arange(1, leaves - 1)):
        raise _Fault("its nodes do not hang together")
    if categories:
        _check_categories(fields, categories)


def _check_linear(fields: dict[bytes, bytes], leaves: int) -> None:
    for name in (b"leaf_const", b"num_features"):
        _count(fields, name, leaves)
    terms = int(_whole_numbers(fields, b"num_features").sum())
    for name in (b"leaf_features", b"leaf_coeff"):
        _count(fields, name, terms)


def _check_categories(fields: dict[bytes, bytes], categories: int) -> None:
    _count(fields, b"cat_boundaries", categories + 1)
    bounds = _whole_numbers(fields, b"cat_boundaries")
    if bounds[0] != 0 or (np.diff(bounds) < 0).any():
        raise _Fault("cat_boundaries do not rise")
    _count(fields, b"cat_threshold", int(bounds[-1]))
    splits = _whole_numbers(fields, b"decision_type") & 1 == 1
    named = np.array([float(text) for text in fields[b"threshold"].split()])[splits]
    if named.size and not (named.min() >= 0 and named.max() < categories):
        raise _Fault("it splits by categories that it does not have")


def _fields(block: bytes) -> dict[bytes, bytes]:
    pairs = (line.partition(b"=") for line in block.splitlines())
    return {name: value for name, separator, value in pairs if separator}


def _number(fields: dict[bytes, bytes], name: bytes) -> int:
    if not (text := fields.get(name, b"")).isdigit():
        raise _Fault(f"{_text(name)} is missing or no number")
    return int(text)


def _whole_numbers(fields: dict[bytes, bytes], name: bytes) -> NDArray[np.int64]:
    if not _WHOLE.fullmatch(fields[name]):
        raise _Fault(f"{_text(name)} is not made of whole numbers")
    return np.array(fields[name].split(), dtype=np.int64)


def _count(fields: dict[bytes, bytes], name: bytes, expected: int) -> None:
    found = len(fields.get(name, b"").split())
    if found != expected:
        raise _Fault(f"{_text(name)} has {found} values instead of {expected}")


def _text(name: bytes) -> str:
    return name.decode("utf-8", "replace")
