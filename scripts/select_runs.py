"""Selects the best run of every mode by the validation split."""

import argparse

import pandas as pd

from bitsweep.errors import run
from bitsweep.files import write_json
from bitsweep.selection import select


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", required=True, help="CSV file with a row a run")
    parser.add_argument("--output", required=True, help="JSON file to write")
    arguments = parser.parse_args()
    write_json(arguments.output, select(pd.read_csv(arguments.runs)))


if __name__ == "__main__":
    run(main)
