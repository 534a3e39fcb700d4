"""Tables of labelled texts as users have them: CSV, TSV, JSON lines, Parquet, folders of text files.

Whatever is wrong with one is explained in a sentence with its file and line.
"""

import difflib
import json
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from pathlib import Path, PurePosixPath
from typing import Any

from bitsweep.data.folders import check_folder, read_texts
from bitsweep.data.labels import is_number, spell_label
from bitsweep.data.records import (
    DELIMITERS,
    JSON_LINES,
    PACKED,
    SEPARATORS,
    Reading,
    check_spans,
    doubtful_spans,
    records_of,
    separator_sentence,
)
from bitsweep.errors import UserError

SUFFIXES = (*DELIMITERS, *JSON_LINES, ".parquet", *PACKED)
# The columns of JSON lines are the keys of so many rows at the beginning, and so many first labels are looked at.
PEEKED = 100


@dataclass(frozen=True)
class Table:
    """Some columns of a file, by the keys that name them; `places` has the place of each row, counted in `unit`s.

    `notes` has a sentence for each thing that was passed over. `class_names` are the names of labels 0, 1, ... that the
    file itself gives, as Parquet files of `datasets` do.
    """

    name: str
    columns: dict[str, list]
    places: Sequence[int | str]
    unit: str
    notes: list[str] = field(default_factory=list)
    class_names: list[str] | None = None

    def place(self, row: int) -> str:
        """Return the place of a row, for a sentence."""
        return f"{self.name}, {self.unit} {self.places[row]}"

    def take(self, rows: Sequence[int]) -> "Table":
        """Return some of the rows."""
        columns = {key: [cells[row] for row in rows] for key, cells in self.columns.items()}
        return replace(self, columns=columns, places=[self.places[row] for row in rows])


@dataclass(frozen=True)
class Peeked:
    """The first labels of a file, and the names that the file itself gives to labels 0, 1, ..., if it does."""

    labels: list
    class_names: list[str] | None = None


def is_address(path: str) -> bool:
    return path.lower().startswith(("http://", "https://"))


def without_secrets(place: str) -> str:
    """Return a path, or an address without user, password and query, which may hold a token."""
    if not is_address(place):
        return place
    scheme, rest = re.split("[?#]", place)[0].split("://", 1)
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"


def suffix_of(path: str) -> str | None:
    """Return the one of SUFFIXES that a path or an address ends in, None where it ends in none of them."""
    # `urlsplit` will not do: it raises an error for what is no address.
    name = PurePosixPath(re.split("[?#]", path)[0] if is_address(path) else path).name.lower()
    return max((suffix for suffix in SUFFIXES if name.endswith(suffix)), key=len, default=None)


def read_table(
    path: str | Path, name: str, columns: dict[str, str], suffix: str | None, quoting: str | None = None
) -> Table:
    """Return the `columns` of a file (their names by their keys in the config), or of a folder where `suffix` is None.

    A folder has one sub-folder of .txt files for each label: its keys are `text` and `label`. `name` is the file's name
    in sentences, `quoting` the config's. Cells of CSV and TSV are texts, those of JSON and Parquet of any type, None if
    there is none. Raises UserError.
    """
    with reading_errors(name):
        if suffix is None:
            texts, labels, places, passed_over = read_texts(Path(path), name)
            notes = [passed_over_sentence(name, passed_over)] if passed_over else []
            return Table(name, {"text": texts, "label": labels}, places, "file", notes)
        if suffix == ".parquet":
            return read_parquet(path, name, columns)
        if suffix.startswith(JSON_LINES):
            return read_json(path, name, columns, suffix)
        return read_delimited(path, name, columns, suffix, quoting)


def passed_over_sentence(name: str, files: list[Path]) -> str:
    shown = ", ".join(sorted(file.name for file in files)[:3])
    what = "file that is no .txt file is" if len(files) == 1 else "files that are no .txt files are"
    return f"{len(files):,} {what} passed over in {name}: {shown}{', …' if len(files) > 3 else ''}."


def peek(
    path: str | Path, name: str, columns: dict[str, str], suffix: str | None, quoting: str | None = None
) -> Peeked:
    """Check that a file or folder has the `columns`, as `read_table` takes them, and return its first labels.

    Little of the file is read. Raises UserError.
    """
    with reading_errors(name):
        if suffix is None:
            return Peeked(check_folder(Path(path), name))
        if suffix == ".parquet":
            file = open_parquet(path, name)
            label = there(file.schema_arrow.names, columns, name)["label"]
            with whole_parquet(name):
                batch = next(file.iter_batches(PEEKED, columns=[label]), None)
                labels = batch.column(0).to_pylist() if batch else []
            return Peeked(labels, class_names(file.schema_arrow, label))
        read = records_of(path, name, suffix, Reading(quoting))
        if suffix.startswith(JSON_LINES):
            rows = [row for _, row in islice(read, PEEKED)]
            label = there(keys_of(rows), columns, name)["label"]
            return Peeked([row.get(label) for row in rows])
        _, header = next(read, (0, None))
        places = check_columns(header, columns, name, suffix)
        return Peeked([cells[places["label"]] for _, cells in islice(read, PEEKED)])


@contextmanager
def reading_errors(name: str) -> Iterator[None]:
    """Turn the system's errors over a file into a UserError."""
    try:
        yield
    except (OSError, EOFError, zlib.error) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise UserError(f"{name} cannot be read ({why}): check the file and its permissions.") from None


@contextmanager
def named_under(key: str) -> Iterator[None]:
    """Name the config's `key` where a sentence names `data`: texts to pretrain on are read like labelled ones."""
    try:
        yield
    except UserError as error:
        raise UserError(re.sub(r"(?<![\w./-])data\.(text|where)\b", rf"{key}.\1", str(error))) from None


def keys_of(rows: list[dict]) -> list[str] | None:
    """Return the columns of JSON objects: the first may lack a key. None where there is no row."""
    return list(dict.fromkeys(chain(*rows))) if rows else None


def check_columns(
    header: Sequence[str] | None, columns: dict[str, str], name: str, suffix: str = "", key: str = "data."
) -> dict[str, int]:
    """Return the places of the columns in a header. Raises UserError where one is not there, or is there twice.

    Spaces around a name in the header do not matter where no other column has that name. Sentences name `key` with the
    key of the column, such as data.text; `suffix` is the file's.
    """
    if header is None:
        raise UserError(f"{name} is empty: give it a header and rows, or name another file.")
    places, names = {}, list(map(str, header))
    for which, column in columns.items():
        same = [place for place, cell in enumerate(names) if cell == column]
        same = same or [place for place, cell in enumerate(names) if cell.strip() == column.strip()]
        if not same:
            raise UserError(missing_column(names, column, name, suffix, f"{key}{which}"))
        if len(same) > 1:
            raise UserError(f"{name} has more than one column {column!r} ({key}{which}): rename one of them.")
        places[which] = same[0]
    return places


def there(header: Sequence[str] | None, columns: dict[str, str], name: str) -> dict[str, str]:
    """Return the columns by the names that a header has for them. Raises UserError as `check_columns` does."""
    return {key: str(header[place]) for key, place in check_columns(header, columns, name).items()}


def missing_column(names: list[str], column: str, name: str, suffix: str, key: str) -> str:
    """Return a sentence on a column that is not in a header, with what is most likely wrong."""
    delimiter, names = DELIMITERS.get(suffix.removesuffix(".gz")), names or [""]
    others = [separator for separator in SEPARATORS if separator != delimiter and separator in names[0]]
    if delimiter and len(names) == 1 and others and column in [part.strip('" ') for part in names[0].split(others[0])]:
        return separator_sentence(name, delimiter, others[0])
    has = f"{key} is {column!r}, a column that {name} does not have: "
    if delimiter and names[0].lstrip().startswith("#"):
        return f"{has}its first line is a comment, {names[0][:60]!r}, not a header: remove the comment lines."
    if any(cell.lstrip().startswith('"') for cell in names):
        return (
            f"{has}in its header quotes are part of the names. They must begin a cell: remove spaces before them, or "
            "data.quoting: none."
        )
    near = difflib.get_close_matches(column, names, n=1, cutoff=0.5)
    shown = ", ".join(names)
    more = shown[:500] + ("…" if len(shown) > 500 else "")
    if delimiter and not near and any(is_number(cell) or len(cell) > 60 for cell in names):
        return (
            f"{has}its first line looks like a row, so it may lack a header: add a line with the columns' names. {more}"
        )
    hint = f"did you mean {near[0]!r}? " if near else "set the key to one of its columns. "
    return f"{has}{hint}{'Its first line, the header, has' if delimiter else 'It has'}: {more}."


def read_delimited(path: str | Path, name: str, columns: dict[str, str], suffix: str, quoting: str | None) -> Table:
    reading = Reading(quoting)
    read = records_of(path, name, suffix, reading)
    _, header = next(read, (0, None))
    places = check_columns(header, columns, name, suffix)
    found: dict[str, list] = {key: [] for key in columns}
    lines = []
    for line, cells in read:
        lines.append(line)
        for key, place in places.items():
            found[key].append(cells[place])
    notes = []
    if "label" in columns:
        if quoting != "none":
            check_labels(found["label"], lambda row: f"{name}, line {lines[row]}")
        check_spans(reading, name, places["label"], {spell_label(label) for label in found["label"]} - {None})
    else:
        notes += doubtful_spans(reading, name)
    if reading.repeated:
        notes.append(repeated_sentence(name, reading.repeated))
    return Table(name, found, lines, "line", notes)


def repeated_sentence(name: str, count: int) -> str:
    what = "line repeats its header and is" if count == 1 else "lines repeat its header and are"
    return f"{count:,} {what} passed over in {name}."


def check_labels(labels: Sequence, places: Callable[[int], str]) -> None:
    """Raise UserError where labels have quotes of their own, since a space stands before them in the file."""
    # Many rows have the same label.
    quoted = {label for label in set(map(str, labels)) if re.fullmatch(r'\s+".*"\s*', label)}
    if quoted:
        first = next(row for row, label in enumerate(labels) if str(label) in quoted)
        raise UserError(
            f"{places(first)} has a space before the quotes of its label: remove the spaces behind the "
            "separators, as quotes must begin a cell."
        )


def read_json(path: str | Path, name: str, columns: dict[str, str], suffix: str) -> Table:
    read = records_of(path, name, suffix)
    first = list(islice(read, PEEKED))
    keys = there(keys_of([row for _, row in first]), columns, name)
    found: dict[str, list] = {key: [] for key in columns}
    lines = []
    for line, record in chain(first, read):
        lines.append(line)
        for key, column in keys.items():
            found[key].append(record.get(column))
    return Table(name, found, lines, "line")


def open_parquet(path: str | Path, name: str):
    import pyarrow.parquet

    try:
        return pyarrow.parquet.ParquetFile(path)
    except pyarrow.ArrowException as error:
        raise UserError(
            f"{name} cannot be read as Parquet ({str(error).splitlines()[0]}): name another file, or write it again."
        ) from None


def has_column(path: str | Path, name: str, column: str) -> bool:
    """Return whether a Parquet file has a column. Raises UserError."""
    with reading_errors(name):
        return column in open_parquet(path, name).schema_arrow.names


@contextmanager
def whole_parquet(name: str) -> Iterator[None]:
    """Turn the errors of reading a Parquet file's content into a UserError."""
    import pyarrow

    try:
        yield
    except (pyarrow.ArrowException, UnicodeDecodeError) as error:
        raise UserError(f"{name} cannot be read as Parquet ({error}): write it again.") from None


def read_parquet(path: str | Path, name: str, columns: dict[str, str]) -> Table:
    file = open_parquet(path, name)
    columns = there(file.schema_arrow.names, columns, name)
    with whole_parquet(name):
        table = file.read(columns=list(columns.values()))
        found = {key: table.column(column).to_pylist() for key, column in columns.items()}
    names = class_names(file.schema_arrow, columns["label"]) if "label" in columns else None
    return Table(name, found, range(1, table.num_rows + 1), "row", class_names=names)


def class_names(schema: Any, column: str) -> list[str] | None:
    """Return the names of labels 0, 1, ... that `datasets` has written into a Parquet file's schema, if it has."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        names = features[column]["names"]
    except (KeyError, TypeError, ValueError):
        return None
    return names if isinstance(names, list) and all(isinstance(name, str) for name in names) else None
