"""The training-size study: the modes' scores on the test split by the number of examples that trained."""

import pandas as pd

from bitsweep.metrics import METRICS
from bitsweep.selection.comparison import LEVEL, compare


def summarize_study(
    runs: pd.DataFrame,
    selection: dict[str, dict],
    scores: dict[str, dict],
    predictions: dict[str, pd.DataFrame],
    metric: str,
) -> dict:
    """Return the study's points, one for each mode and size, the modes' differences at every size, and what is missing.

    `runs` has a row for each run of the study, `selection` each mode's selected setting for every size, `scores` each
    mode's scores for every size, and `predictions` for every mode a table as `test_scores.evaluate` returns it, with a
    column train_size.
    """
    points, differences = [], {}
    for size, chosen in sorted(selection.items(), key=lambda item: int(item[0])):
        tables = {mode: table[table["train_size"] == int(size)] for mode, table in predictions.items() if chosen[mode]}
        compared = compare(tables, metric)
        differences[size] = compared["differences"]
        for mode in tables:
            points.append(point(mode, int(size), chosen[mode], scores[mode][size], compared, metric))
    missing = [
        {"mode": mode, "train_size": int(size), "why": describe_loss(group)}
        for (mode, size), group in runs.groupby(["mode", "train_size"], sort=False)
        if describe_loss(group)
    ]
    study = {"metric": metric, "level": LEVEL, "points": points, "differences": differences}
    return {**study, "missing": missing}


def describe_loss(runs: pd.DataFrame) -> str:
    """Return how many runs of one mode and size failed or diverged, in words; an empty text where none did."""
    failed, diverged = runs["failed"].dropna(), int(runs["diverged"].sum())
    words = [f"{len(failed)} of {len(runs)} runs failed: “{failed.iloc[0]}”"] if len(failed) else []
    return ", ".join([*words, f"{diverged} of {len(runs)} runs diverged"] if diverged else words)


def point(mode: str, size: int, chosen: dict, scored: dict, compared: dict, metric: str) -> dict:
    low, high = compared["intervals"][mode]
    return {
        "mode": mode,
        "train_size": size,
        "batch_size": chosen["batch_size"],
        "learning_rate": chosen["learning_rate"],
        f"validation_{metric}": chosen[f"validation_{metric}"],
        **{name: scored[name] for name in METRICS},
        "sd": scored["sd"][metric],
        "interval": [low, high],
        "seeds": len(chosen["runs"]),
        "examples": scored["examples"],
    }


def study_table(study: dict) -> pd.DataFrame:
    """Return the study's points as a table, with one row for each mode and size."""
    metric = study["metric"]
    columns = {"mode": "mode", "train_size": "train_size", "batch_size": "batch_size", "learning_rate": "learning_rate"}
    columns |= {f"validation_{metric}": f"validation_{metric}", metric: f"test_{metric}", "sd": "sd", "seeds": "seeds"}
    table = pd.DataFrame(study["points"], columns=[*columns, "interval"])
    table["interval_low"], table["interval_high"] = table["interval"].str[0], table["interval"].str[1]
    table = table.sort_values(["train_size"], kind="stable")
    return table[[*columns, "interval_low", "interval_high"]].rename(columns=columns)


def oriented(study: dict, size: str, first: str, second: str) -> dict | None:
    """Return the pair of two modes at a size, with its difference as that of `first` over `second`.

    The result is None where the study did not compare them.
    """
    for pair in study["differences"][size]:
        if (pair["first"], pair["second"]) == (first, second):
            return pair
        if (pair["first"], pair["second"]) == (second, first):
            low, high = pair["interval"]
            return {
                **pair,
                "first": first,
                "second": second,
                "difference": -pair["difference"],
                "interval": [-high, -low],
            }
    return None


def verdict(small: dict, large: dict) -> str:
    """Return the verdict on the claim that a mode keeps up on the smallest training set and is behind on the largest.

    `small` and `large` are the pairs of full and the mode on these sets, with full's lead over the mode as difference.
    """
    behind_small, behind_large = (pair["beyond_chance"] and pair["difference"] > 0 for pair in (small, large))
    if behind_large:
        return "behind throughout" if behind_small else "held"
    return "caught up" if behind_small else "kept up throughout"
