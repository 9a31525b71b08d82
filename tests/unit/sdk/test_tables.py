"""Tables of runs."""

from __future__ import annotations

import json
import logging
import re
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image as Pillow

import mlkeep
from mlkeep import MlkeepClient
from mlkeep.core.errors import InvalidInput, NotFound
from mlkeep.core.limits import MAX_TAG_VALUE_LENGTH

PIXELS = np.full((2, 3), 7, np.uint8)


def text(run_id: str, path: str) -> str:
    return mlkeep.artifacts.load_text(f"runs:/{run_id}/{path}")


@pytest.fixture
def run_id(tracking: str) -> str:
    """A run that is active."""
    return mlkeep.start_run().info.run_id


@pytest.mark.parametrize(
    ("data", "written"),
    [
        ({"a": 1, "b": "x"}, '{"columns":["a","b"],"data":[[1,"x"]]}'),
        ({"a": [1, 2], "b": "const"}, '{"columns":["a","b"],"data":[[1,"const"],[2,"const"]]}'),
        ({"a": [1, 2], "b": [1]}, '{"columns":["a","b"],"data":[[[1,2],[1]]]}'),
        (
            {"f": [1.5, float("nan"), 1 / 3], "s": ["ü/", '"', None], "n": [[1], {"x": 2}, True]},
            '{"columns":["f","s","n"],"data":[[1.5,"\\u00fc\\/",[1]],[null,"\\"",{"x":2}],[0.3333333333,null,true]]}',
        ),
        (pd.DataFrame({0: [1, 2]}, index=["p", "q"]), '{"columns":[0],"data":[[1],[2]]}'),
        (
            pd.DataFrame({"d": pd.to_datetime(["2020-01-01"]), "t": pd.to_timedelta([1], "s")}),
            '{"columns":["d","t"],"data":[["2020-01-01T00:00:00.000","P0DT0H0M1S"]]}',
        ),
        ({}, '{"columns":[],"data":[]}'),
    ],
    ids=["one row", "a value for all rows", "lists of several lengths", "all kinds", "a frame", "times", "nothing"],
)
def test_a_new_table_is_written_as_mlflow_writes_it(run_id: str, data: Any, written: str) -> None:
    mlkeep.log_table(data, "deep/er/t.json")

    assert text(run_id, "deep/er/t.json") == written


def test_rows_are_added_and_what_is_there_already_stays_as_it_is(run_id: str) -> None:
    mlkeep.log_table({"id": ["001", "a/b"], "n": [1, 2**60]}, "t.json")
    mlkeep.log_table({"date": ["2020-01-01"], "id": ["002"]}, "t.json")
    mlkeep.log_table({"n": 0.1 + 0.2}, "t.json")

    assert text(run_id, "t.json") == (
        '{"columns":["id","n","date"],"data":[["001",1,null],["a\\/b",1152921504606846976,null],'
        '["002",null,"2020-01-01"],[null,0.3,null]]}'
    )


def test_parquet_keeps_numbers_and_texts_exactly(run_id: str) -> None:
    mlkeep.log_table({"a": [1 / 3, 2.0], "b": ["001", "y"]}, "t.parquet")
    mlkeep.log_table({"a": 0.1 + 0.2, "c": True}, "t.parquet")

    table = mlkeep.load_table("t.parquet", [run_id])
    assert table["a"].tolist() == [1 / 3, 2.0, 0.1 + 0.2]
    assert table["b"].tolist()[:2] == ["001", "y"]
    assert table["b"].isna().tolist() == [False, False, True]
    assert table["c"].dropna().tolist() == [True]


def test_the_run_says_which_tables_it_has(client: MlkeepClient, run_id: str) -> None:
    mlkeep.log_table({"a": 1}, "t.json")
    mlkeep.log_table({"a": 2}, "t.json")
    mlkeep.log_table({"a": 1}, "deep//u.parquet", run_id=run_id)

    assert json.loads(client.get_run(run_id).data.tags["mlflow.loggedArtifacts"]) == [
        {"path": "t.json", "type": "table"},
        {"path": "deep/u.parquet", "type": "table"},
    ]


def test_a_table_too_many_for_the_tag_is_refused_before_anything_is_kept(client: MlkeepClient, run_id: str) -> None:
    tables = [{"path": "x" * 49, "type": "table"} for _ in range(99)]
    told = json.dumps(tables)
    assert MAX_TAG_VALUE_LENGTH - 100 < len(told) < MAX_TAG_VALUE_LENGTH
    mlkeep.set_tag("mlflow.loggedArtifacts", told)

    with pytest.raises(InvalidInput, match=r"The run has 99 tables, and its tag .* no room for 'y{99}.json'"):
        mlkeep.log_table({"a": 1}, f"{'y' * 99}.json")
    assert client.list_artifacts(run_id) == []


@pytest.mark.parametrize("data", [[{"a": 1}], "x", pd.Series([1])], ids=["list", "text", "series"])
def test_what_is_no_table_is_refused(run_id: str, data: Any) -> None:
    with pytest.raises(InvalidInput, match=r"data must be a pandas\.DataFrame or a dictionary"):
        mlkeep.log_table(data, "t.json")


@pytest.mark.parametrize("name", ["t.csv", "t", "t.JSON"])
def test_a_table_is_json_or_parquet(run_id: str, name: str) -> None:
    with pytest.raises(ValueError, match=r"a file name with either '\.json' or '\.parquet' extension"):
        mlkeep.log_table({"a": 1}, name)


def test_a_table_outside_the_artifacts_is_refused(run_id: str) -> None:
    with pytest.raises(InvalidInput, match=re.escape("Invalid artifact path: '../t.json'")):
        mlkeep.log_table({"a": 1}, "../t.json")


@pytest.mark.parametrize("there", ["no json", "[1, 2]", '{"columns": 5}'])
@pytest.mark.parametrize("name", ["t.json", "t.parquet"])
def test_a_file_that_is_no_table_is_left_alone(run_id: str, there: str, name: str) -> None:
    mlkeep.log_text(there, name)
    with pytest.raises(InvalidInput, match=f"The artifact '{name}' is there already and is no table"):
        mlkeep.log_table({"a": 1}, name)

    assert text(run_id, name) == there


def test_a_frame_with_a_column_twice_is_refused(run_id: str) -> None:
    frame = pd.DataFrame([[1, 2]], columns=["a", "a"])
    with pytest.raises(InvalidInput, match="The table has the column 'a' twice"):
        mlkeep.log_table(frame, "t.json")


@pytest.mark.parametrize("ending", ["json", "parquet"])
def test_images_in_cells_become_files(client: MlkeepClient, run_id: str, ending: str) -> None:
    mlkeep.log_table({"name": ["p", "q"], "i": [mlkeep.Image(PIXELS), Pillow.fromarray(PIXELS)]}, f"a/t.{ending}")
    mlkeep.log_table({"name": "r", "i": mlkeep.Image(PIXELS)}, f"a/t.{ending}")

    cells = mlkeep.load_table(f"a/t.{ending}", [run_id])["i"].tolist()
    files = [info.path for info in client.list_artifacts(run_id, "table_images/a/t")]
    assert sorted(path for cell in cells for path in (cell["filepath"], cell["compressed_filepath"])) == files
    assert [cell["type"] for cell in cells] == ["image"] * 3
    for cell in cells:
        assert re.fullmatch(r"table_images/a/t/[0-9a-f-]{36}\.png", cell["filepath"])
        assert cell["compressed_filepath"] == cell["filepath"].replace(".png", ".webp")
        image = mlkeep.artifacts.load_image(f"runs:/{run_id}/{cell['filepath']}")
        assert np.array_equal(np.asarray(image), PIXELS)


@pytest.mark.parametrize("cells", [[mlkeep.Image(PIXELS), "text"], [None, Pillow.fromarray(PIXELS)]])
def test_a_column_of_images_and_other_things_is_refused(client: MlkeepClient, run_id: str, cells: list[Any]) -> None:
    with pytest.raises(ValueError, match="Column `i` contains a mix of images and non-images"):
        mlkeep.log_table({"i": cells}, "t.json")
    assert client.list_artifacts(run_id) == []


def test_threads_that_add_to_one_table_lose_nothing(client: MlkeepClient, run_id: str) -> None:
    def add(thread: int) -> None:
        for number in range(5):
            client.log_table(run_id, {"thread": thread, "number": number}, "t.json")
        client.log_table(run_id, {"thread": thread}, f"{thread}.json")

    threads = [threading.Thread(target=add, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    table = mlkeep.load_table("t.json", [run_id])
    assert sorted(zip(table["thread"], table["number"], strict=True)) == [(t, n) for t in range(4) for n in range(5)]
    told = json.loads(client.get_run(run_id).data.tags["mlflow.loggedArtifacts"])
    assert sorted(one["path"] for one in told) == ["0.json", "1.json", "2.json", "3.json", "t.json"]


@pytest.fixture
def two_runs(embedded: str) -> list[str]:
    """Two ended runs with tables, the later one first."""
    ids = []
    for number, data in enumerate(({"a": [1, 2], "b": ["x", "y"]}, {"a": [9], "z": [1.5]})):
        with mlkeep.start_run() as run:
            mlkeep.log_table(data, "t.json")
            mlkeep.log_table({"run_id": number}, f"own {number}.json")
            mlkeep.log_param(f"p{number}", number)
            mlkeep.log_metric("m", number)
        ids.append(run.info.run_id)
    with mlkeep.start_run():
        mlkeep.log_text("no table", "t.json")
    return ids[::-1]


def test_load_table_puts_the_tables_of_all_runs_together_the_latest_first(two_runs: list[str]) -> None:
    table = mlkeep.load_table("t.json")

    assert json.loads(table.to_json(orient="split", index=False)) == {
        "columns": ["a", "z", "b"],
        "data": [[9, 1.5, None], [1, None, "x"], [2, None, "y"]],
    }


def test_load_table_tells_what_is_asked_of_the_runs(two_runs: list[str]) -> None:
    columns = ["run_id", "status", "params.p0", "metrics.m", "start_time"]
    table = mlkeep.load_table("t.json", extra_columns=columns)

    later, earlier = two_runs
    assert table["run_id"].tolist() == [later, earlier, earlier]
    assert table["status"].tolist() == ["FINISHED"] * 3
    assert table["params.p0"].fillna("-").tolist() == ["-", "0", "0"]
    assert table["metrics.m"].tolist() == [1.0, 0.0, 0.0]
    assert str(table["start_time"].dt.tz) == "UTC"
    with pytest.raises(KeyError, match=r"params\.nothing"):
        mlkeep.load_table("t.json", extra_columns=["params.nothing"])


def test_a_column_of_the_table_keeps_its_name(two_runs: list[str], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "mlkeep"):
        table = mlkeep.load_table("own 1.json", extra_columns=["run_id"])

    assert table.to_dict("list") == {"run_id": [1], "run_id_": [two_runs[0]]}
    assert [record.getMessage() for record in caplog.records] == [
        "The table has a column 'run_id' of its own: that of the run is called 'run_id_'."
    ]


def test_load_table_of_some_runs_skips_those_without_it(two_runs: list[str], caplog: pytest.LogCaptureFixture) -> None:
    assert mlkeep.load_table("t.json", [two_runs[1]])["a"].tolist() == [1, 2]
    assert mlkeep.load_table("t.json", [])["a"].tolist() == [9, 1, 2]
    with caplog.at_level(logging.WARNING, "mlkeep"):
        assert mlkeep.load_table("own 0.json", two_runs)["run_id"].tolist() == [0]
    assert [record.getMessage() for record in caplog.records] == [
        "Not all runs have the specified table artifact. Some runs will be skipped."
    ]
    for name, ids in (("nothing.json", None), ("own 0.json", [two_runs[0]])):
        with pytest.raises(NotFound, match="No runs found with the corresponding table artifact"):
            mlkeep.load_table(name, ids)


def test_texts_stay_texts_and_columns_named_like_times_become_times(run_id: str) -> None:
    data = {"id": ["001"], "date": ["2020-01-02"], "created_at": [1_234_567_890], "n": [0.1], "none": [None]}
    mlkeep.log_table(data, "t.json")

    (row,) = mlkeep.load_table("t.json", [run_id]).to_dict("records")
    assert np.isnan(row.pop("none"))
    assert row == {
        "id": "001",
        "date": pd.Timestamp("2020-01-02"),
        "created_at": pd.Timestamp("2009-02-13 23:31:30"),
        "n": 0.1,
    }


def test_a_client_loads_the_tables_of_any_experiment(client: MlkeepClient, tmp_path: Path) -> None:
    experiment_id = client.create_experiment(tmp_path.name)
    run_id = client.create_run(experiment_id).info.run_id
    client.log_table(run_id, {"a": [1]}, "t.json")

    assert client.load_table(experiment_id, "t.json", extra_columns=["run_id"]).to_dict("list") == {
        "a": [1],
        "run_id": [run_id],
    }
    with pytest.raises(NotFound, match=f"no run of experiment {experiment_id} has the table 'u.json'"):
        client.load_table(experiment_id, "u.json")
