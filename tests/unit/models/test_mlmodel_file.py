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


@pytest.mark.parametrize(
    ("made", "uri"),
    [
        ({"model_id": "m-1"}, "models:/m-1"),
        ({"run_id": "r1", "artifact_path": "models/rf"}, "runs:/r1/models/rf"),
    ],
)
def test_the_summary_says_where_the_model_loads_from(made: Any, uri: str) -> None:
    assert Model(**made).get_model_info().model_uri == uri


MLFLOW_1 = """\
artifact_path: model
flavors:
  python_function:
    data: model.pkl
    env: conda.yaml
    loader_module: mlflow.sklearn
    python_version: 3.7.10
  sklearn:
    pickled_model: model.pkl
    serialization_format: cloudpickle
    sklearn_version: 0.24.1
run_id: 5b5bb1ffa2ab4a5fb6ab7d0e0d8b4dd5
utc_time_created: '2021-05-06 07:08:09.101112'
signature:
  inputs: '[{"name": "a", "type": "double"}]'
  outputs: '[{"type": "long"}]'
"""

MLFLOW_2 = """\
artifact_path: model
flavors:
  python_function:
    cloudpickle_version: 2.2.1
    code: null
    config:
      bias: 1
    env:
      conda: conda.yaml
      virtualenv: python_env.yaml
    loader_module: mlflow.pyfunc.model
    python_model: python_model.pkl
    python_version: 3.10.12
    streamable: false
is_signature_from_type_hint: false
metadata: {}
mlflow_version: 2.20.1
model_size_bytes: 5120
model_uuid: 0f8fad5bd9cb469fa16570867728950e
prompts: null
run_id: 7d5bb1ffa2ab4a5fb6ab7d0e0d8b4dd5
saved_input_example_info:
  artifact_path: input_example.json
  pandas_orient: split
  serving_input_path: serving_input_example.json
  type: dataframe
signature:
  inputs: '[{"type": "double", "name": "a", "required": true}]'
  outputs: null
  params: '[{"name": "k", "default": 1, "shape": null, "type": "long"}]'
type_hint_from_example: false
utc_time_created: '2025-02-03 04:05:06.070809'
"""

MLFLOW_3 = """\
artifact_path: mlflow-artifacts:/1/models/m-0103dc23f53945c0adb938041e7e4a15/artifacts
auth_policy:
  system_auth_policy:
    resources: []
env_vars:
- SOME_API_KEY
flavors:
  python_function:
    cloudpickle_version: 3.1.2
    code: null
    env:
      conda: conda.yaml
      virtualenv: python_env.yaml
    loader_module: mlflow.pyfunc.loaders.code_model
    model_code_path: /home/user/model.py
    python_version: 3.11.7
    streamable: false
is_signature_from_type_hint: true
metadata:
  k: 1
mlflow_version: 3.17.2
model_id: m-0103dc23f53945c0adb938041e7e4a15
model_size_bytes: 11544
model_uuid: m-0103dc23f53945c0adb938041e7e4a15
prompts:
- prompts:/greeting/1
resources:
  api_version: '1'
  databricks:
    table:
    - name: t
run_id: fa373c131baf4ca5830c3e5386285836
signature:
  inputs: '[{"type": "string", "required": true}]'
  outputs: '[{"type": "any", "required": true}]'
  params: null
type_hint_from_example: false
utc_time_created: '2026-11-21 03:03:02.553503'
"""


@pytest.mark.parametrize("text", [MLFLOW_2, MLFLOW_3], ids=["2.20", "3.17"])
def test_files_of_mlflow_are_written_again_as_they_were(tmp_path: Path, text: str) -> None:
    (tmp_path / "MLmodel").write_text(text)
    content = yaml.safe_load(text)
    assert yaml.safe_load(str(Model.load(tmp_path).to_yaml())) == {"model_id": None, **content}


def test_a_file_of_mlflow_1(tmp_path: Path) -> None:
    (tmp_path / "MLmodel").write_text(MLFLOW_1)
    model = Model.load(tmp_path)
    assert (model.artifact_path, model.run_id, model.utc_time_created, model.mlflow_version) == (
        "model",
        "5b5bb1ffa2ab4a5fb6ab7d0e0d8b4dd5",
        "2021-05-06 07:08:09.101112",
        None,
    )
    assert model.flavors["python_function"]["env"] == "conda.yaml"
    assert model.get_input_schema() == Schema([ColSpec("double", "a", required=True)])
    assert (model.model_id, model.prompts, model.resources, model.is_signature_from_type_hint) == (
        None,
        None,
        None,
        False,
    )


def test_what_a_file_says_is_in_the_model_and_its_summary(tmp_path: Path) -> None:
    (tmp_path / "MLmodel").write_text(MLFLOW_3)
    model = Model.load(tmp_path)
    assert model.is_signature_from_type_hint
    assert model.resources == {"api_version": "1", "databricks": {"table": [{"name": "t"}]}}
    assert model.auth_policy == {"system_auth_policy": {"resources": []}}
    info = model.get_model_info()
    assert (info.env_vars, info.prompts, info.model_uri, info.metadata) == (
        ["SOME_API_KEY"],
        ["prompts:/greeting/1"],
        "models:/m-0103dc23f53945c0adb938041e7e4a15",
        {"k": 1},
    )
