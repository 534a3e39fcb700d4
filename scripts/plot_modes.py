"""Draw the modes' test scores against what they cost, and the differences between them."""

import argparse

import pandas as pd

from bitsweep.files import read_json
from bitsweep.jobs.entry import run
from bitsweep.metrics import METRIC_NAMES
from bitsweep.report.figures import costs_figure, differences_figure, save_chart


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--summary", required=True, help="JSON file that summarize wrote")
    parser.add_argument("--costs", required=True, help="SVG file to write, with a PNG and a JSON file beside it")
    parser.add_argument("--differences", required=True, help="the same for the differences")
    arguments = parser.parse_args()
    summary = read_json(arguments.summary)
    metric = METRIC_NAMES[summary["experiment"]["metric"]]
    points = [
        {
            "mode": mode,
            "trainable_parameters": entry["trainable_parameters"],
            "seconds": entry["costs"]["seconds"],
            "stored_bytes": entry["costs"]["stored_bytes"],
            "score": entry["test"]["score"],
            "low": entry["test"]["interval"][0],
            "high": entry["test"]["interval"][1],
            "on_front": entry["costs"]["on_front"]["trainable_parameters"],
        }
        for mode, entry in summary["modes"].items()
        if entry["test"]
    ]
    columns = ["mode", "trainable_parameters", "seconds", "stored_bytes", "score", "low", "high", "on_front"]
    save_chart(costs_figure(pd.DataFrame(points, columns=columns), metric), arguments.costs)
    rows = [
        {
            "pair": f"{pair['first']} − {pair['second']}",
            "difference": pair["difference"],
            "low": pair["interval"][0],
            "high": pair["interval"][1],
            "beyond_chance": pair["beyond_chance"],
        }
        for pair in summary["differences"]
    ]
    columns = ["pair", "difference", "low", "high", "beyond_chance"]
    save_chart(differences_figure(pd.DataFrame(rows, columns=columns), metric), arguments.differences)


if __name__ == "__main__":
    run(main)
