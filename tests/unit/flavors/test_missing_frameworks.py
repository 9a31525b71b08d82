"""A flavor whose framework is not installed says what to install."""

from __future__ import annotations

import json
import subprocess
import sys

FLAVORS = ["catboost", "keras", "lightgbm", "xgboost"]
SCRIPT = """
import importlib, json, sys

told = {}
for name in sys.argv[1:]:
    sys.modules[name] = None
    try:
        importlib.import_module(f"mlkeep.{name}")
    except ModuleNotFoundError as error:
        told[name] = [type(error).__name__, str(error)]
print(json.dumps(told))
"""


def test_a_missing_framework_names_the_extra_that_installs_it() -> None:
    command = [sys.executable, "-c", SCRIPT, *FLAVORS]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(done.stdout) == {
        name: ["NotInstalled", f"This needs {name}, which is not installed: pip install 'mlkeep[{name}]'."]
        for name in FLAVORS
    }
