"""What a model folder says of its environment."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from mlkeep.core.errors import InvalidInput
from mlkeep.environments.recorded import recorded
from mlkeep.models.environment import write_environment
from mlkeep.models.requirements import Requirements
from mlkeep.version import __version__


def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_environment(tmp_path, Requirements([f"mlkeep=={__version__}", "a==1"], ["b==2"]))
    found = recorded(tmp_path)
    assert (found.python, found.lines, found.constraints, found.suits_this_python) == (
        platform.python_version(),
        [f"mlkeep=={__version__}", "a==1"],
        ["b==2"],
        True,
    )


def test_folders_with_a_conda_environment_alone_are_read(tmp_path: Path) -> None:
    (tmp_path / "conda.yaml").write_text("dependencies:\n- python=3.9.1\n- pip\n- pip:\n  - a==1\n")
    found = recorded(tmp_path, "3.8")
    assert (found.python, found.minor, found.lines, found.suits_this_python) == ("3.9.1", "3.9", ["a==1"], False)


def test_the_python_may_be_in_mlmodel_alone(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("a==1")
    assert (recorded(tmp_path, "3.10.2").python, recorded(tmp_path).python) == ("3.10.2", platform.python_version())


def test_a_folder_without_requirements_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"neither requirements.txt nor conda.yaml"):
        recorded(tmp_path)


def test_lines_can_be_replaced(tmp_path: Path) -> None:
    write_environment(tmp_path, Requirements(["a==1", "b==1"], ["a==1", "c==1"]))
    found = recorded(tmp_path).with_overrides(["A>=2", "d"])
    assert (found.lines, found.constraints) == (["b==1", "A>=2", "d"], ["c==1"])


@pytest.mark.parametrize(
    ("lines", "installed"),
    [
        (["mlkeep==0.1.0", "a==1"], ["mlkeep @ file:///w/mlkeep.whl", "a==1"]),
        (["mlkeep[postgres]==0.1.0"], ["mlkeep[postgres] @ file:///w/mlkeep.whl"]),
        (["mlflow==3.17.2", "a"], ["mlkeep @ file:///w/mlkeep.whl", "mlflow==3.17.2", "a"]),
        (["mlkeep==9.9", "a"], ["mlkeep==9.9", "a"]),
    ],
)
def test_mlkeep_is_installed_from_a_file_unless_another_version_is_pinned(
    tmp_path: Path, lines: list[str], installed: list[str]
) -> None:
    write_environment(tmp_path, Requirements(lines))
    assert recorded(tmp_path).installable("/w/mlkeep.whl", "0.1.0") == installed


def test_wheels_of_the_model_are_installed_from_its_folder(tmp_path: Path) -> None:
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels" / "a-1-py3-none-any.whl").write_bytes(b"1")
    write_environment(tmp_path, Requirements(["mlkeep==9.9", "wheels/a-1-py3-none-any.whl", "b.whl"]))
    found = recorded(tmp_path)
    assert found.installable("/w", "0.1.0") == [
        "mlkeep==9.9",
        str(tmp_path.resolve() / "wheels" / "a-1-py3-none-any.whl"),
        "b.whl",
    ]
    before = found.digest()
    (tmp_path / "wheels" / "a-1-py3-none-any.whl").write_bytes(b"2")
    assert found.digest() != before


def test_environments_that_are_the_same_have_one_digest(tmp_path: Path) -> None:
    for name, lines in (("x", ["a==1"]), ("y", ["a==1"]), ("z", ["a==2"])):
        (tmp_path / name).mkdir()
        write_environment(tmp_path / name, Requirements(lines))
    x, y, z = (recorded(tmp_path / name).digest("uv") for name in "xyz")
    assert (x == y, x == z, x == recorded(tmp_path / "x").digest("conda")) == (True, False, False)
