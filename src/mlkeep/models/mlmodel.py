"""The MLmodel file: what a model folder says of itself."""

from __future__ import annotations

import datetime as dt
import importlib
import json
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import yaml

from mlkeep.core import uris
from mlkeep.core.entities import LoggedModel
from mlkeep.core.errors import InvalidInput, NotFound, NotOffered
from mlkeep.core.yaml_text import read_yaml, write_yaml
from mlkeep.models.digests import KEY as DIGESTS
from mlkeep.models.example import read_example, read_example_params
from mlkeep.models.info import ModelInfo
from mlkeep.models.inside import inside
from mlkeep.models.schema import ParamSchema, Schema
from mlkeep.models.signature import ModelSignature
from mlkeep.version import __version__

MLMODEL_FILE = "MLmodel"
MLFLOW_LAYOUT = "3.17.2"
"""Written as `mlflow_version`: the MLflow release whose layout of folders is followed. Some readers compare it."""

FORMAT = 1
"""Written as `mlkeep_format`: counts changes to what mlkeep itself writes that an older mlkeep could not read."""


class Model:
    """The content of an MLmodel file.

    `flavors` maps the name of a flavor to its settings. With `is_signature_from_type_hint` the signature stands for the
    type hints of `predict`, which then say what is accepted; with `type_hint_from_example` it comes from the input example,
    of which the input has the shape. `resources`, `auth_policy`, `env_vars` (names of variables) and `prompts` are kept for
    readers. Keys this class does not know are kept in `other` and written back as they were.
    """

    def __init__(
        self,
        artifact_path: str | None = None,
        run_id: str | None = None,
        utc_time_created: str | None = None,
        flavors: dict[str, dict[str, Any]] | None = None,
        signature: ModelSignature | None = None,
        saved_input_example_info: dict[str, Any] | None = None,
        model_uuid: str | None = None,
        mlflow_version: str | None = MLFLOW_LAYOUT,
        metadata: dict[str, Any] | None = None,
        model_size_bytes: int | None = None,
        resources: Mapping[str, Any] | None = None,
        env_vars: Sequence[str] | None = None,
        auth_policy: Mapping[str, Any] | None = None,
        model_id: str | None = None,
        prompts: Sequence[str] | None = None,
        is_signature_from_type_hint: bool = False,
        type_hint_from_example: bool = False,
        **other: Any,
    ) -> None:
        self.artifact_path = artifact_path
        self.run_id = run_id
        self.utc_time_created = utc_time_created or _now()
        self.flavors: dict[str, dict[str, Any]] = {} if flavors is None else flavors
        self.signature = signature
        self.saved_input_example_info = saved_input_example_info
        self.model_uuid = model_uuid or model_id or uuid.uuid4().hex
        self.mlflow_version = mlflow_version
        self.metadata = metadata
        self.model_size_bytes = model_size_bytes
        self.resources = resources
        self.env_vars = env_vars
        self.auth_policy = auth_policy
        self.model_id = model_id
        self.prompts = prompts
        self.is_signature_from_type_hint = is_signature_from_type_hint
        self.type_hint_from_example = type_hint_from_example
        self.other = other

    @classmethod
    def load(cls, path: str | Path) -> Model:
        """The model described in a folder, in the MLmodel file itself, or at any URI of a model.

        Raises:
            NotFound: there is no MLmodel file, or nothing at the URI.
            InvalidInput: it is not the YAML of one.
        """
        file = local_folder(path)
        file = file / MLMODEL_FILE if file.is_dir() or file.name != MLMODEL_FILE else file
        try:
            content = read_yaml(file.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError) as error:
            raise NotFound(f'Could not find an "{MLMODEL_FILE}" configuration file at "{file.parent}"') from error
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            # Also bytes that are no text, and dates and numbers that there cannot be.
            raise InvalidInput(f"{file} is not YAML: {error}") from error
        if not isinstance(content, Mapping):
            raise InvalidInput(f"{file} does not describe a model: expected a mapping, found {type(content).__name__}.")
        return cls.from_dict(content)

    @classmethod
    def log(cls, artifact_path: str | None, flavor: Any, **kwargs: Any) -> ModelInfo:
        """Log what `flavor`, a module with `save_model(path, mlflow_model, ...)`, saves.

        `name`, `registered_model_name`, `await_registration_for`, `params`, `tags`, `model_type`, `step` and `model_id`
        say where to, as for `log_model`; `metadata` and what else is given goes to `save_model`.
        """
        # The layers above log models; this is a second name for what they do.
        logging = importlib.import_module("mlkeep.flavors.model_logging")
        info: ModelInfo = logging.log_with(flavor, {"artifact_path": artifact_path, **kwargs})
        return info

    @classmethod
    def from_dict(cls, model_dict: Mapping[str, Any]) -> Model:
        """The model that `model_dict` (the content of an MLmodel file) describes.

        Raises:
            InvalidInput: `flavors` or `signature` cannot be read.
            NotOffered: a newer mlkeep wrote it.
        """
        content = dict(model_dict)
        if isinstance(layout := content.get("mlkeep_format"), int) and layout > FORMAT:
            raise NotOffered(
                f"The model was written by mlkeep {content.get('mlkeep_version')} in a format newer than this mlkeep "
                f"({__version__}) can read: upgrade mlkeep."
            )
        flavors = content.pop("flavors", None) or {}
        if not isinstance(flavors, Mapping) or not all(isinstance(conf, Mapping) for conf in flavors.values()):
            raise InvalidInput("'flavors' in MLmodel must map the names of flavors to their settings.")
        signature = content.pop("signature", None)
        size = content.pop("model_size_bytes", None)
        created = content.pop("utc_time_created", None)
        return cls(
            flavors={name: dict(conf) for name, conf in flavors.items()},
            signature=ModelSignature.from_dict(signature) if signature else None,
            # Old files have the time without quotes, which YAML reads as a time.
            utc_time_created=None if created is None else str(created),
            model_size_bytes=None if size is None else int(size),
            mlflow_version=content.pop("mlflow_version", None),
            **{str(key): value for key, value in content.items()},
        )

    def to_dict(self) -> dict[str, Any]:
        """What is written; only keys that have a value, apart from those MLflow always writes."""
        content: dict[str, Any] = {
            **self.other,
            "prompts": self.prompts,
            "mlflow_version": self.mlflow_version,
            "utc_time_created": self.utc_time_created,
            "model_uuid": self.model_uuid,
            "model_id": self.model_id,
            "flavors": self.flavors,
        }
        optional = {
            "artifact_path": self.artifact_path,
            "run_id": self.run_id,
            "model_size_bytes": self.model_size_bytes,
            "metadata": self.metadata,
            "saved_input_example_info": self.saved_input_example_info,
            "resources": self.resources,
            "auth_policy": self.auth_policy,
            "env_vars": self.env_vars,
        }
        content |= {key: value for key, value in optional.items() if value is not None}
        if self.signature is not None:
            content["signature"] = self.signature.to_dict()
            content["is_signature_from_type_hint"] = self.is_signature_from_type_hint
            content["type_hint_from_example"] = self.type_hint_from_example
        return content

    def to_yaml(self, stream: IO[str] | None = None) -> str | None:
        """The text of the MLmodel file: block style, keys sorted; written to `stream` if one is given.

        Raises:
            InvalidInput: something in it, such as a value of `metadata`, is not made of dicts, lists, numbers and text.
        """
        try:
            text = write_yaml(self.to_dict(), stream, sort_keys=True)
        except yaml.representer.RepresenterError as error:
            raise InvalidInput(
                f"MLmodel cannot hold {error.args[-1]!r}: metadata and configurations are made of dicts, lists, numbers, "
                "booleans and text."
            ) from error
        return text

    def to_json(self) -> str:
        """`to_dict` as JSON, without the digests of files, which are many."""
        return json.dumps({key: value for key, value in self.to_dict().items() if key != DIGESTS}, default=str)

    def save(self, path: str | Path) -> None:
        """Write the MLmodel file to `path`, the path of the file itself."""
        with Path(path).open("w", encoding="utf-8") as out:
            self.to_yaml(out)

    def add_flavor(self, name: str, **params: Any) -> Model:
        """Set what flavor `name` needs to load the model; returns the model itself."""
        self.flavors[name] = params
        return self

    def flavor(self, name: str) -> dict[str, Any]:
        """The settings of flavor `name`.

        Raises:
            NotFound: the model does not have it.
        """
        if name not in self.flavors:
            has = f"it has {', '.join(sorted(self.flavors))}" if self.flavors else "it has none"
            raise NotFound(f'Model does not have the "{name}" flavor; {has}.')
        return self.flavors[name]

    def mark_as_ours(self, pickles: Sequence[str] = (), files: Mapping[str, Any] | None = None) -> None:
        """Note that this mlkeep wrote the folder, which of its files are pickles, and the digests of those it wrote."""
        self.other |= {"mlkeep_format": FORMAT, "mlkeep_version": __version__, "mlkeep_pickles": list(pickles)}
        if files:
            self.other[DIGESTS] = dict(files)

    @property
    def digests(self) -> object:
        """What the folder says of the sizes and digests of its files; see `mlkeep.models.digests.check`."""
        return self.other.get(DIGESTS)

    def get_input_schema(self) -> Schema | None:
        """The signature's inputs."""
        return self.signature.inputs if self.signature else None

    def get_output_schema(self) -> Schema | None:
        """The signature's outputs."""
        return self.signature.outputs if self.signature else None

    def get_params_schema(self) -> ParamSchema | None:
        """The signature's parameters."""
        return self.signature.params if self.signature else None

    def load_input_example(self, path: str | Path | None = None) -> Any:
        """The data of the input example in the model folder `path`, or where the model was logged; None if it has none."""
        if self.saved_input_example_info is None:
            return None
        folder = local_folder(self.get_model_info().model_uri if path is None else path)
        return read_example(folder, self.saved_input_example_info, self.get_input_schema())

    def load_input_example_params(self, path: str | Path) -> dict[str, Any] | None:
        """The parameters of the input example in the model folder `path`; None if there are none."""
        if self.saved_input_example_info is None:
            return None
        return read_example_params(local_folder(path), self.saved_input_example_info)

    def get_serving_input(self, path: str | Path) -> str | None:
        """The body of a scoring request with the input example, from the model folder `path`; None if there is none."""
        name = (self.saved_input_example_info or {}).get("serving_input_path")
        return inside(local_folder(path), name, "serving_input_path").read_text(encoding="utf-8") if name else None

    def get_tags_dict(self) -> dict[str, Any]:
        """What a run's tag tells of the model: all but the signature and the digests of files."""
        return {key: value for key, value in self.to_dict().items() if key not in {"signature", DIGESTS}}

    def get_model_info(self, logged_model: LoggedModel | None = None) -> ModelInfo:
        """A summary, with the URI that loads the model from where it was logged; `logged_model` adds what that says."""
        uri = f"models:/{self.model_id}" if self.model_id else f"runs:/{self.run_id}/{self.artifact_path}"
        return ModelInfo(
            artifact_path=self.artifact_path,
            flavors=self.flavors,
            model_uri=uri,
            model_uuid=self.model_uuid,
            run_id=self.run_id,
            saved_input_example_info=self.saved_input_example_info,
            signature=self.signature,
            utc_time_created=self.utc_time_created,
            mlflow_version=self.mlflow_version,
            metadata=self.metadata,
            model_id=self.model_id,
            logged_model=logged_model,
            env_vars=None if self.env_vars is None else list(self.env_vars),
            prompts=None if self.prompts is None else list(self.prompts),
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Model) and self.to_dict() == other.to_dict()

    __hash__ = None  # type: ignore[assignment]  # a Model changes


def local_folder(path: str | Path) -> Path:
    """The path of a model's folder, or of a file, which is downloaded first if it is named by another URI.

    Raises:
        NotFound: there is nothing at the URI.
    """
    if uris.is_local(str(path)):
        return uris.local_path(str(path))
    # The layers above know where things lie and how they are fetched.
    fetched: Path = importlib.import_module("mlkeep.flavors.loading").fetch(path)
    return fetched


def _now() -> str:
    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
