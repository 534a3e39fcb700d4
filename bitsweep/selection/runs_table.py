"""From the files of finished runs to the rows of the tables of all runs and of all their epochs."""

from pathlib import Path

import numpy as np
import pandas as pd
from safetensors import safe_open

from bitsweep.errors import UserError
from bitsweep.metrics import METRICS
from bitsweep.selection.bootstrap import score_resamples
from bitsweep.training.run_files import RUN_FILES

# The keys of a recipe that the grid, or the training-size study, varies.
CROSSED = ("mode", "batch_size", "learning_rate", "seed", "train_size")


def load_labels(tokens: str | Path) -> np.ndarray:
    """Return the labels of a tokenized split, int64 of shape (n,), without importing torch, which takes a second."""
    with safe_open(tokens, framework="np") as file:
        return file.get_tensor("labels")


def load_predictions(folder: Path) -> np.ndarray:
    """Return a run's predictions on validation after every epoch, int16 of shape (epochs, n)."""
    return np.load(folder / RUN_FILES["predictions"], allow_pickle=False)


def describe_epochs(folder: Path, labels: np.ndarray) -> pd.DataFrame:
    """Return a run's history with a column `validation_<metric>` for every metric; it has no rows if the run failed."""
    history = pd.read_csv(folder / RUN_FILES["history"])
    predictions = load_predictions(folder) if len(history) else np.empty((0, len(labels)))
    once = np.ones((1, len(labels)), dtype=int)
    scores = {f"validation_{metric}": score_resamples(metric, labels, predictions, once)[0] for metric in METRICS}
    return history.assign(**scores)


def describe_run(mode: str, path: str, result: dict, epochs: pd.DataFrame) -> dict:
    """Return the row of one run in the table of all runs: its setting, and the numbers of its best epoch."""
    recipe, best = result["made_from"]["recipe"], result["best"] or {}
    chosen = epochs[epochs["epoch"] == best.get("epoch")].to_dict("records")
    scores = chosen[0] if chosen else {}
    return {
        "mode": mode,
        **{key: recipe[key] for key in ("batch_size", "learning_rate", "seed", "train_size")},
        "path": path,
        **{key: best.get(key) for key in ("epoch", "steps")},
        **{f"validation_{metric}": scores.get(f"validation_{metric}") for metric in METRICS},
        **{key: best.get(key) for key in ("validation_loss", "train_loss")},
        **{key: result[key] for key in ("diverged", "failed", "trainable_parameters", "stored_bytes")},
        "weights_sha256": result["weights_sha256"],
        "encoder_sha256": result["made_from"]["encoder_sha256"],
        "versions": ", ".join(f"{name} {version}" for name, version in result["versions"].items()),
    }


def check_alike(results: dict[Path, dict]) -> None:
    """Raise UserError where a run was made from other settings, data, encoder or code than the first one.

    `results` are the runs' results by their folders. The keys CROSSED may differ.
    """
    first, common = None, None
    for folder, result in results.items():
        made_from = {key: value for key, value in result["made_from"].items() if key != "initial_state_sha256"}
        recipe = {key: value for key, value in made_from["recipe"].items() if key not in CROSSED}
        shared = {**made_from, "recipe": recipe}
        if common is None:
            first, common = folder, shared
        elif shared != common:
            key = next(key for key in shared if shared[key] != common.get(key))
            raise UserError(
                f"{folder} was made from another {key} ({shared[key]}) than {first} ({common.get(key)}): delete the "
                "folder that is out of date and run again."
            )
