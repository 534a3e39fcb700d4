"""Confirm that all runs could be trained."""

import argparse

import pandas as pd

from bitsweep.errors import UserError
from bitsweep.files import write_text
from bitsweep.jobs.entry import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", required=True, help="CSV file with one row per run")
    parser.add_argument("--output", required=True, help="text file to write")
    arguments = parser.parse_args()
    runs = pd.read_csv(arguments.runs)
    failed = runs[runs["failed"].notna()]
    if len(failed):
        first = failed.iloc[0]
        raise UserError(
            f"{len(failed)} of {len(runs)} runs could not be trained; the report names them, and the next call tries "
            f"them again. The first is {first['mode']} at batch size {first['batch_size']}: {first['failed']}"
        )
    write_text(arguments.output, f"All {len(runs)} runs were trained.\n")


if __name__ == "__main__":
    run(main)
