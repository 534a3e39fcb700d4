"""The best setting of every mode by the validation split, with the rule for ties."""

import pandas as pd

from bitsweep.metrics import METRICS

SETTING = ["mode", "batch_size", "learning_rate"]
SCORES = [f"validation_{metric}" for metric in METRICS]


def sound(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the runs of sound settings, which are those of which no run diverged or failed."""
    unsound = runs["diverged"] | runs["failed"].notna()
    return runs[~unsound.groupby([runs[key] for key in SETTING], dropna=False).transform("any")]


def rank_settings(runs: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return one row for each setting (mode, batch size, learning rate) with its means over seeds, the best first.

    The order is within each mode. A higher mean of the metric on validation wins, then a lower mean validation loss,
    fewer steps, a smaller learning rate, a smaller batch size: no two settings tie. A setting of which a run diverged
    or failed is left out.
    """
    keys = [*SCORES, "validation_loss", "steps"]
    means = sound(runs).groupby(SETTING, as_index=False)[keys].mean()
    # By rounding, equal means over seeds may differ in their last digit.
    means[keys] = means[keys].round(12)
    return means.sort_values(
        ["mode", f"validation_{metric}", "validation_loss", "steps", "learning_rate", "batch_size"],
        ascending=[True, False, True, True, True, True],
        ignore_index=True,
    )


def select(runs: pd.DataFrame, metric: str) -> dict[str, dict | None]:
    """Return for every mode the selected setting and its runs, one for each seed; None where no setting was sound."""
    ranked = rank_settings(runs, metric)
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
            **{key: float(best[key].item()) for key in (*SCORES, "validation_loss")},
            # With one seed it is not known.
            "sd": {metric: spread(chosen[f"validation_{metric}"]) for metric in METRICS},
            "runs": [
                {
                    "seed": int(run.seed),
                    "path": run.path,
                    "epoch": int(run.epoch),
                    **{key: float(getattr(run, key)) for key in (*SCORES, "validation_loss", "train_loss")},
                    "weights_sha256": run.weights_sha256,
                }
                for run in chosen.itertuples()
            ],
        }
    return selected


def spread(values: pd.Series) -> float | None:
    """Return the standard deviation over seeds (n - 1 in the denominator); None with one seed."""
    return float(values.std()) if len(values) > 1 else None
