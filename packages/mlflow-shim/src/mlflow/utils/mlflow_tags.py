"""The tags that have a meaning of their own, under the names integrations import them by."""

from mlkeep.sdk.active import NOTE_TAG as MLFLOW_RUN_NOTE
from mlkeep.sdk.client.runs import PARENT_TAG as MLFLOW_PARENT_RUN_ID
from mlkeep.sdk.context import GIT_BRANCH_TAG as MLFLOW_GIT_BRANCH
from mlkeep.sdk.context import GIT_COMMIT_TAG as MLFLOW_GIT_COMMIT
from mlkeep.sdk.context import GIT_REPOSITORY_TAG as MLFLOW_GIT_REPO_URL
from mlkeep.sdk.context import SOURCE_NAME_TAG as MLFLOW_SOURCE_NAME
from mlkeep.sdk.context import SOURCE_TYPE_TAG as MLFLOW_SOURCE_TYPE
from mlkeep.sdk.context import USER_TAG as MLFLOW_USER
from mlkeep.sdk.inputs import CONTEXT_TAG as MLFLOW_DATASET_CONTEXT
from mlkeep.sdk.logged_models import EXTERNAL_TAG as MLFLOW_MODEL_IS_EXTERNAL

LATEST_CHECKPOINT_ARTIFACT_TAG_KEY = "mlflow.latest_checkpoint_artifact"
MLFLOW_ARTIFACT_LOCATION = "mlflow.artifactLocation"
MLFLOW_AUTOLOGGING = "mlflow.autologging"
MLFLOW_DOCKER_IMAGE_ID = "mlflow.docker.image.id"
MLFLOW_DOCKER_IMAGE_URI = "mlflow.docker.image.uri"
MLFLOW_EXPERIMENT_PRIMARY_METRIC_GREATER_IS_BETTER = "mlflow.experiment.primaryMetric.greaterIsBetter"
MLFLOW_EXPERIMENT_PRIMARY_METRIC_NAME = "mlflow.experiment.primaryMetric.name"
MLFLOW_EXPERIMENT_SOURCE_ID = "mlflow.experiment.sourceId"
MLFLOW_EXPERIMENT_SOURCE_TYPE = "mlflow.experiment.sourceType"
MLFLOW_GIT_DIFF = "mlflow.source.git.diff"
MLFLOW_GIT_DIRTY = "mlflow.source.git.dirty"
MLFLOW_LOGGED_ARTIFACTS = "mlflow.loggedArtifacts"
MLFLOW_LOGGED_IMAGES = "mlflow.loggedImages"
MLFLOW_LOGGED_MODELS = "mlflow.log-model.history"
MLFLOW_MODEL_VERSIONS = "mlflow.modelVersions"
MLFLOW_PROJECT_BACKEND = "mlflow.project.backend"
MLFLOW_PROJECT_ENTRY_POINT = "mlflow.project.entryPoint"
MLFLOW_PROJECT_ENV = "mlflow.project.env"
MLFLOW_RUN_NAME = "mlflow.runName"
MLFLOW_RUN_SOURCE_TYPE = "mlflow.runSourceType"
MLFLOW_RUN_TYPE = "mlflow.runType"

__all__ = [
    "LATEST_CHECKPOINT_ARTIFACT_TAG_KEY",
    "MLFLOW_ARTIFACT_LOCATION",
    "MLFLOW_AUTOLOGGING",
    "MLFLOW_DATASET_CONTEXT",
    "MLFLOW_DOCKER_IMAGE_ID",
    "MLFLOW_DOCKER_IMAGE_URI",
    "MLFLOW_EXPERIMENT_PRIMARY_METRIC_GREATER_IS_BETTER",
    "MLFLOW_EXPERIMENT_PRIMARY_METRIC_NAME",
    "MLFLOW_EXPERIMENT_SOURCE_ID",
    "MLFLOW_EXPERIMENT_SOURCE_TYPE",
    "MLFLOW_GIT_BRANCH",
    "MLFLOW_GIT_COMMIT",
    "MLFLOW_GIT_DIFF",
    "MLFLOW_GIT_DIRTY",
    "MLFLOW_GIT_REPO_URL",
    "MLFLOW_LOGGED_ARTIFACTS",
    "MLFLOW_LOGGED_IMAGES",
    "MLFLOW_LOGGED_MODELS",
    "MLFLOW_MODEL_IS_EXTERNAL",
    "MLFLOW_MODEL_VERSIONS",
    "MLFLOW_PARENT_RUN_ID",
    "MLFLOW_PROJECT_BACKEND",
    "MLFLOW_PROJECT_ENTRY_POINT",
    "MLFLOW_PROJECT_ENV",
    "MLFLOW_RUN_NAME",
    "MLFLOW_RUN_NOTE",
    "MLFLOW_RUN_SOURCE_TYPE",
    "MLFLOW_RUN_TYPE",
    "MLFLOW_SOURCE_NAME",
    "MLFLOW_SOURCE_TYPE",
    "MLFLOW_USER",
]
