"""The grid as a table of runs, each with one canonical spelling that is its path."""

import itertools
from decimal import Decimal

import pandas as pd

DIMENSIONS = ["mode", "batch_size", "learning_rate", "seed"]


def spell_number(value: float) -> str:
    """The one spelling of a number in paths: `3e-4`, `0.0003` and `3.0e-4` are all `3e-4`."""
    decimal = Decimal(repr(float(value))).normalize()
    sign, digits, exponent = decimal.as_tuple()
    mantissa = str(digits[0]) + ("." + "".join(map(str, digits[1:])) if len(digits) > 1 else "")
    return f"{'-' * sign}{mantissa}e{exponent + len(digits) - 1}"


def table_of_runs(grid: dict[str, list]) -> pd.DataFrame:
    """One row a run, columns mode, batch_size, learning_rate, seed, all as they are spelled in paths.

    `grid` has a list of values under each of these names.
    """
    cells = itertools.product(grid["mode"], grid["batch_size"], grid["learning_rate"], grid["seed"])
    rows = [(mode, str(size), spell_number(rate), str(seed)) for mode, size, rate, seed in cells]
    return pd.DataFrame(rows, columns=DIMENSIONS)


def run_path(run: dict[str, str]) -> str:
    """A run's folder, as Snakemake's Paramspace names it."""
    return "/".join(f"{name}~{run[name]}" for name in DIMENSIONS)
