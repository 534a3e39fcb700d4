"""Tokenize one split, once for all runs that read it."""

import argparse
import json

import pandas as pd

from bitsweep.data.readability import check_readable, count_unread, print_unread
from bitsweep.data.rows import texts_of
from bitsweep.data.splits import check_classes, check_limit
from bitsweep.data.tokenizer import encode, load_tokenizer
from bitsweep.data.tokens import save_tokens
from bitsweep.jobs.entry import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", required=True, help="Parquet file of the split")
    parser.add_argument("--split", required=True, help="name of the split: train, validation or test")
    parser.add_argument("--limit", required=True, type=json.loads, help="rows to take from its start, or null for all")
    parser.add_argument("--encoder", required=True, help="folder of the prepared encoder")
    parser.add_argument("--max-length", required=True, type=int, help="maximum number of tokens of a text")
    parser.add_argument("--labels", required=True, type=int, help="number of classes")
    parser.add_argument(
        "--allow-unreadable", default=False, type=json.loads, help="true: most of the texts may be unknown to it"
    )
    parser.add_argument("--output", required=True, help="safetensors file to write")
    arguments = parser.parse_args()
    rows = pd.read_parquet(arguments.rows)
    check_limit(len(rows), arguments.limit, arguments.split)
    rows = rows.iloc[: arguments.limit]
    # Rows that cannot train or select stop the work before any training. The test split does neither, and decides
    # nothing.
    if arguments.split != "test":
        check_classes(rows["label"], arguments.labels, arguments.split, arguments.limit)
    tokenizer, texts = load_tokenizer(arguments.encoder, arguments.max_length), texts_of(rows)
    encodings = encode(tokenizer, texts)
    if arguments.split != "test":
        found, whose = count_unread(tokenizer, texts, encodings), f"the {arguments.split} split"
        if not arguments.allow_unreadable:
            check_readable(
                found,
                whose,
                message="set encoder to one that knows their language and signs, such as a multilingual one, or set "
                "allow_unreadable to true if this is meant",
            )
        print_unread(found, whose)
    save_tokens(arguments.output, encodings, rows["label"].tolist())
    tokens = sum(len(encoding.ids) for encoding in encodings)
    print(f"{arguments.split}: {len(rows)} texts, {tokens} tokens")


if __name__ == "__main__":
    run(main)
