"""Find the principal components of the teacher's hidden states, and how this machine computes best."""

import argparse
from pathlib import Path

from safetensors.torch import save_file

from bitsweep.data.tokens import load_tokens
from bitsweep.files import read_json, whole_file, write_json
from bitsweep.jobs.entry import run
from bitsweep.pretraining.teacher import Teacher, principal_components
from bitsweep.pretraining.teacher_files import check_teacher
from bitsweep.training.machine import Machine
from bitsweep.training.precision import choose_precision


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--teacher", required=True, type=Path, help="folder of the prepared teacher")
    parser.add_argument("--corpus", required=True, help="safetensors file that read_corpus wrote")
    parser.add_argument("--size", required=True, type=int, help="components: the student's hidden size")
    parser.add_argument("--seed", required=True, type=int, help="seed of the sample of windows")
    parser.add_argument("--precision", required=True, help="auto, float32 or bfloat16")
    parser.add_argument("--output", required=True, type=Path, help="folder to write")
    arguments = parser.parse_args()
    check_teacher(read_json(arguments.teacher / "config.json"), hidden_size=arguments.size)
    verdict = choose_precision(arguments.precision, "cpu")
    teacher = Teacher(arguments.teacher, Machine(verdict["precision"], verdict["device"], 1))
    found = principal_components(teacher, load_tokens(arguments.corpus), arguments.size, arguments.seed)
    with whole_file(arguments.output / "projection.safetensors") as part:
        save_file(found, part)
    write_json(arguments.output / "precision.json", verdict)


if __name__ == "__main__":
    run(main)
