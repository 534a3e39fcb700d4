"""Find the directions in which the texts of a corpus differ, and write where each text stands in them: its code."""

import argparse

import torch
from safetensors.torch import save_file

from bitsweep.data.tokens import load_tokens
from bitsweep.files import whole_file
from bitsweep.jobs.entry import run
from bitsweep.pretraining.document_codes import document_codes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", required=True, help="safetensors file that read_corpus wrote")
    parser.add_argument("--seed", required=True, type=int, help="seed of the decomposition")
    parser.add_argument("--output", required=True, help="safetensors file to write")
    arguments = parser.parse_args()
    codes, spread, coded = document_codes(load_tokens(arguments.corpus), arguments.seed)
    with whole_file(arguments.output) as part:
        found = {"codes": codes, "spread": spread, "coded": coded}
        save_file({name: torch.from_numpy(array) for name, array in found.items()}, part)
    print(f"{coded.sum()} of {len(codes)} texts coded in {codes.shape[1]} directions, in which they differ by {spread}")


if __name__ == "__main__":
    run(main)
