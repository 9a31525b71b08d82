"""XGBoost's and LightGBM's autologging: a metric for each of a hundred rounds, a model, and its version by alias.

MLFLOW_TRACKING_URI says where to log. Prints what the loaded models predict, as JSON.
"""

from __future__ import annotations

import json

import lightgbm
import xgboost
from sklearn.datasets import make_regression

import mlflow

ROUNDS = 100

features, target = make_regression(n_samples=80, n_features=4, random_state=2)
train, test = (features[:60], target[:60]), (features[60:], target[60:])
client = mlflow.MlflowClient()

mlflow.set_experiment("boosting")
mlflow.xgboost.autolog(registered_model_name="xgboost trees", log_input_examples=True)
mlflow.lightgbm.autolog(registered_model_name="lightgbm trees")

with mlflow.start_run(run_name="xgboost"):
    matrix, held_out = xgboost.DMatrix(*train), xgboost.DMatrix(*test)
    trees = xgboost.train(
        {"objective": "reg:squarederror", "max_depth": 2, "nthread": 1, "eval_metric": ["rmse", "mae"]},
        matrix,
        num_boost_round=ROUNDS,
        evals=[(matrix, "train"), (held_out, "test")],
        verbose_eval=False,
    )

with mlflow.start_run(run_name="lightgbm"):
    rows = lightgbm.Dataset(*train)
    more_trees = lightgbm.train(
        {"objective": "regression", "num_leaves": 4, "num_threads": 1, "verbose": -1, "deterministic": True},
        rows,
        num_boost_round=ROUNDS,
        valid_sets=[rows, lightgbm.Dataset(*test, reference=rows)],
        valid_names=["train", "test"],
        callbacks=[lightgbm.early_stopping(20, verbose=False)],
    )

answers = {}
trained = {"xgboost trees": trees.predict(held_out), "lightgbm trees": more_trees.predict(test[0])}
for name, expected in trained.items():
    client.set_registered_model_alias(name, "champion", "1")
    loaded = mlflow.pyfunc.load_model(f"models:/{name}@champion").predict(test[0])
    answers[name] = {"trained": expected.tolist(), "loaded": loaded.tolist()}
print(json.dumps(answers))
