"""The experiment's numbers in one place: `summary.json`, from which tables and prose are made.

docs/summary.md says what its fields mean.
"""

import pandas as pd

from bitsweep.comparison import accuracy_interval
from bitsweep.selection import SETTING


def summarize(
    experiment: dict,
    runs: pd.DataFrame,
    selection: dict[str, dict | None],
    evaluations: dict[str, dict | None],
    comparison: dict,
    environment: dict,
) -> dict:
    """The summary of one experiment.

    `experiment` holds what the config says and the sizes of the splits, `runs` one row a run, the others what the rules
    of their names wrote.
    """
    diverged, failed = int(runs["diverged"].sum()), runs[runs["failed"].notna()]
    return {
        "experiment": experiment,
        "runs": {
            "total": len(runs),
            "finished": len(runs) - diverged - len(failed),
            "diverged": diverged,
            "failed": failed[[*SETTING, "seed", "failed"]].to_dict("records"),
        },
        "modes": {
            mode: summarize_mode(mode, experiment, runs, choice, evaluations[mode], comparison)
            for mode, choice in selection.items()
        },
        "differences": comparison["differences"],
        "interval_level": comparison["level"],
        "environment": environment,
    }


def summarize_mode(
    mode: str, experiment: dict, runs: pd.DataFrame, choice: dict | None, evaluation: dict | None, comparison: dict
) -> dict:
    of_mode = runs[runs["mode"] == mode]
    known = of_mode["trainable_parameters"].dropna()
    entry = {
        "trainable_parameters": None if known.empty else int(known.iloc[0]),
        "runs": len(of_mode),
        "diverged": int(of_mode["diverged"].sum()),
        "failed": int(of_mode["failed"].notna().sum()),
        "selected": None,
        "validation": None,
        "test": None,
    }
    if choice is None or evaluation is None:
        return entry
    examples = experiment["examples"]["validation"]
    entry["selected"] = {
        "batch_size": choice["batch_size"],
        "learning_rate": choice["learning_rate"],
        "seed": choice["runs"][0]["seed"],
        "epoch": choice["runs"][0]["epoch"],
        "runs": choice["runs"],
        "on_edge": edge_of_grid(choice, experiment["grid"]),
    }
    entry["validation"] = {
        "accuracy": choice["validation_accuracy"],
        "accuracy_interval": list(accuracy_interval(choice["validation_accuracy"], examples)),
        "loss": choice["validation_loss"],
        "train_loss": sum(run["train_loss"] for run in choice["runs"]) / len(choice["runs"]),
        "examples": examples,
    }
    entry["test"] = {
        "accuracy": evaluation["accuracy"],
        "accuracy_interval": comparison["accuracy_intervals"][mode],
        "loss": evaluation["loss"],
        "examples": evaluation["examples"],
        "commonest_label_share": evaluation["commonest_label_share"],
        "runs": evaluation["runs"],
    }
    return entry


def edge_of_grid(choice: dict, grid: dict) -> dict[str, str]:
    """Which selected values are the smallest or largest of several on the grid: {"learning_rate": "largest"}."""
    edges = {}
    for key in ("batch_size", "learning_rate"):
        values = grid[key]
        if len(values) > 1 and choice[key] in (min(values), max(values)):
            edges[key] = "largest" if choice[key] == max(values) else "smallest"
    return edges
