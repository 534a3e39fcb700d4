"""Name the mode whose selected run predicts: the best on the validation split."""

import argparse

from bitsweep.export.run_choice import best_mode
from bitsweep.files import read_json, write_text
from bitsweep.jobs.entry import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--selection", required=True, help="JSON file that select_runs wrote")
    parser.add_argument("--metric", required=True, help="the score that selects")
    parser.add_argument("--output", required=True, help="text file to write")
    arguments = parser.parse_args()
    write_text(arguments.output, f"{best_mode(read_json(arguments.selection), arguments.metric)}\n")


if __name__ == "__main__":
    run(main)
