"""The report's tables: numbers for programs as CSV, the same for readers as Markdown and for papers as LaTeX."""

import re
from pathlib import Path

import pandas as pd
from tabulate import tabulate

from bitsweep.files import whole_file, write_text
from bitsweep.grid import spell_number


def percent(value: float | None) -> str:
    return "" if value is None or value != value else f"{100 * value:.2f} %"


def percent_range(interval: list[float] | None) -> str:
    return "" if interval is None else f"{100 * interval[0]:.2f} to {100 * interval[1]:.2f} %"


def count(value: int) -> str:
    return f"{value:,}"


def grid_table(grid: dict, training: dict) -> pd.DataFrame:
    """What is crossed, and the number of values of each: columns setting, values, count."""
    rows = [
        ("mode", ", ".join(grid["mode"]), len(grid["mode"])),
        ("batch size", ", ".join(map(str, grid["batch_size"])), len(grid["batch_size"])),
        ("learning rate", ", ".join(map(spell_number, grid["learning_rate"])), len(grid["learning_rate"])),
        ("seed", ", ".join(map(str, grid["seed"])), len(grid["seed"])),
        ("epochs", str(training["epochs"]), 1),
    ]
    return pd.DataFrame(rows, columns=["setting", "values", "count"])


def validation_table(summary: dict) -> pd.DataFrame:
    """The selected runs, one row a mode and seed."""
    columns = ["mode", "validation_accuracy", "learning_rate", "batch_size", "seed", "epoch", "validation_loss"]
    rows = [
        (
            mode,
            run["validation_accuracy"],
            entry["selected"]["learning_rate"],
            entry["selected"]["batch_size"],
            run["seed"],
            run["epoch"],
            run["validation_loss"],
        )
        for mode, entry in summary["modes"].items()
        if entry["selected"]
        for run in entry["selected"]["runs"]
    ]
    return pd.DataFrame(rows, columns=columns)


def test_table(summary: dict) -> pd.DataFrame:
    """The test split, one row a mode; nothing where all of a mode's runs diverged."""
    rows = []
    for mode, entry in summary["modes"].items():
        test = entry["test"] or {"accuracy": None, "accuracy_interval": [None, None], "examples": None}
        low, high = test["accuracy_interval"]
        rows.append((mode, entry["trainable_parameters"], test["accuracy"], low, high, test["examples"]))
    columns = ["mode", "trainable_parameters", "test_accuracy", "interval_low", "interval_high", "test_examples"]
    return pd.DataFrame(rows, columns=columns)


def readable(table: pd.DataFrame) -> pd.DataFrame:
    """A copy for readers: accuracies in per cent, rates in their short spelling, thousands set apart."""
    shown = table.copy()
    for column in table.columns:
        if column.endswith("accuracy"):
            shown[column] = [percent(value) for value in table[column]]
        elif column.endswith("loss"):
            shown[column] = [f"{value:.4f}" if value == value else "" for value in table[column]]
        elif column == "learning_rate":
            shown[column] = [spell_number(value) for value in table[column]]
        elif column in ("trainable_parameters", "test_examples", "steps", "tokens_per_second"):
            shown[column] = ["" if pd.isna(value) else count(int(value)) for value in table[column]]
        elif column in ("seconds", "peak_memory_mb"):
            shown[column] = ["" if pd.isna(value) else f"{value:.0f}" for value in table[column]]
        elif column == "epoch":
            shown[column] = ["" if pd.isna(value) else str(int(value)) for value in table[column]]
        elif column == "diverged":
            shown[column] = ["yes" if value else "no" for value in table[column]]
    if {"interval_low", "interval_high"} <= set(table.columns):
        intervals = zip(table["interval_low"], table["interval_high"], strict=True)
        shown["95 % interval"] = ["" if pd.isna(low) else percent_range([low, high]) for low, high in intervals]
        shown = shown.drop(columns=["interval_low", "interval_high"])
    return shown.rename(columns=lambda name: name.replace("_", " "))


def to_markdown(table: pd.DataFrame) -> str:
    """A readable table as Markdown, through pandas and tabulate; what is already set in text stays as it is."""
    escaped = table.map(lambda value: str(value).replace("|", "\\|"))
    return escaped.to_markdown(index=False, disable_numparse=True, colalign=alignment(table))


def to_latex(table: pd.DataFrame) -> str:
    """A readable table as LaTeX's tabular with the rules of its package booktabs, cells escaped."""
    rows = table.map(lambda value: " ".join(str(value).split())).values.tolist()
    latex = tabulate(
        rows, headers=list(table.columns), tablefmt="latex_booktabs", disable_numparse=True, colalign=alignment(table)
    )
    if not rows:
        latex = latex.replace("{tabular}{}", f"{{tabular}}{{{'l' * len(table.columns)}}}", 1)
    # What opens a row must not look like an argument of the command before it, `\\` or `\midrule`.
    return re.sub(r"^( *)(?=[\[*])", r"\1{}", latex, flags=re.MULTILINE)


def alignment(table: pd.DataFrame) -> list[str] | None:
    """Each column's alignment, as tabulate takes it: numbers to the right."""
    if not len(table):
        return None
    return ["right" if table[column].map(looks_numeric).all() else "left" for column in table.columns]


def looks_numeric(value: object) -> bool:
    return str(value)[:1].isdigit() or str(value) == ""


def save_table(table: pd.DataFrame, csv: str | Path) -> None:
    """Writes a table as CSV and, beside it, as Markdown for readers and as LaTeX for papers."""
    with whole_file(csv) as part:
        table.to_csv(part, index=False)
    shown = readable(table)
    write_text(Path(csv).with_suffix(".md"), to_markdown(shown) + "\n")
    write_text(Path(csv).with_suffix(".tex"), to_latex(shown) + "\n")
