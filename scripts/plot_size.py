"""Draw the test score of every mode over the size of its training set."""

import argparse

import pandas as pd

from bitsweep.files import read_json
from bitsweep.jobs.entry import run
from bitsweep.metrics import METRIC_NAMES
from bitsweep.report.figures import save_chart, size_figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--summary", required=True, help="JSON file that summarize_study wrote")
    parser.add_argument("--output", required=True, help="SVG file to write, with a PNG and a JSON file beside it")
    arguments = parser.parse_args()
    study = read_json(arguments.summary)
    points = pd.DataFrame(study["points"], columns=["mode", "train_size", study["metric"], "interval"])
    points["score"] = points[study["metric"]]
    points["low"], points["high"] = points["interval"].str[0], points["interval"].str[1]
    chart = size_figure(points[["mode", "train_size", "score", "low", "high"]], METRIC_NAMES[study["metric"]])
    save_chart(chart, arguments.output)


if __name__ == "__main__":
    run(main)
