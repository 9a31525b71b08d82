"""What single fields of requests cannot pass, as the OpenAPI document says it; use-cases and `bounds` hold requests to it."""

from __future__ import annotations

from typing import Any

from mlkeep.core import limits
from mlkeep.core.ids import RUN_ID_PATTERN
from mlkeep.core.projection import MAX_FIELDS
from mlkeep.wire import artifacts, charts, columns, experiments, heartbeats, logged_models, metrics, registry, runs
from mlkeep.wire.bounds import BOUNDS
from mlkeep.wire.message import Request

LIMITS: dict[tuple[type[Request], str], dict[str, Any]] = {
    **{
        (kind, name): {"maxLength": most}
        for kind, bounds in BOUNDS.items()
        for name, most in bounds.items()
        if "." not in name
    },
    (artifacts.StoredFileMessage, "size"): {"minimum": 0, "maximum": limits.MAX_ARTIFACT_BYTES},
    (artifacts.StoredFileMessage, "sha256"): {"pattern": "^[0-9a-f]{64}$"},
    (artifacts.RecordFiles, "files"): {"maxItems": limits.MAX_FILES_PER_RECORD},
    (artifacts.ForgetFiles, "paths"): {"maxItems": limits.MAX_PATHS_PER_FORGETTING},
    (experiments.CreateExperiment, "name"): {"maxLength": limits.MAX_EXPERIMENT_NAME_LENGTH},
    (experiments.UpdateExperiment, "new_name"): {"maxLength": limits.MAX_EXPERIMENT_NAME_LENGTH},
    (experiments.SetExperimentTag, "key"): {"maxLength": limits.MAX_KEY_LENGTH},
    (experiments.SetExperimentTag, "value"): {"maxLength": limits.MAX_EXPERIMENT_TAG_VALUE_LENGTH},
    (experiments.SearchExperiments, "max_results"): {"minimum": 0, "maximum": limits.MAX_EXPERIMENTS_PER_PAGE},
    (runs.CreateRun, "run_id"): {"pattern": f"^({RUN_ID_PATTERN})?$"},
    (runs.LogParam, "key"): {"maxLength": limits.MAX_KEY_LENGTH},
    (runs.SetTag, "key"): {"maxLength": limits.MAX_KEY_LENGTH},
    (runs.LogBatch, "metrics"): {"maxItems": limits.MAX_METRICS_PER_BATCH},
    (runs.LogBatch, "params"): {"maxItems": limits.MAX_PARAMS_PER_BATCH},
    (runs.LogBatch, "tags"): {"maxItems": limits.MAX_TAGS_PER_BATCH},
    (columns.LogColumns, "columns"): {"maxItems": limits.MAX_COLUMNS_PER_BATCH},
    (columns.LogColumns, "params"): {"maxItems": limits.MAX_PARAMS_PER_BATCH},
    (columns.LogColumns, "tags"): {"maxItems": limits.MAX_TAGS_PER_BATCH},
    (columns.Column, "key"): {"maxLength": limits.MAX_KEY_LENGTH},
    (runs.DatasetFields, "name"): {"maxLength": limits.MAX_DATASET_NAME_LENGTH},
    (runs.DatasetFields, "digest"): {"maxLength": limits.MAX_DATASET_DIGEST_LENGTH},
    (runs.DatasetFields, "source"): {"maxLength": limits.MAX_DATASET_SOURCE_LENGTH},
    (runs.DatasetFields, "schema"): {"maxLength": limits.MAX_DATASET_SCHEMA_LENGTH},
    (runs.DatasetFields, "profile"): {"maxLength": limits.MAX_DATASET_PROFILE_LENGTH},
    (runs.SearchRuns, "max_results"): {"minimum": 0, "maximum": limits.MAX_RUNS_PER_PAGE},
    (runs.SearchRuns, "fields"): {"maxItems": MAX_FIELDS},
    (heartbeats.Heartbeat, "run_ids"): {"maxItems": limits.MAX_RUNS_PER_HEARTBEAT},
    (heartbeats.Heartbeat, "interval_ms"): {"minimum": 1, "maximum": limits.MAX_HEARTBEAT_INTERVAL_MS},
    (metrics.LogMetric, "key"): {"maxLength": limits.MAX_KEY_LENGTH},
    (metrics.LogMetric, "timestamp"): {"minimum": 0},
    (metrics.MetricInput, "key"): {"maxLength": limits.MAX_KEY_LENGTH},
    (metrics.MetricInput, "timestamp"): {"minimum": 0},
    (metrics.GetMetricHistory, "max_results"): {"minimum": 1},
    (charts.GetChart, "series"): {"maxItems": limits.MAX_CHART_SERIES},
    (charts.GetChart, "run_ids"): {"maxItems": limits.MAX_CHART_SERIES},
    (charts.GetChart, "keys"): {"maxItems": limits.MAX_CHART_SERIES},
    (charts.GetChart, "x"): {"enum": list(charts.AXES)},
    (charts.GetChart, "buckets"): {"minimum": limits.MIN_CHART_BUCKETS, "maximum": limits.MAX_CHART_BUCKETS},
    (logged_models.SearchLoggedModels, "max_results"): {"minimum": 0},
    (registry.CreateRegisteredModel, "name"): {"maxLength": limits.MAX_MODEL_NAME_LENGTH},
    (registry.RenameRegisteredModel, "new_name"): {"maxLength": limits.MAX_MODEL_NAME_LENGTH},
    (registry.SetRegisteredModelTag, "key"): {"maxLength": limits.MAX_KEY_LENGTH},
    (registry.SetRegisteredModelTag, "value"): {"maxLength": limits.MAX_MODEL_TAG_VALUE_LENGTH},
    (registry.SetVersionTag, "key"): {"maxLength": limits.MAX_KEY_LENGTH},
    (registry.SetVersionTag, "value"): {"maxLength": limits.MAX_MODEL_TAG_VALUE_LENGTH},
    (registry.SetAlias, "alias"): {"maxLength": limits.MAX_ALIAS_LENGTH},
    (registry.SearchRegisteredModels, "max_results"): {"minimum": 0, "maximum": limits.MAX_MODELS_PER_PAGE},
    (registry.SearchModelVersions, "max_results"): {"minimum": 0, "maximum": limits.MAX_VERSIONS_PER_PAGE},
}
"""JSON-Schema keywords by kind of request and field. Longer values of params and of runs' tags are cut rather than refused, so not here."""
