"""Modules that come with a model: found by themselves, and beside others of the same name."""

from __future__ import annotations

import importlib
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import mlkeep.pyfunc
from mlkeep.core.errors import InvalidInput
from mlkeep.flavors.local_modules import imported_by, local_modules

NAMES = ("mlkeep_project", "mlkeep_features")


@pytest.fixture(autouse=True)
def imports(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What is imported from the projects of a test is forgotten after it."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield
    forget()


def forget() -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] in NAMES]:
        del sys.modules[name]
    importlib.invalidate_caches()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package with a module that imports others in several ways, and one that nothing imports."""
    files = {
        "mlkeep_project/__init__.py": "",
        "mlkeep_project/model.py": (
            "import json, numpy\n"
            "import mlkeep.pyfunc\n"
            "from .steps import scale\n"
            "from mlkeep_project import constants\n"
            "class Model(mlkeep.pyfunc.PythonModel):\n"
            "    def predict(self, model_input):\n"
            "        from mlkeep_features import lazily\n"
            "        return [lazily.add(scale(v), constants.ONE) for v in model_input]\n"
        ),
        "mlkeep_project/steps/__init__.py": "from ..steps.scaling import scale\n",
        "mlkeep_project/steps/scaling.py": "from ..constants import TEN as BY\ndef scale(value):\n    return value * BY\n",
        "mlkeep_project/constants.py": "ONE = 1\nTEN = 10\n",
        "mlkeep_project/unused.py": "1 / 0\n",
        "mlkeep_features/lazily.py": "def add(one, two):\n    return one + two\n",
    }
    for name, text in files.items():
        path = tmp_path / "project" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path / "project"))
    return tmp_path / "project"


def code_of(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder / "code")) for path in (folder / "code").rglob("*.py"))


MODULES = [
    "mlkeep_features/lazily.py",
    "mlkeep_project/__init__.py",
    "mlkeep_project/constants.py",
    "mlkeep_project/model.py",
    "mlkeep_project/steps/__init__.py",
    "mlkeep_project/steps/scaling.py",
]


def test_imports_are_followed_from_module_to_module(project: Path) -> None:
    found = local_modules({"mlkeep_project.model", "json", "numpy", "no_such_module", "__main__"})
    assert sorted(str(path.relative_to(project)) for path in found.values()) == MODULES


def test_what_a_file_imports() -> None:
    here = Path(__file__)
    assert {"logging", "mlkeep.pyfunc", "collections.abc.Iterator", "mlkeep.flavors.local_modules"} <= imported_by(here)


def test_the_modules_of_an_instance_come_with_it(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = importlib.import_module("mlkeep_project.model").Model()
    mlkeep.pyfunc.save_model(tmp_path / "m", python_model=model, infer_code_paths=True)
    assert code_of(tmp_path / "m") == MODULES
    forget()
    sys.path.remove(str(project))
    assert mlkeep.pyfunc.load_model(tmp_path / "m").predict([1, 2]) == [11, 21]
    assert sys.modules["mlkeep_project.steps"].__file__ == str(tmp_path / "m/code/mlkeep_project/steps/__init__.py")


def test_the_modules_of_a_script_come_with_it(project: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("import mlkeep\nfrom mlkeep_project.model import Model\nmlkeep.models.set_model(Model())\n")
    mlkeep.pyfunc.save_model(tmp_path / "m", python_model=script, infer_code_paths=True)
    assert code_of(tmp_path / "m") == MODULES
    forget()
    sys.path.remove(str(project))
    assert mlkeep.pyfunc.load_model(tmp_path / "m").predict([1]) == [11]


def test_a_model_without_modules_of_its_own_has_no_folder_for_them(tmp_path: Path) -> None:
    in_notebook = eval("lambda model_input: model_input", {"__name__": "__main__"})
    mlkeep.pyfunc.save_model(tmp_path / "m", python_model=in_notebook, infer_code_paths=True)
    assert not (tmp_path / "m" / "code").exists()


def features(folder: Path, text: str) -> Path:
    path = folder / "mlkeep_features.py"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"NAME = {text!r}\ndef name():\n    return NAME\n")
    return path


def model_of_features(folder: Path, text: str, tmp_path: Path) -> Path:
    """A model whose answer is what a module of its own says, which is not imported afterwards."""
    source = features(folder, text)
    sys.path.insert(0, str(folder))
    forget()
    module: Any = importlib.import_module("mlkeep_features")
    name = module.name
    mlkeep.pyfunc.save_model(
        tmp_path / text, python_model=lambda model_input: [name(), model_input], code_paths=[str(source)]
    )
    sys.path.remove(str(folder))
    forget()
    return tmp_path / text


def test_two_models_with_different_modules_of_one_name(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    one, two = (model_of_features(tmp_path / f"src-{text}", text, tmp_path) for text in ("one", "two"))
    first, second = mlkeep.pyfunc.load_model(one), mlkeep.pyfunc.load_model(two)
    assert (first.predict(1), second.predict(2)) == (["one", 1], ["two", 2])
    assert sys.modules["mlkeep_features"].__file__ == str(one / "code" / "mlkeep_features.py"), "who was first"
    assert "The model uses the module mlkeep_features that came with it, beside another one" in caplog.text
    assert mlkeep.pyfunc.load_model(one).predict(3) == ["one", 3]


def test_the_programs_own_module_stays_what_it_is(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    old = model_of_features(tmp_path / "src", "old", tmp_path)
    features(tmp_path / "src", "newer")
    sys.path.insert(0, str(tmp_path / "src"))
    mine: Any = importlib.import_module("mlkeep_features")
    assert mlkeep.pyfunc.load_model(old).predict(1) == ["old", 1]
    assert sys.modules["mlkeep_features"] is mine
    assert mine.name() == "newer"
    assert str(tmp_path / "src" / "mlkeep_features.py") in caplog.text


def test_the_same_module_is_not_read_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    model = model_of_features(tmp_path / "src", "same", tmp_path)
    sys.path.insert(0, str(tmp_path / "src"))
    mine = importlib.import_module("mlkeep_features")
    caplog.set_level(logging.WARNING, "mlkeep.flavors.own_code")
    assert mlkeep.pyfunc.load_model(model).predict(1) == ["same", 1]
    assert sys.modules["mlkeep_features"] is mine
    assert "mlkeep_features" not in caplog.text


def test_a_code_path_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"code_paths: there is no file or folder 'no\.py'"):
        mlkeep.pyfunc.save_model(tmp_path / "m", python_model=lambda model_input: model_input, code_paths=["no.py"])


def test_a_loader_module_without_its_function_is_named(tmp_path: Path) -> None:
    mlkeep.pyfunc.save_model(tmp_path / "m", loader_module="json")
    with pytest.raises(InvalidInput, match=r"'json', which has no function _load_pyfunc\(data_path\)"):
        mlkeep.pyfunc.load_model(tmp_path / "m")
