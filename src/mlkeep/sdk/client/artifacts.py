"""Artifacts of runs, through the client."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlkeep.blobs import paths
from mlkeep.core.entities import FileInfo
from mlkeep.core.errors import InvalidInput
from mlkeep.sdk import artifacts
from mlkeep.sdk.client.base import ClientBase
from mlkeep.sdk.stores import ArtifactRoot
from mlkeep.wire.runs import GetRun


class ArtifactClient(ClientBase):
    """Operations on the artifacts of runs. Paths are relative to the run's artifact root, with `/`."""

    def log_artifact(self, run_id: str, local_path: str | Path, artifact_path: str | None = None) -> None:
        """Upload a file, or a folder with its name, into the folder `artifact_path`. Raises FileNotFoundError."""
        source = Path(local_path)
        if not source.exists():
            raise FileNotFoundError(f"No such file or folder: '{source}'.")
        target = paths.joined(artifact_path or "", source.absolute().name)
        self._artifacts(run_id).upload(source, target)

    def log_artifacts(self, run_id: str, local_dir: str | Path, artifact_path: str | None = None) -> None:
        """Upload what is in a folder, without the folder's own name."""
        self._artifacts(run_id).upload(Path(local_dir), artifact_path or "")

    def log_text(self, run_id: str, text: str, artifact_file: str) -> None:
        """Keep a text as a UTF-8 file."""
        self._artifacts(run_id).put_bytes(artifact_file, text.encode("utf-8"))

    def log_dict(self, run_id: str, dictionary: Mapping[str, Any] | list[Any], artifact_file: str) -> None:
        """Keep a dictionary as YAML (`.yml`, `.yaml`) or else as JSON; what neither knows is kept as text."""
        if artifact_file.endswith((".yml", ".yaml")):
            import yaml  # only some programs log YAML

            text = yaml.safe_dump(json.loads(_json(dictionary)), allow_unicode=True, default_flow_style=False)
        else:
            text = _json(dictionary)
        self.log_text(run_id, text, artifact_file)

    def log_figure(
        self, run_id: str, figure: Any, artifact_file: str, *, save_kwargs: Mapping[str, Any] | None = None
    ) -> None:
        """Keep a figure of matplotlib, or of plotly (as `.html` or an image). Raises TypeError: another thing."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / paths.checked(artifact_file).rpartition("/")[2]
            _save_figure(figure, file, dict(save_kwargs or {}))
            self._artifacts(run_id).put(artifact_file, file)

    def list_artifacts(self, run_id: str, path: str | None = None) -> list[FileInfo]:
        """What is in a folder of artifacts, not deeper, sorted by path."""
        return artifacts.list_artifacts(run_id=run_id, artifact_path=path, tracking_uri=self.tracking_uri)

    def download_artifacts(self, run_id: str, path: str, dst_path: str | None = None) -> str:
        """The local path of a downloaded file or folder. Raises NotFound."""
        return artifacts.download_artifacts(
            run_id=run_id, artifact_path=path, dst_path=dst_path, tracking_uri=self.tracking_uri
        )

    def delete_artifacts(self, run_id: str, path: str | None = None) -> None:
        """Remove a file of a run, or a folder with everything in it. Raises NotFound: there is nothing there."""
        artifacts.delete_artifacts(run_id=run_id, artifact_path=path, tracking_uri=self.tracking_uri)

    def _artifacts(self, run_id: str) -> ArtifactRoot:
        uri = self._tracking.call(GetRun(run_id=run_id)).run.info.artifact_uri
        return ArtifactRoot(uri, self.tracking_uri)


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, default=str)


def _save_figure(figure: Any, file: Path, options: dict[str, Any]) -> None:
    module = type(figure).__module__
    if module.startswith("matplotlib"):
        if file.suffix == ".html":
            raise InvalidInput(
                f"Invalid artifact file '{file.name}': matplotlib does not write HTML; use .png or .svg."
            )
        figure.savefig(file, **options)
    elif module.startswith("plotly"):
        if file.suffix == ".html":
            figure.write_html(file, **{"include_plotlyjs": "cdn", "auto_open": False, **options})
        else:
            figure.write_image(file, **options)
    else:
        raise TypeError(f"Unsupported figure object type: '{type(figure)}'. Give a figure of matplotlib or plotly.")
