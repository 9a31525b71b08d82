"""Requirement lines: read from files and lists, inferred, merged."""

from __future__ import annotations

import importlib
import importlib.metadata
import logging
import time
from pathlib import Path

import pandas as pd
import pytest

import mlkeep
import mlkeep.pyfunc
from mlkeep.core.errors import InvalidInput
from mlkeep.models.requirements import Requirements, inferred, name_of, parse, stated
from mlkeep.version import __version__

OWN = f"mlkeep=={__version__}"


def pin(name: str) -> str:
    return f"{name}=={importlib.metadata.version(name)}"


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("Foo.Bar[x]>=1 ; python_version > '3'", "foo-bar"),
        ("foo @ git+https://x.org/r@v1", "foo"),
        ("foo==1 --hash=sha256:aa", "foo"),
        ("https://x.org/dist/foo_bar-1.0-py3-none-any.whl#sha256=aa", "foo-bar"),
        ("./dist/foo_bar-1.0-py3-none-any.whl", "foo-bar"),
        ("git+https://x.org/r", "git+https://x.org/r"),
        ("--extra-index-url https://x.org/simple", "--extra-index-url https://x.org/simple"),
    ],
)
def test_a_line_is_about_a_distribution(line: str, name: str) -> None:
    assert name_of(line) == name


def test_options_urls_and_markers_are_kept_as_they_are(tmp_path: Path) -> None:
    lines = [
        "--extra-index-url https://x.org/simple",
        "lightgbm[scikit-learn]==4.6.0",
        "torch==2.4; sys_platform == 'linux'",
        "https://x.org/foo-1.0-py3-none-any.whl",
        "git+https://x.org/bar@v1#egg=bar",
    ]
    (tmp_path / "r.txt").write_text("\n".join(lines))
    assert stated(tmp_path / "r.txt").lines == [OWN, *lines]


def test_files_may_name_others_in_every_way_pip_reads(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "b.txt").write_text("b==2\n-c=c.txt\n")
    (tmp_path / "deep" / "c.txt").write_text("# why\nd<3  # too new\n")
    (tmp_path / "a.txt").write_text("--requirement=deep/b.txt\na==1 \\\n    --hash=sha256:aa\n-c https://x.org/c.txt\n")
    assert parse(tmp_path / "a.txt") == Requirements(
        ["b==2", "a==1 --hash=sha256:aa", "-c https://x.org/c.txt"], ["d<3"]
    )


def test_what_was_only_seen_is_left_out_where_others_bring_it_along() -> None:
    found = inferred({"hypothesis"}, ["cloudpickle==3"], seen={"pandas.core", "sortedcontainers", "iniconfig", "json"})
    assert found.lines == [OWN, "cloudpickle==3", pin("hypothesis"), pin("iniconfig")]


def test_what_files_name_is_pinned_even_if_others_bring_it_along() -> None:
    assert inferred({"numpy", "sklearn"}, []).lines == [OWN, pin("numpy"), pin("scikit-learn")]


def test_the_flavors_line_wins_over_what_is_inferred() -> None:
    assert inferred({"numpy"}, ["numpy[extra]>=2"]).lines == [OWN, "numpy[extra]>=2"]


def test_a_distribution_from_a_folder_is_told_of_and_not_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    info = tmp_path / "of_this_machine-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: of-this-machine\nVersion: 1\n")
    (info / "RECORD").write_text("of_this_machine.py,,\n")
    (info / "direct_url.json").write_text('{"url": "file:///src/x", "dir_info": {}}')
    monkeypatch.syspath_prepend(tmp_path)
    with caplog.at_level(logging.WARNING):
        assert inferred({"of_this_machine"}, []).lines == [OWN]
    assert caplog.messages[0].startswith("of-this-machine is installed from a folder or file of this machine")


LAZY = """
import mlkeep.pyfunc

class Lazy(mlkeep.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        import iniconfig
        return [2 * value for value in model_input["a"]]
"""


def test_a_model_that_imports_while_it_predicts_requires_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lazy_model_of_mine.py").write_text(LAZY)
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("lazy_model_of_mine")
    mlkeep.pyfunc.save_model(tmp_path / "m", python_model=module.Lazy(), input_example=pd.DataFrame({"a": [1.0]}))
    lines = (tmp_path / "m" / "requirements.txt").read_text().splitlines()
    assert lines == [OWN, *map(pin, ("cloudpickle", "iniconfig", "pandas"))]


def test_inferring_takes_little_time_after_the_first(tmp_path: Path) -> None:
    modules = {"sklearn.linear_model", "numpy", "pandas", "cloudpickle", "iniconfig"}
    inferred(modules, [pin("scikit-learn")], seen={"scipy", "joblib", "click"})
    started = time.perf_counter()
    inferred(modules, [pin("scikit-learn")], seen={"scipy", "joblib", "click"})
    assert time.perf_counter() - started < 0.1


def test_a_file_that_includes_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("-r more.txt")
    (tmp_path / "more.txt").write_text("numpy\n-r requirements.txt")
    with pytest.raises(InvalidInput, match=r"includes itself, by the line '-r"):
        parse(tmp_path / "requirements.txt")
