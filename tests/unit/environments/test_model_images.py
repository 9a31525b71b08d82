"""The files of images that serve models. There is no engine here to build them with."""

from __future__ import annotations

import platform
import re
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

import mlkeep.models
from mlkeep.cli.models import models
from mlkeep.core.errors import InvalidInput, MlkeepException, NotFound, NotInstalled, NotOffered
from mlkeep.environments import images
from mlkeep.environments.images import generate_dockerfile
from mlkeep.version import __version__

WHEEL = f"mlkeep-{__version__}-py3-none-any.whl"


def test_an_image_has_the_model_and_what_it_needs(model: Path, tmp_path: Path) -> None:
    target = tmp_path / "image"
    result = CliRunner().invoke(models, ["generate-dockerfile", "-m", str(model), "-d", str(target)])
    assert result.exit_code == 0, result.output
    assert {path.name for path in target.iterdir()} == {
        *("Dockerfile", ".dockerignore", "start", "requirements.txt", "constraints.txt", WHEEL, "model"),
    }
    assert not [line for line in (target / "requirements.txt").read_text().splitlines() if "mlkeep" in line]
    assert (target / "model" / "MLmodel").read_text() == (model / "MLmodel").read_text()
    text = (target / "Dockerfile").read_text()
    stages = re.findall(r"^FROM (\S+)(?: AS (\w+))?$", text, re.MULTILINE)
    assert [name for _, name in stages] == ["uv", "build", ""]
    assert stages[1][0] == stages[2][0] == f"python:{'.'.join(platform.python_version_tuple()[:2])}-slim-bookworm"
    for line in ("USER 10001", "EXPOSE 8080", "COPY model /opt/ml/model", 'ENTRYPOINT ["/usr/local/bin/start"]'):
        assert f"\n{line}\n" in text
    assert f"/build/{WHEEL} -r /build/requirements.txt -c /build/constraints.txt" in text
    assert "127.0.0.1:8080/ping" in text
    assert "MODEL_IS_INSTALLED=true" in text
    assert "$" not in text.replace("$PATH", "")


def test_nothing_is_written_for_a_model_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        generate_dockerfile(str(tmp_path / "nothing"), tmp_path / "image")
    assert not (tmp_path / "image").exists()


def test_an_image_without_a_model_serves_what_is_mounted(tmp_path: Path) -> None:
    text = (generate_dockerfile(None, tmp_path / "image", install_java=True) / "Dockerfile").read_text()
    assert "COPY model" not in text
    assert "MODEL_IS_INSTALLED=false" in text
    assert "openjdk-17-jre-headless" in text


@pytest.mark.parametrize(
    ("variables", "manager"),
    [
        ({"MODEL_IS_INSTALLED": "true"}, "local"),
        ({"MODEL_IS_INSTALLED": "false"}, "uv"),
        ({"MODEL_IS_INSTALLED": "false", "MLFLOW_DISABLE_ENV_CREATION": "true"}, "local"),
    ],
)
def test_it_starts_the_server(tmp_path: Path, variables: dict[str, str], manager: str) -> None:
    start = generate_dockerfile(None, tmp_path / "image") / "start"
    (tmp_path / "mlkeep").write_text('#!/bin/sh\necho "$@"\n')
    (tmp_path / "mlkeep").chmod(0o755)
    told = subprocess.check_output([str(start)], env={"PATH": f"{tmp_path}:/usr/bin:/bin", **variables}, text=True)
    assert told == f"models serve --model-uri /opt/ml/model --host 0.0.0.0 --port 8080 --env-manager {manager}\n"


def test_mlkeep_may_come_from_a_checkout(tmp_path: Path) -> None:
    home = tmp_path / "home"
    for path in ("src/mlkeep/__init__.py", "tests/x.py", ".git/x", "pyproject.toml"):
        (home / path).parent.mkdir(parents=True, exist_ok=True)
        (home / path).touch()
    target = generate_dockerfile(None, tmp_path / "image", mlflow_home=str(home))
    found = {path.relative_to(target).as_posix() for path in (target / "mlkeep-source").rglob("*") if path.is_file()}
    assert found == {"mlkeep-source/src/mlkeep/__init__.py", "mlkeep-source/pyproject.toml"}
    assert "/opt/env/bin/python /build/mlkeep-source -r" in (target / "Dockerfile").read_text()
    with pytest.raises(InvalidInput, match="neither a wheel nor a checkout"):
        generate_dockerfile(None, tmp_path / "other", mlflow_home=str(tmp_path))


def test_what_makes_no_sense_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    with pytest.raises(InvalidInput, match="is not empty"):
        generate_dockerfile(None, tmp_path)
    with pytest.raises(NotOffered, match="Images with conda are not made"):
        generate_dockerfile(None, tmp_path / "image", "conda")


def test_without_an_engine_the_way_out_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(NotInstalled, match=r"docker or podman, and neither is here: .*generate-dockerfile"):
        mlkeep.models.build_docker()


def test_what_the_engine_says_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = tmp_path / "podman"
    engine.write_text(
        f'#!/bin/sh\necho "$@" > {tmp_path}/called\ntest "$3" = good && exit 0\necho "ERROR: no daemon" >&2\nexit 1\n'
    )
    engine.chmod(0o755)
    monkeypatch.setattr(images, "_ENGINES", (str(engine),))
    with pytest.raises(MlkeepException, match="podman cannot build the image 'bad': no daemon"):
        mlkeep.models.build_docker(name="bad")
    mlkeep.models.build_docker(name="good")
    assert (tmp_path / "called").read_text().startswith("build --tag good ")
