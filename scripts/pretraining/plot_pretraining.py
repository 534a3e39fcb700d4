"""Draw the losses of a pretraining."""

import argparse

import pandas as pd

from bitsweep.jobs.entry import run
from bitsweep.report.figures import losses_figure, save_chart


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--history", required=True, help="CSV file that pretrain_student wrote")
    parser.add_argument("--output", required=True, help="SVG file to write, with a PNG and a JSON file beside it")
    arguments = parser.parse_args()
    save_chart(losses_figure(pd.read_csv(arguments.history)), arguments.output)


if __name__ == "__main__":
    run(main)
