"""The experiment's numbers in one place: `summary.json`, from which tables and prose are made.

docs/summary.md says what its fields mean.
"""

import pandas as pd

from bitsweep.metrics import METRICS
from bitsweep.report.pareto_front import on_front
from bitsweep.selection.comparison import accuracy_interval
from bitsweep.selection.select import SETTING


def summarize(
    experiment: dict,
    runs: pd.DataFrame,
    costs: pd.DataFrame,
    selection: dict[str, dict | None],
    prices: dict[str, dict],
    evaluations: dict[str, dict | None],
    comparison: dict,
    environment: dict,
) -> dict:
    """Return the summary of one experiment.

    `experiment` holds what the config says and the sizes of the splits, `runs` and `costs` one row a run, the others
    what the rules of their names wrote.
    """
    diverged, failed = int(runs["diverged"].sum()), runs[runs["failed"].notna()]
    modes = {}
    for mode, choice in selection.items():
        of_mode = runs[runs["mode"] == mode]
        modes[mode] = count_runs(of_mode)
        if choice and evaluations[mode]:
            modes[mode] |= {
                "selected": describe_choice(choice, experiment["grids"][mode]),
                "validation": describe_validation(choice, experiment, prices[mode]),
                "test": describe_test(evaluations[mode], experiment["metric"], comparison, mode),
                "costs": describe_costs(choice, of_mode, costs[costs["mode"] == mode]),
            }
    add_fronts(modes)
    return {
        "experiment": experiment,
        "runs": {
            "total": len(runs),
            "finished": len(runs) - diverged - len(failed),
            "diverged": diverged,
            "failed": failed[[*SETTING, "seed", "failed"]].to_dict("records"),
        },
        "modes": modes,
        "differences": comparison["differences"],
        "interval_level": comparison["level"],
        "environment": environment,
    }


def count_runs(runs: pd.DataFrame) -> dict:
    """Return what is known of a mode whether or not a setting of it was selected."""
    known = runs["trainable_parameters"].dropna()
    return {
        "trainable_parameters": None if known.empty else int(known.iloc[0]),
        "runs": len(runs),
        "diverged": int(runs["diverged"].sum()),
        "failed": int(runs["failed"].notna().sum()),
        **dict.fromkeys(("selected", "validation", "test", "costs")),
    }


def describe_choice(choice: dict, grid: dict) -> dict:
    return {
        "batch_size": choice["batch_size"],
        "learning_rate": choice["learning_rate"],
        "runs": choice["runs"],
        "on_edge": edge_of_grid(choice, grid),
    }


def describe_validation(choice: dict, experiment: dict, price: dict) -> dict:
    examples = experiment["examples"]["validation"]
    scores = {metric: choice[f"validation_{metric}"] for metric in METRICS}
    return {
        **scores,
        "score": scores[experiment["metric"]],
        "sd": choice["sd"][experiment["metric"]],
        "accuracy_interval": list(accuracy_interval(scores["accuracy"], examples)),
        "price": price,
        "loss": choice["validation_loss"],
        "train_loss": sum(run["train_loss"] for run in choice["runs"]) / len(choice["runs"]),
        "examples": examples,
    }


def describe_test(evaluation: dict, metric: str, comparison: dict, mode: str) -> dict:
    return {
        **{name: evaluation[name] for name in METRICS},
        "score": evaluation[metric],
        "sd": evaluation["sd"][metric],
        "interval": comparison["intervals"][mode],
        "accuracy_interval": comparison["accuracy_intervals"][mode],
        **{name: evaluation[name] for name in ("loss", "examples", "commonest_label_share", "runs")},
    }


def describe_costs(choice: dict, runs: pd.DataFrame, costs: pd.DataFrame) -> dict:
    """Return means over the selected setting's seeds, its largest memory, and the seconds of the mode's whole sweep."""
    paths = [run["path"] for run in choice["runs"]]
    of_choice = costs[costs["path"].isin(paths)]
    return {
        "seconds": float(of_choice["seconds"].mean()),
        "tokens_per_second": float(of_choice["tokens_per_second"].mean()),
        "peak_memory_mb": float(of_choice["peak_memory_mb"].max()),
        "stored_bytes": int(runs[runs["path"].isin(paths)]["stored_bytes"].max()),
        "sweep_seconds": float(costs["seconds"].sum()),
    }


def add_fronts(modes: dict[str, dict]) -> None:
    """Note in each mode's costs for which of them no other mode has a better test score at no higher cost."""
    known = {mode: entry for mode, entry in modes.items() if entry["test"]}
    costs = {
        "trainable_parameters": {mode: entry["trainable_parameters"] for mode, entry in known.items()},
        "seconds": {mode: entry["costs"]["seconds"] for mode, entry in known.items()},
    }
    for name, of_mode in costs.items():
        fronts = on_front({mode: (entry["test"]["score"], of_mode[mode]) for mode, entry in known.items()})
        for mode, entry in known.items():
            entry["costs"].setdefault("on_front", {})[name] = fronts[mode]


def edge_of_grid(choice: dict, grid: dict) -> dict[str, str]:
    """Return which selected values are the smallest or largest of several on the grid: {"learning_rate": "largest"}."""
    edges = {}
    for key in ("batch_size", "learning_rate"):
        values = grid[key]
        if len(values) > 1 and choice[key] in (min(values), max(values)):
            edges[key] = "largest" if choice[key] == max(values) else "smallest"
    return edges
