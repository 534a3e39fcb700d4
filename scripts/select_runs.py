"""Select the best run of every mode by the validation split."""

import argparse

import pandas as pd

from bitsweep.files import write_json
from bitsweep.jobs.entry import run
from bitsweep.selection.select import select


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", required=True, help="CSV file with one row per run")
    parser.add_argument("--metric", required=True, help="the score that selects")
    parser.add_argument("--output", required=True, help="JSON file to write")
    arguments = parser.parse_args()
    runs = pd.read_csv(arguments.runs)
    if "train_size" in runs:
        # The runs are the study's: every size has a selection of its own.
        selection = {str(size): select(part, arguments.metric) for size, part in runs.groupby("train_size")}
    else:
        selection = select(runs, arguments.metric)
    write_json(arguments.output, selection)


if __name__ == "__main__":
    run(main)
