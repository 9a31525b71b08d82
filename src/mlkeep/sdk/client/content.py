"""What programs make and runs keep as files: texts, dictionaries, figures, images, tables and streams."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from mlkeep.blobs import paths
from mlkeep.blobs.contract import PIECE
from mlkeep.core.entities import Run
from mlkeep.core.errors import InvalidInput, NotFound
from mlkeep.sdk import staging
from mlkeep.sdk.client.artifacts import ArtifactClient
from mlkeep.sdk.client.runs import RunClient
from mlkeep.sdk.operations import is_synchronous
from mlkeep.sdk.uploading import uploads

if TYPE_CHECKING:
    import pandas as pd

    from mlkeep.sdk.images import StepNames

_log = logging.getLogger("mlkeep")


class BinaryStream(Protocol):
    """Anything bytes can be read from, such as a file opened with "rb"."""

    def read(self, size: int = -1, /) -> bytes | None:
        """Up to `size` bytes; none at the end."""
        ...


class ContentClient(RunClient, ArtifactClient):
    """Logging what is not a file yet. `artifact_file` is a path among the artifacts of the run, with `/`.

    All methods raise InvalidInput if that is absolute or leaves the artifacts, before anything is logged.
    """

    def log_text(self, run_id: str, text: str, artifact_file: str) -> None:
        """Keep a text as a UTF-8 file."""
        self._keep(run_id, _checked(artifact_file), text.encode("utf-8"))

    def log_dict(self, run_id: str, dictionary: Mapping[str, Any] | list[Any], artifact_file: str) -> None:
        """Keep a dictionary as YAML (`.yml`, `.yaml`) or else as JSON; values that neither knows are kept as text."""
        from mlkeep.sdk.dictionaries import as_text

        self.log_text(run_id, as_text(dictionary, artifact_file), artifact_file)

    def log_figure(
        self, run_id: str, figure: Any, artifact_file: str, *, save_kwargs: Mapping[str, Any] | None = None
    ) -> None:
        """Keep a figure of matplotlib, or of plotly (as `.html` or an image).

        `save_kwargs` go to the function of the library that writes the file.

        Raises:
            TypeError: it is no figure.
            ValueError: the library does not write files with this ending.
        """
        from mlkeep.sdk.figures import save

        with self._new_file(run_id, artifact_file) as file:
            save(figure, file, save_kwargs or {})

    def log_stream(self, run_id: str, stream: BinaryStream, artifact_file: str) -> None:
        """Keep what can still be read from a stream of bytes, which stays open.

        It is read to its end in small pieces, into a file in the folder for temporary files, before it is uploaded.

        Raises:
            TypeError: it gives something else than bytes.
        """
        with self._new_file(run_id, artifact_file) as file, file.open("wb") as copy:
            while piece := stream.read(PIECE):
                copy.write(piece)

    def log_image(
        self,
        run_id: str,
        image: Any,
        artifact_file: str | None = None,
        key: str | None = None,
        step: int | None = None,
        timestamp: int | None = None,
        synchronous: bool | None = None,
    ) -> None:
        """Keep an image: an array of numpy, an image of Pillow or an `mlkeep.Image`.

        With `artifact_file` it becomes the file of this name. With `key` it is one of a series of images over time:
        `images/<key>+step+…+timestamp+….png`, with a small copy (`.webp`) beside it; `step` is 0 and `timestamp`
        (milliseconds) now unless given. Such an image is uploaded in the background, unless `synchronous` or the
        setting for all logging says otherwise: what goes wrong then is written to the log "mlkeep".

        Raises:
            TypeError: not exactly one of `artifact_file` and `key`; or no image.
            ValueError: an array that is no image, a key that cannot be one, or a file of no known kind.
        """
        if artifact_file is not None and any(given is not None for given in (key, step, timestamp)):
            raise TypeError(
                "The `artifact_file` parameter cannot be used in conjunction with `key`, `step`, or `timestamp` "
                "parameters. Please ensure that `artifact_file` is specified alone, without any of these conflicting "
                "parameters."
            )
        from mlkeep.sdk import images

        if artifact_file is not None:
            name = _checked(artifact_file)
            self._keep(run_id, name, images.encoded(images.picture_of(image), name))
        elif key is not None:
            names = images.names_at(key, step, timestamp)
            picture = images.picture_of(image)
            if is_synchronous(synchronous):
                self._keep_step(run_id, picture, names)
            else:
                picture = picture.copy()  # the program may draw on it meanwhile
                here = type(self)(self.tracking_uri, self.registry_uri)  # wherever others are to go meanwhile
                size = picture.width * picture.height * len(picture.getbands())
                uploads.add(size, lambda: here._keep_step(run_id, picture, names))  # noqa: SLF001 - of this class
        else:
            raise TypeError(
                "Invalid arguments: Please specify exactly one of `artifact_file` or `key`. Use `key` to log dynamic "
                "image charts or `artifact_file` for saving static images."
            )

    def _keep_step(self, run_id: str, picture: Any, names: StepNames) -> None:
        from mlkeep.sdk import images

        self._keep(run_id, names.full, images.encoded(picture, names.full))
        self._keep(run_id, names.preview, images.encoded(images.preview_of(picture), names.preview))
        self.set_tag(run_id, images.LOGGED_IMAGES_TAG, True)

    def log_table(self, run_id: str, data: Mapping[str, Any] | pd.DataFrame, artifact_file: str) -> None:
        """Keep rows in a table, a `.json` or `.parquet` file; if it is there already they are added to it.

        A table has the columns of all its rows; what a row has no value for is empty. Images in cells become files.
        Threads of one process may add to one table. Two processes that do may lose rows: whoever writes last has not
        read the other's. Give each a file, or a run, of its own. While the server of a run that it has is not there, rows
        are kept in files of their own, whose names begin as that of the table.

        Raises:
            InvalidInput: `data` is neither a data frame nor a mapping, or the file is there and is no table.
            ValueError: another ending of the file, or a column of images and other things.
        """
        from mlkeep.sdk import tables

        name = _checked(artifact_file)
        tables.ending_of(name)
        frame = tables.frame_of(data)
        recorder = self._recorder(run_id)
        with tables.lock_for(run_id):
            if recorder is not None and staging.is_away(recorder):
                name, tag, before = tables.aside(name), None, None
                _log.warning("The server is not there: rows for the table %s are kept as %s.", artifact_file, name)
            else:
                tag = tables.tag_with(self.get_run(run_id), name)
                before = self._kept(run_id, name)
            frame = tables.without_images(frame, name, lambda path, file: self._keep(run_id, path, file))
            self._keep(run_id, name, tables.as_file(frame, name, before))
            if tag is not None:
                self.set_tag(run_id, tables.LOGGED_ARTIFACTS_TAG, tag)

    def load_table(
        self,
        experiment_id: str,
        artifact_file: str,
        run_ids: Sequence[str] | None = None,
        extra_columns: Sequence[str] | None = None,
    ) -> pd.DataFrame:
        """The rows of all tables of this name in an experiment, of the latest runs first; or of some runs only.

        `extra_columns` name what of each run is wanted beside its rows: `run_id`, `start_time`, `params.depth`,
        `metrics.loss`, `tags.team`.

        Raises:
            NotFound: no run has such a table.
            KeyError: no run has such an extra column.
        """
        from mlkeep.sdk import tables

        name = _checked(artifact_file)
        found = [run for run in self._runs_with_tables(str(experiment_id)) if tables.has_table(run, name)]
        if run_ids:
            found = [run for run in found if run.info.run_id in run_ids]
            if len(found) < len(set(run_ids)):
                _log.warning("Not all runs have the specified table artifact. Some runs will be skipped.")
        if not found:
            raise NotFound(
                "No runs found with the corresponding table artifact: no run of experiment "
                f"{experiment_id} has the table '{name}'."
            )
        read = [(run, tables.read(Path(self.download_artifacts(run.info.run_id, name)))) for run in found]
        return tables.put_together(read, extra_columns or (), _log.warning)

    def _runs_with_tables(self, experiment_id: str) -> Iterator[Run]:
        token: str | None = None
        while True:
            page = self.search_runs([experiment_id], "tags.mlflow.loggedArtifacts LIKE '%table%'", page_token=token)
            yield from page
            if not (token := page.token):
                return

    def _kept(self, run_id: str, path: str) -> bytes | None:
        """The bytes of a file of the run; None if there is none."""
        root = self._artifacts(run_id)
        return None if root.size(path) is None else b"".join(root.read(path))

    def _keep(self, run_id: str, path: str, data: bytes) -> None:
        self._write(run_id, lambda root: root.put_bytes(path, data))

    @contextmanager
    def _new_file(self, run_id: str, artifact_file: str) -> Iterator[Path]:
        """A file to write to, of the same name, that is uploaded afterwards."""
        path = _checked(artifact_file)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / path.rpartition("/")[2]
            yield file
            self._write(run_id, lambda root: root.put(path, file))


def _checked(artifact_file: str) -> str:
    try:
        return paths.checked_file(artifact_file)
    except InvalidInput as err:
        raise InvalidInput(f"Invalid artifact path: {err.message.removeprefix('Invalid path: ')}") from err
