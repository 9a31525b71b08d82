"""The MLmodel file: what is written, and how much is forgiven when it is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from mlkeep.core.errors import InvalidInput, NotFound, NotOffered
from mlkeep.models.mlmodel import MLFLOW_LAYOUT, Model
from mlkeep.models.schema import ColSpec, Schema
from mlkeep.models.signature import ModelSignature
from mlkeep.version import __version__

BARE = "flavors:\n  python_function:\n    loader_module: mlflow.sklearn\n"


def test_the_file_is_block_yaml_with_sorted_keys(tmp_path: Path) -> None:
    model = Model(
        artifact_path="model",
        run_id="r1",
        utc_time_created="2026-11-21 03:03:02.553503",
        model_uuid="u1",
        metadata={"k": 1},
        model_size_bytes=7,
        signature=ModelSignature(inputs=Schema([ColSpec("long", "a")])),
    ).add_flavor("sklearn", pickled_model="model.pkl", code=None)
    model.mark_as_ours()
    model.save(tmp_path / "MLmodel")
    assert (tmp_path / "MLmodel").read_text() == (
        "artifact_path: model\n"
        "flavors:\n"
        "  sklearn:\n"
        "    code: null\n"
        "    pickled_model: model.pkl\n"
        "is_signature_from_type_hint: false\n"
        "metadata:\n"
        "  k: 1\n"
        f"mlflow_version: {MLFLOW_LAYOUT}\n"
        "mlkeep_format: 1\n"
        "mlkeep_pickles: []\n"
        f"mlkeep_version: {__version__}\n"
        "model_id: null\n"
        "model_size_bytes: 7\n"
        "model_uuid: u1\n"
        "prompts: null\n"
        "run_id: r1\n"
        "signature:\n"
        '  inputs: \'[{"type": "long", "name": "a", "required": true}]\'\n'
        "  outputs: null\n"
        "  params: null\n"
        "type_hint_from_example: false\n"
        "utc_time_created: '2026-11-21 03:03:02.553503'\n"
    )
    assert Model.load(tmp_path) == model
    assert Model.load(tmp_path / "MLmodel") == model
    assert Model.load(f"file://{tmp_path}") == model


def test_a_file_that_says_only_the_flavors_is_enough(tmp_path: Path) -> None:
    (tmp_path / "MLmodel").write_text(BARE)
    model = Model.load(tmp_path)
    assert model.flavors == {"python_function": {"loader_module": "mlflow.sklearn"}}
    assert (model.signature, model.run_id, model.metadata, model.get_input_schema()) == (None, None, None, None)


def test_unknown_keys_and_old_notations_are_kept(tmp_path: Path) -> None:
    (tmp_path / "MLmodel").write_text(
        BARE + "databricks_runtime: 14.3\nutc_time_created: 2021-01-02 03:04:05.678901\nmodel_size_bytes: '12'\n"
        'signature:\n  inputs: \'[{"name": "a", "type": "long"}]\'\n'
    )
    model = Model.load(tmp_path)
    assert model.utc_time_created == "2021-01-02 03:04:05.678901"
    assert model.model_size_bytes == 12
    assert model.get_input_schema() == Schema([ColSpec("long", "a")])
    assert yaml.safe_load(str(model.to_yaml()))["databricks_runtime"] == 14.3


def test_a_folder_without_the_file_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(NotFound) as caught:
        Model.load(tmp_path)
    assert str(caught.value) == f'Could not find an "MLmodel" configuration file at "{tmp_path}"'


def test_a_flavor_that_is_absent_is_named() -> None:
    with pytest.raises(NotFound, match='Model does not have the "xgboost" flavor'):
        Model().flavor("xgboost")


@pytest.mark.parametrize("content", ["- 1", "{", "flavors: 3", "flavors: {a: {}}\nsignature: {inputs: 3}"])
def test_a_file_that_makes_no_sense_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "MLmodel").write_text(content)
    with pytest.raises(InvalidInput):
        Model.load(tmp_path)


def test_a_folder_of_a_newer_mlkeep_asks_for_an_upgrade() -> None:
    with pytest.raises(NotOffered, match=r"written by mlkeep 9\.1 .* upgrade mlkeep"):
        Model.from_dict({"mlkeep_format": 2, "mlkeep_version": "9.1"})


def test_what_yaml_cannot_hold_is_named() -> None:
    with pytest.raises(InvalidInput, match="MLmodel cannot hold <object object"):
        Model(metadata={"k": object()}).to_yaml()


def test_only_local_folders_are_read() -> None:
    with pytest.raises(InvalidInput, match="not a local path"):
        Model.load("runs:/r1/model")


@pytest.mark.parametrize(
    ("made", "uri"),
    [
        ({"model_id": "m-1"}, "models:/m-1"),
        ({"run_id": "r1", "artifact_path": "models/rf"}, "runs:/r1/models/rf"),
    ],
)
def test_the_summary_says_where_the_model_loads_from(made: Any, uri: str) -> None:
    assert Model(**made).get_model_info().model_uri == uri
