"""Read a part of the corpus with the teacher and write its targets for each token and each window."""

import argparse
from pathlib import Path

from safetensors.torch import load_file, save_file

from bitsweep.data.tokens import load_tokens
from bitsweep.files import read_json, whole_file
from bitsweep.jobs.entry import run
from bitsweep.pretraining.teacher import Teacher, token_targets, windows_of_part
from bitsweep.training.machine import Machine


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--teacher", required=True, type=Path, help="folder of the prepared teacher")
    parser.add_argument("--corpus", required=True, help="safetensors file that read_corpus wrote")
    parser.add_argument("--projection", required=True, type=Path, help="safetensors file that project_teacher wrote")
    parser.add_argument("--precision", required=True, help="JSON file that project_teacher wrote")
    parser.add_argument("--part", required=True, type=int, help="which part, from 0")
    parser.add_argument("--parts", required=True, type=int, help="how many parts there are")
    parser.add_argument("--output", required=True, help="safetensors file to write")
    arguments = parser.parse_args()
    verdict = read_json(arguments.precision)
    teacher = Teacher(arguments.teacher, Machine(verdict["precision"], verdict["device"], 1))
    windows = windows_of_part(load_tokens(arguments.corpus), arguments.part, arguments.parts)
    targets = token_targets(teacher, windows, load_file(arguments.projection))
    with whole_file(arguments.output) as part:
        save_file(targets, part)


if __name__ == "__main__":
    run(main)
