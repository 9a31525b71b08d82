"""Where our server answers otherwise than the official one on purpose."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.interop.tour.compare import Difference


@dataclass(frozen=True, slots=True)
class Accepted:
    """Differences that are meant: where they are, what is on each side, and why. `*` stands for anything."""

    call: str
    path: str
    theirs: str
    ours: str
    why: str

    def covers(self, difference: Difference) -> bool:
        """Whether this is such a difference."""
        pairs = (
            (self.call, difference.call),
            (self.path, difference.path),
            (self.theirs, difference.theirs),
            (self.ours, difference.ours),
        )
        return all(_matches(pattern, text) for pattern, text in pairs)


def _matches(pattern: str, text: str) -> bool:
    parts = (re.escape(part) for part in pattern.split("*"))
    return re.fullmatch(".*".join(parts), text, re.DOTALL) is not None


ACCEPTED: tuple[Accepted, ...] = (
    Accepted("*", "*", "*1.7976931348623157e+308", '{"float": "*inf"}', "infinity is kept as it was logged"),
    Accepted(
        "*",
        "error.*",
        '["*", "API request to * failed with exception *',
        '["*", "INVALID_PARAMETER_VALUE: *',
        "what the caller can correct is a 400: clients try again after a 500, for minutes",
    ),
    Accepted(
        "experiments: client.rename_experiment(*)",
        "error.error_code",
        '["BAD_REQUEST", "BAD_REQUEST: (sqlite3.IntegrityError) UNIQUE *',
        '["RESOURCE_ALREADY_EXISTS", *',
        "a name that is taken has the same code wherever it is taken",
    ),
    Accepted(
        "logged model*",
        "error.error_code",
        '["BAD_REQUEST", "BAD_REQUEST: (sqlite3.IntegrityError) *',
        '["INVALID_PARAMETER_VALUE", *',
        "a model that is not there, or a param it has already: the code says what is wrong",
    ),
    Accepted(
        "batches: client.log_batch(bad id!, *)",
        "error.error_code",
        '["INVALID_PARAMETER_VALUE", *',
        '["RESOURCE_DOES_NOT_EXIST", *',
        "a run that cannot be is a run that is not there",
    ),
    Accepted(
        "logged model metrics: client.get_run(*)",
        "result.data.metrics.lost",
        "1.0",
        "(absent)",
        "a request that is refused leaves nothing",
    ),
    Accepted(
        "logged model metrics: client.log_metric(*, twice, *)",
        "outcome",
        "*BAD_REQUEST: (sqlite3.IntegrityError) UNIQUE *",
        "a result",
        "a model is measured on two datasets at the same time",
    ),
    Accepted(
        "model inputs: client.log_outputs(*)",
        "outcome",
        "*BAD_REQUEST: (sqlite3.IntegrityError) UNIQUE *",
        "a result",
        "what a client says again changes nothing",
    ),
    Accepted(
        "model inputs: client.search_runs(*)",
        "result.items[0].inputs.model_inputs[*]",
        "(absent)",
        "*LoggedModelInput*",
        "a run that was found has what a run has that was asked for",
    ),
    Accepted(
        "registered models: client.*(a*b*)",
        "error.error_code",
        '["INVALID_PARAMETER_VALUE", *',
        '["RESOURCE_DOES_NOT_EXIST", *',
        "a model that cannot be is a model that is not there",
    ),
    Accepted(
        "*: client.create_model_version(* without id, *",
        "*",
        "*INVALID_PARAMETER_VALUE: Invalid model version source: *",
        "*",
        "the id of the run or logged model stands in the source; only another one beside it is refused",
    ),
    Accepted(
        "sources: client.get_model_version_download_uri(*)",
        "result",
        "runs:/*",
        "mlflow-artifacts:/*",
        "the place of the files themselves, as for every other source; clients load from both",
    ),
    Accepted(
        "evaluation datasets: client.*",
        "outcome",
        "a result",
        "*RESOURCE_DOES_NOT_EXIST*",
        "that an experiment or dataset is not there is said here as everywhere",
    ),
    Accepted("search *", "outcome", "*Invalid*filter string:*", "a result", "OR, NOT and parentheses are understood"),
    Accepted(
        "search runs: client.search_runs(*, metrics. loss > 1)",
        "outcome",
        "a result",
        "*Invalid clause(s) in filter string:*",
        "a blank after the dot is named as the mistake it is; MLflow finds nothing",
    ),
    Accepted(
        'search logged models: client.search_logged_models(*, name = "A", *)',
        "result[0]",
        "(absent)",
        "A",
        "double quotes quote, as in every other search; MLflow finds nothing",
    ),
    Accepted(
        "search logged models: client.search_logged_models(*, status = 'READY', *)",
        "result[*]",
        "(absent)",
        "*",
        "a status is found by its name too; MLflow knows only its number",
    ),
    Accepted(
        'search logged models: client.search_logged_models(*, datasets=[{"dataset_name": "d"}], *)',
        "result[*]",
        "(absent)",
        "*",
        "a dataset without a digest is any of this name; MLflow finds only measurements that have no digest",
    ),
    Accepted(
        "search logged models: client.search_logged_models([])",
        "outcome",
        "*Missing value for required*",
        "a result",
        "no experiments have no models, as they have no runs",
    ),
)
