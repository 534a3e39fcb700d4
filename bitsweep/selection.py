"""The best setting of every mode by the validation split, with its rule for ties."""

from pathlib import Path

import pandas as pd

from bitsweep.errors import UserError

SETTING = ["mode", "batch_size", "learning_rate"]


def describe_result(result: dict) -> dict:
    """The row of one run in the table of all runs, from its result."""
    best = result["best"] or {}
    return {
        **{key: result["made_from"]["recipe"][key] for key in (*SETTING, "seed")},
        "epoch": best.get("epoch"),
        "steps": best.get("steps"),
        "validation_accuracy": best.get("validation_accuracy"),
        "validation_loss": best.get("validation_loss"),
        "train_loss": best.get("train_loss"),
        "diverged": result["diverged"],
        "failed": result["failed"],
        "trainable_parameters": result["trainable_parameters"],
        "weights_sha256": result["weights_sha256"],
        "encoder_sha256": result["made_from"]["encoder_sha256"],
        "versions": ", ".join(f"{name} {version}" for name, version in result["versions"].items()),
    }


def check_alike(results: dict[Path, dict]) -> None:
    """Raises UserError where a run was made from other settings, data, encoder or code than the first one.

    `results` are the runs' results by their folders. What the grid crosses may differ.
    """
    first, common = None, None
    for folder, result in results.items():
        made_from = {key: value for key, value in result["made_from"].items() if key != "initial_state_sha256"}
        recipe = {key: value for key, value in made_from["recipe"].items() if key not in (*SETTING, "seed")}
        shared = {**made_from, "recipe": recipe}
        if common is None:
            first, common = folder, shared
        elif shared != common:
            key = next(key for key in shared if shared[key] != common.get(key))
            raise UserError(
                f"{folder} was made from another {key} ({shared[key]}) than {first} ({common.get(key)}): delete the "
                "folder that is out of date and run again."
            )


def rank_settings(runs: pd.DataFrame) -> pd.DataFrame:
    """One row a setting (mode, batch size, learning rate), the best first within its mode, means over its seeds.

    Higher mean validation accuracy wins, then lower mean validation loss, fewer steps, smaller learning rate, smaller
    batch size: no two settings tie. A setting of which a run diverged or failed is left out.
    """
    unsound = runs["diverged"] | runs["failed"].notna()
    means = (
        runs[~unsound.groupby([runs[key] for key in SETTING]).transform("any")]
        .groupby(SETTING, as_index=False)
        .agg(
            validation_accuracy=("validation_accuracy", "mean"),
            validation_loss=("validation_loss", "mean"),
            steps=("steps", "mean"),
        )
    )
    # A mean over seeds may differ from an equal one in its last digit.
    keys = ["validation_accuracy", "validation_loss", "steps"]
    means[keys] = means[keys].round(12)
    return means.sort_values(
        ["mode", "validation_accuracy", "validation_loss", "steps", "learning_rate", "batch_size"],
        ascending=[True, False, True, True, True, True],
        ignore_index=True,
    )


def select(runs: pd.DataFrame) -> dict[str, dict | None]:
    """For every mode the selected setting and its runs, one a seed; None where no setting of it was sound."""
    ranked = rank_settings(runs)
    selected: dict[str, dict | None] = {}
    for mode in runs["mode"].unique():
        best = ranked[ranked["mode"] == mode].head(1)
        if best.empty:
            selected[mode] = None
            continue
        chosen = runs.merge(best[SETTING], on=SETTING).sort_values("seed")
        selected[mode] = {
            "batch_size": int(best["batch_size"].item()),
            "learning_rate": float(best["learning_rate"].item()),
            "validation_accuracy": float(best["validation_accuracy"].item()),
            "validation_loss": float(best["validation_loss"].item()),
            "runs": [
                {
                    "seed": int(run.seed),
                    "epoch": int(run.epoch),
                    "validation_accuracy": float(run.validation_accuracy),
                    "validation_loss": float(run.validation_loss),
                    "train_loss": float(run.train_loss),
                    "weights_sha256": run.weights_sha256,
                }
                for run in chosen.itertuples()
            ],
        }
    return selected
