"""Draw the validation scores of all runs over their epochs."""

import argparse

import pandas as pd

from bitsweep.files import read_json
from bitsweep.jobs.entry import run
from bitsweep.metrics import METRIC_NAMES
from bitsweep.report.figures import learning_curves, save_chart


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", required=True, help="CSV file with one row per run and epoch")
    parser.add_argument("--selection", required=True, help="JSON file that select_runs wrote")
    parser.add_argument("--metric", required=True, help="the score that selects")
    parser.add_argument("--output", required=True, help="SVG file to write, with a PNG and a JSON file beside it")
    arguments = parser.parse_args()
    metric = (f"validation_{arguments.metric}", METRIC_NAMES[arguments.metric])
    chart = learning_curves(pd.read_csv(arguments.epochs), read_json(arguments.selection), *metric)
    save_chart(chart, arguments.output)


if __name__ == "__main__":
    run(main)
