"""Optuna's callback and its decorator, in each of the ways they can be set up.

MLFLOW_TRACKING_URI says where to log. Prints the best value of the last study.
"""

from __future__ import annotations

import json

import optuna
from optuna_integration.mlflow import MLflowCallback

import mlflow


def loss(trial: optuna.Trial) -> float:
    """A parabola with a parameter of each kind; one trial is pruned, one fails."""
    x = trial.suggest_float("x", -10, 10)
    layers = trial.suggest_int("layers", 1, 3)
    trial.suggest_categorical("optimizer", ["sgd", "größer 🌱"])
    trial.set_user_attr("seen", {"layers": layers})
    if trial.number == 2:
        raise optuna.TrialPruned
    if trial.number == 3:
        raise ValueError("diverged")
    return (x - 2) ** 2 + layers


def two_values(trial: optuna.Trial) -> tuple[float, float]:
    return trial.suggest_float("x", 0, 1), float(trial.number)


def study(name: str, *directions: str) -> optuna.Study:
    """A study whose trials are the same each time."""
    made = optuna.create_study(study_name=name, sampler=optuna.samplers.RandomSampler(seed=1), directions=directions)
    made.set_user_attr("team", "flowers")
    return made


optuna.logging.set_verbosity(optuna.logging.CRITICAL)

# An experiment named after the study, a run for each trial, with the study's attributes as tags.
single = MLflowCallback(metric_name="loss", tag_study_user_attrs=True, mlflow_kwargs={"tags": {"owner": "optuna"}})
study("optuna single", "minimize").optimize(loss, n_trials=4, callbacks=[single], catch=(ValueError,))

# Several objectives; trials are children of a run, in an experiment that is there already.
mlflow.set_experiment("optuna nested")
several = MLflowCallback(
    metric_name=["loss", "size"],
    create_experiment=False,
    tag_trial_user_attrs=False,
    mlflow_kwargs={"nested": True},
)
with mlflow.start_run(run_name="parent"):
    study("two", "minimize", "maximize").optimize(two_values, n_trials=2, callbacks=[several])

# The objective itself logs into the run of its trial.
tracked = MLflowCallback(metric_name="final")


@tracked.track_in_mlflow()
def curve(trial: optuna.Trial) -> float:
    x = trial.suggest_float("x", 0, 1)
    for step in range(3):
        mlflow.log_metric("running", x / (1 + step), step=step)
    return x


last = study("optuna tracked", "maximize")
last.optimize(curve, n_trials=2, callbacks=[tracked])
print(json.dumps({"best": last.best_value}))
