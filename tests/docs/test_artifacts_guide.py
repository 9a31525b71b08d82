"""What the guide to artifacts shows works."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

GUIDE = Path(__file__).parents[2] / "docs" / "artifacts.md"


def test_the_python_of_the_guide_runs_from_top_to_bottom_in_an_empty_folder(tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
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
