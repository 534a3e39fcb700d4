"""Evaluate a mode's selected run on the test split."""

import argparse
from pathlib import Path

import pandas as pd

import bitsweep.model.fast.light_imports  # noqa: F401
from bitsweep.data.tokens import load_tokens
from bitsweep.files import read_json, sha256_file, whole_file, write_json
from bitsweep.jobs.entry import run
from bitsweep.jobs.gpu_slots import gpu_slot
from bitsweep.selection.test_scores import evaluate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mode", required=True, help="the mode")
    parser.add_argument("--selection", required=True, help="JSON file that select_runs wrote")
    parser.add_argument("--runs", required=True, type=Path, help="folder of the runs")
    parser.add_argument("--encoder", required=True, type=Path, help="folder of the prepared encoder")
    parser.add_argument("--test", required=True, help="tokenized test split")
    parser.add_argument("--gpu-percent", type=int, default=100, help="share of a GPU to take, in percent")
    parser.add_argument("--output", required=True, help="JSON file to write")
    parser.add_argument("--predictions", required=True, help="CSV file to write: one row per test example and seed")
    arguments = parser.parse_args()
    selected = read_json(arguments.selection)[arguments.mode]
    if selected is None:
        print(f"No setting of {arguments.mode} is sound: there is nothing to evaluate.")
        scores, predictions = None, pd.DataFrame(columns=["seed", "example", "label", "prediction"])
    else:
        test = load_tokens(arguments.test)
        with gpu_slot(arguments.gpu_percent):
            scores, predictions = evaluate(arguments.mode, selected, arguments.runs, arguments.encoder, test)
    with whole_file(arguments.predictions) as part:
        predictions.to_csv(part, index=False)
    if scores is not None:
        # This sum shows a reader of the scores whether a file of predictions belongs to them.
        scores["predictions_sha256"] = sha256_file(arguments.predictions)
    write_json(arguments.output, scores)


if __name__ == "__main__":
    run(main)
