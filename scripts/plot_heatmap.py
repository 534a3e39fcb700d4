"""Draw a mode's validation scores over batch size and learning rate."""

import argparse

import pandas as pd

from bitsweep.files import read_json
from bitsweep.jobs.entry import run
from bitsweep.metrics import METRIC_NAMES
from bitsweep.report.figures import heat_map, save_chart


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mode", required=True, help="the mode")
    parser.add_argument("--runs", required=True, help="CSV file with one row per run")
    parser.add_argument("--selection", required=True, help="JSON file that select_runs wrote")
    parser.add_argument("--metric", required=True, help="the score that selects")
    parser.add_argument("--output", required=True, help="SVG file to write, with a PNG and a JSON file beside it")
    arguments = parser.parse_args()
    selected = read_json(arguments.selection)[arguments.mode]
    metric = (f"validation_{arguments.metric}", METRIC_NAMES[arguments.metric])
    save_chart(heat_map(pd.read_csv(arguments.runs), arguments.mode, selected, *metric), arguments.output)


if __name__ == "__main__":
    run(main)
