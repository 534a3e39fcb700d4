"""Export a mode's selected run as a folder that transformers loads, calibrated and compared with its evaluation."""

import argparse
import json
from pathlib import Path

import pandas as pd
import torch  # noqa: F401  (all of it: loading a folder needs tensors without data)

from bitsweep.data.tokens import load_tokens
from bitsweep.export.classifier import export
from bitsweep.files import read_json, write_json
from bitsweep.jobs.entry import run
from bitsweep.jobs.gpu_slots import gpu_slot


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mode", required=True, help="the mode")
    parser.add_argument("--label-names", required=True, type=json.loads, help="names of labels 0, 1, ..., as JSON")
    parser.add_argument("--max-length", required=True, type=int, help="maximum number of tokens of a text")
    parser.add_argument("--selection", required=True, help="JSON file that select_runs wrote")
    parser.add_argument("--runs", required=True, type=Path, help="folder of the runs")
    parser.add_argument("--encoder", required=True, type=Path, help="folder of the prepared encoder")
    parser.add_argument("--validation", required=True, help="tokenized validation split")
    parser.add_argument("--test", required=True, help="tokenized test split")
    parser.add_argument("--predictions", required=True, help="CSV file that evaluate_mode wrote")
    parser.add_argument("--gpu-percent", type=int, default=100, help="share of a GPU to take, in percent")
    parser.add_argument("--output", required=True, type=Path, help="folder to write")
    arguments = parser.parse_args()
    splits = {name: load_tokens(getattr(arguments, name)) for name in ("validation", "test")}
    with gpu_slot(arguments.gpu_percent):
        calibration = export(
            read_json(arguments.selection),
            arguments.mode,
            arguments.runs,
            arguments.encoder,
            arguments.label_names,
            arguments.max_length,
            splits,
            pd.read_csv(arguments.predictions),
            arguments.output,
        )
    write_json(arguments.output / "calibration.json", calibration)
    print(calibration)


if __name__ == "__main__":
    run(main)
