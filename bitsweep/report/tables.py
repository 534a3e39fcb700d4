"""The report's tables: numbers for programs as CSV, the same for readers as Markdown and for papers as LaTeX."""

import re
from collections.abc import Callable
from csv import QUOTE_NONNUMERIC
from functools import partial
from pathlib import Path

import pandas as pd
from tabulate import tabulate

from bitsweep.files import write_text
from bitsweep.metrics import METRICS
from bitsweep.number_format import spell_number
from bitsweep.report.score_format import (
    count,
    percent,
    spell_difference,
    spell_range,
)

PREDICTED = "predicted "


def grid_table(experiment: dict) -> pd.DataFrame:
    """Return what is crossed, and the number of values of each: columns setting, values, count.

    What differs between modes has a row for each set of values.
    """
    grids = {mode: experiment["grids"][mode] for mode in experiment["grid"]["mode"]}
    spellings = {"batch_size": str, "learning_rate": spell_number, "seed": str}
    rows = [("mode", ", ".join(grids), len(grids))]
    for key, spelled in spellings.items():
        modes_of: dict[tuple, list[str]] = {}
        for mode, grid in grids.items():
            modes_of.setdefault(tuple(grid[key]), []).append(mode)
        for values, modes in modes_of.items():
            whose = f" of {', '.join(modes)}" if len(modes_of) > 1 else ""
            rows.append((key.replace("_", " ") + whose, ", ".join(map(spelled, values)), len(values)))
    rows.append(("epochs", str(experiment["training"]["epochs"]), 1))
    return pd.DataFrame(rows, columns=["setting", "values", "count"])


def shown_metrics(selecting: str) -> list[str]:
    """Return all metrics, but F1 of label 1 only where it is the `selecting` one: of equal labels it would mislead."""
    return [name for name in METRICS if name != "f1" or selecting == "f1"]


def results_table(summary: dict) -> pd.DataFrame:
    """Return each mode's selected setting with its validation and its test score: one row a mode.

    Scores are of the metric that selects, means over seeds; the interval is that of the test score, sd its standard
    deviation over seeds. Of a mode without a sound setting all but its name and parameters is missing.
    """
    metric, rows = summary["experiment"]["metric"], []
    for mode, entry in summary["modes"].items():
        row = {"mode": mode, "trainable_parameters": entry["trainable_parameters"]}
        if entry["test"]:
            selected, test = entry["selected"], entry["test"]
            row |= {"batch_size": selected["batch_size"], "learning_rate": selected["learning_rate"]}
            row |= {f"validation_{metric}": entry["validation"]["score"], f"test_{metric}": test["score"]}
            row |= dict(zip(("interval_low", "interval_high"), test["interval"], strict=True))
            row |= {f"{metric}_sd": test["sd"], "seeds": len(test["runs"])}
        rows.append(row)
    columns = ["mode", f"validation_{metric}", f"test_{metric}", "interval_low", "interval_high"]
    # Of one seed there is no deviation to show.
    columns += [f"{metric}_sd", "seeds"] if len(summary["experiment"]["grid"]["seed"]) > 1 else []
    table = pd.DataFrame(rows, columns=[*columns, "batch_size", "learning_rate", "trainable_parameters"])
    return table.astype({"batch_size": "Int64"})


def validation_table(summary: dict) -> pd.DataFrame:
    """Return the selected runs, one row a mode and seed."""
    scores = [f"validation_{metric}" for metric in shown_metrics(summary["experiment"]["metric"])]
    columns = ["mode", scores[0], "learning_rate", "batch_size", "seed", "epoch", "validation_loss", *scores[1:]]
    rows = [
        {"mode": mode, **entry["selected"], **run}
        for mode, entry in summary["modes"].items()
        if entry["selected"]
        for run in entry["selected"]["runs"]
    ]
    return pd.DataFrame(rows, columns=columns)


def test_table(summary: dict) -> pd.DataFrame:
    """Return the scores on the test split, one row a mode; without scores where all of a mode's runs diverged.

    The interval is that of the metric that selects, sd its standard deviation over seeds.
    """
    metric, rows = summary["experiment"]["metric"], []
    order = [metric, *(name for name in shown_metrics(metric) if name != metric)]
    columns = [
        "mode",
        "trainable_parameters",
        f"test_{metric}",
        "interval_low",
        "interval_high",
        f"{metric}_sd",
        "seeds",
    ]
    columns += [f"test_{name}" for name in order[1:]] + ["test_examples"]
    for mode, entry in summary["modes"].items():
        row = {"mode": mode, "trainable_parameters": entry["trainable_parameters"]}
        if test := entry["test"]:
            row |= {f"test_{name}": test[name] for name in METRICS}
            row |= dict(zip(("interval_low", "interval_high"), test["interval"], strict=True))
            row |= {f"{metric}_sd": test["sd"], "seeds": len(test["runs"]), "test_examples": test["examples"]}
        rows.append(row)
    return pd.DataFrame(rows, columns=columns)


def confusion_table(summary: dict) -> pd.DataFrame:
    """Return how many test examples of each label each selected run predicted as each: a row a mode, seed and label."""
    names = summary["experiment"]["label_names"]
    rows = [
        (mode, run["seed"], name, *counts)
        for mode, entry in summary["modes"].items()
        if entry["test"]
        for run in entry["test"]["runs"]
        for name, counts in zip(names, run["confusion"], strict=True)
    ]
    return pd.DataFrame(rows, columns=["mode", "seed", "label", *(f"{PREDICTED}{name}" for name in names)])


def differences_table(summary: dict) -> pd.DataFrame:
    """Return the difference of each pair of modes on the test split: see `comparison.compare`."""
    rows = []
    for pair in summary["differences"]:
        seeds = pair["seeds"] or {"sd": None, "interval": [None, None]}
        rows.append(
            {
                "first": pair["first"],
                "second": pair["second"],
                "difference": pair["difference"],
                "interval_low": pair["interval"][0],
                "interval_high": pair["interval"][1],
                "p": pair["paired_test"]["p"],
                "p_holm": pair["paired_test"]["p_holm"],
                "seeds_sd": seeds["sd"],
                "seeds_low": seeds["interval"][0],
                "seeds_high": seeds["interval"][1],
                "beyond_chance": pair["beyond_chance"],
            }
        )
    columns = ["first", "second", "difference", "interval_low", "interval_high", "p", "p_holm"]
    return pd.DataFrame(rows, columns=[*columns, "seeds_sd", "seeds_low", "seeds_high", "beyond_chance"])


def modes_table(summary: dict) -> pd.DataFrame:
    """Return what each mode costs: of the selected setting (see `summary.describe_costs`), and of its whole sweep."""
    metric, rows = summary["experiment"]["metric"], []
    for mode, entry in summary["modes"].items():
        if costs := entry["costs"]:
            fronts = costs["on_front"]
            rows.append(
                {
                    "mode": mode,
                    f"test_{metric}": entry["test"]["score"],
                    "trainable_parameters": entry["trainable_parameters"],
                    **{key: costs[key] for key in ("seconds", "tokens_per_second", "peak_memory_mb", "stored_bytes")},
                    "sweep_seconds": costs["sweep_seconds"],
                    "front_of_parameters": fronts["trainable_parameters"],
                    "front_of_seconds": fronts["seconds"],
                }
            )
    columns = ["mode", f"test_{metric}", "trainable_parameters", "stored_bytes", "seconds", "tokens_per_second"]
    return pd.DataFrame(
        rows, columns=[*columns, "peak_memory_mb", "sweep_seconds", "front_of_parameters", "front_of_seconds"]
    )


def pieces(values: pd.Series, spelled: Callable[[float], str]) -> list[str]:
    return ["" if pd.isna(value) else spelled(value) for value in values]


def spell_p(value: float) -> str:
    return "< 0.0001" if value < 1e-4 else f"{value:.4f}"


SPELLINGS: list[tuple[str, Callable[[float], str]]] = [
    ("accuracy|macro_f1|f1|unknown_share", percent),
    ("accuracy_sd|macro_f1_sd|f1_sd", spell_difference),
    ("matthews|matthews_sd", lambda value: f"{value:.3f}"),
    ("loss", lambda value: f"{value:.4f}"),
    ("learning_rate", spell_number),
    ("batch_size", lambda value: str(int(value))),
    (
        "trainable_parameters|test_examples|steps|tokens_per_second|stored_bytes|train_size|seeds|rows|median_tokens|"
        "p95_tokens|max_tokens|cut|pieces|unknown|alike|empty|duplicates|contradicting",
        lambda v: count(int(v)),
    ),
    ("seconds|peak_memory_mb", lambda value: f"{value:.0f}"),
    ("epoch", lambda value: str(int(value))),
    ("p|p_holm", spell_p),
    ("diverged|beyond_chance|front_of_parameters|front_of_seconds", lambda value: "yes" if value else "no"),
]


def readable(table: pd.DataFrame, metric: str = "accuracy") -> pd.DataFrame:
    """Return a copy for readers: scores in per cent, rates in their short spelling, thousands set apart.

    `metric` is what intervals and differences are of; Matthews correlations stay plain numbers.
    """
    shown = table.copy()
    for column in table.columns:
        if not pd.api.types.is_numeric_dtype(table[column]) and table[column].isna().any():
            shown[column] = table[column].astype(object).where(table[column].notna(), "")
    difference = ("difference|seeds_sd|sd", partial(spell_difference, metric=metric))
    for column in table.columns:
        for names, spelled in [*SPELLINGS, difference]:
            if re.fullmatch(f"(validation_|test_|train_|sweep_)?({names})", column):
                shown[column] = pieces(table[column], spelled)
    for low, high, title in (
        ("interval_low", "interval_high", "95 % interval"),
        ("seeds_low", "seeds_high", "over seeds"),
    ):
        if {low, high} <= set(table.columns):
            intervals = zip(table[low], table[high], strict=True)
            unit = "points" if "difference" in table else "%"
            place = shown.columns.get_loc(low)
            shown.insert(
                place,
                title,
                ["" if pd.isna(one) else spell_range([one, other], metric, unit) for one, other in intervals],
            )
            shown = shown.drop(columns=[low, high])
    # Columns of the confusion table end in a label's name, which stays as it is.
    return shown.rename(columns=lambda name: name if name.startswith(PREDICTED) else name.replace("_", " "))


def to_markdown(table: pd.DataFrame) -> str:
    """Return a readable table as Markdown, through pandas and tabulate; what is already set in text stays as it is."""
    escaped = table.map(one_cell).rename(columns=one_cell)
    return escaped.to_markdown(index=False, disable_numparse=True, colalign=alignment(table))


def one_cell(value: object) -> str:
    """Return a value as one cell of a Markdown table: line breaks and bars in it would split the table."""
    return " ".join(str(value).split()).replace("|", "\\|")


def to_latex(table: pd.DataFrame) -> str:
    """Return a readable table as LaTeX's tabular with the rules of its package booktabs, cells escaped."""
    rows = table.map(lambda value: " ".join(str(value).split())).values.tolist()
    latex = tabulate(
        rows, headers=list(table.columns), tablefmt="latex_booktabs", disable_numparse=True, colalign=alignment(table)
    )
    if not rows:
        latex = latex.replace("{tabular}{}", f"{{tabular}}{{{'l' * len(table.columns)}}}", 1)
    # What opens a row must not look like an argument of the command before it, `\\` or `\midrule`.
    return re.sub(r"^( *)(?=[\[*])", r"\1{}", latex, flags=re.MULTILINE)


def alignment(table: pd.DataFrame) -> list[str] | None:
    """Return each column's alignment, as tabulate takes it: numbers to the right."""
    if not len(table):
        return None
    return ["right" if table[column].map(looks_numeric).all() else "left" for column in table.columns]


def looks_numeric(value: object) -> bool:
    return re.fullmatch(r"(-?[\d,.]+(e-?\d+)?( .*)?)?", str(value)) is not None


def save_table(table: pd.DataFrame, csv: str | Path, metric: str = "accuracy") -> None:
    """Write a table as CSV and, beside it, as Markdown for readers and as LaTeX for papers."""
    content = table.to_csv(index=False)
    if "\r" in content:
        # Python quotes no lone carriage return, which readers take for the end of a row.
        content = table.to_csv(index=False, quoting=QUOTE_NONNUMERIC)
    write_text(csv, content)
    shown = readable(table, metric)
    write_text(Path(csv).with_suffix(".md"), to_markdown(shown) + "\n")
    write_text(Path(csv).with_suffix(".tex"), to_latex(shown) + "\n")
