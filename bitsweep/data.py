"""Labelled texts: from an installed package or from the Hub's files to three splits."""

import importlib.metadata
from pathlib import Path

import numpy as np
import pandas as pd

from bitsweep.errors import UserError
from bitsweep.files import whole_file


def read_package(package: str, file: str, where: dict[str, str], text: str, label: str) -> pd.DataFrame:
    """The rows of the CSV `file` of an installed package whose columns have the values of `where`: text and label.

    The file is found through the package's metadata: importing a data package may load all of it. Raises UserError for
    a column that is not there.
    """
    try:
        table = pd.read_csv(Path(str(importlib.metadata.distribution(package).locate_file(file))))
    except ValueError as error:
        raise UserError(f"data.file is {file!r}, which cannot be read as CSV ({error}): name a CSV file.") from None
    need_columns(table, [text, label, *where], file)
    for column, value in where.items():
        table = table[table[column].astype(str) == value]
    if table.empty:
        raise UserError(f"data.where is {where!r}, which no row of {file} matches: correct it.")
    return name_columns(table, text, label)


def read_parquet(path: str | Path, text: str, label: str) -> pd.DataFrame:
    """All rows of a Parquet file: text and label. Raises UserError for a column that is not there."""
    try:
        table = pd.read_parquet(path)
    except ValueError as error:
        raise UserError(
            f"{Path(path).name} cannot be read as Parquet ({error}): correct the path under data."
        ) from None
    need_columns(table, [text, label], Path(path).name)
    return name_columns(table, text, label)


def need_columns(table: pd.DataFrame, columns: list[str], file: str) -> None:
    for column in columns:
        if column not in table.columns:
            raise UserError(
                f"The data have no column {column!r}: set data.text, data.label or data.where to columns of {file}, "
                f"which has {', '.join(map(str, table.columns))}."
            )


def name_columns(table: pd.DataFrame, text: str, label: str) -> pd.DataFrame:
    table = table[[text, label]].set_axis(["text", "label"], axis=1)
    return table.reset_index(drop=True)


def check_rows(table: pd.DataFrame, labels: int, where: str) -> None:
    """Raises UserError for a text that is missing or none, and for a label that is not among 0 to `labels` - 1."""
    missing = table.index[~table["text"].map(lambda text: isinstance(text, str))]
    if len(missing):
        raise UserError(f"Row {missing[0]} of {where} has no text: remove it, or set data.text to a column of texts.")
    known = range(labels)
    unknown = table.index[~table["label"].isin(known)]
    if len(unknown):
        label = table["label"].tolist()[unknown[0]]
        raise UserError(
            f"Row {unknown[0]} of {where} has label {label!r}, but label_names names the labels 0 to {known[-1]}: "
            "correct label_names or the data."
        )


def split_rows(
    labelled: pd.DataFrame, official_test: pd.DataFrame | None, held_out: float, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Training, validation and test rows, each with `row`, its number in the source.

    The held-out share is `datasets.Dataset.train_test_split`'s, so that the reference's split comes out. Without an
    official test split the first half of what is held out validates and the second half tests: they are disjoint.
    Official test rows are shuffled by the same seed: some splits are sorted by label, and a limit takes the first rows.
    """
    from datasets import Dataset

    numbers = Dataset.from_dict({"row": range(len(labelled))})
    try:
        parts = numbers.train_test_split(held_out, seed=seed)
    except ValueError as error:
        raise UserError(f"split.held_out is {held_out}, which {len(labelled)} rows do not allow: {error}") from None
    numbered = labelled.assign(row=range(len(labelled)))
    train, rest = (numbered.iloc[parts[part]["row"]] for part in ("train", "test"))
    if official_test is not None:
        order = np.random.default_rng(seed).permutation(len(official_test))
        return train, rest, official_test.assign(row=range(len(official_test))).iloc[order]
    half = len(rest) // 2
    if half == 0:
        raise UserError(f"split.held_out is {held_out}, too little of {len(labelled)} rows for two splits: raise it.")
    return train, rest.iloc[:half], rest.iloc[half:]


def save_rows(table: pd.DataFrame, path: str | Path) -> None:
    with whole_file(path) as part:
        table.to_parquet(part, index=False)


def check_limit(rows: int, limit: int | None, split: str) -> None:
    """Raises UserError where a split of `rows` rows has fewer than its limit."""
    if limit is not None and limit > rows:
        raise UserError(f"limit.{split} is {limit}, but the split has {rows} rows: lower it, or set it to null.")


def check_limits(rows: dict[str, int], limits: dict[str, int | None]) -> None:
    """Raises UserError where any split has fewer rows than its limit; both are by the name of the split.

    `limits` may also have `study`, the largest training set of the training-size study.
    """
    for split in ("train", "validation", "test"):
        check_limit(rows[split], limits.get(split), split)
    if (study := limits.get("study") or 0) > rows["train"]:
        raise UserError(
            f"study.train_size has {study}, but the training split has {rows['train']} rows: lower it, or remove it."
        )
