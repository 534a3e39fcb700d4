"""The grid as a table of runs, each with one canonical spelling, which is its path."""

import itertools

import pandas as pd

from bitsweep.number_format import spell_number

DIMENSIONS = ["mode", "batch_size", "learning_rate", "seed"]


def spell(value: int | float | str) -> str:
    return spell_number(value) if isinstance(value, float) else str(value)


def table_of_runs(grids: dict[str, dict[str, list]], **more: list) -> pd.DataFrame:
    """Return one row per run: mode, batch_size, learning_rate, seed and the columns of `more`, all as spelled in paths.

    `grids` has for each mode a list of values under each of these names; `more` is crossed with all of them.
    """
    rows = [
        dict(zip([*DIMENSIONS, *more], map(spell, cell), strict=True))
        for mode, grid in grids.items()
        for cell in itertools.product([mode], *(grid[name] for name in DIMENSIONS[1:]), *more.values())
    ]
    return pd.DataFrame(rows, columns=[*DIMENSIONS, *more])


def run_path(run: dict[str, str]) -> str:
    """Return a run's folder, as Snakemake's Paramspace names it."""
    return "/".join(f"{name}~{value}" for name, value in run.items())
