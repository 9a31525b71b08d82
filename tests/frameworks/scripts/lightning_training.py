"""PyTorch Lightning's logger: trainings that log every checkpoint, that go on in a run from what was logged, and that fail.

MLFLOW_TRACKING_URI says where to log. Prints whether the training that went on did so in the run of the first.
"""

from __future__ import annotations

import contextlib
import json

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.loggers import MLFlowLogger
from torch.utils.data import DataLoader, TensorDataset

import mlflow

LONG = "a long note " * 60


class Plane(pl.LightningModule):
    """A plane through points."""

    def __init__(self, optimizer: dict[str, float | str], note: str, breaks: bool) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.learning_rate, self.note, self.breaks = optimizer["lr"], note, breaks
        self.layer = torch.nn.Linear(2, 1)

    def training_step(self, batch: list[torch.Tensor], number: int) -> torch.Tensor:
        if self.breaks and number == 1:
            raise ArithmeticError("diverged")
        loss = torch.nn.functional.mse_loss(self.layer(batch[0]), batch[1])
        self.log("train_loss", loss, on_step=True, on_epoch=True)
        return loss

    def validation_step(self, batch: list[torch.Tensor]) -> None:
        # MLflow allows no brackets in names; the logger leaves them out.
        self.log("val(loss)", torch.nn.functional.mse_loss(self.layer(batch[0]), batch[1]))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=self.learning_rate)


def train(logger: MLFlowLogger, epochs: int, checkpoint: str | None = None, *, breaks: bool = False) -> None:
    """Train for two batches an epoch."""
    pl.seed_everything(7, verbose=False)
    points = torch.randn(16, 2)
    loader = DataLoader(TensorDataset(points, points.sum(1, keepdim=True)), batch_size=8)
    trainer = pl.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        logger=logger,
        log_every_n_steps=1,
        callbacks=[ModelCheckpoint(filename="{epoch}", save_top_k=-1, save_last=True)],
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    plane = Plane(optimizer={"name": "sgd", "lr": 0.01}, note=LONG, breaks=breaks)
    trainer.fit(plane, loader, loader, ckpt_path=checkpoint)


torch.set_num_threads(1)

begun = MLFlowLogger("lightning", run_name="every checkpoint", tags={"team": "flowers"}, log_model="all")
train(begun, epochs=2)

gone_on = MLFlowLogger("lightning", run_id=begun.run_id)
checkpoint = mlflow.artifacts.download_artifacts(f"runs:/{begun.run_id}/last/last.ckpt", dst_path="downloaded")
train(gone_on, epochs=3, checkpoint=checkpoint)

train(MLFlowLogger("lightning", run_name="at the end", log_model=True, prefix="fit", synchronous=False), epochs=1)
mlflow.flush_async_logging()

with contextlib.suppress(ArithmeticError):
    train(MLFlowLogger("lightning", run_name="broken"), epochs=1, breaks=True)

print(json.dumps({"it is one run": begun.run_id == gone_on.run_id}))
