"""Labelled rows, made from the tables of a source: texts, and the numbers of their labels."""

import difflib
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from bitsweep.data.labels import LabelNumbers, is_number, plain_name, spell_label, whole_number
from bitsweep.data.readers import Table
from bitsweep.data.records import MAX_CELL
from bitsweep.errors import UserError
from bitsweep.files import whole_file

# The rows that a sentence on several rows names.
SHOWN = 5
NO_TEXT, ONLY_SPACES, NO_LABEL = "has no text", "has a text of only spaces", "has no label"
# What is wrong with a cell, as the end of a sentence, and the remedy; without one it is to correct or remove the row.
Fault = tuple[str, str]


def clean(
    table: Table, classes: int, values: Sequence | None = None, strict: bool = True, empty: str | None = None
) -> tuple[pd.DataFrame, list[str]]:
    """Return the rows of a table (text, label from 0 to `classes` - 1 and, of pairs, pair), and notes.

    `values` are what stands in the column of labels for each label, where that is not these numbers. Where `empty` is
    `drop`, rows without a text or a label are left out, and a note has their number. Raises UserError, with the places,
    for rows without a text or a label, or with an unknown label; where `strict`, also for empty texts.
    """
    if not table.columns["label"]:
        raise UserError(f"{table.name} has no rows: give it some, or name another file.")
    notes, keys = [], [key for key in ("text", "pair") if key in table.columns]
    if all(text is None or (isinstance(text, str) and not text.strip()) for text in table.columns["text"]):
        raise UserError(f"{table.name} has only spaces for texts: set data.text to the column of the texts.")
    if empty == "drop":
        full = [row for row in range(len(table.places)) if not lacks_something(table, row, keys)]
        if left_out := len(table.places) - len(full):
            what = "row without a text or a label is" if left_out == 1 else "rows without a text or a label are"
            notes.append(f"{left_out:,} {what} left out of {table.name}, as data.empty says.")
            table = table.take(full)
        if not full:
            raise UserError(
                f"{table.name} has no row with a text and a label: set data.text and data.label to their columns."
            )
    for key in keys:
        faults = [
            (row, (fault, "")) for row, text in enumerate(table.columns[key]) if (fault := fault_of(text, strict))
        ]
        refuse(table, faults, empty, f" (data.{key} names the column)")
    labels = class_names(table, values)
    numbers = LabelNumbers(values) if values is not None else None
    # Many rows have the same label.
    known: dict[tuple, int | Fault] = {}
    found = []
    for label in labels:
        key = (type(label), str(label))
        if key not in known:
            known[key] = number_of(label, classes, numbers)
        found.append(known[key])
    refuse(table, [(row, label) for row, label in enumerate(found) if isinstance(label, tuple)], empty)
    rows = {key: table.columns[key] for key in keys}
    return pd.DataFrame({"text": rows["text"], "label": found, **{key: rows[key] for key in keys[1:]}}), notes


def lacks_something(table: Table, row: int, keys: list[str]) -> bool:
    texts = [table.columns[key][row] for key in keys]
    missing = any(text is None or text != text or (isinstance(text, str) and not text.strip()) for text in texts)
    return missing or spell_label(table.columns["label"][row]) is None


def class_names(table: Table, values: Sequence | None) -> list:
    """Return the labels, as the names that the file itself gives them where `values` are such names."""
    labels, names = table.columns["label"], table.class_names
    # Numbers among the values stand for what is in the column.
    if not names or values is None or not all(isinstance(value, str) for value in values):
        return labels
    known = {plain_name(value): value for value in values}
    if not known.keys() <= set(map(plain_name, names)):
        return labels
    spelled = [known.get(plain_name(name), name) for name in names]
    return [
        spelled[label] if isinstance(label, int) and not isinstance(label, bool) and 0 <= label < len(names) else label
        for label in labels
    ]


def refuse(table: Table, faults: list[tuple[int, Fault]], empty: str | None, end: str = "") -> None:
    """Raise UserError where there are faults: the first one, and how many rows have the same one, with their places.

    `faults` has rows, each with its fault; the sentence ends with `end`.
    """
    if not faults:
        return
    row, (what, remedy) = faults[0]
    rows = [other for other, fault in faults if fault == (what, remedy)]
    remedy = remedy or ("correct or remove it" if len(rows) == 1 else "correct or remove them")
    if what in (NO_TEXT, ONLY_SPACES, NO_LABEL) and empty != "drop":
        remedy += ", or set data.empty to drop"
    others = and_others([table.places[other] for other in rows])
    raise UserError(f"{table.place(row)}{others} {what}: {remedy}{end}.")


def and_others(places: Sequence[int | str]) -> str:
    """Return how many places there are besides the first, with the first of them; nothing where there are none."""
    if len(places) < 2:
        return ""
    shown = ", ".join(map(str, places[1:SHOWN])) + ", …" * (len(places) > SHOWN)
    return f" (and {len(places) - 1:,} more: {shown})"


def fault_of(text: object, strict: bool) -> str | None:
    """Return what makes a text unusable, as the end of a sentence; None where it can be used."""
    if not isinstance(text, str):
        return NO_TEXT if text is None or text != text else f"has {repr(text)[:100]} where a text should be"
    if strict and not text.strip():
        return ONLY_SPACES if text else NO_TEXT
    if len(text) > MAX_CELL:
        return f"has a text of {len(text):,} characters, more than {MAX_CELL:,}"
    if "\0" in text:
        return "has a NUL byte in its text"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "has half a Unicode character (a lone surrogate) in its text"
    return None


def number_of(label: object, classes: int, numbers: LabelNumbers | None) -> int | Fault:
    """Return the number of a `label` as it stands in a file, or what is wrong with it."""
    spelled = spell_label(label)
    if spelled is None:
        return NO_LABEL, "give each row its label, or remove it"
    shown = repr(label)[:100]
    if numbers is not None:
        number = numbers.of(spelled)
        if number is not None:
            return number
        near = difflib.get_close_matches(spelled, numbers.exact, n=1)
        hint = f"did you mean {near[0]!r}? If not, " if near else ""
        return (
            f"has label {shown}, which is none of {', '.join(numbers.exact)}",
            f"{hint}correct the row, label_names or data.values",
        )
    number = whole_number(label)
    if number is not None:
        if 0 <= number < classes:
            return number
        return (
            f"has label {shown}, but label_names names the labels 0 to {classes - 1}",
            "correct label_names or the data, or set data.values to what stands in the column for each of label_names",
        )
    if is_number(label):
        return f"has label {shown}, which is no whole number", "write labels as 0, 1, ... or as names"
    return (
        f"has label {shown}, where whole numbers were expected",
        "set data.values to what stands in the column for each of label_names, or correct the row",
    )


def texts_of(rows: pd.DataFrame) -> list[str] | list[tuple[str, str]]:
    """Return the texts of rows, or pairs of them, as tokenizers take them."""
    texts = rows["text"].tolist()
    return list(zip(texts, rows["pair"], strict=True)) if "pair" in rows else texts


def save_rows(table: pd.DataFrame, path: str | Path) -> None:
    with whole_file(path) as part:
        table.to_parquet(part, index=False)
