"""Whether an object that was written and read again is the one that was written."""

from __future__ import annotations

import types
from typing import Any

import numpy as np
from scipy import sparse

_BY_IDENTITY = (type, types.FunctionType, types.BuiltinFunctionType, types.ModuleType, np.ufunc)
_BY_VALUE = (type(None), bool, int, str, bytes, bytearray, complex, slice, range, type(Ellipsis), np.dtype)


def difference(one: object, other: object) -> str | None:
    """Where `other`, which was read, is not what `one` is: the path of the first attribute or item, and what is there.

    None if there is no difference: types are the same, numbers and arrays equal to the bit, dicts in the same order, and
    so on for all that they are made of, as far as pickling would keep it. The memory layout of sparse matrices, and what
    masked arrays show for what is masked, do not count.
    """
    return _Comparison().difference(one, other, "")


class _Comparison:
    def __init__(self) -> None:
        self._seen: dict[tuple[int, int], tuple[object, object]] = {}  # holds what it names, so that no id is used anew

    def difference(self, one: Any, other: Any, where: str) -> str | None:
        if one is other:
            return None
        if type(one) is not type(other) or isinstance(one, _BY_IDENTITY):
            return _told(where, one, other)
        if isinstance(one, float):
            return None if one == other or (one != one and other != other) else _told(where, one, other)  # noqa: PLR0124 - NaN
        if isinstance(one, _BY_VALUE):
            return None if one == other else _told(where, one, other)
        if isinstance(one, np.ma.MaskedArray):
            one_mask, other_mask = np.ma.getmaskarray(one), np.ma.getmaskarray(other)
            return self._array(one_mask, other_mask, where) or self._array(one.data, other.data, where)
        if isinstance(one, (np.ndarray, np.generic)):
            return self._array(np.asarray(one), np.asarray(other), where)
        if (id(one), id(other)) in self._seen:
            return None
        self._seen[id(one), id(other)] = (one, other)
        return self._difference_of_parts(one, other, where)

    def _difference_of_parts(self, one: Any, other: Any, where: str) -> str | None:
        if sparse.issparse(one):
            return self._each(_of_sparse(one), _of_sparse(other), where)
        if isinstance(one, np.random.RandomState):
            return self.difference(one.get_state(legacy=False), other.get_state(legacy=False), where)
        if isinstance(one, (set, frozenset)):
            return None if one == other else _told(where, one, other)
        if type(one) is dict:
            return self._mapping(one, other, where)
        if type(one) in {list, tuple}:
            return self._each(dict(enumerate(one)), dict(enumerate(other)), where)
        return self._object(one, other, where)

    def _mapping(self, one: dict[Any, Any], other: dict[Any, Any], where: str) -> str | None:
        keys = self._each(dict(enumerate(one)), dict(enumerate(other)), f"{where}.keys()")
        return keys or self._each(one, dict(zip(one, other.values(), strict=True)), where)

    def _each(self, one: dict[Any, Any], other: dict[Any, Any], where: str) -> str | None:
        if len(one) != len(other):
            return f"{where or 'the object'}: {len(one)} items become {len(other)}"
        found = (self.difference(one[key], other[key], f"{where}[{key!r}]") for key in one)
        return next((told for told in found if told is not None), None)

    def _array(self, one: Any, other: Any, where: str) -> str | None:
        if one.dtype != other.dtype or one.shape != other.shape:
            return f"{where or 'the object'}: {one.dtype} {one.shape} becomes {other.dtype} {other.shape}"
        if one.dtype.hasobject:
            return self._each(dict(enumerate(one.ravel().tolist())), dict(enumerate(other.ravel().tolist())), where)
        if one.dtype.names is not None:  # field by field: what lies between them is not kept
            return self._each(
                {name: one[name] for name in one.dtype.names}, {name: other[name] for name in one.dtype.names}, where
            )
        same = np.array_equal(one, other, equal_nan=one.dtype.kind in "fcmM")
        return None if same else f"{where or 'the object'}: other values"

    def _object(self, one: Any, other: Any, where: str) -> str | None:
        """By what pickling would keep of them: how each is made, its state, and its items."""
        first, second = one.__reduce_ex__(4), other.__reduce_ex__(4)
        if isinstance(first, str) or isinstance(second, str):
            return None if first == second else _told(where, one, other)
        made, state, *items = _padded(first)
        other_made, other_state, *other_items = _padded(second)
        if isinstance(state, dict) and isinstance(other_state, dict):
            found = self._attributes(state, other_state, where)
        else:
            found = self.difference(state, other_state, where)
        return found or self.difference(made, other_made, where) or self.difference(items, other_items, where)

    def _attributes(self, one: dict[str, Any], other: dict[str, Any], where: str) -> str | None:
        if missing := sorted(map(str, one.keys() ^ other.keys())):
            return f"{where or 'the object'}: {', '.join(missing)} is only in one of them"
        found = (self.difference(one[name], other[name], f"{where}.{name}") for name in one)
        return next((told for told in found if told is not None), None)


def _padded(reduced: tuple[Any, ...]) -> tuple[tuple[Any, ...], Any, list[Any] | None, list[Any] | None]:
    made, arguments, state, items, pairs = (*reduced, None, None, None)[:5]
    return (made, arguments), state, _listed(items), _listed(pairs)


def _listed(items: Any) -> list[Any] | None:
    return None if items is None else list(items)


def _of_sparse(matrix: Any) -> dict[str, Any]:
    entries = matrix.tocoo()
    order = np.lexsort(entries.coords)
    return {
        "shape": matrix.shape,
        "coordinates": [axis[order] for axis in entries.coords],
        "data": entries.data[order],
    }


def _told(where: str, one: object, other: object) -> str:
    return f"{where or 'the object'}: {_shown(one)} becomes {_shown(other)}"


def _shown(value: object) -> str:
    text = repr(value)
    return f"{text if len(text) <= 60 else text[:57] + '...'} ({type(value).__name__})"
