"""Write what a mode's selected run adds to the pretrained encoder: the parameters that it trained, and its head."""

import argparse
from pathlib import Path

import torch  # noqa: F401  (all of it, as in export_mode)

from bitsweep.export.classifier import export_delta
from bitsweep.files import read_json
from bitsweep.jobs.entry import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mode", required=True, help="the mode")
    parser.add_argument("--selection", required=True, help="JSON file that select_runs wrote")
    parser.add_argument("--runs", required=True, type=Path, help="folder of the runs")
    parser.add_argument("--encoder", required=True, type=Path, help="folder of the prepared encoder")
    parser.add_argument("--output", required=True, type=Path, help="safetensors file to write")
    arguments = parser.parse_args()
    selection = read_json(arguments.selection)
    export_delta(selection, arguments.mode, arguments.runs, arguments.encoder, arguments.output)


if __name__ == "__main__":
    run(main)
