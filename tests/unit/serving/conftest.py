"""Real saved models, loaded as a server loads them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

import pandas as pd
import pytest
from litestar.testing import TestClient
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression

from mlkeep.flavors.sklearn import save_model
from mlkeep.models.datatypes import DataType
from mlkeep.models.schema import ColSpec, Schema
from mlkeep.models.signature import ModelSignature
from mlkeep.serving.access import observed
from mlkeep.serving.app import build_app
from mlkeep.serving.process import load

AB = ModelSignature(inputs=Schema([ColSpec(DataType.double, "a"), ColSpec(DataType.double, "b")]))


def save_a_above_b(path: Path, signature: ModelSignature | None) -> Path:
    """A saved classifier that answers 1 where a > b, else 0."""
    frame = pd.DataFrame({"a": [0.0, 4.0, 1.0, 9.0], "b": [4.0, 0.0, 9.0, 1.0]})
    model = LogisticRegression().fit(frame if signature else frame.to_numpy(), [0, 1, 0, 1])
    save_model(model, path, signature=signature)
    return path


def save_scripted(path: Path) -> Path:
    """A saved model without a signature that does what its first input says: raise, sleep, answer something odd."""
    # A class of a function is pickled by value, so that a process without this file can load it.

    class Scripted(BaseEstimator):  # type: ignore[misc]
        def predict(self, data: Any) -> Any:
            import time

            from mlkeep.core.errors import NotFound

            word, *rest = data.tolist()
            if word == "raise":
                raise ValueError("the matrix is singular")
            if word == "not found":
                raise NotFound("no such customer: 7")
            if word == "sleep":
                time.sleep(float(rest[0]))
            return {"set": {1}, "nan": [float("nan")]}.get(word, word)

    save_model(Scripted(), path, serialization_format="cloudpickle")
    return path


@pytest.fixture(scope="session")
def model_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved classifier with the signature a: double, b: double."""
    return save_a_above_b(tmp_path_factory.mktemp("models") / "above", AB)


@pytest.fixture(scope="session")
def bare_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same classifier without a signature."""
    return save_a_above_b(tmp_path_factory.mktemp("models") / "bare", None)


@pytest.fixture(scope="session")
def scripted_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved model that misbehaves on request: see `save_scripted`."""
    return save_scripted(tmp_path_factory.mktemp("models") / "scripted")


class Served(Protocol):
    """An HTTP client of the model in `path`, in this process; `log` gets the lines of the access log."""

    def __call__(
        self, path: Path, *, timeout_s: float = 60, log: Callable[[bytes], object] = len
    ) -> AbstractContextManager[Any]: ...


@pytest.fixture(scope="session")
def served() -> Served:
    """How to serve a saved model."""

    @contextmanager
    def serve(path: Path, *, timeout_s: float = 60, log: Callable[[bytes], object] = len) -> Iterator[Any]:
        with TestClient(observed(build_app(load(str(path)), timeout_s=timeout_s), log)) as client:
            yield client

    return serve
