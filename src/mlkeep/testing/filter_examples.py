"""The worked examples of the search for runs: six runs, and what each filter and order finds among them.

The runs' ids are `id1` to `id6`, in an order that is the order of no search.
"""

from __future__ import annotations

import math

from mlkeep.core.entities import Dataset, DatasetInput, InputTag, Run, RunData, RunInfo, RunInputs


def _used(name: str, digest: str, context: str) -> RunInputs:
    dataset = Dataset(name, digest, source_type="local", source="{}")
    return RunInputs(dataset_inputs=[DatasetInput(dataset, [InputTag("mlflow.data.context", context)])])


def _info(run_id: str, name: str, start: int, status: str, end: int | None = None, user: str = "") -> RunInfo:
    return RunInfo(run_id, "1", name, user, status, start, end, artifact_uri=f"mlflow-artifacts:/1/{run_id}/artifacts")


SIX_RUNS = (
    Run(_info("id1", "nan", 500, "RUNNING"), RunData({"loss": math.nan}, {"opt": "adam"}, {"team": "red"})),
    Run(_info("id2", "zed", 400, "RUNNING")),
    Run(
        _info("id3", "alpha", 1000, "RUNNING", user="ann"),
        RunData(
            {"loss": 0.5, "acc m": 1.0, "a/b": 2.0},
            {"lr": "0.1", "opt": "adam", "my param": "x"},
            {"team": "red", "k.dot": "1", "mlflow.source.type": "LOCAL"},
        ),
        _used("D1", "dg1", "train"),
    ),
    Run(
        _info("id4", "Beta", 2000, "FINISHED", 2500),
        RunData({"loss": 0.1}, {"lr": "0.2", "opt": "SGD"}, {"team": "blue"}),
        _used("D2", "dg2", "eval"),
    ),
    Run(_info("id5", "delta%", 3000, "RUNNING"), RunData({"loss": math.inf})),
    Run(
        _info("id6", "gamma_1", 3000, "FAILED", 3500),
        RunData({"loss": 1.5}, {"lr": "10", "opt": "o'brien"}, {"team": "Red"}),
    ),
)

EVERYTHING = "delta% gamma_1 Beta alpha nan zed"
"""The names of the six in the default order."""

FOUND: list[tuple[str, str | None, str]] = [
    ("1", None, EVERYTHING),
    ("1", "", EVERYTHING),
    ("1", " \n", EVERYTHING),
    ("2", "metrics.loss < 1", "Beta alpha"),
    ("3", "metric.loss<1", "Beta alpha"),
    ("4", "metrics.loss >= 0.5 and metrics.loss <= 1.5", "gamma_1 alpha"),
    ("5", "metrics.loss != 0.5", "delta% gamma_1 Beta nan"),
    ("6", "metrics.loss = 0", ""),
    ("7", "metrics.loss > 1e300", "delta%"),
    ("8", "metrics.loss > .3", "delta% gamma_1 alpha"),
    ("11", "metrics.`acc m` = 1", "alpha"),
    ("11", 'metrics."acc m" = 1', "alpha"),
    ("11", "metrics.'acc m' = 1", "alpha"),
    ("12", "metrics.`a/b` = 2", "alpha"),
    ("15", "metrics.none > 0", ""),
    ("17", "params.lr = '0.1'", "alpha"),
    ("17", 'params.lr = "0.1"', "alpha"),
    ("17", "parameter.lr='0.1'", "alpha"),
    ("21", "params.opt != 'adam'", "gamma_1 Beta"),
    ("22", "params.opt LIKE 'a%'", "alpha nan"),
    ("23", "params.opt LIKE 's%'", ""),
    ("23", "params.opt ILIKE 's%'", "Beta"),
    ("25", 'params.opt = "o\'brien"', "gamma_1"),
    ("25", "params.opt = 'o''brien'", ""),
    ("26", "params.lr IS NULL", "delta% nan zed"),
    ("27", "params.lr is not null", "gamma_1 Beta alpha"),
    ("28", "tags.team ILIKE 'RED'", "gamma_1 alpha nan"),
    ("29", "tags.team LIKE 'r_d'", "alpha nan"),
    ("30", "tags.team IS NULL", "delta% zed"),
    ("31", "tags.team IS NOT NULL AND params.lr IS NULL", "nan"),
    ("32", "tags.k.dot = '1'", "alpha"),
    ("34", "attributes.status = 'RUNNING'", "delta% alpha nan zed"),
    ("35", "status = 'failed'", ""),
    ("35", "status ILIKE 'failed'", "gamma_1"),
    ("37", "run_id IN ('id3','id4')", "Beta alpha"),
    ("37", "run_id IN ('id3',)", "alpha"),
    ("38", "attributes.run_id NOT IN ('id3')", "delta% gamma_1 Beta nan zed"),
    ("40", "run_name LIKE 'delta%'", "delta%"),
    ("41", "attributes.`run name` = 'Beta'", "Beta"),
    ("42", "start_time >= 1000 AND start_time < 3000", "Beta alpha"),
    ("42", "Created >= 1000 AND attr.created < 3000", "Beta alpha"),
    ("43", "end_time > 0", "gamma_1 Beta"),
    ("45", "start_time > 1000.5", "delta% gamma_1 Beta"),
    ("46", "dataset.name = 'D1'", "alpha"),
    ("47", "datasets.digest LIKE 'dg%'", "Beta alpha"),
    ("48", "dataset.context IN ('train')", "alpha"),
    ("52", "metrics.loss < 1 AND", "Beta alpha"),
    ("52", "and metrics.loss < 1 AND AND metrics.loss > 0", "Beta alpha"),
    ("whitespace", "params.opt='adam'AND params.lr='0.1'", "alpha"),
    ("whitespace", "params.opt\n=\t'adam'", "alpha nan"),
    ("dotted key", "tags.mlflow.source.type = 'LOCAL'", "alpha"),
    ("quoted prefix", "`tags`.`team` = 'blue'", "Beta"),
    ("quoted attribute", "\"user_id\" = 'ann'", "alpha"),
    ("keyword as key", "tags.version IS NULL", EVERYTHING),
    ("negative number", "metrics.loss > -1.5e-3", "delta% gamma_1 Beta alpha"),
    ("beyond 64 bits", "start_time < 99999999999999999999999", EVERYTHING),
    ("% in a value", "run_name LIKE '%\\%'", ""),
]
"""Number of the example in the specification (or a word), filter, names found in the default order."""

FOUND_BY_OUR_EXTENSION: list[tuple[str, str | None, str]] = [
    ("50", "metrics.loss < 1 OR params.opt='adam'", "Beta alpha nan"),
    ("51", "(metrics.loss < 1)", "Beta alpha"),
    ("AND before OR", "status = 'FAILED' OR params.opt = 'adam' AND tags.team = 'red'", "gamma_1 alpha nan"),
    ("parentheses first", "(status = 'FAILED' OR params.opt = 'adam') AND tags.team = 'red'", "alpha nan"),
    ("NOT before AND", "NOT tags.team = 'red' AND params.lr IS NOT NULL", "gamma_1 Beta"),
    ("NOT finds what is missing", "NOT params.opt = 'adam'", "delta% gamma_1 Beta zed"),
    ("NOT of a conjunction", "not (params.opt = 'adam' and tags.team = 'red')", "delta% gamma_1 Beta zed"),
    ("NOT twice", "NOT NOT params.opt = 'adam'", "alpha nan"),
    ("NOT of IS NULL", "NOT tags.team IS NULL", "gamma_1 Beta alpha nan"),
    ("NOT finds NaN", "NOT metrics.loss < 1", "delta% gamma_1 nan zed"),
]
"""The same, for what MLflow refuses and mlkeep knows."""

REFUSED = [
    ("9", "metrics.loss > '0.3'", "Expected numeric"),
    ("10", "metrics.loss > NaN", "Expected numeric"),
    ("10", "metrics.loss > inf", "Expected numeric"),
    ("12", "metrics.a/b = 2", "Invalid clause(s) in filter string: '/b' at character 10"),
    ("13", "metrics.loss IN (1,2)", "Invalid comparator 'IN'"),
    ("14", "metrics.loss IS NULL", "IS NULL"),
    ("14", "run_id IS NOT NULL", "IS NULL"),
    ("14", "dataset.name IS NULL", "IS NULL"),
    ("16", "loss > 0", "Invalid attribute key 'loss'"),
    ("18", "params.lr = 0.1", "'0.1'"),
    (
        "19",
        "params.lr = adam",
        "Parameter value is either not quoted or unidentified quote types used for string value",
    ),
    ("19", "params.lr = `adam`", "Use either single or double quotes."),
    ("20", "params.lr > '0.1'", "Invalid comparator '>'"),
    ("24", "params.opt IN ('adam','SGD')", "Invalid comparator 'IN'"),
    ("33", "tags.team NOT LIKE 'r%'", "Invalid comparator 'NOT LIKE'"),
    ("36", "status IN ('FAILED')", "Invalid comparator 'IN'"),
    ("39", "run_id IN ()", "non-empty list"),
    ("44", "start_time > '1000'", "Expected numeric"),
    ("49", "dataset.source_type = 'l'", "Invalid dataset key 'source_type'"),
    ("53", "metrics.loss < 1; metrics.loss > 0", "Invalid clause(s) in filter string"),
    ("54", "foo.loss < 1", "Invalid entity type 'foo'"),
    ("55", "attributes.experiment_id = '1'", "Invalid attribute key 'experiment_id'"),
    ("case of prefixes", "PARAMS.x = '1'", "Invalid entity type 'PARAMS'"),
    ("case of keys", "Run_name = 'x'", "Invalid attribute key 'Run_name'"),
    ("sides", "1 > metrics.loss", "expected 'Identifier'"),
    ("sides", "'status' = 'RUNNING'", "expected 'Identifier'"),
    ("operators", "metrics.loss <> 1", "Invalid comparator '<>'"),
    ("operators", "metrics.loss == 1", "Invalid comparator '=='"),
    ("operators", "params.lr ~ '1'", "Invalid comparator '~'"),
    ("operators", "metrics.loss BETWEEN 1 AND 2", "'BETWEEN' at character 14"),
    ("operators", "params.lr RLIKE '1'", "'RLIKE' at character 11"),
    ("operators", "params.opt ISNULL", "'ISNULL'"),
    ("comments", "metrics.loss < 1 -- x", "comments"),
    ("comments", "/* x */ metrics.loss < 1", "comments"),
    ("comments", "metrics.loss < 1 # x", "comments"),
    ("commas", "metrics.loss < 1, metrics.loss > 0", "',' at character 17"),
    ("no AND", "tags.k = '1' tags.team='red'", "needs an AND"),
    ("numbers", "metrics.loss > +1", "'+1'"),
    ("numbers", "metrics.loss > 0x10", "'0x10'"),
    ("numbers", "metrics.loss > 1_0", "'1_0'"),
    ("numbers", "metrics.loss > - 1", "'-'"),
    ("numbers", "metrics.loss > 1and metrics.loss < 2", "'1and'"),
    ("lists", "run_id IN 'a'", "list in parentheses"),
    ("lists", "run_id IN (a)", "quoted values"),
    ("lists", "run_id IN ('a' 'b')", "expected ',' or ')'"),
    ("lists", "run_id IN (,)", "quoted values"),
    ("lists", "run_id IN ('a'", "the end"),
    ("lists", "run_id = ('a')", "expected a value for run_id"),
    ("keys", "tags.a-b = '1'", "needs quotes"),
    ("keys", "tags.2024_run = '1'", "needs quotes"),
    ("keys", "tags.a b = '1'", "needs quotes"),
    ("keys", "tags.5 = '1'", "needs quotes, as in tags.`5`"),
    ("keys", "tags = '1'", "a dot and a key must follow"),
    ("keys", "tags. a = '1'", "'.'"),
    ("keys", "tags .a = '1'", "'.a'"),
    ("keys", "tags.`` = '1'", "at least one character"),
    ("keys", "version = '1'", "Invalid attribute key 'version'"),
    ("quotes", "params.opt = 'adam", "never closed"),
    ("quotes", "params.`opt = 'adam'", "never closed"),
    ("fragments", "AND", "the end"),
    ("fragments", "params.opt", "the end"),
    ("fragments", "params.opt =", "the end"),
    ("fragments", "= 'a'", "expected 'Identifier'"),
    ("fragments", "params.opt IS", "expected NULL or NOT NULL"),
    ("fragments", "(metrics.loss < 1", "expected ')' for the '(' at character 1"),
    ("fragments", "metrics.loss < 1)", "')' at character 17"),
    ("fragments", "metrics.loss < 1 OR", "the end"),
    ("fragments", "NOT", "the end"),
    ("fragments", "()", "')' at character 2"),
    ("unstorable", "params.a = '\0'", "no name or value has this character"),
    ("unstorable", "params.a = '\ud800'", "no name or value has this character"),
]
"""Number of the example, filter, part of the reason."""

SORTED: list[tuple[str, list[str], str]] = [
    ("default", [], EVERYTHING),
    ("56", ["metrics.loss"], "Beta alpha gamma_1 delta% nan zed"),
    ("57", ["metrics.loss DESC"], "delta% gamma_1 alpha Beta nan zed"),
    ("58", ["params.lr"], "alpha Beta gamma_1 delta% nan zed"),
    ("59", ["tags.team"], "gamma_1 Beta alpha nan delta% zed"),
    ("60", ["attributes.end_time DESC"], "gamma_1 Beta delta% alpha nan zed"),
    ("61", ["start_time ASC"], "zed nan alpha Beta delta% gamma_1"),
    ("62", ["run_name DESC"], "zed nan gamma_1 delta% alpha Beta"),
    ("two keys", ["tags.team desc", "metrics.`loss` asc"], "alpha nan Beta gamma_1 delta% zed"),
]
"""Number of the example, order_by, names in that order."""

REFUSED_ORDERS: list[tuple[str, list[str]]] = [
    ("63", ["dataset.name"]),
    ("63", ["foo"]),
    ("63", ["metrics.loss, params.lr"]),
    ("63", [""]),
    ("no direction", ["metrics.loss UP"]),
    ("one good, one bad", ["metrics.loss", "foo"]),
]
"""Number of the example, order_by."""

PAGES: list[tuple[str, int, list[str]]] = [("64", 2, ["delta% gamma_1", "Beta alpha", "nan zed"])]
"""Number of the example, size of a page, the names on each."""
