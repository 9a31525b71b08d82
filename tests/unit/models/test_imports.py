"""Which modules a model imports: read from the user's own code, and seen while it predicts."""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlkeep.models.imports import ImportWatch, followed


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of the user's own modules, which can be imported."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def write(folder: Path, **modules: str) -> None:
    for name, text in modules.items():
        path = folder / f"{name.replace('_in_', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    importlib.invalidate_caches()


def test_the_users_own_modules_are_followed(own: Path) -> None:
    write(own, steps="import helpers_of_mine\nimport numpy as np\n", helpers_of_mine="def f():\n    import yaml\n")
    assert followed({"steps", "sklearn.linear_model"}) == {
        *("steps", "helpers_of_mine"),
        *("sklearn.linear_model", "numpy", "yaml"),
    }


def test_installed_modules_are_not_followed() -> None:
    assert followed({"yaml", "json"}) == {"yaml", "json"}


def test_imports_inside_a_package_are_followed_by_their_dots(own: Path) -> None:
    write(
        own,
        pack_in___init__="from .inner import thing",
        pack_in_inner="from . import other",
        pack_in_other="import click",
    )
    assert "click" in followed({"pack"})


def test_what_only_type_checkers_import_does_not_count(own: Path) -> None:
    write(own, hinted="from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import numpy\nelse:\n    import yaml\n")
    assert followed({"hinted"}) == {"hinted", "typing", "typing.TYPE_CHECKING", "yaml"}


def test_code_that_comes_with_the_model_is_followed_and_not_asked_of_anyone(tmp_path: Path) -> None:
    write(
        tmp_path,
        code_in_mine_in___init__="from . import deeper",
        code_in_mine_in_deeper="import click",
        code_in_yaml="",
    )
    assert followed({"mine.deeper", "yaml"}, tmp_path / "code") == {"click"}


def test_code_that_is_no_python_is_left_out(own: Path) -> None:
    write(own, broken="import (")
    assert followed({"broken"}) == {"broken"}


def test_modules_that_are_imported_inside_are_seen(own: Path) -> None:
    write(own, first_of_mine="import second_of_mine", second_of_mine="", early_of_mine="")
    importlib.import_module("early_of_mine")
    with ImportWatch() as watch:
        importlib.import_module("first_of_mine")
        importlib.import_module("early_of_mine")
        with pytest.raises(ModuleNotFoundError):
            importlib.import_module("no_module_of_anyone")
    assert watch.modules == {"first_of_mine", "second_of_mine"}


def test_only_threads_that_were_started_inside_count(own: Path) -> None:
    write(own, of_old_thread="", of_new_thread="")
    go, done = threading.Event(), threading.Event()

    def old() -> None:
        go.wait(10)
        importlib.import_module("of_old_thread")
        done.set()

    running = threading.Thread(target=old)
    running.start()
    with ImportWatch() as watch:
        go.set()
        done.wait(10)
        started = threading.Thread(target=importlib.import_module, args=["of_new_thread"])
        started.start()
        started.join()
    running.join()
    assert watch.modules == {"of_new_thread"}


def test_a_watch_leaves_no_trace() -> None:
    before = list(sys.meta_path)
    with pytest.raises(ZeroDivisionError), ImportWatch():
        raise ZeroDivisionError
    assert sys.meta_path == before
