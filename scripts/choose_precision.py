"""Decide once per experiment on which device and in which number format its runs train."""

import argparse

from bitsweep.files import write_json
from bitsweep.jobs.entry import run
from bitsweep.training.precision import choose_precision


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--precision", required=True, help="auto, float32 or bfloat16")
    parser.add_argument("--device", required=True, help="auto, cpu or cuda")
    parser.add_argument("--output", required=True, help="JSON file to write")
    arguments = parser.parse_args()
    verdict = choose_precision(arguments.precision, arguments.device)
    write_json(arguments.output, verdict)
    print(verdict)


if __name__ == "__main__":
    run(main)
