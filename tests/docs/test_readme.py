"""The README says what works."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from mlkeep.sdk.client import MlkeepClient

README = Path(__file__).parents[2] / "README.md"


def test_the_python_of_the_readme_runs_in_an_empty_folder(tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "MLKEEP_"))}

    done = subprocess.run(
        [sys.executable, "-c", "\n".join(blocks)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "pickle" not in done.stderr
    client = MlkeepClient(tracking_uri=f"sqlite:///{tmp_path}/.mlkeep/mlkeep.db")
    runs = client.search_runs(["1"], "metrics.accuracy > 0.9 AND params.max_depth = '5'")
    assert [run.info.run_name for run in runs] == ["baseline"]
    assert client.get_model_version_by_alias("iris-classifier", "champion").version == "1"


def test_the_links_of_the_documents_lead_somewhere() -> None:
    documents = [README, README.parent / "CONTRIBUTING.md", *README.parent.glob("docs/**/*.md")]
    dead = [
        f"{document.name}: {target}"
        for document in documents
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text())
        if not (document.parent / target).exists()
    ]
    assert dead == []
