"""Examine the rows of all splits that are used: sizes, labels, lengths in tokens, and what looks doubtful."""

import argparse
import json
from pathlib import Path

import pandas as pd

from bitsweep.data.examination import examine
from bitsweep.data.tokenizer import load_tokenizer
from bitsweep.files import write_json
from bitsweep.jobs.entry import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", required=True, nargs=3, type=Path, help="Parquet files of the splits")
    parser.add_argument("--limits", required=True, type=json.loads, help="rows to take of each split, as JSON")
    parser.add_argument("--encoder", required=True, help="folder of the prepared encoder")
    parser.add_argument("--max-length", required=True, type=int, help="maximum number of tokens of a text")
    parser.add_argument("--labels", required=True, type=int, help="number of classes")
    parser.add_argument("--output", required=True, help="JSON file to write")
    arguments = parser.parse_args()
    splits = {path.stem: pd.read_parquet(path).iloc[: arguments.limits[path.stem]] for path in arguments.rows}
    tokenizer = load_tokenizer(arguments.encoder, arguments.max_length)
    write_json(arguments.output, examine(splits, tokenizer, arguments.max_length, arguments.labels))


if __name__ == "__main__":
    run(main)
