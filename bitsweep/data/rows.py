"""Labelled rows, made from the tables of a source: texts, and the numbers of their labels."""

import difflib
import math
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from bitsweep.data.readers import MAX_CELL, Table, is_number, is_whole_number
from bitsweep.errors import UserError
from bitsweep.files import whole_file


def clean(table: Table, classes: int, values: Sequence | None = None, strict: bool = True) -> pd.DataFrame:
    """Return the rows of a table: text, label (0 to `classes` - 1) and, of pairs, pair.

    `values` are the values of the column of labels that stand for each label, where they are not these numbers. Raises
    UserError, with the place, for a row without a text or a label, or with an unknown label; where `strict`, also for
    an empty text.
    """
    if not table.columns["label"]:
        raise UserError(f"{table.name} has no rows: give it some, or name another file.")
    rows = {key: table.columns[key] for key in ("text", "pair") if key in table.columns}
    for key, texts in rows.items():
        for row, text in enumerate(texts):
            if wrong := fault_of(text, strict):
                raise UserError(f"{table.place(row)} {wrong}: correct or remove it (data.{key} names the column).")
    if not any(text.strip() for text in rows["text"]):
        raise UserError(f"{table.name} has only spaces for texts: set data.text to the column of the texts.")
    numbers = None if values is None else {str(value): number for number, value in enumerate(values)}
    labels = [number_of(label, classes, numbers, table, row) for row, label in enumerate(table.columns["label"])]
    return pd.DataFrame({"text": rows["text"], "label": labels, **{key: rows[key] for key in ("pair",) if key in rows}})


def fault_of(text: object, strict: bool) -> str | None:
    """Return what makes a text unusable, as the end of a sentence; None where it can be used."""
    if not isinstance(text, str):
        return "has no text" if text is None or text != text else f"has {repr(text)[:100]} where a text should be"
    if strict and not text.strip():
        return f"has {'a text of only spaces' if text else 'no text'}"
    if len(text) > MAX_CELL:
        return f"has a text of {len(text):,} characters, more than {MAX_CELL:,}"
    if "\0" in text:
        return "has a NUL byte in its text"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "has half a Unicode character (a lone surrogate) in its text"
    return None


def number_of(label: object, classes: int, numbers: dict[str, int] | None, table: Table, row: int) -> int:
    """Return the number of a `label` as it stands in a file. Raises UserError where it has none."""
    spelled = str(label).strip()
    if label is None or spelled == "" or (isinstance(label, float) and math.isnan(label)):
        raise UserError(f"{table.place(row)} has no label: give it one, or remove it.")
    shown = repr(label)[:100]
    if numbers is not None:
        if spelled in numbers:
            return numbers[spelled]
        near = difflib.get_close_matches(spelled, numbers, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise UserError(
            f"{table.place(row)} has label {shown}, which is none of {', '.join(numbers)}: {hint}Correct the row, "
            "label_names or data.values."
        )
    if is_whole_number(label):
        if 0 <= int(spelled) < classes:
            return int(spelled)
        raise UserError(
            f"{table.place(row)} has label {shown}, but label_names names the labels 0 to {classes - 1}: correct "
            "label_names or the data, or set data.values to what stands in the column for each of label_names."
        )
    if is_number(label):
        raise UserError(
            f"{table.place(row)} has label {shown}, which is no whole number: write labels as 0, 1, ... or as names "
            "(some programs turn a whole column into decimals where a label is missing)."
        )
    raise UserError(
        f"{table.place(row)} has label {shown}, where whole numbers were expected: set data.values to what "
        "stands in the column for each of label_names, or correct the row."
    )


def texts_of(rows: pd.DataFrame) -> list[str] | list[tuple[str, str]]:
    """Return the texts of rows, or pairs of them, as tokenizers take them."""
    texts = rows["text"].tolist()
    return list(zip(texts, rows["pair"], strict=True)) if "pair" in rows else texts


def save_rows(table: pd.DataFrame, path: str | Path) -> None:
    with whole_file(path) as part:
        table.to_parquet(part, index=False)
