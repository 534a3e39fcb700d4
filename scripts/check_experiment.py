"""Checks before any training what the config alone does not show: sizes of splits, the encoder's length, the modes."""

import argparse
import json
from pathlib import Path

import pyarrow.parquet

from bitsweep.data import check_limit
from bitsweep.encoder import check_max_length
from bitsweep.errors import run
from bitsweep.files import write_text
from bitsweep.model import build_classifier
from bitsweep.modes import freeze


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", required=True, nargs="+", type=Path, help="Parquet files of the splits")
    parser.add_argument("--limits", required=True, type=json.loads, help="the config's limit section, as JSON")
    parser.add_argument("--encoder", required=True, type=Path, help="folder of the prepared encoder")
    parser.add_argument("--max-length", required=True, type=int, help="tokens of a text at most")
    parser.add_argument("--labels", required=True, type=int, help="number of classes")
    parser.add_argument("--modes", required=True, nargs="+", help="the modes of the grid")
    parser.add_argument("--output", required=True, help="text file to write")
    arguments = parser.parse_args()
    for path in arguments.rows:
        check_limit(pyarrow.parquet.read_metadata(path).num_rows, arguments.limits[path.stem], path.stem)
    check_max_length(arguments.encoder / "config.json", arguments.max_length)
    model = build_classifier(arguments.encoder, arguments.labels, seed=0)
    counts = {mode: sum(parameter.numel() for parameter in freeze(model, mode).values()) for mode in arguments.modes}
    write_text(arguments.output, "".join(f"{mode}: {count} trainable parameters\n" for mode, count in counts.items()))


if __name__ == "__main__":
    run(main)
