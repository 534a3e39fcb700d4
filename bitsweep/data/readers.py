"""Tables of labelled texts as users have them: CSV, TSV, JSON lines, Parquet, folders of text files.

Whatever is wrong with one is explained in a sentence with its file and line.
"""

import csv
import difflib
import gzip
import json
import re
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from bitsweep.errors import UserError

DELIMITERS = {".csv": ",", ".tsv": "\t"}
JSON_LINES = (".jsonl", ".ndjson")
PACKED = tuple(f"{suffix}.gz" for suffix in (*DELIMITERS, *JSON_LINES))
SUFFIXES = (*DELIMITERS, *JSON_LINES, ".parquet", *PACKED)
# Characters. A longer cell is more likely a quote that nothing closes than a text.
MAX_CELL = 10_000_000


@dataclass(frozen=True)
class Table:
    """Some columns of a file, by the keys that name them; `places` has the place of each row, counted in `unit`s."""

    name: str
    columns: dict[str, list]
    places: Sequence[int | str]
    unit: str

    def place(self, row: int) -> str:
        """Return the place of a row, for a sentence."""
        return f"{self.name}, {self.unit} {self.places[row]}"


def is_address(path: str) -> bool:
    return path.lower().startswith(("http://", "https://"))


def without_secrets(place: str) -> str:
    """Return a path, or an address without user, password and query, which may hold a token."""
    if not is_address(place):
        return place
    scheme, rest = re.split("[?#]", place)[0].split("://", 1)
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"


def is_whole_number(label: Any) -> bool:
    """Return whether a label, as it stands in a file, is a whole number, or a text that spells one."""
    if isinstance(label, str):
        return re.fullmatch(r"[+-]?[0-9]{1,9}", label.strip()) is not None
    return isinstance(label, int) and not isinstance(label, bool)


def is_number(label: Any) -> bool:
    """Return whether a label, as it stands in a file, is a number of any kind, or a text that spells one."""
    try:
        float(label)
    except (TypeError, ValueError, OverflowError):
        return False
    return not isinstance(label, bool)


def suffix_of(path: str) -> str | None:
    """Return the one of SUFFIXES that a path or an address ends in, None where it ends in none of them."""
    # `urlsplit` will not do: it raises an error for what is no address.
    name = PurePosixPath(re.split("[?#]", path)[0] if is_address(path) else path).name.lower()
    return max((suffix for suffix in SUFFIXES if name.endswith(suffix)), key=len, default=None)


def read_table(path: str | Path, name: str, columns: dict[str, str], suffix: str | None) -> Table:
    """Return the `columns` of a file (their names by their keys in the config), or of a folder where `suffix` is None.

    A folder has one sub-folder of .txt files for each label: its keys are `text` and `label`. `name` is the file's name
    in sentences. Cells of CSV and TSV are texts, those of JSON lines and Parquet are of any type. Raises UserError.
    """
    with reading_errors(name):
        if suffix is None:
            return read_folder(Path(path), name)
        if suffix == ".parquet":
            return read_parquet(path, name, columns)
        read = records_of(path, name, suffix)
        _, header = next(read, (0, None))
        check_columns(header, columns, name)
        if suffix.startswith(JSON_LINES):
            return read_json_lines(path, name, columns, suffix)
        return read_delimited(read, name, columns, header)


def peek(path: str | Path, name: str, columns: dict[str, str], suffix: str | None) -> Any:
    """Check that a file or folder has the `columns`, as `read_table` takes them, and return its first label.

    Little of the file is read. The label is None where there is no row. Raises UserError.
    """
    with reading_errors(name):
        if suffix is None:
            return label_folders(Path(path), name)[0].name
        if suffix == ".parquet":
            file = open_parquet(path, name)
            check_columns(file.schema_arrow.names, columns, name)
            with whole_parquet(name):
                batch = next(file.iter_batches(1, columns=[columns["label"]]), None)
                return batch[0][0].as_py() if batch and len(batch) else None
        read = records_of(path, name, suffix)
        _, header = next(read, (0, None))
        check_columns(header, columns, name)
        if suffix.startswith(JSON_LINES):
            return header[columns["label"]]
        _, cells = next(read, (0, None))
        place = header.index(columns["label"])
        return cells[place] if cells and place < len(cells) else None


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


def check_columns(header: Sequence[str] | None, columns: dict[str, str], name: str) -> None:
    """Raise UserError where a column is not in a header, or is there twice."""
    if header is None:
        raise UserError(f"{name} is empty: give it a header and rows, or name another file.")
    names = list(map(str, header))
    for key, column in columns.items():
        if column not in names:
            if len(names) == 1 and column in re.split(r"[;\t|]", names[0]):
                raise UserError(f"{name} has no commas between its columns: save it with commas, or as .tsv with tabs.")
            near = difflib.get_close_matches(column, names, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}? " if near else "set the key to one of its columns. "
            shown = ", ".join(names)
            more = shown[:500] + ("…" if len(shown) > 500 else "")
            raise UserError(f"data.{key} is {column!r}, a column that {name} does not have: {hint}It has: {more}.")
        if names.count(column) > 1:
            raise UserError(f"{name} has more than one column {column!r} (data.{key}): rename one of them.")


def open_bytes(path: str | Path, suffix: str) -> BinaryIO:
    """Open a file to read, and unpack it where it is packed.

    Its name does not decide that: a server may have unpacked the file while sending it (`Content-Encoding`).
    """
    with open(path, "rb") as file:
        packed = suffix.endswith(".gz") and file.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rb") if packed else open(path, "rb")


def lines_of(path: str | Path, name: str, suffix: str) -> Iterator[str]:
    """Yield the lines of a file in UTF-8. Raises UserError, with the line, for other bytes and for NUL bytes."""
    before, mark = 0, b"\xef\xbb\xbf"
    with open_bytes(path, suffix) as file:
        for number, line in enumerate(file, 1):
            if number == 1:
                if line.startswith((b"\xff\xfe", b"\xfe\xff")):
                    raise UserError(f"{name} is in UTF-16: save it as UTF-8.")
                if line.startswith(mark):
                    line, before = line.removeprefix(mark), len(mark)
            yield decode(line, name, number, before)
            before += len(line)


def decode(line: bytes, name: str, number: int, before: int) -> str:
    """Return a line as text; `before` are the bytes of the file before it."""
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        raise UserError(
            f"{name}, line {number}: byte {before + error.start + 1} of the file, 0x{line[error.start]:02x}, is not "
            "UTF-8: save the file as UTF-8."
        ) from None
    if "\0" in text:
        raise UserError(f"{name}, line {number} has a NUL byte: remove it, or save the file again as UTF-8 text.")
    return text


def records_of(path: str | Path, name: str, suffix: str) -> Iterator[tuple[int, Any]]:
    """Return an iterator over a text file's rows: lists of cells, the header first, or JSON objects.

    Each comes with the number of the line where it begins.
    """
    lines = lines_of(path, name, suffix)
    if suffix.startswith(JSON_LINES):
        return json_records(lines, name)
    return delimited_records(lines, name, DELIMITERS[suffix.removesuffix(".gz")])


def delimited_records(lines: Iterator[str], name: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    csv.field_size_limit(MAX_CELL)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise UserError(f"{name}, line {line}{explain(str(error))}") from None
        # An empty line has no cells.
        if cells:
            yield line, cells


def explain(error: str) -> str:
    """Return the end of a sentence that explains an error of the module csv to those who wrote the file."""
    if "field limit" in error:
        return (
            f" has a cell of more than {MAX_CELL:,} characters: shorten it, or close the quote that opens it and "
            "double the quotes in it."
        )
    if "unexpected end" in error:
        return " has a quote that nothing closes: close it, and double the quotes in texts."
    return f" cannot be read ({error}): put texts that hold quotes into quotes, and double the quotes in them."


def json_records(lines: Iterator[str], name: str) -> Iterator[tuple[int, dict]]:
    remedy = 'each line must be an object such as {"text": "…", "label": 0}.'
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise UserError(f"{name}, line {number} is not JSON ({getattr(error, 'msg', error)}): {remedy}") from None
        if not isinstance(record, dict):
            raise UserError(f"{name}, line {number} is not a JSON object: {remedy}")
        yield number, record


def read_delimited(read: Iterator[tuple[int, list[str]]], name: str, columns: dict, header: list[str]) -> Table:
    places = {key: header.index(column) for key, column in columns.items()}
    found: dict[str, list] = {key: [] for key in columns}
    lines = []
    for line, cells in read:
        if len(cells) != len(header):
            raise UserError(
                f"{name}, line {line} has {len(cells)} cell(s), but the header has {len(header)}: put texts that hold "
                "the separator into quotes, or complete the row."
            )
        lines.append(line)
        for key, place in places.items():
            found[key].append(cells[place])
    return Table(name, found, lines, "line")


def read_json_lines(path: str | Path, name: str, columns: dict[str, str], suffix: str) -> Table:
    found: dict[str, list] = {key: [] for key in columns}
    lines = []
    for line, record in records_of(path, name, suffix):
        lines.append(line)
        for key, column in columns.items():
            if column not in record:
                raise UserError(f"{name}, line {line} has no {column!r} (data.{key}): add it, or remove the line.")
            found[key].append(record[column])
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
    check_columns(file.schema_arrow.names, columns, name)
    with whole_parquet(name):
        table = file.read(columns=list(columns.values()))
        found = {key: table.column(column).to_pylist() for key, column in columns.items()}
    return Table(name, found, range(1, table.num_rows + 1), "row")


def label_folders(path: Path, name: str) -> list[Path]:
    """Return the sub-folders of a folder, in the order of their names."""
    folders = sorted(part for part in path.iterdir() if part.is_dir() and not part.name.startswith("."))
    if not folders:
        raise UserError(
            f"{name} is a folder without sub-folders: name a file, or put the texts into one sub-folder for each label."
        )
    return folders


def folder_files(path: Path, name: str) -> dict[Path, list[Path]]:
    """Return the files that `read_folder` reads, by the folder of their label."""
    return {folder: sorted(folder.glob("*.txt")) for folder in label_folders(path, name)}


def read_folder(path: Path, name: str) -> Table:
    texts, labels, places = [], [], []
    for folder, files in folder_files(path, name).items():
        if not files:
            raise UserError(f"{name} has no .txt files in {folder.name}: put its texts there, or remove the folder.")
        for file in files:
            place = f"{folder.name}/{file.name}"
            texts.append("".join(lines_of(file, f"{name}, file {place}", ".txt")))
            labels.append(folder.name)
            places.append(place)
    return Table(name, {"text": texts, "label": labels}, places, "file")
