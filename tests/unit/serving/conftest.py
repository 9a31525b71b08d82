"""Real saved models, loaded as a server loads them."""

from __future__ import annotations

import shutil
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
from mlkeep.models.schema import ColSpec, ParamSchema, ParamSpec, Schema
from mlkeep.models.signature import ModelSignature
from mlkeep.serving.app import build_app
from mlkeep.serving.server import load
from mlkeep.web.access import observed

AB = ModelSignature(inputs=Schema([ColSpec(DataType.double, "a"), ColSpec(DataType.double, "b")]))


def save_a_above_b(path: Path, signature: ModelSignature | None) -> Path:
    """A saved classifier that answers 1 where a > b, else 0."""
    frame = pd.DataFrame({"a": [0.0, 4.0, 1.0, 9.0], "b": [4.0, 0.0, 9.0, 1.0]})
    model = LogisticRegression().fit(frame if signature else frame.to_numpy(), [0, 1, 0, 1])
    save_model(model, path, signature=signature)
    return path


def save_scripted(path: Path, signature: ModelSignature | None = None) -> Path:
    """A saved model, without a signature of inputs, that does what its first input says: raise, wait, answer something odd."""
    # A class of a function is pickled by value, so that a process without this file can load it.

    class Scripted(BaseEstimator):  # type: ignore[misc]
        def predict(self, data: Any) -> Any:
            import time
            from pathlib import Path

            from mlkeep.core.errors import NotFound

            word, *rest = data.tolist()
            if word == "raise":
                raise ValueError("the matrix is singular")
            if word == "not found":
                raise NotFound("no such customer: 7")
            if word == "wait":
                started, released = map(Path, rest)
                started.touch()
                while not released.exists():
                    time.sleep(0.01)
            return {"set": {1}, "nan": [float("nan")]}.get(word, word)

    save_model(Scripted(), path, signature=signature, serialization_format="cloudpickle")
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


@pytest.fixture(scope="session")
def with_params_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved model whose signature has nothing but the parameter p, a long."""
    signature = ModelSignature(params=ParamSchema([ParamSpec("p", "long", 3)]))
    return save_scripted(tmp_path_factory.mktemp("models") / "with_params", signature)


@pytest.fixture(scope="session")
def hinted_path(model_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The classifier as if its signature came from type hints, which MLflow marks in the folder."""
    path = tmp_path_factory.mktemp("models") / "hinted"
    shutil.copytree(model_path, path)
    described = (path / "MLmodel").read_text()
    (path / "MLmodel").write_text(
        described.replace("is_signature_from_type_hint: false", "is_signature_from_type_hint: true")
    )
    return path


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
