"""What an import costs: a program pays only for what it uses."""

from __future__ import annotations

import importlib
import importlib.util
import json
import subprocess
import sys

import pytest

import mlkeep

FRAMEWORKS = {
    "alembic",
    "click",
    "hypothesis",
    "litestar",
    "matplotlib",
    "numpy",
    "obstore",
    "pandas",
    "psutil",
    "psycopg",
    "pynvml",
    "pytest",
    "rich",
    "scipy",
    "sklearn",
    "skops",
    "sqlalchemy",
    "uvicorn",
}

TELL = "\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"

TALK_TO_A_SERVER = """
import http.server, threading, mlkeep

ANSWER = b'''{"experiment": {"experiment_id": "1", "name": "e"}, "run_info": {"run_id": "r"},
             "run": {"info": {"run_id": "r", "artifact_uri": "mlflow-artifacts:/1/r/artifacts"}}}'''

class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(ANSWER)

    do_POST = do_PUT = do_GET
    log_message = lambda *_: None

server = http.server.HTTPServer(("127.0.0.1", 0), Answers)
threading.Thread(target=server.serve_forever, daemon=True).start()
mlkeep.set_tracking_uri(f"http://127.0.0.1:{server.server_port}")
client = mlkeep.MlkeepClient()
assert client.get_experiment("1").name == "e"
with mlkeep.start_run(experiment_id="1") as run:
    mlkeep.log_metric("m", 1.0)
    mlkeep.log_params({"p": 1})
    client.log_text(run.info.run_id, "text", "a.txt")
server.shutdown()
"""


def loaded(script: str) -> set[str]:
    """The modules a program has loaded when it ends."""
    done = subprocess.run([sys.executable, "-c", script + TELL], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def packages(modules: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules}


HEAVY = {
    "keras": "keras",
    "pytorch": "torch",
    "spark": "pyspark",
    "tensorflow": "tensorflow",
    "transformers": "transformers",
}
"""Modules for frameworks that are not in every environment, and what they need."""

HERE = [name for name in mlkeep.__all__ if name not in HEAVY or importlib.util.find_spec(HEAVY[name])]
"""All that mlkeep offers in this environment."""


def test_importing_mlkeep_loads_no_framework() -> None:
    assert packages(loaded("import mlkeep")) & {*FRAMEWORKS, "urllib3", "msgspec", "yaml"} == set()


def test_the_remote_client_loads_no_database_and_no_framework() -> None:
    modules = loaded(TALK_TO_A_SERVER)
    assert packages(modules) & FRAMEWORKS == set()
    assert {
        name for name in modules if name.startswith(("mlkeep.storage", "mlkeep.services", "mlkeep.server"))
    } == set()


def test_nothing_stands_on_the_suites() -> None:
    everything = f"import mlkeep\nfor name in {HERE}:\n    getattr(mlkeep, name)\nimport mlkeep.server.app"
    assert {name for name in loaded(everything) if name.startswith("mlkeep.testing")} == set()


PUBLIC = ["mlkeep", *(f"mlkeep.{name}" for name in sorted(mlkeep._SUBMODULES & {*HERE})), "mlkeep.tracking.fluent"]


@pytest.mark.parametrize("name", PUBLIC)
def test_all_that_a_module_promises_is_there(name: str) -> None:
    module = importlib.import_module(name)
    assert len(set(module.__all__)) == len(module.__all__)
    promised = HERE if name == "mlkeep" else module.__all__
    assert [one for one in promised if not hasattr(module, one)] == []


@pytest.mark.parametrize("name", sorted(set(mlkeep.__all__) - {*HERE}))
def test_a_module_whose_framework_is_missing_names_the_extra(name: str) -> None:
    with pytest.raises(mlkeep.MlkeepException, match=rf"which is not installed: pip install 'mlkeep\[{name}\]'"):
        getattr(mlkeep, name)


@pytest.mark.parametrize("name", [name for name in PUBLIC if name != "mlkeep"])
def test_a_module_promises_all_that_it_offers(name: str) -> None:
    module = importlib.import_module(name)
    offered = {
        one
        for one, value in vars(module).items()
        if not one.startswith("_")
        and not isinstance(value, type(sys))
        and getattr(value, "__module__", "").startswith("mlkeep")
    }
    assert offered - set(module.__all__) == set()


def test_mlkeep_promises_all_that_it_offers() -> None:
    assert set(mlkeep.__all__) == {*mlkeep._HOMES, *mlkeep._SUBMODULES, "__version__"}
    assert set(mlkeep.__all__) <= set(dir(mlkeep))
    with pytest.raises(AttributeError, match="module 'mlkeep' has no attribute 'nonsense'"):
        mlkeep.nonsense  # noqa: B018 - what is tested
