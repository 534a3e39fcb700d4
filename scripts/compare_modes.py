"""Compute the intervals of the modes' test scores and of their differences, and test the differences."""

import argparse

import pandas as pd

from bitsweep.files import write_json
from bitsweep.jobs.entry import run
from bitsweep.metrics import METRICS
from bitsweep.selection.comparison import compare


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--modes", required=True, nargs="+", help="the modes")
    parser.add_argument("--predictions", required=True, nargs="+", help="their predictions, in the same order")
    parser.add_argument("--metric", required=True, choices=METRICS, help="the score that is compared")
    parser.add_argument("--output", required=True, help="JSON file to write")
    arguments = parser.parse_args()
    pairs = zip(arguments.modes, map(pd.read_csv, arguments.predictions), strict=True)
    tables = {mode: table for mode, table in pairs if len(table)}
    write_json(arguments.output, compare(tables, arguments.metric))


if __name__ == "__main__":
    run(main)
