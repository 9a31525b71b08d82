"""scikit-learn's autologging: an estimator, a pipeline, a grid search, metrics after training; then the registry.

MLFLOW_TRACKING_URI says where to log. Prints what the loaded models predict, as JSON.
"""

from __future__ import annotations

import json

import numpy as np
from mlflow.models import infer_signature
from sklearn import metrics
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

import mlflow

data = load_iris(as_frame=True)
train, test, train_labels, labels = train_test_split(data.data, data.target, test_size=0.2, random_state=1)

mlflow.set_experiment("sklearn")
mlflow.sklearn.autolog(max_tuning_runs=2, log_input_examples=True)

with mlflow.start_run(run_name="estimator"):
    classifier = LogisticRegression(max_iter=500).fit(train, train_labels)
    classifier.score(test, labels)
    metrics.accuracy_score(labels, classifier.predict(test))

mlflow.sklearn.autolog(max_tuning_runs=2, log_models=False)
# No run is active: autologging makes one and ends it.
make_pipeline(StandardScaler(), LogisticRegression(C=0.5)).fit(train.to_numpy(), train_labels)

with mlflow.start_run(run_name="search"):
    GridSearchCV(DecisionTreeClassifier(random_state=0), {"max_depth": [1, 2, 3]}, cv=2).fit(train, train_labels)

mlflow.sklearn.autolog(disable=True)
with mlflow.start_run(run_name="registered"):
    mlflow.sklearn.log_model(
        classifier,
        name="classifier",
        registered_model_name="sklearn classifier",
        signature=infer_signature(train, classifier.predict(train)),
        pip_requirements=["scikit-learn"],
    )

mlflow.MlflowClient().set_registered_model_alias("sklearn classifier", "champion", "1")
flowers = data.data.iloc[::10]
uris = ["models:/sklearn classifier@champion", "models:/sklearn classifier/1", "models:/sklearn classifier/latest"]
loaded = {uri: np.asarray(mlflow.pyfunc.load_model(uri).predict(flowers)).tolist() for uri in uris}
print(json.dumps({"trained": classifier.predict(flowers).tolist(), "loaded": loaded}))
