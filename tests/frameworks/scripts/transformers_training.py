"""transformers' callback: a tiny model with random weights, trained as a run of its own and as a child of another.

MLFLOW_TRACKING_URI says where to log; the callback has the rest of its settings from the environment as well.
Prints the mean losses and what the model that was kept says of its labels.
"""

from __future__ import annotations

import json
import os

import torch
from torch.utils.data import Dataset
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments

import mlflow

WORDS = 32


class Sentences(Dataset):
    """Sentences of eight random words; the label says whether the first word is in the upper half."""

    def __init__(self, number: int) -> None:
        words = torch.randint(0, WORDS, (number, 8), generator=torch.Generator().manual_seed(3))
        self.rows = [{"input_ids": row, "labels": int(row[0] >= WORDS // 2)} for row in words]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, object]:
        return self.rows[index]


def train(folder: str, run_name: str) -> float:
    """The mean loss of four steps; each is logged, every second measured, the last kept."""
    torch.manual_seed(5)
    config = BertConfig(
        vocab_size=WORDS,
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        intermediate_size=8,
        max_position_embeddings=8,
        id2label={0: "lower", 1: "upper " * 50},
    )
    arguments = TrainingArguments(
        folder,
        run_name=run_name,
        report_to=["mlflow"],
        per_device_train_batch_size=4,
        max_steps=4,
        logging_steps=1,
        eval_strategy="steps",
        eval_steps=2,
        save_steps=4,
        save_only_model=True,
        disable_tqdm=True,
        use_cpu=True,
    )
    model = BertForSequenceClassification(config)
    trainer = Trainer(model, arguments, train_dataset=Sentences(16), eval_dataset=Sentences(8))
    return trainer.train().training_loss


torch.set_num_threads(1)
os.environ["MLFLOW_EXPERIMENT_NAME"] = "transformers"
os.environ["MLFLOW_TAGS"] = '{"team": "flowers"}'

os.environ["HF_MLFLOW_LOG_ARTIFACTS"] = "1"
os.environ["MLFLOW_FLATTEN_PARAMS"] = "1"
losses = [train("flat", "with artifacts")]
mlflow.end_run()
kept = mlflow.artifacts.download_artifacts(mlflow.last_logged_model().model_uri)
model = BertForSequenceClassification.from_pretrained(f"{kept}/artifacts/checkpoint-4")

os.environ["HF_MLFLOW_LOG_ARTIFACTS"] = "0"
os.environ["MLFLOW_FLATTEN_PARAMS"] = "0"
os.environ["MLFLOW_NESTED_RUN"] = "1"
os.environ["MLFLOW_MAX_LOG_PARAMS"] = "40"
mlflow.set_experiment("transformers")
with mlflow.start_run(run_name="parent"):
    losses.append(train("nested", "child"))
    mlflow.end_run()

print(json.dumps({"losses": losses, "labels": model.config.id2label}))
