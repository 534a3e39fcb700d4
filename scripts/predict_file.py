"""Predict labels and calibrated probabilities for the rows of a table, by an exported classifier.

By hand: python -m scripts.predict_file --classifiers results/NAME/export --mode full --input mine.csv --output new.csv
"""

import argparse
import json
from pathlib import Path

import torch

from bitsweep.errors import UserError
from bitsweep.export.predict import Predictor, predict_table
from bitsweep.files import read_json
from bitsweep.jobs.entry import run
from bitsweep.jobs.gpu_slots import gpu_slot


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--classifiers", required=True, type=Path, help="folder with the exported classifier of each mode"
    )
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument("--mode", help="the mode")
    mode.add_argument("--mode-in", type=Path, help="text file that names the mode, as choose_mode writes it")
    parser.add_argument("--input", required=True, help="CSV, TSV, JSON lines or Parquet file")
    parser.add_argument("--columns", type=json.loads, default=["text"], help="its column(s) of texts, as a JSON list")
    parser.add_argument("--quoting", choices=["standard", "none"], help="none where quotes are part of the texts")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu", help="where to predict")
    parser.add_argument("--precision", help="JSON file that choose_precision wrote, to take the device from it instead")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="threads to predict with")
    parser.add_argument("--gpu-percent", type=int, default=100, help="share of a GPU to take, in percent")
    parser.add_argument("--output", required=True, help="file to write, of the same format")
    arguments = parser.parse_args()
    mode = arguments.mode or arguments.mode_in.read_text().strip()
    if not (arguments.classifiers / mode / "config.json").is_file():
        raise UserError(f"{arguments.classifiers} has no mode {mode}: export it first, or correct --classifiers.")
    device = read_json(arguments.precision)["device"] if arguments.precision else arguments.device
    print(f"Predicting with the mode {mode}.")
    with gpu_slot(arguments.gpu_percent):
        predictor = Predictor(arguments.classifiers / mode, device, arguments.threads)
        predict_table(arguments.input, arguments.output, arguments.columns, predictor, quoting=arguments.quoting)


if __name__ == "__main__":
    run(main)
