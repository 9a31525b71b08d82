"""mlkeep keeps runs, models and deployments.

Names load when they are first used: importing mlkeep costs little, and a program pays only for what it uses.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from mlkeep.version import __version__

if TYPE_CHECKING:
    from mlkeep import (
        artifacts,
        catboost,
        client,
        config,
        entities,
        exceptions,
        keras,
        lightgbm,
        models,
        onnx,
        prophet,
        pyfunc,
        pytorch,
        sklearn,
        spark,
        statsmodels,
        system_metrics,
        tensorflow,
        tracking,
        transformers,
        types,
        xgboost,
    )
    from mlkeep.core.errors import MlkeepException
    from mlkeep.core.errors import MlkeepException as MlflowException
    from mlkeep.sdk.client import MlkeepClient
    from mlkeep.sdk.client import MlkeepClient as MlflowClient
    from mlkeep.sdk.config import (
        get_registry_uri,
        get_tracking_uri,
        is_tracking_uri_set,
        set_registry_uri,
        set_tracking_uri,
    )
    from mlkeep.sdk.fluent import (
        ActiveModel,
        ActiveRun,
        RunOperations,
        active_run,
        clear_active_model,
        create_experiment,
        create_external_model,
        delete_experiment,
        delete_experiment_tag,
        delete_logged_model_tag,
        delete_run,
        delete_tag,
        end_run,
        finalize_logged_model,
        flush_artifact_async_logging,
        flush_async_logging,
        get_active_model_id,
        get_artifact_uri,
        get_experiment,
        get_experiment_by_name,
        get_logged_model,
        get_parent_run,
        get_run,
        initialize_logged_model,
        last_active_run,
        last_logged_model,
        load_table,
        log_artifact,
        log_artifacts,
        log_dict,
        log_figure,
        log_image,
        log_input,
        log_inputs,
        log_metric,
        log_metrics,
        log_model_params,
        log_outputs,
        log_param,
        log_params,
        log_stream,
        log_table,
        log_text,
        register_model,
        restore_experiment,
        restore_run,
        search_experiments,
        search_logged_models,
        search_model_versions,
        search_registered_models,
        search_runs,
        set_active_model,
        set_experiment,
        set_experiment_tag,
        set_experiment_tags,
        set_logged_model_tags,
        set_model_version_tag,
        set_tag,
        set_tags,
        start_run,
        sync,
    )
    from mlkeep.sdk.images import Image
    from mlkeep.sdk.system_metrics.settings import (
        disable_system_metrics_logging,
        enable_system_metrics_logging,
        set_system_metrics_node_id,
        set_system_metrics_samples_before_logging,
        set_system_metrics_sampling_interval,
    )

_FLUENT = (
    "ActiveModel ActiveRun RunOperations active_run clear_active_model create_experiment create_external_model "
    "delete_experiment delete_experiment_tag delete_logged_model_tag delete_run delete_tag end_run "
    "finalize_logged_model flush_artifact_async_logging flush_async_logging get_active_model_id get_artifact_uri "
    "get_experiment get_experiment_by_name get_logged_model get_parent_run get_run initialize_logged_model "
    "last_active_run last_logged_model load_table log_artifact log_artifacts log_dict log_figure log_image log_input "
    "log_inputs log_metric log_metrics log_model_params log_outputs log_param log_params log_stream log_table log_text "
    "register_model "
    "restore_experiment restore_run search_experiments search_logged_models search_model_versions "
    "search_registered_models search_runs set_active_model set_experiment set_experiment_tag set_experiment_tags "
    "set_logged_model_tags set_model_version_tag set_tag set_tags start_run sync"
)
_SYSTEM_METRICS = (
    "disable_system_metrics_logging enable_system_metrics_logging set_system_metrics_node_id "
    "set_system_metrics_samples_before_logging set_system_metrics_sampling_interval"
)
_CONFIG = "get_registry_uri get_tracking_uri is_tracking_uri_set set_registry_uri set_tracking_uri"

_HOMES: dict[str, tuple[str, str]] = {
    **{name: ("mlkeep.sdk.fluent", name) for name in _FLUENT.split()},
    **{name: ("mlkeep.sdk.config", name) for name in _CONFIG.split()},
    **{name: ("mlkeep.sdk.system_metrics.settings", name) for name in _SYSTEM_METRICS.split()},
    "Image": ("mlkeep.sdk.images", "Image"),
    "MlkeepClient": ("mlkeep.sdk.client", "MlkeepClient"),
    "MlflowClient": ("mlkeep.sdk.client", "MlkeepClient"),
    "MlkeepException": ("mlkeep.core.errors", "MlkeepException"),
    "MlflowException": ("mlkeep.core.errors", "MlkeepException"),
}
"""Where each public name comes from. The names with Mlflow in them are for scripts written for MLflow."""

_SUBMODULES = frozenset(
    {
        "artifacts",
        "catboost",
        "client",
        "config",
        "entities",
        "exceptions",
        "keras",
        "lightgbm",
        "models",
        "onnx",
        "prophet",
        "pyfunc",
        "pytorch",
        "sklearn",
        "spark",
        "statsmodels",
        "system_metrics",
        "tensorflow",
        "tracking",
        "transformers",
        "types",
        "xgboost",
    }
)

__all__ = [
    "ActiveModel",
    "ActiveRun",
    "Image",
    "MlflowClient",
    "MlflowException",
    "MlkeepClient",
    "MlkeepException",
    "RunOperations",
    "__version__",
    "active_run",
    "artifacts",
    "catboost",
    "clear_active_model",
    "client",
    "config",
    "create_experiment",
    "create_external_model",
    "delete_experiment",
    "delete_experiment_tag",
    "delete_logged_model_tag",
    "delete_run",
    "delete_tag",
    "disable_system_metrics_logging",
    "enable_system_metrics_logging",
    "end_run",
    "entities",
    "exceptions",
    "finalize_logged_model",
    "flush_artifact_async_logging",
    "flush_async_logging",
    "get_active_model_id",
    "get_artifact_uri",
    "get_experiment",
    "get_experiment_by_name",
    "get_logged_model",
    "get_parent_run",
    "get_registry_uri",
    "get_run",
    "get_tracking_uri",
    "initialize_logged_model",
    "is_tracking_uri_set",
    "keras",
    "last_active_run",
    "last_logged_model",
    "lightgbm",
    "load_table",
    "log_artifact",
    "log_artifacts",
    "log_dict",
    "log_figure",
    "log_image",
    "log_input",
    "log_inputs",
    "log_metric",
    "log_metrics",
    "log_model_params",
    "log_outputs",
    "log_param",
    "log_params",
    "log_stream",
    "log_table",
    "log_text",
    "models",
    "onnx",
    "prophet",
    "pyfunc",
    "pytorch",
    "register_model",
    "restore_experiment",
    "restore_run",
    "search_experiments",
    "search_logged_models",
    "search_model_versions",
    "search_registered_models",
    "search_runs",
    "set_active_model",
    "set_experiment",
    "set_experiment_tag",
    "set_experiment_tags",
    "set_logged_model_tags",
    "set_model_version_tag",
    "set_registry_uri",
    "set_system_metrics_node_id",
    "set_system_metrics_samples_before_logging",
    "set_system_metrics_sampling_interval",
    "set_tag",
    "set_tags",
    "set_tracking_uri",
    "sklearn",
    "spark",
    "start_run",
    "statsmodels",
    "sync",
    "system_metrics",
    "tensorflow",
    "tracking",
    "transformers",
    "types",
    "xgboost",
]


def __getattr__(name: str) -> Any:
    if (home := _HOMES.get(name)) is not None:
        value = getattr(importlib.import_module(home[0]), home[1])
    elif name in _SUBMODULES:
        value = importlib.import_module(f"mlkeep.{name}")
    else:
        raise AttributeError(f"module 'mlkeep' has no attribute '{name}'")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
