"""Verifying a model, here in a new process of this environment, and where the proof goes."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

import mlkeep
import mlkeep.pyfunc
from mlkeep.cli.models import models
from mlkeep.core.errors import NotFound, NotInstalled
from mlkeep.core.proofs import TAG, Proof, read_proof, tag_on_run
from mlkeep.environments import verifying
from mlkeep.environments.trial import _difference
from mlkeep.environments.verifying import verify
from mlkeep.models import ModelSignature, uv
from mlkeep.models.schema import ColSpec, DataType, Schema
from tests.unit.environments.conftest import EXAMPLE


def saved(doubling: ModuleType, code: Path, path: Path, name: str, **more: Any) -> str:
    mlkeep.pyfunc.save_model(path, python_model=getattr(doubling, name)(), code_paths=[str(code)], **more)
    return str(path)


@pytest.fixture
def already_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests of what becomes of a proof: trying the model takes seconds, and is tested by others."""
    monkeypatch.setattr(verifying, "_run", lambda *_: {"seconds": {"load": 0.5}, "predicted": True})


def test_a_model_that_predicts_what_it_says_passes(model: Path) -> None:
    found = verify(str(model), "local")
    proof = found.proof
    assert (proof.outcome, proof.predicted, proof.reason, found.recorded_on) == ("passed", True, "", "")
    assert (set(proof.seconds), proof.manager) == ({"build", "import", "load", "predict"}, "local")
    assert proof.memory_mb > 10
    assert read_proof(proof.text()) == proof


def test_without_an_example_loading_is_enough(doubling: ModuleType, code: Path, tmp_path: Path) -> None:
    proof = verify(saved(doubling, code, tmp_path / "m", "Doubler"), "local").proof
    assert (proof.outcome, proof.predicted) == ("passed", False)


def test_a_model_that_raises_fails_with_the_reason(doubling: ModuleType, code: Path, tmp_path: Path) -> None:
    uri = saved(doubling, code, tmp_path / "m", "Unlucky", input_example=EXAMPLE)
    result = CliRunner().invoke(models, ["verify", uri, "--env-manager", "local"], catch_exceptions=False)
    assert (result.exit_code, result.stdout) == (1, f"{uri} failed: ValueError: no luck\n")
    assert 'raise ValueError("no luck")' in result.stderr


def test_a_damaged_model_fails_with_the_sentence_alone(model: Path) -> None:
    with next(model.rglob("*.pkl")).open("ab") as file:
        file.write(b"x")
    result = CliRunner().invoke(models, ["verify", str(model), "--env-manager", "local"], catch_exceptions=False)
    assert (result.exit_code, result.stderr) == (1, "")
    assert result.stdout.startswith(f"{model} failed: 'python_model.pkl' in {model} is not what was saved")


def test_a_missing_module_is_named_with_the_line_to_add(
    doubling: ModuleType, code: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verifying, "_run", lambda *_: {"seconds": {}, "reason": "No module", "missing": "yaml"})
    advice = verify(saved(doubling, code, tmp_path / "m", "Doubler"), "local").advice
    assert advice.startswith("Add what has the module yaml: mlkeep models update-pip-requirements -m URI add 'PyYAML==")


def test_an_answer_that_is_not_what_the_signature_says_fails(doubling: ModuleType, code: Path, tmp_path: Path) -> None:
    signature = ModelSignature(Schema([ColSpec(DataType.double, "a")]), Schema([ColSpec(DataType.double)]))
    uri = saved(doubling, code, tmp_path / "m", "Fickle", input_example=EXAMPLE, signature=signature)
    proof = verify(uri, "local").proof
    assert proof.reason == "What it predicts is not what its signature says: expected double; found string"


@pytest.mark.parametrize(
    ("expected", "found", "difference"),
    [
        ([{"type": "long", "required": True}], [{"type": "long", "required": False}], ""),
        (
            [{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 3]}}],
            [{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [2, 3]}}],
            "",
        ),
        ([{"type": "double"}], [{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1]}}], ""),
        (
            [{"type": "double", "name": "a"}, {"type": "array", "name": "b", "items": {"type": "long"}}],
            [{"type": "double", "name": "a"}],
            'expected a: double, b: array{"items": {"type": "long"}}; found a: double',
        ),
        (
            [{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 3]}}],
            [{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 3]}}],
            "expected tensor of float32 (3,); found tensor of float64 (3,)",
        ),
    ],
)
def test_answers_are_compared_by_what_matters(
    expected: list[dict[str, object]], found: list[dict[str, object]], difference: str
) -> None:
    assert _difference(expected, found) == difference


def test_a_process_that_dies_is_a_failure(doubling: ModuleType, code: Path, tmp_path: Path) -> None:
    folder = Path(saved(doubling, code, tmp_path / "m", "Doubler"))
    (folder / "code" / "doubling_models.py").write_text("import os\nos._exit(7)\n")
    described = yaml.safe_load((folder / "MLmodel").read_text())
    described.pop("mlkeep_files")  # the digest of what the file was
    (folder / "MLmodel").write_text(yaml.safe_dump(described))
    proof = verify(str(folder), "local").proof
    assert (proof.outcome, proof.reason) == (
        "failed",
        "The process that tried the model ended with code 7: it printed nothing",
    )


def test_the_proof_of_a_version_is_a_tag_of_it(doubling: ModuleType, code: Path, already_tried: None) -> None:
    with mlkeep.start_run() as run:
        mlkeep.pyfunc.log_model("m", python_model=doubling.Doubler(), code_paths=[str(code)], registered_model_name="r")
    client = mlkeep.MlkeepClient()

    of_run = verify(f"runs:/{run.info.run_id}/m", "local")
    of_version = verify("models:/r/1", "local")

    assert of_run.recorded_on == f"run {run.info.run_id}"
    assert client.get_run(run.info.run_id).data.tags[tag_on_run("m")] == of_run.proof.text()
    assert of_version.recorded_on == "version 1 of the model 'r'"
    assert client.get_model_version("r", "1").tags == {TAG: of_version.proof.text()}
    assert of_version.proof.model == of_run.proof.model


def test_the_proof_of_a_logged_model_is_a_tag_of_it(doubling: ModuleType, code: Path, already_tried: None) -> None:
    with mlkeep.start_run() as run:
        info = mlkeep.pyfunc.log_model(name="m", python_model=doubling.Doubler(), code_paths=[str(code)])
    client = mlkeep.MlkeepClient()

    found = verify(f"runs:/{run.info.run_id}/m", "local")
    assert found.recorded_on == f"the logged model {info.model_id}"
    assert client.get_logged_model(str(info.model_id)).tags[TAG] == found.proof.text()


def test_nothing_is_recorded_where_that_is_said(doubling: ModuleType, code: Path, already_tried: None) -> None:
    info = mlkeep.pyfunc.log_model(name="m", python_model=doubling.Doubler(), code_paths=[str(code)])
    arguments = ["verify", info.model_uri, "--env-manager", "local", "--no-record", "--json"]
    result = CliRunner().invoke(models, arguments, catch_exceptions=False)
    assert json.loads(result.stdout)["outcome"] == "passed"
    assert TAG not in mlkeep.MlkeepClient().get_logged_model(str(info.model_id)).tags


def test_what_this_machine_lacks_is_no_failure_of_the_model(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uv, "find_uv", lambda: None)
    with pytest.raises(NotInstalled, match="uv"):
        verify(str(model))


def test_a_model_that_is_not_there_is_no_failure_either(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        verify(str(tmp_path / "nothing"), "local")


def test_other_texts_are_no_proofs() -> None:
    assert [read_proof(text) for text in ("", "{}", "[1]", "yes")] == [None] * 4
    proof = Proof(outcome="failed", at="2026-01-01T00:00:00Z", model="sha256:0", reason="x")
    assert (read_proof(proof.text()), proof.has_passed) == (proof, False)
