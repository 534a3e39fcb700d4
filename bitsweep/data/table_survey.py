"""A survey of a user's table, for a config that fits it: columns, labels with their counts, lengths of texts."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bitsweep.data.streaming import as_texts, need_columns, need_unicode, open_table
from bitsweep.errors import UserError
from bitsweep.seeding import generator

# Rows that are read at a time, and texts whose lengths are measured: they are drawn from all rows, since a file may be
# sorted.
CHUNK = 4096
SAMPLE = 2000
# A column with more values than this holds no classes.
MAX_CLASSES = 1000


@dataclass
class Survey:
    """A table's rows, its labels' counts in their order, a sample of its texts (or pairs), and how many lack one."""

    rows: int
    labels: dict[int | str, int]
    texts: list[str] | list[tuple[str, str]]
    empty: int


def look_at(path: str, text: str, label: str, pair: str | None = None) -> Survey:
    """Read all of a table, little of it at a time. Raises UserError where its columns cannot be texts and labels."""
    table, columns = open_table(path), [text, *filter(None, [pair])]
    need_columns(table, [*columns, label])
    counts: Counter = Counter()
    random, sample, empty, rows = generator(0, "survey"), [], 0, 0
    for chunk, places in table.chunks(CHUNK):
        texts = list(zip(*(as_texts(table.values(chunk, column), places) for column in columns), strict=True))
        empty += sum(not all(part.strip() for part in parts) for parts in texts)
        counts.update(as_label(value, place) for value, place in zip(table.values(chunk, label), places, strict=True))
        if len(counts) > MAX_CLASSES:
            raise UserError(f"Column {label!r} of {path} has more than {MAX_CLASSES} values: name the labels' column.")
        # Each row draws a number, and the rows with the smallest numbers are a uniform sample.
        sample += zip(random.random(len(texts)).tolist(), texts, strict=True)
        sample = sorted(sample)[:SAMPLE]
        rows += len(texts)
    if len(counts) < 2:
        found = f"one value, {next(iter(counts))!r}" if counts else "no row"
        raise UserError(f"Column {label!r} of {path} has {found}: name a column of two or more labels.")
    labels = {value: counts[value] for value in sorted(counts, key=lambda value: (isinstance(value, str), value))}
    return Survey(rows, labels, [parts if pair else parts[0] for _, parts in sample], empty)


def as_label(value: object, place: str) -> int | str:
    """Return a label as the config spells it, as a whole number or as text. Raises UserError for what is no label."""
    if value is None or str(value).strip() == "":
        raise UserError(f"{place} has no label: give it one, or remove the row.")
    if isinstance(value, bool | float | list | dict):
        raise UserError(f"{place} has label {str(value)[:100]}: labels must be whole numbers or names.")
    spelled = str(value).strip()
    need_unicode(spelled, place)
    # `01` and `+1` are not 1, since the sweep looks for labels as they stand in the file.
    is_number = spelled.removeprefix("-").isdecimal() and len(spelled) < 10 and str(int(spelled)) == spelled
    return int(spelled) if is_number else spelled


def suggest_columns(path: str) -> tuple[str | None, str | None]:
    """Return the columns that most likely hold a table's texts and its labels: those of long cells and few values."""
    table = open_table(path)
    rows, _ = next(table.chunks(1000), ([], []))
    if not len(rows) or len(table.columns) < 2:
        return None, None
    values = {column: list(map(str, table.values(rows, column))) for column in table.columns}
    text = max(values, key=lambda column: sum(map(len, values[column])))
    others = [column for column in values if column != text and len(set(values[column])) > 1]
    return text, min(others, key=lambda column: len(set(values[column])), default=None)


def choose_max_length(lengths: np.ndarray, fits: Callable[[int], bool], share: float = 0.05) -> int:
    """Return a maximum of tokens that cuts fewer than `share` of the texts: a multiple of 8, at least 16, that `fits`.

    `lengths` has the tokens of each text of a sample, special ones included: shape (n,).
    """
    enough = int(np.quantile(lengths, 1 - share, method="higher"))
    chosen = max(16, -(-enough // 8) * 8)
    while not fits(chosen):
        chosen -= 8
    return chosen
