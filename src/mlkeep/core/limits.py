"""Sizes the MLflow protocol promises, which clients of MLflow count on exactly, and those of what mlkeep has beside it."""

from __future__ import annotations

MAX_KEY_LENGTH = 250
"""Characters of a metric, param or tag key."""

MAX_PARAM_VALUE_LENGTH = 6_000
MAX_TAG_VALUE_LENGTH = 8_000
MAX_EXPERIMENT_TAG_VALUE_LENGTH = 20_000
MAX_MODEL_TAG_VALUE_LENGTH = 100_000
MAX_EXPERIMENT_NAME_LENGTH = 500
MAX_MODEL_NAME_LENGTH = 256
MAX_ALIAS_LENGTH = 255
MAX_ARTIFACT_LOCATION_LENGTH = 2_048

MAX_METRICS_PER_BATCH = 1_000
MAX_PARAMS_PER_BATCH = 100
MAX_TAGS_PER_BATCH = 100
MAX_ENTITIES_PER_BATCH = 1_000

MAX_BATCH_BODY_BYTES = 1_000_000
"""Bytes of a batch as JSON: what MLflow documents."""

MAX_COLUMNS_BODY_BYTES = 16 * 1024 * 1024
"""Bytes of a batch of points in columns: some 700,000 points."""
MAX_COLUMNS_PER_BATCH = 100_000
MAX_ROWS_PER_COLUMNS = 1_000
"""Points of logged models or measured on datasets in a batch of columns."""

MAX_DATASET_NAME_LENGTH = 500
MAX_DATASET_DIGEST_LENGTH = 36
MAX_DATASET_SOURCE_LENGTH = 65_535
MAX_DATASET_SCHEMA_LENGTH = 1_048_575
MAX_DATASET_PROFILE_LENGTH = 16_777_215
MAX_INPUT_TAG_KEY_LENGTH = 255
MAX_INPUT_TAG_VALUE_LENGTH = 500

DEFAULT_RUNS_PER_PAGE = 1_000
MAX_RUNS_PER_PAGE = 50_000
MAX_EXPERIMENTS_PER_PAGE = 50_000
DEFAULT_MODELS_PER_PAGE = 100
MAX_MODELS_PER_PAGE = 1_000
MAX_VERSIONS_PER_PAGE = 200_000
DEFAULT_LOGGED_MODELS_PER_PAGE = 50
METRIC_HISTORY_PAGE = 25_000
MAX_SAMPLED_POINTS = 2_500
"""Points of one run in a sampled history."""
MAX_RUNS_PER_HISTORY = 100
"""Runs whose histories one request asks for."""
DEFAULT_CHART_BUCKETS = 500
MIN_CHART_BUCKETS = 2
MAX_CHART_BUCKETS = 2_000
MAX_CHART_SERIES = 1_000
MAX_CHART_BUCKETS_IN_ALL = 1_000_000
"""Of one request for a chart; the last is series times buckets, which is what an answer takes in memory."""
MAX_EXPERIMENTS_OF_DATASETS = 20
MAX_DATASET_SUMMARIES = 1_000
DEFAULT_DATASETS_PER_PAGE = 1_000
MAX_DATASETS_PER_PAGE = 50_000
DEFAULT_RECORDS_PER_PAGE = 1_000
MAX_RECORDS_PER_PAGE = 50_000

MAX_RUNS_PER_HEARTBEAT = 1_000
MAX_HEARTBEAT_INTERVAL_MS = 24 * 60 * 60 * 1_000
"""Runs that one heartbeat is about, and the longest time to the next that it may promise."""

MAX_FILES_PER_RECORD = 50_000
MAX_PATHS_PER_FORGETTING = 1_000
"""Files that one request records; paths that one request forgets, each of which may be a folder."""
MAX_ARTIFACT_PATH_BYTES = 2_000
"""Bytes of the path of a recorded file below its artifact root, in UTF-8; an index of PostgreSQL holds no more."""
MAX_ARTIFACT_BYTES = 2**50
"""Size of one recorded file, and of all that are recorded of one run or logged model."""

MAX_INT64 = 2**63 - 1
MIN_INT64 = -(2**63)
