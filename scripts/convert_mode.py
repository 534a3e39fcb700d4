"""Write a mode's exported classifier as ONNX, checked in onnxruntime."""

import argparse
from pathlib import Path

from bitsweep.export.onnx_packages import need_onnx
from bitsweep.jobs.entry import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--classifier", required=True, type=Path, help="the exported folder")
    parser.add_argument("--test", required=True, help="tokenized test split, to compare on")
    parser.add_argument("--output", required=True, type=Path, help="ONNX file to write")
    arguments = parser.parse_args()
    need_onnx()
    # Import all of torch before anything imports parts of it: the conversion needs torch's compiler.
    import torch  # noqa: F401

    from bitsweep.data.tokens import load_tokens
    from bitsweep.export.onnx import convert

    difference = convert(arguments.classifier, load_tokens(arguments.test), arguments.output)
    print(f"Logits in onnxruntime differ from those in torch by at most {difference:.3g}.")


if __name__ == "__main__":
    run(main)
