"""A user's table, in every format, to predict for."""

import pandas as pd

# Names that hold what shells act on.
SOURCE, TARGET = "it's $(mine) ~ ü.csv", "new one.csv"
TEXTS = ["A dull film, and a long one.", 'She said "wonderful", twice', "", "Ein Satz;\nmit Umbruch", "bad " * 60] * 3
EXTRA = [f"id {number}, ünïcode" for number in range(len(TEXTS))]


def write_table(path) -> None:
    table = pd.DataFrame({"id": EXTRA, "text": TEXTS, "a number": [0.1 * n for n in range(len(TEXTS))]})
    if path.suffix == ".parquet":
        table.to_parquet(path)
    elif ".jsonl" in path.name:
        table.to_json(path, orient="records", lines=True, force_ascii=False)
    else:
        table.to_csv(path, index=False, sep="\t" if path.suffix == ".tsv" else ",")


def read_back(path) -> pd.DataFrame:
    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    if ".jsonl" in path.name:
        return pd.read_json(path, lines=True)
    return pd.read_csv(path, sep="\t" if path.suffix == ".tsv" else ",", keep_default_na=False)
