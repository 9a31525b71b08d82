"""Texts, dictionaries, figures and streams of runs."""

from __future__ import annotations

import datetime as dt
import io
import re
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import mlkeep
from mlkeep import MlkeepClient
from mlkeep.core.errors import InvalidInput, NotFound

mpl.use("Agg")


@pytest.fixture
def run_id(tracking: str) -> str:
    """A run that is active."""
    return mlkeep.start_run().info.run_id


def kept(run_id: str, path: str) -> bytes:
    return Path(mlkeep.artifacts.download_artifacts(run_id=run_id, artifact_path=path)).read_bytes()


def test_a_text_is_kept_to_the_byte(run_id: str) -> None:
    mlkeep.log_text("naïve\r\nline", "deep/a b.txt")

    assert kept(run_id, "deep/a b.txt") == "naïve\r\nline".encode()


@pytest.mark.parametrize("path", ["/a.txt", "../a.txt", "a/../../b.txt", "", ".", "a/", "C:/a.txt"])
def test_a_path_that_leaves_the_artifacts_or_names_no_file_is_refused(run_id: str, path: str) -> None:
    calls: list[Callable[[], object]] = [
        lambda: mlkeep.log_text("x", path),
        lambda: mlkeep.log_dict({}, path),
        lambda: mlkeep.log_stream(io.BytesIO(b"x"), path),
        lambda: mlkeep.log_figure(figure(), path),
    ]
    for call in calls:
        with pytest.raises(InvalidInput, match=f"Invalid artifact path: '{re.escape(path)}'"):
            call()
    assert mlkeep.artifacts.list_artifacts(run_id=run_id) == []


@pytest.mark.parametrize(
    ("value", "name", "written"),
    [
        (
            {"b": 1, "a": [1, {"z": None}]},
            "a.json",
            '{\n  "b": 1,\n  "a": [\n    1,\n    {\n      "z": null\n    }\n  ]\n}',
        ),
        ([1, "ü"], "a.txt", '[\n  1,\n  "\\u00fc"\n]'),
        (
            {"f": np.float32(1.5), "t": pd.Timestamp("2020-01-01")},
            "a.json",
            '{\n  "f": "1.5",\n  "t": "2020-01-01 00:00:00"\n}',
        ),
        ({"b": 1, "a": [1, {"z": None}], "ü": "ü"}, "a.yaml", "a:\n- 1\n- z: null\nb: 1\nü: ü\n"),
        ({"f": np.float32(1.5), "t": pd.Timestamp("2020-01-01")}, "a.yml", "f: '1.5'\nt: '2020-01-01 00:00:00'\n"),
        (
            {"d": dt.date(2020, 1, 1), "o": OrderedDict(x=(1, 2)), "n": np.float64(0.5), "s": {"x"}, 1: "one"},
            "a.yml",
            "d: 2020-01-01\no:\n  x:\n  - 1\n  - 2\nn: 0.5\ns: !!set\n  x: null\n1: one\n",
        ),
        ({}, "a.yaml", "{}\n"),
    ],
    ids=["json", "list", "json of other things", "yaml", "yaml of other things", "kinds of yaml", "nothing"],
)
def test_a_dictionary_is_kept_as_its_ending_says(run_id: str, value: Any, name: str, written: str) -> None:
    mlkeep.log_dict(value, name)

    assert kept(run_id, name).decode() == written


def test_a_stream_is_kept_from_where_it_stands_and_stays_open(run_id: str) -> None:
    stream = io.BytesIO(bytes(range(256)) * 20_000)
    stream.read(1_000)
    mlkeep.log_stream(stream, "deep/big.bin")

    assert kept(run_id, "deep/big.bin") == stream.getvalue()[1_000:]
    assert not stream.closed


class Pieces:
    """Gives a stream in pieces of its own choice, and remembers what it was asked for."""

    def __init__(self, *pieces: bytes) -> None:
        self.left = list(pieces)
        self.asked: set[int] = set()

    def read(self, size: int = -1) -> bytes:
        self.asked.add(size)
        return self.left.pop(0) if self.left else b""


def test_a_stream_is_read_in_pieces_whatever_it_is(run_id: str) -> None:
    stream = Pieces(b"ab", b"c" * 3_000_000, b"d")
    mlkeep.log_stream(stream, "a.bin", run_id=run_id)

    assert kept(run_id, "a.bin") == b"ab" + b"c" * 3_000_000 + b"d"
    assert stream.asked == {1024 * 1024}


def test_a_stream_of_texts_is_refused(run_id: str) -> None:
    with pytest.raises(TypeError, match="bytes-like object"):
        mlkeep.log_stream(io.StringIO("text"), "a.bin")  # type: ignore[arg-type]  # as a careless program does
    assert mlkeep.artifacts.list_artifacts(run_id=run_id) == []


def figure() -> Any:
    made = Figure(figsize=(1, 1))
    made.subplots().plot([1, 2])
    return made


def test_a_figure_is_written_as_its_ending_says(run_id: str) -> None:
    mlkeep.log_figure(figure(), "plots/a.png", save_kwargs={"dpi": 50})
    mlkeep.log_figure(figure(), "a.svg")

    assert mlkeep.artifacts.load_image(f"runs:/{run_id}/plots/a.png").size == (50, 50)
    assert b"<svg" in kept(run_id, "a.svg")


@pytest.mark.parametrize("name", ["a.html", "a.foo", "a"])
def test_matplotlib_does_not_write_everything(run_id: str, name: str) -> None:
    with pytest.raises(ValueError, match=r"Format '(html|foo)' is not supported|its ending must say what it is"):
        mlkeep.log_figure(figure(), name)


@pytest.mark.parametrize("value", [5, None, figure().axes[0]], ids=["number", "nothing", "axes"])
def test_what_is_no_figure_is_refused(run_id: str, value: Any) -> None:
    with pytest.raises(TypeError, match="Unsupported figure object type"):
        mlkeep.log_figure(value, "a.png")


def test_artifacts_are_loaded_as_what_they_are(run_id: str, tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"\xff\xfe")
    mlkeep.log_artifact(tmp_path / "a.bin")
    mlkeep.log_text("naïve", "a.txt")
    mlkeep.log_dict({"a": [1]}, "a.json")
    root = f"runs:/{run_id}"

    assert mlkeep.artifacts.load_text(f"{root}/a.txt") == "naïve"
    assert mlkeep.artifacts.load_dict(f"{root}/a.json") == {"a": [1]}
    for load, name, message in (
        (mlkeep.artifacts.load_dict, "a.txt", "Unable to form a JSON object from file content"),
        (mlkeep.artifacts.load_text, "a.bin", "is not valid UTF-8"),
    ):
        with pytest.raises(mlkeep.MlkeepException, match=message) as told:
            load(f"{root}/{name}")
        assert told.value.error_code == "BAD_REQUEST"
    with pytest.raises(NotFound):
        mlkeep.artifacts.load_text(f"{root}/nothing.txt")


def test_the_artifact_uri_of_a_path_is_below_that_of_the_run(client: MlkeepClient) -> None:
    with mlkeep.start_run() as run:
        root = run.info.artifact_uri
        assert [mlkeep.get_artifact_uri(path) for path in (None, "", "a/b.txt", "/a")] == [
            root,
            root,
            f"{root}/a/b.txt",
            f"{root}/a",
        ]


def test_an_artifact_uri_keeps_its_query_at_the_end(embedded: str) -> None:
    experiment_id = mlkeep.create_experiment("elsewhere", artifact_location="s3://bucket/a?region=b")
    with mlkeep.start_run(experiment_id=experiment_id) as run:
        root = f"s3://bucket/a/{run.info.run_id}/artifacts"
        assert (mlkeep.get_artifact_uri(), mlkeep.get_artifact_uri("x")) == (f"{root}?region=b", f"{root}/x?region=b")
