"""Logs what is not a file yet, or tells what is kept of it, as JSON; for MLflow and for mlkeep alike.

Arguments: `log`, the library to import and the tracking URI; or `tell`, both, and the id that `log` printed.
"""

from __future__ import annotations

import hashlib
import importlib
import io
import json
import re
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

PIXELS = np.arange(60, dtype=np.uint8).reshape(4, 5, 3) * 4
FLOATS = np.linspace(-3, 9, 12).reshape(3, 4)


def log(mlflow: Any) -> str:
    with mlflow.start_run() as run:
        mlflow.log_text("naïve\n", "texts/a.txt")
        mlflow.log_dict({"b": [1, None], "a": {"ü": "x/y", "n": 1.5}}, "a.json")
        mlflow.log_dict({"b": [1, None], "a": {"n": 1.5}}, "a.yaml")
        if hasattr(mlflow, "log_stream"):
            mlflow.log_stream(io.BytesIO(bytes(range(256)) * 100), "streams/a.bin")
        mlflow.log_image(PIXELS, "pictures/a.png")
        mlflow.log_image(FLOATS, "pictures/scaled.png")
        mlflow.log_image(Image.fromarray(PIXELS), "pictures/a.jpg")
        mlflow.log_image(PIXELS, key="first layer", step=3, timestamp=1_700_000_000_000)
        mlflow.log_image(mlflow.Image(PIXELS), key="plain")
        mlflow.log_table({"id": ["x", "y/z"], "n": [1, 2]}, "tables/a.json")
        mlflow.log_table(pd.DataFrame({"id": ["ü"], "n": [3], "extra": ["new"]}), "tables/a.json")
        mlflow.log_table({"a": [1.5, None], "b": "same"}, "tables/b.parquet")
        mlflow.log_table({"a": 0.1 + 0.2, "b": "new"}, "tables/b.parquet")
        mlflow.log_table({"name": ["p"], "picture": [mlflow.Image(PIXELS)]}, "tables/c.json")
        mlflow.log_table({"name": "q", "picture": Image.fromarray(PIXELS)}, "tables/c.json")
    return str(run.info.run_id)


def tell(mlflow: Any, run_id: str) -> dict[str, Any]:
    client = mlflow.MlflowClient()
    tables = {
        name: mlflow.load_table(name, [run_id], extra_columns=["status"]).to_json(orient="split", index=False)
        for name in ("tables/a.json", "tables/b.parquet", "tables/c.json")
    }
    root = f"runs:/{run_id}"
    tags = client.get_run(run_id).data.tags
    return {
        "tags": {name: tags.get(f"mlflow.{name}") for name in ("loggedImages", "loggedArtifacts")},
        "files": {_plain(path): _digest(mlflow, root, path) for path in _files(client, run_id, None)},
        "tables": {name: _plain(table) for name, table in tables.items()},
        "table file": _plain(mlflow.artifacts.load_text(f"{root}/tables/c.json")),
        "text": mlflow.artifacts.load_text(f"{root}/texts/a.txt"),
        "dictionary": mlflow.artifacts.load_dict(f"{root}/a.json"),
        "pixels": np.asarray(mlflow.artifacts.load_image(f"{root}/pictures/a.png")).tolist(),
    }


def _files(client: Any, run_id: str, path: str | None) -> list[str]:
    """All files below a folder."""
    found: list[str] = []
    for info in client.list_artifacts(run_id, path):
        found += _files(client, run_id, info.path) if info.is_dir else [info.path]
    return found


def _digest(mlflow: Any, root: str, path: str) -> str:
    """What tells one content from another. Other versions of libraries write other Parquet; names in c.json are random."""
    data = Path(mlflow.artifacts.download_artifacts(f"{root}/{path}")).read_bytes()
    if path.endswith(".parquet"):
        return "Parquet" if data.startswith(b"PAR1") else "none"
    return f"{len(data)} bytes" if path.endswith("c.json") else hashlib.sha256(data).hexdigest()


def _plain(text: str) -> str:
    """Without what is random, and with the separator of names that MLflow 3 uses, not that of MLflow 2."""
    text = re.sub(r"\w[0-9a-f]{7}-[0-9a-f]{4}-[0-9a-f-]{22}", "UUID", text.replace("%", "+"))
    return re.sub(r"timestamp\+(?!1700000000000)\d+", "timestamp+NOW", text)


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # floats that are stretched
    what, library, tracking_uri, *rest = sys.argv[1:]
    chosen = importlib.import_module(library)
    importlib.import_module(f"{library}.artifacts")
    chosen.set_tracking_uri(tracking_uri)
    print(json.dumps(tell(chosen, *rest) if what == "tell" else log(chosen)))
