"""Split the labelled rows into training, validation and test rows."""

import argparse
from pathlib import Path

import pandas as pd

from bitsweep.data.rows import save_rows
from bitsweep.data.splits import split_rows
from bitsweep.files import write_json
from bitsweep.jobs.entry import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--labelled", required=True, help="Parquet file of the labelled rows")
    parser.add_argument("--official", nargs="*", default=[], help="Parquet files of the source's own other splits")
    parser.add_argument("--held-out", required=True, type=float, help="share of the labelled rows held out")
    parser.add_argument("--seed", required=True, type=int, help="seed of the split")
    parser.add_argument("--stratified", action="store_true", help="give held-out rows the labels' shares")
    parser.add_argument("--rows-of", default="", help="short name of the data and the split, recorded beside the sizes")
    parser.add_argument("--output", required=True, type=Path, help="folder to write the splits and their sizes to")
    arguments = parser.parse_args()
    official = {Path(path).stem: pd.read_parquet(path) for path in arguments.official}
    # Where the splits of a data set on the Hub had to be looked for, those that it lacks are empty.
    official = {split: rows for split, rows in official.items() if len(rows)}
    parts = split_rows(
        pd.read_parquet(arguments.labelled), official, arguments.held_out, arguments.seed, arguments.stratified
    )
    splits = dict(zip(("train", "validation", "test"), parts, strict=True))
    for name, rows in splits.items():
        save_rows(rows, arguments.output / f"{name}.parquet")
        print(f"{name}: {len(rows)} rows")
    write_json(
        arguments.output / "rows.json",
        {"rows_of": arguments.rows_of, **{name: len(rows) for name, rows in splits.items()}},
    )


if __name__ == "__main__":
    run(main)
