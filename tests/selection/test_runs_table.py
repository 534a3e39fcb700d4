"""The table of all runs: the row of a run, trained or failed."""

from pathlib import Path

import numpy as np
import pandas as pd

from bitsweep.selection.runs_table import describe_epochs, describe_run, load_predictions
from bitsweep.training.run_files import RUN_FILES

LABELS = np.array([0, 1, 1, 0])


def write_run(folder: Path, epochs: int) -> None:
    """Write the files of a run that predicts one example more rightly in every epoch."""
    columns = ["epoch", "steps", "train_loss", "validation_loss"]
    rows = [[epoch, 5 * epoch, 0.5 / epoch, 0.6 / epoch] for epoch in range(1, epochs + 1)]
    pd.DataFrame(rows, columns=columns).to_csv(folder / RUN_FILES["history"], index=False)
    wrong = [np.where(np.arange(len(LABELS)) < epoch, LABELS, 1 - LABELS) for epoch in range(1, epochs + 1)]
    np.save(folder / RUN_FILES["predictions"], np.array(wrong, dtype=np.int16).reshape(epochs, len(LABELS)))


def result(**changes) -> dict:
    recipe = {"batch_size": 8, "learning_rate": 3e-4, "seed": 42, "train_size": None}
    return {
        "made_from": {"recipe": recipe, "encoder_sha256": "e"},
        "best": {"epoch": 2, "steps": 10, "validation_loss": 0.3, "train_loss": 0.25},
        "diverged": False,
        "failed": None,
        "trainable_parameters": 10,
        "stored_bytes": 40,
        "weights_sha256": "w",
        "versions": {"torch": "2"},
        **changes,
    }


def test_a_run_has_the_scores_of_its_best_epoch(tmp_path):
    write_run(tmp_path, 3)
    epochs = describe_epochs(tmp_path, LABELS)
    assert epochs["validation_accuracy"].tolist() == [0.25, 0.5, 0.75]
    assert load_predictions(tmp_path).shape == (3, 4)
    row = describe_run("full", "a/b", result(), epochs)
    assert (row["mode"], row["epoch"], row["steps"], row["validation_accuracy"]) == ("full", 2, 10, 0.5)
    assert row["versions"] == "torch 2"


def test_a_run_that_failed_has_a_row_without_scores(tmp_path):
    write_run(tmp_path, 0)
    epochs = describe_epochs(tmp_path, LABELS)
    assert len(epochs) == 0
    row = describe_run("full", "a/b", result(best=None, failed="Memory ran out."), epochs)
    assert row["failed"] == "Memory ran out."
    assert row["validation_accuracy"] is row["epoch"] is row["validation_loss"] is None
