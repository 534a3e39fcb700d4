"""Evaluate a mode's selected runs of every size of the training-size study on the test split."""

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
    parser.add_argument("--selection", required=True, help="JSON file of the study's selection")
    parser.add_argument("--runs", required=True, type=Path, help="folder of the study's runs")
    parser.add_argument("--encoder", required=True, type=Path, help="folder of the prepared encoder")
    parser.add_argument("--test", required=True, help="tokenized test split")
    parser.add_argument("--gpu-percent", type=int, default=100, help="share of a GPU to take, in percent")
    parser.add_argument("--output", required=True, help="JSON file to write")
    parser.add_argument(
        "--predictions", required=True, help="CSV file to write, with one row per size, seed and example"
    )
    arguments = parser.parse_args()
    test, scores, tables = load_tokens(arguments.test), {}, []
    # All sizes share one GPU: once CUDA is in use, the process cannot take another.
    with gpu_slot(arguments.gpu_percent):
        for size, chosen in read_json(arguments.selection).items():
            selected = chosen[arguments.mode]
            if selected is None:
                print(f"All runs of {arguments.mode} on {size} examples diverged or failed: nothing is evaluated.")
                continue
            scores[size], table = evaluate(arguments.mode, selected, arguments.runs, arguments.encoder, test)
            tables.append(table[["seed", "example", "label", "prediction"]].assign(train_size=int(size)))
    columns = ["seed", "example", "label", "prediction", "train_size"]
    with whole_file(arguments.predictions) as part:
        (pd.concat(tables) if tables else pd.DataFrame(columns=columns)).to_csv(part, index=False)
    # This sum shows a reader of the scores whether a file of predictions belongs to them.
    write_json(arguments.output, {"sizes": scores, "predictions_sha256": sha256_file(arguments.predictions)})


if __name__ == "__main__":
    run(main)
