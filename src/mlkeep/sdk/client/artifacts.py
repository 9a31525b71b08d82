"""Artifacts of runs, through the client."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mlkeep.blobs import paths
from mlkeep.core.entities import FileInfo
from mlkeep.sdk import artifacts, staging
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
        self._upload(run_id, source, target)

    def log_artifacts(self, run_id: str, local_dir: str | Path, artifact_path: str | None = None) -> None:
        """Upload what is in a folder, without the folder's own name."""
        self._upload(run_id, Path(local_dir), artifact_path or "")

    def list_artifacts(self, run_id: str, path: str | None = None) -> list[FileInfo]:
        """What is in a folder of artifacts, not deeper, sorted by path."""
        return artifacts.list_artifacts(run_id=run_id, artifact_path=path, tracking_uri=self._uri_of(run_id))

    def download_artifacts(self, run_id: str, path: str, dst_path: str | None = None) -> str:
        """The local path of a downloaded file or folder. Raises NotFound."""
        return artifacts.download_artifacts(
            run_id=run_id, artifact_path=path, dst_path=dst_path, tracking_uri=self._uri_of(run_id)
        )

    def delete_artifacts(self, run_id: str, path: str | None = None) -> None:
        """Remove a file of a run, or a folder with everything in it. Raises NotFound: there is nothing there."""
        artifacts.delete_artifacts(run_id=run_id, artifact_path=path, tracking_uri=self._uri_of(run_id))

    def _upload(self, run_id: str, source: Path, target: str) -> None:
        self._write(run_id, lambda root: root.upload(source, target))

    def _write(self, run_id: str, write: Callable[[ArtifactRoot], object]) -> None:
        """Have artifacts of a run written. They wait here if it was started here and the server is not there."""
        if (recorder := self._recorder(run_id)) is not None:
            staging.keep(recorder, write)
        else:
            write(self._artifacts(run_id))

    def _artifacts(self, run_id: str) -> ArtifactRoot:
        if (known := self._known(run_id)) is not None:
            return staging.root_of(known)
        uri = self._answer(GetRun(run_id=run_id)).run.info.artifact_uri
        return ArtifactRoot(uri, self.tracking_uri)
