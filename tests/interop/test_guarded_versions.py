"""An official client meets a server that asks something of new model versions."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from bench.environments import Library
from bench.processes import MlkeepServer, environment

pytestmark = [pytest.mark.interop, pytest.mark.tour, pytest.mark.xdist_group("official")]

GUARDED = Path(__file__).parent / "guarded.py"


def test_what_was_not_verified_is_refused_until_it_is(official_mlflow: Library, tmp_path: Path) -> None:
    server = MlkeepServer(tmp_path / "server", "--require-of-versions", "signature,verified")
    verify = tmp_path / "verify"
    # The program is ours, and runs in our environment, whoever calls it.
    verify.write_text(
        f"#!/bin/sh\nexport PYTHONPATH='{environment().get('PYTHONPATH', '')}' MLKEEP_TRACKING_URI={server.url}\n"
        f'exec {sys.executable} -m mlkeep.cli.main models verify --env-manager local "$1" >&2\n'
    )
    verify.chmod(0o755)
    try:
        told = json.loads(official_mlflow.run(GUARDED, server.url, str(verify), cwd=tmp_path).splitlines()[-1])
    finally:
        server.end()
        print(server.output)

    assert (told["verified"], told["version"], told["refused"]["code"]) == (0, "1", "PERMISSION_DENIED")
    assert "(MLKEEP_REQUIRE_OF_VERSIONS=signature,verified): there is no proof" in told["refused"]["message"]
    assert re.search(r"run `mlkeep models verify (runs:/\w+/model|models:/m-\w+)` first\.", told["refused"]["message"])
