"""A survey of a user's table, for a config that fits it: columns, labels with their counts, lengths of texts."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from bitsweep.data.labels import WHOLE, plain, spell_label
from bitsweep.data.readers import check_labels, repeated_sentence
from bitsweep.data.records import Reading, check_spans
from bitsweep.data.rows import NO_LABEL, and_others
from bitsweep.data.streaming import ParquetTable, as_texts, need_columns, need_unicode, open_table
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
    """A table's rows, its labels' counts in their order, and a sample of its texts (or pairs).

    `empty` is how many rows lack a text or a label. `class_names` are the names of labels 0, 1, ... that the file
    itself gives, if it does; `notes` says what was passed over.
    """

    rows: int
    labels: dict[int | str, int]
    texts: list[str] | list[tuple[str, str]]
    empty: int
    class_names: list[str] | None = None
    notes: list[str] = field(default_factory=list)

    def name(self, label: int | str) -> str:
        """Return a label's name in reports."""
        names = self.class_names or []
        return names[label] if isinstance(label, int) and 0 <= label < len(names) else str(label)


def look_at(path: str, text: str, label: str, pair: str | None = None, quoting: str | None = None) -> Survey:
    """Read all of a table, little of it at a time. Raises UserError where its columns cannot be texts and labels.

    `quoting` is as the config has it.
    """
    reading = Reading(quoting, key="--quoting")
    table = open_table(path, reading)
    keys = need_columns(table, {"text": text, "label": label, **({"pair": pair} if pair else {})}, "--")
    label, columns = keys["label"], [name for key, name in keys.items() if key != "label"]
    counts: Counter = Counter()
    random, sample, empty, rows, unlabelled = generator(0, "survey"), [], 0, 0, []
    for chunk, places in table.chunks(CHUNK):
        texts = list(zip(*(as_texts(table.values(chunk, column), places) for column in columns), strict=True))
        labels = table.values(chunk, label)
        if quoting != "none":
            check_labels(labels, places.__getitem__)
        found = [as_label(value, place) for value, place in zip(labels, places, strict=True)]
        unlabelled += [place for value, place in zip(found, places, strict=True) if value is None]
        empty += sum(
            value is None or not all(part.strip() for part in parts) for value, parts in zip(found, texts, strict=True)
        )
        counts.update(value for value in found if value is not None)
        if len(counts) > MAX_CLASSES:
            raise UserError(f"Column {label!r} of {path} has more than {MAX_CLASSES} values: name the labels' column.")
        # Each row draws a number, and the rows with the smallest numbers are a uniform sample.
        sample += zip(random.random(len(texts)).tolist(), texts, strict=True)
        sample = sorted(sample)[:SAMPLE]
        rows += len(texts)
    check_spans(reading, path, table.columns.index(label), set(map(str, counts)))
    # Where there are labels enough, rows without one can be left out, as those without a text can.
    if unlabelled and len(counts) < 2:
        others = and_others([place.rpartition(" ")[2] for place in unlabelled])
        raise UserError(f"{unlabelled[0]}{others} {NO_LABEL}: give each row its label, or remove it.")
    if len(counts) < 2:
        found = f"one value, {next(iter(counts))!r}" if counts else "no row"
        raise UserError(f"Column {label!r} of {path} has {found}: name a column of two or more labels.")
    labels = {value: counts[value] for value in sorted(counts, key=lambda value: (isinstance(value, str), value))}
    names = table.class_names(label) if isinstance(table, ParquetTable) else None
    notes = [repeated_sentence(path, reading.repeated)] if reading.repeated else []
    notes += [*getattr(table, "notes", []), *similar_labels(labels)]
    texts = [parts if pair else parts[0] for _, parts in sample]
    return Survey(rows, labels, texts, empty, names, notes)


def as_label(value: object, place: str) -> int | str | None:
    """Return a label as the config spells it, as a whole number or as text; None where there is none.

    Raises UserError for what is no label.
    """
    if isinstance(value, list | dict | bytes):
        raise UserError(f"{place} has label {str(value)[:100]}: labels must be whole numbers or names.")
    spelled = spell_label(value)
    if spelled is None:
        return None
    need_unicode(spelled, place)
    # `01` and `+1` are names, since other rows may have 1; `1.0` is what some programs make of 1.
    whole = WHOLE.fullmatch(spelled)
    return int(whole[1]) if whole and str(int(whole[1])) == whole[1] else spelled


def similar_labels(labels: dict[int | str, int]) -> list[str]:
    """Return a sentence for labels that differ in capitals, spaces or the spelling of a number alone."""
    alike: dict[str, list] = {}
    for label in labels:
        alike.setdefault(" ".join(plain(str(label)).casefold().split()), []).append(label)
    return [
        f"The labels {' and '.join(f'{label!r} ({labels[label]:,})' for label in same)} differ in capitals, spaces or "
        "the spelling of a number alone: if they are one label, spell it in one way in the file."
        for same in alike.values()
        if len(same) > 1
    ]


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
