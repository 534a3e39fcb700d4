"""Predicts labels and calibrated probabilities for the rows of a table, by an exported classifier.

By hand: python -m scripts.predict_file --classifiers results/NAME/export --mode full --input mine.csv --output new.csv
"""

import argparse
import json
from pathlib import Path

import torch

from bitsweep.errors import UserError, run
from bitsweep.files import read_json
from bitsweep.gpu import gpu_slot
from bitsweep.prediction import Predictor, best_mode, predict_table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--classifiers", required=True, type=Path, help="folder of the exported folders, one a mode")
    parser.add_argument("--mode", help="the mode; without it the best on validation, by the selection and the metric")
    parser.add_argument("--selection", help="JSON file that select_runs wrote")
    parser.add_argument("--metric", default="accuracy", help="what selects")
    parser.add_argument("--input", required=True, help="CSV, TSV, JSON lines or Parquet file")
    parser.add_argument("--columns", type=json.loads, default=["text"], help="its column(s) of texts, as a JSON list")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu", help="where to predict")
    parser.add_argument("--precision", help="JSON file that choose_precision wrote, which tells the device instead")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="threads to predict with")
    parser.add_argument("--gpu-percent", type=int, default=100, help="the share of a GPU that is taken")
    parser.add_argument("--output", required=True, help="file to write, of the same format")
    arguments = parser.parse_args()
    if not arguments.mode and not arguments.selection:
        raise UserError("--mode is missing: name a mode, or with --selection the file that tells the best one.")
    mode = arguments.mode or best_mode(read_json(arguments.selection), arguments.metric)
    if not (arguments.classifiers / mode / "config.json").is_file():
        # Where the selection changed within the call, the exports were planned by the one before.
        raise UserError(f"The mode {mode}, which is to predict, is not exported yet: call the same once more.")
    device = read_json(arguments.precision)["device"] if arguments.precision else arguments.device
    print(f"Predicting by the mode {mode}.")
    with gpu_slot(arguments.gpu_percent):
        predictor = Predictor(arguments.classifiers / mode, device, arguments.threads)
        predict_table(arguments.input, arguments.output, arguments.columns, predictor)


if __name__ == "__main__":
    run(main)
