"""PyTorch modules: as graphs, as weights, as pickles, and as functions."""

from __future__ import annotations

import logging
import pickle
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
import safetensors.torch
import torch
import yaml

import mlkeep
import mlkeep.pyfunc
import mlkeep.pytorch
from mlkeep.core.errors import AlreadyExists, Damaged, Forbidden, InvalidInput, NotFound
from mlkeep.models.mlmodel import Model
from mlkeep.models.schema import Schema, TensorSpec
from mlkeep.models.signature import ModelSignature
from mlkeep.sdk import config

ROWS = np.array([[1.0, 2.0, 3.0], [0.0, 0.5, 1.0]], dtype="float32")
FRAME = pd.DataFrame(ROWS.astype("float64"), columns=["a", "b", "c"], index=[7, 9])

SOURCE = """
import torch

class Net(torch.nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.inner = torch.nn.Linear(3, width)
        self.drop = torch.nn.Dropout(0.5)
        self.outer = torch.nn.Linear(width, 2)

    def forward(self, x, scale: float = 1.0):
        return self.outer(self.drop(torch.relu(self.inner(x)))) * scale

class Tied(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.one = torch.nn.Linear(3, 3, bias=False)
        self.other = torch.nn.Linear(3, 3, bias=False)
        self.other.weight = self.one.weight

    def forward(self, x):
        return self.other(self.one(x))

class Undecided(torch.nn.Module):
    def forward(self, x):
        return x + 1 if x.sum() > 0 else x - 1
"""


@pytest.fixture
def nets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A module that can be imported, with classes of networks."""
    folder = tmp_path / "lib"
    folder.mkdir()
    (folder / "nets_of_the_test.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(folder)
    import nets_of_the_test  # type: ignore[import-not-found]  # written above

    yield nets_of_the_test
    sys.modules.pop("nets_of_the_test", None)


@pytest.fixture
def net(nets: ModuleType) -> Any:
    torch.manual_seed(0)
    return nets.Net()


@pytest.fixture
def tracking(environment: pytest.MonkeyPatch, no_database_stays_open: None, tmp_path: Path) -> None:
    (tmp_path / "tracking").mkdir()
    config.set_tracking_uri(f"sqlite:///{tmp_path}/tracking/mlkeep.db")


def answer(module: Any, rows: Any = ROWS) -> Any:
    """What a module answers in evaluation mode."""
    if not isinstance(module, torch.fx.GraphModule):
        module.eval()
    with torch.no_grad():
        return module(torch.as_tensor(rows)).numpy()


def test_without_an_example_the_module_is_pickled_and_a_warning_says_what_that_means(
    net: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        mlkeep.pytorch.save_model(net, tmp_path / "m")
    loaded = mlkeep.pytorch.load_model(tmp_path / "m")

    assert type(loaded) is type(net)
    assert loaded.training
    assert np.array_equal(answer(loaded), answer(net))
    assert "runs code when it is loaded, because nothing says what goes into it" in caplog.text
    assert "input_example" in caplog.text
    model = Model.load(tmp_path / "m")
    assert model.other["mlkeep_pickles"] == ["data/model.pth"]
    assert model.flavors["pytorch"] == {
        "code": None,
        "model_data": "data",
        "pytorch_version": torch.__version__,
        "serialization_format": "pickle",
    }
    assert (tmp_path / "m/data/pickle_module_info.txt").read_text() == "mlflow.pytorch.pickle_module"


@pytest.mark.parametrize("rows", [1, 2, 5])
@pytest.mark.parametrize(
    "example", [ROWS, ROWS[:1], torch.from_numpy(ROWS), FRAME], ids=["array", "one row", "tensor", "frame"]
)
def test_with_an_example_the_module_is_kept_as_a_graph_for_any_number_of_rows(
    net: Any, example: Any, rows: int, tmp_path: Path
) -> None:
    mlkeep.pytorch.save_model(net, tmp_path / "m", input_example=example)
    loaded = mlkeep.pytorch.load_model(tmp_path / "m")
    given = np.ones((rows, 3), dtype="float32")

    assert isinstance(loaded, torch.fx.GraphModule)
    assert np.allclose(answer(loaded, given), answer(net, given))
    assert sorted(file.name for file in (tmp_path / "m/data").iterdir()) == ["model.pt2"]
    assert Model.load(tmp_path / "m").other["mlkeep_pickles"] == []


def test_saving_leaves_the_module_in_its_mode_and_the_graph_does_not_drop_out(net: Any, tmp_path: Path) -> None:
    net.train()
    net.inner.eval()
    mlkeep.pytorch.save_model(net, tmp_path / "m", input_example=ROWS)
    assert (net.training, net.inner.training, net.drop.training) == (True, False, True)
    loaded = mlkeep.pytorch.load_model(tmp_path / "m")
    assert np.array_equal(answer(loaded), answer(loaded))


def test_a_signature_of_a_tensor_is_enough_for_a_graph(net: Any, tmp_path: Path) -> None:
    signature = ModelSignature(Schema([TensorSpec(np.dtype("float32"), (-1, 3))]))
    mlkeep.pytorch.save_model(net, tmp_path / "m", signature=signature)
    assert np.allclose(answer(mlkeep.pytorch.load_model(tmp_path / "m")), answer(net))


def test_dimensions_a_signature_leaves_open_are_open_in_the_graph(tmp_path: Path) -> None:
    signature = ModelSignature(Schema([TensorSpec(np.dtype("float32"), (-1, 1, -1, -1))]))
    mlkeep.pytorch.save_model(torch.nn.Conv2d(1, 2, 3), tmp_path / "m", signature=signature)
    loaded = mlkeep.pytorch.load_model(tmp_path / "m")
    assert loaded(torch.zeros(3, 1, 5, 7)).shape == (3, 2, 3, 5)
    assert loaded(torch.zeros(1, 1, 30, 4)).shape == (1, 2, 28, 2)


def test_several_arguments_are_given_as_a_tuple(tmp_path: Path) -> None:
    mlkeep.pytorch.save_model(torch.nn.Bilinear(3, 3, 2), tmp_path / "m", input_example=(ROWS, torch.from_numpy(ROWS)))
    loaded = mlkeep.pytorch.load_model(tmp_path / "m")
    assert loaded(torch.ones(5, 3), torch.ones(5, 3)).shape == (5, 2)


def test_a_module_with_a_fixed_number_of_rows_is_kept_so_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Fixed(torch.nn.Module):  # type: ignore[misc]  # torch is not where mypy runs
        def forward(self, x: Any) -> Any:
            return x.reshape(3, 2)

    with caplog.at_level(logging.WARNING):
        mlkeep.pytorch.save_model(Fixed(), tmp_path / "m", input_example=ROWS)
    assert "takes only inputs of the shapes [[2, 3]]" in caplog.text
    assert mlkeep.pytorch.load_model(tmp_path / "m")(torch.zeros(2, 3)).shape == (3, 2)


def test_what_cannot_be_exported_is_pickled_with_the_reason(
    nets: ModuleType, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        mlkeep.pytorch.save_model(nets.Undecided(), tmp_path / "m", input_example=ROWS)
    assert "because it has no graph (Undecided could not be exported as a graph: " in caplog.text
    assert type(mlkeep.pytorch.load_model(tmp_path / "m")) is nets.Undecided

    with pytest.raises(InvalidInput, match="Undecided could not be exported as a graph"):
        mlkeep.pytorch.save_model(nets.Undecided(), tmp_path / "n", input_example=ROWS, serialization_format="pt2")
    assert not (tmp_path / "n").exists()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "give an input_example"),
        ({"input_example": ROWS.astype("float64")}, r"give example.astype\('float32'\)"),
        ({"input_example": (ROWS, {"scale": 2.0})}, r"made without parameters, and the example has \['scale'\]"),
        ({"input_example": pd.DataFrame({"a": ["x"]})}, r"Columns \['a'\] hold no numbers"),
        ({"input_example": ROWS[:0]}, "has no rows"),
    ],
)
def test_a_graph_that_cannot_be_made_says_what_to_give(
    net: Any, given: dict[str, Any], told: str, tmp_path: Path
) -> None:
    with pytest.raises(InvalidInput, match=told):
        mlkeep.pytorch.save_model(net, tmp_path / "m", serialization_format="pt2", **given)


def test_weights_are_kept_with_the_class_and_what_it_is_called_with(nets: ModuleType, tmp_path: Path) -> None:
    net = nets.Net(width=6).eval()
    mlkeep.pytorch.save_model(net, tmp_path / "m", serialization_format="safetensors", module_kwargs={"width": 6})
    loaded = mlkeep.pytorch.load_model(tmp_path / "m")

    assert type(loaded) is nets.Net
    assert not loaded.training
    assert np.array_equal(answer(loaded), answer(net))
    assert np.array_equal(mlkeep.pyfunc.load_model(tmp_path / "m").predict(ROWS), answer(net))
    assert set(safetensors.torch.load_file(tmp_path / "m/data/model.safetensors")) == set(net.state_dict())
    assert Model.load(tmp_path / "m").flavors["pytorch"] == {
        "code": None,
        "model_class": "nets_of_the_test.Net",
        "model_data": "data",
        "module_kwargs": {"width": 6},
        "pytorch_version": torch.__version__,
        "serialization_format": "safetensors",
        "training": False,
    }


def test_weights_go_into_a_module_that_the_caller_made(net: Any, nets: ModuleType, tmp_path: Path) -> None:
    mlkeep.pytorch.save_model(net, tmp_path / "m", serialization_format="safetensors")
    mine = nets.Net()
    assert mlkeep.pytorch.load_model(tmp_path / "m", module=mine) is mine
    assert np.array_equal(answer(mine), answer(net))


def test_tied_weights_stay_tied(nets: ModuleType, tmp_path: Path) -> None:
    mlkeep.pytorch.save_model(nets.Tied(), tmp_path / "m", serialization_format="safetensors")
    loaded = mlkeep.pytorch.load_model(tmp_path / "m")
    assert loaded.one.weight is loaded.other.weight


def test_a_class_that_is_not_there_can_come_along_as_code(
    net: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = [str(tmp_path / "lib/nets_of_the_test.py")]
    mlkeep.pytorch.save_model(net, tmp_path / "m", serialization_format="safetensors", code_paths=code)
    mlkeep.pytorch.save_model(net, tmp_path / "bare", serialization_format="safetensors")
    monkeypatch.delitem(sys.modules, "nets_of_the_test")
    monkeypatch.setattr(sys, "path", [folder for folder in sys.path if folder != str(tmp_path / "lib")])

    with pytest.raises(InvalidInput, match=r"class nets_of_the_test.Net cannot be imported here: .*code_paths"):
        mlkeep.pytorch.load_model(tmp_path / "bare")
    assert np.array_equal(answer(mlkeep.pytorch.load_model(tmp_path / "m")), answer(net))


def test_weights_that_do_not_fit_say_which_and_what_to_do(nets: ModuleType, tmp_path: Path) -> None:
    mlkeep.pytorch.save_model(nets.Net(width=6), tmp_path / "m", serialization_format="safetensors")
    with pytest.raises(InvalidInput, match=r"do not fit Net: .*inner\.weight.*module_kwargs"):
        mlkeep.pytorch.load_model(tmp_path / "m")


def test_weights_of_a_class_that_nobody_can_import_say_so_when_saved(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Local(torch.nn.Linear):  # type: ignore[misc]  # as above
        pass

    with caplog.at_level(logging.WARNING):
        mlkeep.pytorch.save_model(Local(3, 2), tmp_path / "m", serialization_format="safetensors")
    assert "only. Move the class into a module" in caplog.text
    with pytest.raises(InvalidInput, match=r"load_model\(uri, module=...\)"):
        mlkeep.pytorch.load_model(tmp_path / "m")


def test_classes_of_a_script_become_part_of_the_pickle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scope: dict[str, Any] = {"__name__": "__main__"}
    exec(SOURCE, scope)
    net = scope["Net"]()
    mlkeep.pytorch.save_model(net, tmp_path / "m")
    assert np.array_equal(answer(mlkeep.pytorch.load_model(tmp_path / "m")), answer(net))


def test_another_pickle_module_is_named_in_the_folder(net: Any, tmp_path: Path) -> None:
    mlkeep.pytorch.save_model(net, tmp_path / "m", pickle_module=pickle)
    mlkeep.pytorch.save_model(net, tmp_path / "same", pickle_module=mlkeep.pytorch.pickle_module)
    assert (tmp_path / "m/data/pickle_module_info.txt").read_text() == "pickle"
    assert (tmp_path / "same/data/pickle_module_info.txt").read_text() == "mlflow.pytorch.pickle_module"
    assert Model.load(tmp_path / "m").flavors["python_function"]["pickle_module_name"] == "pickle"
    assert np.array_equal(answer(mlkeep.pytorch.load_model(tmp_path / "m")), answer(net))


def test_keywords_go_to_torch(net: Any, tmp_path: Path) -> None:
    mlkeep.pytorch.save_model(net, tmp_path / "m", _use_new_zipfile_serialization=False)
    assert np.array_equal(answer(mlkeep.pytorch.load_model(tmp_path / "m", map_location="cpu")), answer(net))
    assert np.array_equal(answer(mlkeep.pytorch.load_model(tmp_path / "m", device="cpu")), answer(net))


def test_torchscript_is_kept_as_such_and_counts_as_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = torch.jit.trace(torch.nn.Linear(3, 2), torch.from_numpy(ROWS))
    mlkeep.pytorch.save_model(script, tmp_path / "m", input_example=ROWS)
    loaded = mlkeep.pytorch.load_model(tmp_path / "m")
    assert isinstance(loaded, torch.jit.ScriptModule)
    assert np.array_equal(answer(loaded), answer(script))
    assert np.array_equal(mlkeep.pyfunc.load_model(tmp_path / "m").predict(ROWS), answer(script))
    assert Model.load(tmp_path / "m").other["mlkeep_pickles"] == ["data/model.pth"]
    with pytest.raises(InvalidInput, match="a graph already"):
        mlkeep.pytorch.save_model(script, tmp_path / "n", input_example=ROWS, serialization_format="pt2")
    monkeypatch.setenv("MLKEEP_ALLOW_PICKLE", "0")
    with pytest.raises(Forbidden, match=r"model\.pth is a pickle"):
        mlkeep.pytorch.load_model(tmp_path / "m")


def test_pickles_can_be_forbidden_and_graphs_and_weights_are_none(
    net: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlkeep.pytorch.save_model(net, tmp_path / "pickle", serialization_format="pickle")
    monkeypatch.setenv("MLKEEP_ALLOW_PICKLE", "0")
    with pytest.raises(Forbidden, match=r"model\.pth is a pickle"):
        mlkeep.pytorch.load_model(tmp_path / "pickle")
    for form in (None, "pickle"):
        with pytest.raises(Forbidden, match="give an input_example"):
            mlkeep.pytorch.save_model(net, tmp_path / "refused", serialization_format=form)
    mlkeep.pytorch.save_model(net, tmp_path / "graph", input_example=ROWS)
    mlkeep.pytorch.save_model(net, tmp_path / "weights", serialization_format="safetensors")
    assert np.allclose(mlkeep.pyfunc.load_model(tmp_path / "graph").predict(ROWS), answer(net))
    assert np.array_equal(mlkeep.pyfunc.load_model(tmp_path / "weights").predict(ROWS), answer(net))


@pytest.mark.parametrize("form", ["pickle", "pt2", "safetensors"])
def test_as_a_function_frames_and_arrays_go_in(form: str, net: Any, tmp_path: Path) -> None:
    mlkeep.pytorch.save_model(net.train(), tmp_path / "m", input_example=FRAME, serialization_format=form)
    model = mlkeep.pyfunc.load_model(tmp_path / "m")
    expected = pd.DataFrame(answer(net), index=FRAME.index)
    pd.testing.assert_frame_equal(model.predict(FRAME), expected, check_exact=False)
    assert str(model.input_schema) == "['a': double (required), 'b': double (required), 'c': double (required)]"


def test_without_a_signature_the_data_goes_in_as_it_is(net: Any, tmp_path: Path) -> None:
    mlkeep.pytorch.save_model(net, tmp_path / "m")
    model = mlkeep.pyfunc.load_model(tmp_path / "m")
    assert np.array_equal(model.predict(ROWS), answer(net))
    assert np.array_equal(model.predict(ROWS[::-1]), answer(net, ROWS[::-1].copy()))
    for wrong, told in (
        (ROWS.tolist(), r"takes a pandas.DataFrame or a numpy.ndarray, not list"),
        ({"x": ROWS}, "not dict"),
        (torch.from_numpy(ROWS), "not Tensor"),
        (ROWS.astype("float64"), r"The data is torch.float64, .*data.astype\('float32'\)"),
        (np.array([["a"]], dtype=object), "object"),
        (pd.DataFrame({"a": ["x"]}), r"Columns \['a'\] hold no numbers"),
    ):
        with pytest.raises(InvalidInput, match=told):
            model.predict(wrong)


def test_parameters_are_keywords_of_forward(net: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    example = (ROWS, {"scale": 1.0})
    with caplog.at_level(logging.WARNING):
        mlkeep.pytorch.save_model(net, tmp_path / "m", input_example=example)
    model = mlkeep.pyfunc.load_model(tmp_path / "m")
    assert np.allclose(model.predict(ROWS, {"scale": 3.0}), answer(net) * 3)
    assert np.array_equal(model.predict(ROWS), answer(net))

    signature = Model.load(tmp_path / "m").signature
    mlkeep.pytorch.save_model(torch.nn.Linear(3, 2), tmp_path / "n", signature=signature)
    with pytest.raises(InvalidInput, match=r"params \['scale'\]: Linear.forward has none of these"):
        mlkeep.pyfunc.load_model(tmp_path / "n").predict(ROWS)


def test_an_answer_that_is_not_one_tensor_is_refused(tmp_path: Path) -> None:
    mlkeep.pytorch.save_model(torch.nn.LSTM(3, 2), tmp_path / "m")
    with pytest.raises(InvalidInput, match="answers with tuple"):
        mlkeep.pyfunc.load_model(tmp_path / "m").predict(ROWS)


def test_the_device_is_the_configured_one(net: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mlkeep.pytorch.save_model(net, tmp_path / "m")

    def device(**options: Any) -> str:
        module = mlkeep.pyfunc.load_model(tmp_path / "m", **options).get_raw_model()
        [found] = {str(parameter.device) for parameter in module.parameters()}
        return found

    assert device(model_config={"device": "cpu"}) == "cpu"
    monkeypatch.setenv("MLFLOW_DEFAULT_PREDICTION_DEVICE", "meta")
    assert device() == "meta"
    assert device(model_config={"device": "cpu"}) == "cpu"
    with pytest.raises(InvalidInput, match=r"model_config, device: torch cannot use the device 'warp' here"):
        mlkeep.pyfunc.load_model(tmp_path / "m", model_config={"device": "warp"})
    with pytest.raises(InvalidInput, match=r"device: torch cannot use the device 'warp' here"):
        mlkeep.pytorch.load_model(tmp_path / "m", device="warp")


@pytest.mark.parametrize("form", ["pickle", "pt2", "safetensors"])
def test_a_damaged_file_is_told_as_such(form: str, net: Any, tmp_path: Path) -> None:
    mlkeep.pytorch.save_model(net, tmp_path / "m", input_example=ROWS, serialization_format=form)
    [file] = [file for file in (tmp_path / "m/data").iterdir() if file.name.startswith("model.")]
    whole = file.read_bytes()
    for length in (len(whole) - 300, len(whole) // 2, 0):
        file.write_bytes(whole[:length])
        with pytest.raises(Damaged, match=file.name):
            mlkeep.pytorch.load_model(tmp_path / "m")


def test_a_graph_with_a_pickle_hidden_in_it_counts_as_one(
    net: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "ran",))

    mlkeep.pytorch.save_model(net, tmp_path / "m", input_example=ROWS)
    graph, pickled = tmp_path / "m/data/model.pt2", tmp_path / "evil.pt"
    torch.save(Evil(), pickled)
    with zipfile.ZipFile(graph) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(graph, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, pickled.read_bytes() if name.endswith(".pt") else content)
    # As in a folder of another writer, which tells nothing of what is in its files.
    described = yaml.safe_load((tmp_path / "m/MLmodel").read_text())
    plain = {key: value for key, value in described.items() if not key.startswith("mlkeep")}
    (tmp_path / "m/MLmodel").write_text(yaml.safe_dump(plain))
    monkeypatch.setenv("MLKEEP_ALLOW_PICKLE", "0")
    with pytest.raises(Forbidden, match=r"model\.pt2 is a pickle"):
        mlkeep.pytorch.load_model(tmp_path / "m")
    assert not (tmp_path / "ran").exists()


def test_a_pickle_of_a_class_that_is_gone_says_so(net: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mlkeep.pytorch.save_model(net, tmp_path / "m")
    monkeypatch.delitem(sys.modules, "nets_of_the_test")
    monkeypatch.setattr(sys, "path", [folder for folder in sys.path if folder != str(tmp_path / "lib")])
    with pytest.raises(InvalidInput, match=r"needs code that is not here: No module named 'nets_of_the_test'"):
        mlkeep.pytorch.load_model(tmp_path / "m")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"pytorch_model": 3}, "expected a torch.nn.Module, found int"),
        ({"serialization_format": "onnx"}, "serialization_format: 'onnx' is unknown; choose one of pt2, safetensors"),
        ({"export_model": True, "serialization_format": "pickle"}, "leave one of them out"),
        ({"serialization_format": "pt2", "pickle_module": pickle, "input_example": ROWS}, "pickle_module: only for"),
        ({"module_kwargs": {"width": 3}}, "with serialization_format='safetensors' only"),
        ({"serialization_format": "safetensors", "module_kwargs": {"width": object()}}, "module_kwargs: made of"),
    ],
)
def test_what_does_not_fit_together_is_refused(net: Any, given: dict[str, Any], told: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=told):
        mlkeep.pytorch.save_model(**{"pytorch_model": net, "path": tmp_path / "m", **given})
    assert not (tmp_path / "m").exists()


def test_an_existing_model_stays(net: Any, tmp_path: Path) -> None:
    mlkeep.pytorch.save_model(net, tmp_path / "m")
    with pytest.raises(AlreadyExists):
        mlkeep.pytorch.save_model(net, tmp_path / "m")
    with pytest.raises(InvalidInput, match="leave it out"):
        mlkeep.pytorch.load_model(tmp_path / "m", module=net)


def test_what_cannot_be_pickled_says_what_else_there_is(net: Any, tmp_path: Path) -> None:
    net.stream = (one for one in [1])
    with pytest.raises(InvalidInput, match=r"Net cannot be pickled: .*generator.*log_state_dict"):
        mlkeep.pytorch.save_model(net, tmp_path / "m", serialization_format="pickle")


def test_extra_files_and_requirements(net: Any, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("n")
    mlkeep.pytorch.save_model(net, tmp_path / "m", extra_files=[str(tmp_path / "notes.txt")])
    assert (tmp_path / "m/extra_files/notes.txt").read_text() == "n"
    assert Model.load(tmp_path / "m").flavors["pytorch"]["extra_files"] == [{"path": "extra_files/notes.txt"}]
    version = torch.__version__.partition("+")[0]
    lines = (tmp_path / "m/requirements.txt").read_text().splitlines()
    assert f"torch=={version}" in lines
    assert any(line.startswith("cloudpickle==") for line in lines)
    assert mlkeep.pytorch.get_default_pip_requirements()[0] == f"torch=={version}"
    assert mlkeep.pytorch.get_default_conda_env()["name"] == "mlflow-env"


@pytest.mark.parametrize(("form", "file"), [("pickle", "state_dict.pth"), ("safetensors", "state_dict.safetensors")])
def test_a_state_dict_is_kept_alone_and_read_without_running_code(
    form: str, file: str, net: Any, nets: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLKEEP_ALLOW_PICKLE", "0")
    mlkeep.pytorch.save_state_dict(net.state_dict(), tmp_path / "a/b", serialization_format=form)
    assert [one.name for one in (tmp_path / "a/b").iterdir()] == [file]
    fresh = nets.Net()
    fresh.load_state_dict(mlkeep.pytorch.load_state_dict(tmp_path / "a/b"))
    assert np.array_equal(answer(fresh), answer(net))
    (tmp_path / "a/b" / file).write_bytes(b"x" * 100)
    with pytest.raises(Damaged, match=file):
        mlkeep.pytorch.load_state_dict(tmp_path / "a/b")


def test_a_state_dict_that_would_run_code_is_refused(net: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mlkeep.pytorch.save_state_dict({"net": net}, tmp_path / "s")
    with pytest.raises(InvalidInput, match=r"reading it would run code: .*weights_only=False"):
        mlkeep.pytorch.load_state_dict(tmp_path / "s")
    assert type(mlkeep.pytorch.load_state_dict(tmp_path / "s", weights_only=False)["net"]) is type(net)
    monkeypatch.setenv("MLKEEP_ALLOW_PICKLE", "0")
    with pytest.raises(Forbidden):
        mlkeep.pytorch.load_state_dict(tmp_path / "s", weights_only=False)
    with pytest.raises(InvalidInput, match=r"these are none: \['epoch'\]"):
        mlkeep.pytorch.save_state_dict({"epoch": 1}, tmp_path / "t", serialization_format="safetensors")
    with pytest.raises(InvalidInput, match=r"give module.state_dict\(\)"):
        mlkeep.pytorch.save_state_dict(net, tmp_path / "t")
    with pytest.raises(NotFound, match="neither"):
        mlkeep.pytorch.load_state_dict(tmp_path)


@pytest.mark.usefixtures("tracking")
def test_modules_and_state_dicts_are_logged_as_scripts_do(net: Any) -> None:
    with mlkeep.start_run() as run:
        info = mlkeep.pytorch.log_model(net, "pytorch-model")
        mlkeep.pytorch.log_state_dict(net.state_dict(), artifact_path="checkpoint")
        named = mlkeep.pytorch.log_model(net, name="net", input_example=ROWS, registered_model_name="nets")
    run_id = run.info.run_id
    assert info.model_uri == f"runs:/{run_id}/pytorch-model"
    assert np.array_equal(answer(mlkeep.pytorch.load_model(f"runs:/{run_id}/pytorch-model")), answer(net))
    state = mlkeep.pytorch.load_state_dict(f"runs:/{run_id}/checkpoint")
    assert {name: tensor.tolist() for name, tensor in state.items()} == {
        name: tensor.tolist() for name, tensor in net.state_dict().items()
    }
    assert named.model_uri.startswith("models:/m-")
    assert np.allclose(mlkeep.pyfunc.load_model("models:/nets/1").predict(ROWS), answer(net))
