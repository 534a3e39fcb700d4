"""Write what the encoder reads, token by token, as a table."""

import argparse

import pandas as pd

from bitsweep.data.rows import texts_of
from bitsweep.jobs.entry import run
from bitsweep.report.encoder_input import encoder_inputs
from bitsweep.report.tables import save_table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--encoder", required=True, help="folder of the prepared encoder")
    parser.add_argument("--max-length", required=True, type=int, help="maximum number of tokens of a text")
    parser.add_argument("--rows", required=True, help="Parquet file of the training split")
    parser.add_argument("--output", required=True, help="CSV file to write, with a Markdown and a LaTeX file beside it")
    arguments = parser.parse_args()
    texts = texts_of(pd.read_parquet(arguments.rows))
    save_table(encoder_inputs(arguments.encoder, arguments.max_length, texts), arguments.output)


if __name__ == "__main__":
    run(main)
