"""Estimate for every mode what picking its best epoch and setting adds to its validation score."""

import argparse
from pathlib import Path

import pandas as pd

from bitsweep.files import write_json
from bitsweep.jobs.entry import run
from bitsweep.selection.runs_table import load_labels, load_predictions
from bitsweep.selection.select import sound
from bitsweep.selection.selection_bias import selection_price


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--metric", required=True, help="the score that selects")
    parser.add_argument("--table", required=True, help="CSV file with one row per run")
    parser.add_argument("--runs", required=True, type=Path, help="folder of the runs")
    parser.add_argument("--validation", required=True, help="tokenized validation split, for its labels")
    parser.add_argument("--output", required=True, help="JSON file to write")
    arguments = parser.parse_args()
    table, labels = pd.read_csv(arguments.table), load_labels(arguments.validation)
    prices = {}
    for mode, runs in sound(table).groupby("mode"):
        predictions = [load_predictions(arguments.runs / path) for path in runs["path"]]
        settings = [f"{size}/{rate}" for size, rate in zip(runs["batch_size"], runs["learning_rate"], strict=True)]
        prices[mode] = selection_price(predictions, settings, labels, arguments.metric)
    write_json(arguments.output, prices)


if __name__ == "__main__":
    run(main)
