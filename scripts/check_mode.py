"""Check before a mode trains what the config alone does not show: sizes of splits, length, a step of training."""

import argparse
import json
from pathlib import Path

import bitsweep.model.fast.light_imports  # noqa: F401
from bitsweep.data.splits import check_limits
from bitsweep.errors import UserError
from bitsweep.files import read_json, write_text
from bitsweep.jobs.entry import run
from bitsweep.model.encoder_files import check_max_length
from bitsweep.training.mode_check import check_mode


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mode", required=True, help="the mode")
    parser.add_argument("--trains", required=True, type=json.loads, help="which parameters the mode trains, as JSON")
    parser.add_argument("--rows", required=True, help="JSON file with the number of rows of each split")
    parser.add_argument("--limits", required=True, type=json.loads, help="the config's limit section, as JSON")
    parser.add_argument("--encoder", required=True, type=Path, help="folder of the prepared encoder")
    parser.add_argument("--max-length", required=True, type=int, help="maximum number of tokens of a text")
    parser.add_argument("--labels", required=True, type=int, help="number of classes")
    parser.add_argument("--precision", required=True, help="JSON file that choose_precision wrote")
    parser.add_argument("--output", required=True, help="text file to write")
    arguments = parser.parse_args()
    check_limits(read_json(arguments.rows), arguments.limits)
    check_max_length(arguments.encoder / "config.json", arguments.max_length)
    precision = read_json(arguments.precision)["precision"]
    try:
        count = check_mode(arguments.encoder, arguments.labels, arguments.trains, arguments.max_length, precision)
    except UserError as error:
        raise UserError(f"grid.mode has {arguments.mode!r}, but {error}") from None
    write_text(arguments.output, f"{count} trainable parameters\n")


if __name__ == "__main__":
    run(main)
