"""Train a classifier on the iris data, and keep what matters: run, metrics, model, version, alias.

Start a server (`mlkeep server`), then run `python examples/iris.py`. With MLKEEP_TRACKING_URI it tracks elsewhere.
"""

import os
import tempfile
from pathlib import Path

import matplotlib as mpl
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import ConfusionMatrixDisplay, accuracy_score, f1_score, precision_score, recall_score
from sklearn.model_selection import train_test_split

import mlkeep

MODEL_NAME = "iris-classifier"


def main() -> None:
    mpl.use("Agg")
    mlkeep.set_tracking_uri(os.environ.get("MLKEEP_TRACKING_URI", "http://127.0.0.1:5000"))
    mlkeep.set_experiment("iris-classification")

    data = load_iris(as_frame=True)
    x_train, x_test, y_train, y_test = train_test_split(data.data, data.target, test_size=0.2, random_state=42)

    with mlkeep.start_run(run_name="rf-baseline") as run:
        params = {"n_estimators": 100, "max_depth": 5, "min_samples_split": 2, "random_state": 42}
        mlkeep.log_params(params)

        model = RandomForestClassifier(**params).fit(x_train, y_train)
        predicted = model.predict(x_test)
        metrics = {
            "accuracy": accuracy_score(y_test, predicted),
            "f1_macro": f1_score(y_test, predicted, average="macro"),
            "precision_macro": precision_score(y_test, predicted, average="macro"),
            "recall_macro": recall_score(y_test, predicted, average="macro"),
        }
        mlkeep.log_metrics(metrics)

        logged = mlkeep.sklearn.log_model(
            model,
            artifact_path="model",
            registered_model_name=MODEL_NAME,
            signature=mlkeep.models.infer_signature(x_train, predicted),
            input_example=x_train.head(2),
            # Keeps the forest in a file without code (skops) instead of a pickle. Skops asks for a word on the type of its
            # trees, whose tables it cannot check when a file comes from elsewhere; this one is our own.
            skops_trusted_types=["sklearn.tree._tree.Tree"],
        )

        with tempfile.TemporaryDirectory() as folder:
            picture = Path(folder) / "confusion_matrix.png"
            display = ConfusionMatrixDisplay.from_predictions(y_test, predicted, display_labels=data.target_names)
            display.figure_.savefig(picture)
            mlkeep.log_artifact(picture, "plots")

    version = logged.registered_model_version
    mlkeep.MlkeepClient().set_registered_model_alias(MODEL_NAME, "champion", version)

    champion = mlkeep.pyfunc.load_model(f"models:/{MODEL_NAME}@champion")
    if not (champion.predict(x_test) == predicted).all():
        raise SystemExit("The model that was loaded predicts something else than the one that was logged.")

    print(f"run id         {run.info.run_id}")
    print("metrics        " + ", ".join(f"{name} {value:.3f}" for name, value in metrics.items()))
    print(f"model version  {MODEL_NAME} {version}, alias champion")


if __name__ == "__main__":
    main()
