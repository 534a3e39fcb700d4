"""Read the texts of a pretraining, without their labels, and tokenize them as the teacher does, in windows."""

import argparse
import json
from pathlib import Path

from tokenizers import Tokenizer

from bitsweep.data.tokens import save_tokens
from bitsweep.errors import UserError
from bitsweep.files import read_json
from bitsweep.jobs.entry import run
from bitsweep.pretraining.corpus import read_corpus
from bitsweep.pretraining.teacher_files import check_teacher
from bitsweep.pretraining.windows import tokenize

# With fewer texts there are no directions to find in them.
FEWEST = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", required=True, type=json.loads, help="the config's pretrain.corpus, as JSON")
    parser.add_argument("--teacher", required=True, type=Path, help="folder of the prepared teacher")
    parser.add_argument("--positions", required=True, type=int, help="maximum number of tokens of a window")
    parser.add_argument("--output", required=True, help="safetensors file to write")
    arguments = parser.parse_args()
    check_teacher(read_json(arguments.teacher / "config.json"), positions=arguments.positions)
    texts = read_corpus(arguments.corpus)
    windows, owners = tokenize(
        Tokenizer.from_file(str(arguments.teacher / "tokenizer.json")), texts, arguments.positions
    )
    if (found := len(set(owners))) < FEWEST:
        raise UserError(f"pretrain.corpus has {found} text(s), but a pretraining needs at least {FEWEST}: add texts.")
    save_tokens(arguments.output, windows, owners)
    print(f"{len(texts)} texts, {len(windows)} windows, {sum(len(window.ids) for window in windows)} tokens")


if __name__ == "__main__":
    run(main)
