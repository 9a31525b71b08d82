"""A training script as users write them, for MLflow and for mlkeep alike.

Arguments: the library to import, the tracking URI, an empty folder. Prints the ids of what it made, as JSON.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

from matplotlib.figure import Figure
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import ConfusionMatrixDisplay, accuracy_score, f1_score
from sklearn.model_selection import train_test_split

library, tracking_uri, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
mlflow = importlib.import_module(library)
importlib.import_module(f"{library}.sklearn")

mlflow.set_tracking_uri(tracking_uri)
mlflow.set_experiment("iris")

iris = load_iris()
train, test, train_labels, labels = train_test_split(iris.data, iris.target, test_size=0.2, random_state=42)

with mlflow.start_run(run_name="forest", tags={"team": "flowers"}) as run:
    params = {"n_estimators": 10, "max_depth": 5, "random_state": 7, "note": "naïve 🌱 = 1%"}
    mlflow.log_params(params)
    forest = RandomForestClassifier(n_estimators=10, max_depth=5, random_state=7).fit(train, train_labels)
    predicted = forest.predict(test)
    mlflow.log_metrics(
        {"accuracy": accuracy_score(labels, predicted), "f1": f1_score(labels, predicted, average="macro")}
    )
    for step in range(5):
        mlflow.log_metric("loss", 1 / (1 + step), step=step)
    mlflow.log_metric("loss", float("nan"), step=5)
    mlflow.log_metric("diverged", float("-inf"))
    mlflow.set_tag("stage", "trial")

    figure = Figure()
    ConfusionMatrixDisplay.from_predictions(labels, predicted, ax=figure.subplots())
    mlflow.log_figure(figure, "plots/confusion matrix.png")
    empty, written = folder / "empty.txt", folder / "größe.csv"
    empty.touch()
    written.write_text("size,number\n5,3\n")
    mlflow.log_artifact(str(empty), "plots")
    mlflow.log_artifact(str(written))
    mlflow.sklearn.log_model(
        forest,
        artifact_path="model",
        registered_model_name="iris-classifier",
        input_example=test[:2],
        # Pickles are what every version of MLflow reads.
        serialization_format="cloudpickle",
    )

client = mlflow.MlflowClient() if library == "mlflow" else mlflow.MlkeepClient()
version = client.get_latest_versions("iris-classifier")[0].version
client.set_registered_model_alias("iris-classifier", "champion", version)
client.set_model_version_tag("iris-classifier", version, "validated", "yes")
print(json.dumps({"run_id": run.info.run_id, "experiment_id": run.info.experiment_id, "version": str(version)}))
