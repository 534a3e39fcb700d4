"""Users' tables, read and written a chunk of rows at a time: CSV, TSV, JSON lines, Parquet.

All other columns are written as they were read: cells of CSV and TSV as texts, JSON and Parquet with their types.
"""

import csv
import gzip
import itertools
import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from bitsweep.data.folders import read_texts
from bitsweep.data.readers import (
    PEEKED,
    SUFFIXES,
    check_columns,
    class_names,
    keys_of,
    open_parquet,
    passed_over_sentence,
    reading_errors,
    suffix_of,
)
from bitsweep.data.records import DELIMITERS, Reading, lines_of, records_of
from bitsweep.errors import UserError

SURROGATE = re.compile(r"[\ud800-\udfff]")

Rows = list[list[str]] | list[dict] | Any
# Writes a chunk of rows with new columns, each a list of values by its name.
Write = Callable[[Rows, dict[str, list]], None]


def new_columns(label_names: list[str]) -> list[str]:
    """Return the names of the columns that a prediction adds."""
    return ["prediction", *(f"probability_{name}" for name in label_names)]


def open_table(path: str, reading: Reading | None = None) -> "TextTable | ParquetTable | FolderTable":
    """Return the table in a file, or in a folder with a sub-folder for each label.

    Without a `reading`, its rows are to be predicted: all of them count. Raises UserError where the name shows no
    format, or where it cannot be read.
    """
    with reading_errors(path):
        if Path(path).is_dir():
            return FolderTable(path)
        suffix = suffix_of(path)
        if suffix is None:
            raise UserError(
                f"{path} is of a kind that cannot be read: name a file that ends in one of {', '.join(SUFFIXES)}."
            )
        return ParquetTable(path) if suffix == ".parquet" else TextTable(path, suffix, reading)


def need_columns(table: "TextTable | ParquetTable | FolderTable", columns: dict[str, str], key: str) -> dict[str, str]:
    """Return the columns by the names that the table has for them. `check_columns` explains `columns` and `key`.

    Raises UserError.
    """
    places = check_columns(table.columns or None, columns, table.path, table.suffix, key)
    return {which: table.columns[place] for which, place in places.items()}


def need_room(path: str, has: Collection[str], added: Iterable[str]) -> None:
    """Raise UserError where a name to be added is already among the columns of a table or the keys of a row."""
    for name in added:
        if name in has:
            raise UserError(f"{path} has a column {name!r}, which predictions are written to: rename or remove it.")


class TextTable:
    """CSV, TSV or JSON lines; rows are lists of cells, or objects."""

    def __init__(self, path: str, suffix: str, reading: Reading | None = None) -> None:
        self.path = path
        self.suffix = suffix
        self.reading = reading or Reading(labelled=False)
        self.delimiter = DELIMITERS.get(suffix.removesuffix(".gz"))
        # JSON lines need several rows: the first may lack a key.
        first = [row for _, row in itertools.islice(self.records(), 1 if self.delimiter else PEEKED)]
        if not first and self.delimiter:
            raise UserError(f"{path} is empty: give it a header and rows.")
        self.columns: list[str] = first[0] if self.delimiter else keys_of(first) or []

    def records(self) -> Iterator[tuple[int, Any]]:
        """Yield the rows, the header of CSV and TSV among them, each with its line."""
        with reading_errors(self.path):
            yield from records_of(self.path, self.path, self.suffix, self.reading)

    def chunks(self, size: int) -> Iterator[tuple[Rows, list[str]]]:
        """Yield rows, `size` at a time, and the place of each, for a sentence."""
        records = self.records()
        if self.delimiter:
            next(records)
        while chunk := list(itertools.islice(records, size)):
            yield [row for _, row in chunk], [f"{self.path}, line {line}" for line, _ in chunk]

    def values(self, rows: Rows, column: str) -> list:
        """Return a column of rows, None where an object lacks it."""
        if self.delimiter:
            place = self.columns.index(column)
            return [row[place] for row in rows]
        return [row.get(column) for row in rows]

    @contextmanager
    def writer(self, path: Path, added: list[str]) -> Iterator[Write]:
        """Yield a function that writes rows to `path` in this table's format, with the `added` columns last."""
        opened = gzip.open if self.suffix.endswith(".gz") else open
        with opened(path, "wt", encoding="utf-8", newline="") as file:
            if not self.delimiter:
                array, begun = is_array(self.path), False

                def write(rows: Rows, new: dict[str, list]) -> None:
                    nonlocal begun
                    for row, values in zip(rows, transposed(new), strict=True):
                        need_room(self.path, row, new)
                        file.write((",\n" if begun else "[\n") if array else "")
                        file.write(spell_json({**row, **values}) + ("" if array else "\n"))
                        begun = True

                yield write
                if array:
                    file.write("\n]\n" if begun else "[]\n")
                return
            # The writer quotes cells that have a character of its line terminator. With \r in it, a cell with a lone
            # carriage return is quoted too; the file itself gets lines without it.
            lines = SimpleNamespace(write=lambda line: file.write(line.removesuffix("\r\n") + "\n"))
            unquoted = self.reading.quoting == "none"
            kind = csv.QUOTE_NONE if unquoted else csv.QUOTE_MINIMAL
            writer = csv.writer(
                lines,
                delimiter=self.delimiter,
                lineterminator="\r\n",
                quoting=kind,
                quotechar=None if unquoted else '"',
            )
            # What is read without quotes holds no separator; the name of a label may.
            spell = (
                (lambda cell: re.sub(rf"[{self.delimiter}\r\n]", " ", str(cell))) if unquoted else (lambda cell: cell)
            )
            writer.writerow([*self.columns, *map(spell, added)])
            yield lambda rows, new: writer.writerows(
                [*row, *map(spell, values)] for row, values in zip(rows, zip(*new.values(), strict=True), strict=True)
            )


class ParquetTable:
    """Parquet; rows are tables of pyarrow."""

    suffix = ".parquet"

    def __init__(self, path: str) -> None:
        self.path = path
        self.file = open_parquet(path, path)
        self.columns: list[str] = self.file.schema_arrow.names

    def class_names(self, column: str) -> list[str] | None:
        """Return the names of labels 0, 1, ... that the file itself gives, if it does."""
        return class_names(self.file.schema_arrow, column)

    def chunks(self, size: int) -> Iterator[tuple[Rows, list[str]]]:
        import pyarrow

        start = 1
        for batch in self.file.iter_batches(size):
            yield pyarrow.Table.from_batches([batch]), [f"{self.path}, row {start + row}" for row in range(len(batch))]
            start += len(batch)

    def values(self, rows: Rows, column: str) -> list:
        return rows[column].to_pylist()

    @contextmanager
    def writer(self, path: Path, added: list[str]) -> Iterator[Write]:
        import pyarrow
        import pyarrow.parquet

        schema = self.file.schema_arrow
        for name in added:
            kind = pyarrow.string() if name == added[0] else pyarrow.float64()
            schema = schema.append(pyarrow.field(name, kind))
        with pyarrow.parquet.ParquetWriter(path, schema) as writer:

            def write(rows: Any, new: dict[str, list]) -> None:
                for name, values in new.items():
                    rows = rows.append_column(name, [values])
                writer.write_table(rows.cast(schema))

            yield write


class FolderTable:
    """A folder with one sub-folder of .txt files for each label, to look at; nothing is predicted on folders."""

    suffix = ""

    def __init__(self, path: str) -> None:
        self.path = path
        texts, labels, self.places, passed_over = read_texts(Path(path), path)
        self.rows = list(zip(texts, labels, strict=True))
        self.columns = ["text", "label"]
        self.notes = [passed_over_sentence(path, passed_over)] if passed_over else []

    def chunks(self, size: int) -> Iterator[tuple[Rows, list[str]]]:
        for start in range(0, len(self.rows), size):
            places = [f"{self.path}, file {place}" for place in self.places[start : start + size]]
            yield self.rows[start : start + size], places

    def values(self, rows: Rows, column: str) -> list:
        return [row[self.columns.index(column)] for row in rows]


def is_array(path: str) -> bool:
    """Return whether a JSON file is one array, rather than an object on each line."""
    return next((line for line in lines_of(path, path) if line.strip()), "").lstrip().startswith("[")


def transposed(columns: dict[str, list]) -> Iterator[dict]:
    return (dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True))


def spell_json(row: dict) -> str:
    """Return a row as JSON, with escapes only where half of a surrogate pair cannot be written in UTF-8."""
    text = json.dumps(row, ensure_ascii=False)
    return text if text.isascii() or not SURROGATE.search(text) else json.dumps(row)


def need_unicode(text: str, place: str) -> None:
    """Raise UserError for a text with half of a surrogate pair, as JSON's escapes can spell it."""
    if found := SURROGATE.search(text):
        half = ascii(found[0])[1:-1]
        raise UserError(f"{place} has {half} alone, which is half a character: correct it, or remove the row.")


def as_texts(values: list, places: list[str]) -> list[str]:
    """Return a column as texts; what is missing is an empty text. Raises UserError for what is no text."""
    for value, place in zip(values, places, strict=True):
        if value is not None and not isinstance(value, str):
            shown = str(value)[:100]
            raise UserError(f"{place} has {shown} where a text should be: name a column of texts, or correct it.")
        need_unicode(value or "", place)
    return [value or "" for value in values]
