"""Whether what was read is what was written: the first difference is named by where it is."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from mlkeep.flavors.sameness import difference

ROWS = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 1.0]])
NODES = np.array([(1, 0.5), (2, np.nan)], dtype=[("left", "i8"), ("threshold", "f8")])


@pytest.mark.parametrize(
    "value",
    [
        LogisticRegression().fit(ROWS, [0, 1, 1]),
        RandomForestClassifier(2, random_state=0).fit(ROWS, [0, 1, 1]),
        {"a": [1, 2.5, float("nan"), None, "x", b"y", np.float64(1), np.str_("z")], 3: {(1, 2)}},
        [NODES, np.array([1, "x", None], object), np.ma.masked_equal([1, 2], 2), sparse.csr_matrix(ROWS)],
        [np.random.RandomState(3), np.log1p, len, int, slice(1, 2)],
    ],
    ids=["estimator", "forest", "containers", "arrays", "others"],
)
def test_a_copy_is_the_same(value: Any) -> None:
    assert difference(value, copy.deepcopy(value)) is None


@pytest.mark.parametrize(
    ("one", "other", "told"),
    [
        (1, True, "the object: 1 (int) becomes True (bool)"),
        (np.float64(1), 1.0, "the object: np.float64(1.0) (float64) becomes 1.0 (float)"),
        ({"a": [1, 2]}, {"a": [1, 3]}, "['a'][1]: 2 (int) becomes 3 (int)"),
        ({1: 0}, {"1": 0}, ".keys()[0]: 1 (int) becomes '1' (str)"),
        ({True: 1, False: 2}, {True: 2}, ".keys(): 2 items become 1"),
        ([ROWS], [ROWS.astype("float32")], "[0]: float64 (3, 2) becomes float32 (3, 2)"),
        ([ROWS], [ROWS + 1], "[0]: other values"),
        (NODES, NODES[::-1], "['left']: other values"),
        (np.array([1, "x"], object), np.array([1, "y"], object), "[1]: 'x' (str) becomes 'y' (str)"),
        (LogisticRegression(C=1.0), LogisticRegression(C=2.0), ".C: 1.0 (float) becomes 2.0 (float)"),
        (int, str, "the object: <class 'int'> (type) becomes <class 'str'> (type)"),
    ],
)
def test_a_difference_is_named(one: Any, other: Any, told: str) -> None:
    assert difference(one, other) == told


def test_what_refers_to_itself_has_an_end() -> None:
    one: list[Any] = [1]
    one.append(one)
    assert difference(one, copy.deepcopy(one)) is None
