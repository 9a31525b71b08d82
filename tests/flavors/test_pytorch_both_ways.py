"""PyTorch models go both ways between mlkeep and the official MLflow."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import mlflow
import mlkeep.pyfunc
import mlkeep.pytorch

IS_MLFLOW_2 = mlflow.__version__.startswith("2.")
WITHOUT_GRAPHS = pytest.mark.skipif(IS_MLFLOW_2, reason="MLflow 2 has no format pt2")

ROWS = np.array([[1.0, 2.0, 3.0], [0.0, 0.5, 1.0]], dtype="float32")
FRAME = pd.DataFrame(ROWS.astype("float64"), columns=["a", "b", "c"])

SOURCE = """
import torch

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(3, 2)

    def forward(self, x):
        return torch.relu(self.layer(x)) * scale

scale = 2.0
"""


def of_a_script() -> Any:
    """A module of a class that is in no file."""
    scope: dict[str, Any] = {"__name__": "__main__"}
    exec(SOURCE, scope)
    return scope["Net"]()


def plain(**given: Any) -> dict[str, Any]:
    """What MLflow takes to save a pickle, without looking for requirements in a child process."""
    asked = {} if IS_MLFLOW_2 else {"serialization_format": "pickle"}
    return {**asked, "pip_requirements": ["torch"], **given}


def natives(folder: Path) -> list[Any]:
    """Both models of a folder with one of ours and one of theirs, loaded by both."""
    return [
        load(str(folder / name))
        for load in (mlkeep.pytorch.load_model, mlflow.pytorch.load_model)
        for name in ("ours", "theirs")
    ]


def predictions(folder: Path, data: Any) -> list[Any]:
    return [
        np.asarray(load(str(folder / name)).predict(data))
        for load in (mlkeep.pyfunc.load_model, mlflow.pyfunc.load_model)
        for name in ("ours", "theirs")
    ]


@pytest.mark.parametrize("data", [ROWS, FRAME], ids=["array", "frame"])
@pytest.mark.parametrize("make", [of_a_script, lambda: torch.nn.Linear(3, 2)], ids=["class of a script", "of torch"])
def test_pickled_modules(make: Any, data: Any, tmp_path: Path) -> None:
    net = make().eval()
    mlkeep.pytorch.save_model(net, tmp_path / "ours", serialization_format="pickle", input_example=data)
    mlflow.pytorch.save_model(net, str(tmp_path / "theirs"), **plain(input_example=data))
    expected = net(torch.from_numpy(ROWS)).detach().numpy()

    assert all(np.array_equal(loaded(torch.from_numpy(ROWS)).detach(), expected) for loaded in natives(tmp_path))
    assert all(np.array_equal(answer, expected) for answer in predictions(tmp_path, data))
    assert {type(loaded).__name__ for loaded in natives(tmp_path)} == {type(net).__name__}
    assert [(tmp_path / name / "data/pickle_module_info.txt").read_text() for name in ("ours", "theirs")] == [
        "mlflow.pytorch.pickle_module",
        "mlflow.pytorch.pickle_module",
    ]


def test_the_default_without_an_example_is_what_mlflow_reads(tmp_path: Path) -> None:
    net = of_a_script()
    mlkeep.pytorch.save_model(net, tmp_path / "ours")
    assert torch.equal(
        mlflow.pytorch.load_model(str(tmp_path / "ours"))(torch.from_numpy(ROWS)), net(torch.from_numpy(ROWS))
    )


def test_modules_pickled_with_another_module(tmp_path: Path) -> None:
    net = torch.nn.Linear(3, 2)
    mlkeep.pytorch.save_model(net, tmp_path / "ours", pickle_module=pickle)
    mlflow.pytorch.save_model(net, str(tmp_path / "theirs"), **plain(pickle_module=pickle))
    assert all(torch.equal(loaded.weight, net.weight) for loaded in natives(tmp_path))


def test_torchscript(tmp_path: Path) -> None:
    script = torch.jit.trace(torch.nn.Linear(3, 2), torch.from_numpy(ROWS))
    mlkeep.pytorch.save_model(script, tmp_path / "ours")
    mlflow.pytorch.save_model(script, str(tmp_path / "theirs"), **plain())
    assert all(isinstance(loaded, torch.jit.ScriptModule) for loaded in natives(tmp_path))
    expected = script(torch.from_numpy(ROWS)).detach().numpy()
    assert all(np.array_equal(answer, expected) for answer in predictions(tmp_path, ROWS))


@WITHOUT_GRAPHS
def test_graphs(tmp_path: Path) -> None:
    net = of_a_script().eval()
    mlkeep.pytorch.save_model(net, tmp_path / "ours", input_example=ROWS)
    mlflow.pytorch.save_model(net, str(tmp_path / "theirs"), input_example=ROWS, pip_requirements=["torch"])
    expected = net(torch.from_numpy(ROWS)).detach().numpy()
    assert all(isinstance(loaded, torch.fx.GraphModule) for loaded in natives(tmp_path))
    assert all(np.allclose(answer, expected) for answer in predictions(tmp_path, ROWS))
    assert [np.asarray(answer).shape for answer in predictions(tmp_path, np.ones((5, 3), dtype="float32"))] == [
        (5, 2)
    ] * 4


@pytest.mark.parametrize("wrong", [[[1.0]], torch.zeros(1, 3), pd.Series([1.0])], ids=["list", "tensor", "series"])
def test_the_same_data_is_refused(wrong: Any, tmp_path: Path) -> None:
    mlkeep.pytorch.save_model(torch.nn.Linear(3, 2), tmp_path / "ours")
    with pytest.raises(TypeError):
        mlflow.pyfunc.load_model(str(tmp_path / "ours")).predict(wrong)
    with pytest.raises(mlkeep.MlkeepException, match=type(wrong).__name__):
        mlkeep.pyfunc.load_model(tmp_path / "ours").predict(wrong)


def test_parameters_of_forward(tmp_path: Path) -> None:
    class Scaled(torch.nn.Module):  # type: ignore[misc]  # torch is not where mypy runs
        def forward(self, x: Any, scale: float = 1.0) -> Any:
            return x * scale

    example = (ROWS, {"scale": 1.0})
    mlkeep.pytorch.save_model(Scaled(), tmp_path / "ours", input_example=example)
    mlflow.pytorch.save_model(Scaled(), str(tmp_path / "theirs"), **plain(input_example=example))
    answers = [
        load(str(tmp_path / name)).predict(ROWS, {"scale": 3.0})
        for load in (mlkeep.pyfunc.load_model, mlflow.pyfunc.load_model)
        for name in ("ours", "theirs")
    ]
    # MLflow 2 does not pass parameters on to modules.
    by_mlflow = ROWS if IS_MLFLOW_2 else ROWS * 3
    expected = [ROWS * 3, ROWS * 3, by_mlflow, by_mlflow]
    assert [answer.tolist() for answer in answers] == [rows.tolist() for rows in expected]


def test_state_dicts(tmp_path: Path) -> None:
    state = torch.nn.Linear(3, 2).state_dict()
    mlkeep.pytorch.save_state_dict(state, tmp_path / "ours")
    mlflow.pytorch.save_state_dict(state, str(tmp_path / "theirs"))
    loaded = [
        load(str(tmp_path / name))
        for load in (mlkeep.pytorch.load_state_dict, mlflow.pytorch.load_state_dict)
        for name in ("ours", "theirs")
    ]
    assert [{key: value.tolist() for key, value in one.items()} for one in loaded] == [
        {key: value.tolist() for key, value in state.items()}
    ] * 4
