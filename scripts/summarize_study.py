"""Put the training-size study's numbers together: its summary, and its table as CSV, Markdown and LaTeX."""

import argparse

import pandas as pd

from bitsweep.files import read_json, write_json
from bitsweep.jobs.entry import run
from bitsweep.report.tables import save_table
from bitsweep.selection.training_size import study_table, summarize_study


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--modes", required=True, nargs="+", help="the modes")
    parser.add_argument("--metric", required=True, help="the score that selects")
    parser.add_argument("--runs", required=True, help="CSV file with one row per run of the study")
    parser.add_argument("--selection", required=True, help="JSON file of the study's selection")
    parser.add_argument("--scores", required=True, nargs="+", help="the modes' scores, in the same order")
    parser.add_argument("--predictions", required=True, nargs="+", help="the modes' predictions, in the same order")
    parser.add_argument("--summary", required=True, help="JSON file to write")
    parser.add_argument("--table", required=True, help="CSV file to write, with a Markdown and a LaTeX file beside it")
    arguments = parser.parse_args()
    scores = {mode: read_json(path)["sizes"] for mode, path in zip(arguments.modes, arguments.scores, strict=True)}
    tables = map(pd.read_csv, arguments.predictions)
    predictions = dict(zip(arguments.modes, tables, strict=True))
    runs, selection = pd.read_csv(arguments.runs), read_json(arguments.selection)
    study = summarize_study(runs, selection, scores, predictions, arguments.metric)
    write_json(arguments.summary, study)
    save_table(study_table(study), arguments.table, arguments.metric)


if __name__ == "__main__":
    run(main)
