"""What the guide to models shows works, and it names every setting."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import mlkeep
from mlkeep.flavors import table

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "models.md").read_text()
OF_MODELS = ("models", "flavors", "environments")
SETTING = re.compile(r'MLKEEP_([A-Z_]*[A-Z])|(?:flag|setting|number)\("([A-Z_]+)"|_SETTING = "([A-Z_]+)"')
ELSEWHERE = {"MODE"}
"""Settings that are about more than models."""


def test_the_python_of_the_guide_runs_from_top_to_bottom_in_an_empty_folder(tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "MLKEEP_"))}

    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", "\n".join(blocks)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines() == ["Successfully registered model 'iris'.", "Created version '1' of model 'iris'."]
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".") and path.name != ".mlkeep"]


def test_it_names_every_setting_of_models() -> None:
    package = Path(mlkeep.__file__).parent
    sources = [file.read_text() for folder in OF_MODELS for file in (package / folder).rglob("*.py")]
    read = {name for text in sources for found in SETTING.findall(text) for name in found if name}
    settings = GUIDE.partition("## Settings")[2]
    assert sorted(name for name in read - ELSEWHERE if f"`{name}`" not in settings) == []


def test_it_names_every_flavor() -> None:
    listed = GUIDE.partition("## Flavors")[2].partition("## ")[0]
    assert sorted(name for name in table._FLAVORS if f"`{name}`" not in listed) == []
