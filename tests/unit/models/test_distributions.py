"""Which distribution provides a module."""

from __future__ import annotations

import importlib.metadata
import json
import sys
from pathlib import Path

import pytest

from mlkeep.models import distributions
from mlkeep.models.distributions import Installed, installed, source_of


def distribution(folder: Path, name: str, files: list[str], **more: str) -> None:
    info = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{more.pop('requires', '')}")
    (info / "RECORD").write_text("".join(f"{file},,\n" for file in files))
    for file, text in more.items():
        (info / f"{file}.json").write_text(text)


def test_modules_belong_to_what_installed_their_files(tmp_path: Path) -> None:
    distribution(tmp_path, "Some-Thing", ["thing/__init__.py", "../../bin/thing-cli", "_thing.cpython-311-x86_64.so"])
    distribution(tmp_path, "one-file", ["one_file.py", "one_file-1.0.dist-info/RECORD"])
    there = Installed([str(tmp_path)])
    assert {name: there.of_module(name) for name in ("thing.deep.er", "_thing", "one_file", "bin", "nothing")} == {
        "thing.deep.er": ["Some-Thing"],
        "_thing": ["Some-Thing"],
        "one_file": ["one-file"],
        "bin": [],
        "nothing": [],
    }


def test_a_namespace_is_of_who_has_the_longest_part(tmp_path: Path) -> None:
    distribution(tmp_path, "google-cloud-storage", ["google/cloud/storage/__init__.py"])
    distribution(tmp_path, "google-cloud-core", ["google/cloud/version.py", "google/cloud/_http.py"])
    distribution(tmp_path, "protobuf", ["google/protobuf/__init__.py"])
    there = Installed([str(tmp_path)])
    assert there.of_module("google.cloud.storage.blob") == ["google-cloud-storage"]
    assert there.of_module("google.cloud._http") == ["google-cloud-core"]
    assert there.of_module("google.protobuf") == ["protobuf"]
    assert there.of_module("google") == []


def test_a_module_that_several_install_is_of_them_all(tmp_path: Path) -> None:
    distribution(tmp_path, "opencv-python", ["cv2/__init__.py"])
    distribution(tmp_path, "opencv-contrib-python", ["cv2/__init__.py"])
    assert Installed([str(tmp_path)]).of_module("cv2") == ["opencv-contrib-python", "opencv-python"]


def test_older_distributions_name_their_modules(tmp_path: Path) -> None:
    info = tmp_path / "old-1.0.egg-info"
    info.mkdir()
    (info / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: old\nVersion: 1.0\n")
    (info / "top_level.txt").write_text("old_module\n")
    assert Installed([str(tmp_path)]).of_module("old_module") == ["old"]


def test_what_is_installed_in_place_is_known_by_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project, packages = tmp_path / "my project", tmp_path / "packages"
    (project / "src").mkdir(parents=True)
    (project / "src" / "mine_in_place.py").write_text("")
    told = {"dir_info": {"editable": True}, "url": project.as_uri()}
    distribution(packages, "mine", ["_mine.pth"], direct_url=json.dumps(told))
    monkeypatch.syspath_prepend(project / "src")
    __import__("mine_in_place")
    there = Installed([str(packages)])
    assert (there.installed_in_place("mine_in_place"), there.installed_in_place("json")) == ("mine", None)
    del sys.modules["mine_in_place"]


def test_what_is_installed_later_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    before = installed()
    assert (before.of_module("late_module"), installed() is before) == ([], True)
    distribution(tmp_path, "late", ["late_module.py"])
    assert installed().of_module("late_module") == ["late"]


def test_it_tells_the_same_as_the_standard_library() -> None:
    there = installed()
    told = importlib.metadata.packages_distributions()
    names = [name for name in ("sklearn", "yaml", "numpy", "click", "pandas", "_pytest", "dateutil") if name in told]
    assert {name: there.of_module(name) for name in names} == {name: sorted(set(told[name])) for name in names}


def test_what_a_distribution_brings_along_is_counted_without_extras() -> None:
    needed = installed().needed_by("pandas")
    assert {"numpy", "python-dateutil", "six"} & needed >= {"numpy", "python-dateutil"}
    assert not needed & {"pandas", "pytest", "matplotlib"}


@pytest.mark.parametrize(
    ("told", "line"),
    [
        ({"url": "https://x.org/a.whl", "archive_info": {}}, "mine @ https://x.org/a.whl"),
        (
            {"url": "https://x.org/r", "vcs_info": {"vcs": "git", "commit_id": "abc"}, "subdirectory": "lib"},
            "mine @ git+https://x.org/r@abc#subdirectory=lib",
        ),
        ({"url": "file:///home/me/mine", "dir_info": {}}, ""),
    ],
)
def test_what_came_from_no_index_is_taken_from_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: dict[str, object], line: str
) -> None:
    distribution(tmp_path, "mine", ["mine.py"], direct_url=json.dumps(told))
    monkeypatch.syspath_prepend(tmp_path)
    assert (source_of("mine"), source_of("no-such-thing"), source_of("click")) == (line, None, None)


def test_requirements_that_cannot_be_read_bring_nothing_along() -> None:
    assert distributions._unconditional("%%%") is None
    assert distributions._unconditional("a>1; extra == 'x'") is None
    assert distributions._unconditional("A_b>1") == "a-b"
