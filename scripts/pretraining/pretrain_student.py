"""Pretrain the student, from its checkpoint where it was interrupted."""

import argparse
import json
from pathlib import Path

from bitsweep.files import read_json
from bitsweep.jobs.entry import run
from bitsweep.locks import waited_for
from bitsweep.pretraining.student_run import pretrain
from bitsweep.training.machine import Machine


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--student", required=True, type=json.loads, help="the config's pretrain.student, as JSON")
    parser.add_argument("--teacher", required=True, type=Path, help="folder of the prepared teacher")
    parser.add_argument("--corpus", required=True, type=Path, help="safetensors file that read_corpus wrote")
    parser.add_argument("--codes", required=True, type=Path, help="safetensors file that code_documents wrote")
    parser.add_argument(
        "--targets", required=True, nargs="+", type=Path, help="files that read_teacher wrote, in order"
    )
    parser.add_argument("--precision", required=True, help="JSON file that project_teacher wrote")
    parser.add_argument("--epochs", required=True, type=int, help="passes over the corpus")
    parser.add_argument("--learning-rate", required=True, type=float, help="AdamW's highest rate")
    parser.add_argument("--seed", required=True, type=int, help="seed of all random numbers")
    parser.add_argument("--threads", required=True, type=int, help="threads of torch")
    parser.add_argument("--code", default="", help="fingerprint of the code that trains")
    parser.add_argument("--output", required=True, type=Path, help="folder to write")
    arguments = parser.parse_args()
    verdict = read_json(arguments.precision)
    # A process that a killed Snakemake has left behind may still be at work.
    waiting = "Another process pretrains this encoder: waiting for its end."
    with waited_for(arguments.output / ".lock", message=waiting):
        pretrain(
            arguments.student,
            arguments.teacher,
            arguments.corpus,
            arguments.codes,
            arguments.targets,
            arguments.epochs,
            arguments.learning_rate,
            arguments.seed,
            Machine(verdict["precision"], verdict["device"], arguments.threads),
            arguments.code,
            arguments.output,
        )


if __name__ == "__main__":
    run(main)
