"""Records of text files: rows of CSV and TSV, objects of JSON, one at a time, each with its line."""

import csv
import gzip
import itertools
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from bitsweep.errors import UserError

DELIMITERS = {".csv": ",", ".tsv": "\t"}
JSON_LINES = (".jsonl", ".ndjson", ".json")
PACKED = tuple(f"{suffix}.gz" for suffix in (*DELIMITERS, *JSON_LINES))
WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,9}")
# Characters. A longer cell is more likely a quote that nothing closes than a text.
MAX_CELL = 10_000_000
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}


@dataclass(frozen=True)
class Span:
    """A record that spans `count` lines from `line` on, `cell` of which does so.

    `rows` has its lines that are not blank, cut at each separator whatever the quotes.
    """

    line: int
    count: int
    cell: int
    rows: list[list[str]]


@dataclass
class Reading:
    """How a text file is read, and what was found in it that its reader should know.

    `quoting` is the config's: `none` where quotes are part of the texts, `standard` where cells that span lines are
    meant, None where such cells are looked at; sentences call it `key`. Where the table is `labelled`, lines that
    repeat its header are passed over and counted in `repeated`; in a table to predict on they are rows like others.
    `spans` has the records that span lines of which some look like rows.
    """

    quoting: str | None = None
    labelled: bool = True
    key: str = "data.quoting"
    repeated: int = 0
    spans: list["Span"] = field(default_factory=list)


def open_bytes(path: str | Path, name: str) -> BinaryIO:
    """Open a file to read, and unpack it where it is packed by gzip, whatever its name says.

    Names say too little: a server may have unpacked a file while sending it (`Content-Encoding`), and users rename
    files. Raises UserError for an archive of the kind zip, which workbooks of Excel are, too.
    """
    with open(path, "rb") as file:
        start = file.read(4)
    if start.startswith((b"BZh", b"\xfd7zX", b"PAR1")):
        kind = {b"B": "packed by bzip2", b"\xfd": "packed by xz", b"P": "in Parquet"}[start[:1]]
        raise UserError(
            f"{name} is {kind}, though its name does not say so: unpack it, or rename it to end in .parquet."
        )
    if start == b"PK\x03\x04":
        raise UserError(
            f"{name} is a zip archive, as an Excel workbook is one: unpack it, or save the sheet as CSV in UTF-8."
        )
    return gzip.open(path, "rb") if start.startswith(b"\x1f\x8b") else open(path, "rb")


def lines_of(path: str | Path, name: str, whole: bool = False) -> Iterator[str]:
    """Yield the lines of a file in UTF-8; as they are where the file is one `whole` text, else see `with_newlines`.

    Raises UserError, with the line, for other bytes and for NUL bytes.
    """
    before, mark = 0, b"\xef\xbb\xbf"
    with open_bytes(path, name) as file:
        for number, line in enumerate(file if whole else with_newlines(file), 1):
            if number == 1:
                if line.startswith((b"\xff\xfe", b"\xfe\xff")):
                    raise UserError(f"{name} is in UTF-16: save it as UTF-8.")
                if line.startswith(mark):
                    line, before = line.removeprefix(mark), len(mark)
            yield decode(line, name, number, before)
            before += len(line)


def with_newlines(file: BinaryIO) -> Iterator[bytes]:
    """Yield the lines of a file. Where its lines end in carriage returns alone, these become newlines."""
    first, second = next(file, b""), next(file, b"")
    if b"\r" in first.rstrip(b"\r\n") and not second:
        # There is no newline in the file, but perhaps at its end.
        yield from first.rstrip(b"\r\n").replace(b"\r", b"\n").splitlines(keepends=True)
    else:
        yield from filter(None, (first, second))
    yield from file


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


def records_of(path: str | Path, name: str, suffix: str, reading: Reading | None = None) -> Iterator[tuple[int, Any]]:
    """Return an iterator over a text file's rows: lists of cells, the header first, or JSON objects.

    Each comes with the number of the line where it begins. Rows have as many cells as the header. Raises UserError.
    """
    lines = lines_of(path, name)
    if suffix.startswith(JSON_LINES):
        return json_records(lines, name)
    return delimited_records(lines, name, DELIMITERS[suffix.removesuffix(".gz")], reading or Reading())


def delimited_records(
    lines: Iterator[str], name: str, delimiter: str, reading: Reading
) -> Iterator[tuple[int, list[str]]]:
    """Yield the header and the rows of a table. Blank lines, and lines that repeat the header, are passed over."""
    csv.field_size_limit(MAX_CELL)
    first = next(lines, "")
    before = 0
    # Excel writes and reads such a line before the header.
    if told := re.fullmatch(r'"?sep=(.)"?[\r\n]*', first, re.I):
        delimiter, first, before = told[1], next(lines, ""), 1
    taken: list[str] = []
    rows = csv_rows(itertools.chain([first], lines), delimiter, reading.quoting, taken)
    header: list[str] | None = None
    while True:
        line = rows.line_num + before + 1
        taken.clear()
        try:
            cells = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            if header is None and (other := other_separator(taken, delimiter)):
                raise UserError(separator_sentence(name, delimiter, other)) from None
            raise UserError(f"{name}, line {line}{explain(str(error), ''.join(taken), reading.key)}") from None
        if not cells or (len(header or ()) != 1 and not "".join(taken).replace(delimiter, "x").strip()):
            continue
        if header is None:
            header = cells
        elif reading.labelled and len(header) > 1 and plain_names(cells) == plain_names(header):
            reading.repeated += 1
            continue
        elif len(cells) != len(header):
            raise UserError(
                f"{name}, line {line} has {len(cells)} cell(s), but the header has {len(header)}: put texts that hold "
                "the separator into quotes, or complete the row."
            )
        elif len(taken) > 1 and reading.quoting is None and len(header) > 1:
            parts = [part.rstrip("\r\n").split(delimiter) for part in taken if part.strip()]
            if sum(len(part) == len(header) for part in parts) > 1:
                cell = next((place for place, text in enumerate(cells) if "\n" in text), 0)
                reading.spans.append(Span(line, len(taken), cell, parts))
        yield line, cells


def plain_names(header: list[str]) -> list[str]:
    """Return the names of columns without what may differ where files are joined: marks, capitals, spaces around."""
    return [name.removeprefix("\ufeff").strip().casefold() for name in header]


def csv_rows(lines: Iterable[str], delimiter: str, quoting: str | None, taken: list[str]):
    """Return a reader of the module csv, which notes in `taken` the lines that it takes."""

    def noted() -> Iterator[str]:
        for line in lines:
            taken.append(line)
            yield line

    kind = csv.QUOTE_NONE if quoting == "none" else csv.QUOTE_MINIMAL
    return csv.reader(noted(), delimiter=delimiter, strict=True, quoting=kind)


def other_separator(lines: list[str], delimiter: str) -> str | None:
    """Return the separator by which the first of these lines has several cells, other than `delimiter`, or None."""
    return next((other for other in SEPARATORS if other != delimiter and lines and other in lines[0]), None)


def separator_sentence(name: str, delimiter: str, other: str) -> str:
    remedy = (
        "save it with tabs, or as .csv with commas"
        if delimiter == "\t"
        else "save it with commas, or as .tsv with tabs"
    )
    return (
        f"{name} has no {SEPARATORS.get(delimiter, delimiter)} between its columns, but {SEPARATORS[other]}: {remedy}."
    )


def explain(error: str, line: str, key: str) -> str:
    """Return the end of a sentence that explains an error of the module csv to those who wrote the file."""
    none = f"or set {key} to none where quotes are part of the texts"
    if "field limit" in error:
        return (
            f" has a cell of more than {MAX_CELL:,} characters: shorten it, close the quote that opens it and double "
            f"the quotes in it, {none}."
        )
    if "unexpected end" in error:
        return f" has a quote that nothing closes: close it, and double the quotes in texts, {none}."
    if "new-line character" in error or "\r" in line.rstrip("\r\n"):
        return " has a carriage return in the middle of it: remove it, or put the text that holds it into quotes."
    return f" cannot be read ({error}): put texts that hold quotes into quotes, and double the quotes in them, {none}."


def check_spans(reading: Reading, name: str, place: int, labels: set[str]) -> None:
    """Raise UserError where cells in quotes span lines that look like rows of their own.

    In a table that was saved without quoting, a text that begins with a quote takes all rows up to the next one that
    ends so. Then a line of the record, besides the one with the record's own label, has as many separators as the
    header and one of the `labels` in their column, which is at `place`; where all labels are whole numbers, any of
    these.
    """
    numbers = all(map(WHOLE_NUMBER.fullmatch, labels))
    found = []
    for span in reading.spans:
        others = span.rows[1:] if place < span.cell else span.rows[:-1]
        cells = [row[place].strip().strip('"').strip() for row in others if len(row) > max(place, span.cell)]
        if any(cell in labels or (numbers and WHOLE_NUMBER.fullmatch(cell)) for cell in cells):
            found.append(span)
    if found:
        raise UserError(
            f"{name} has quotes that open in one row and close in another, so that {spell_lines(found)} would be one "
            f"row each: set {reading.key} to none where quotes are part of the texts, or to standard where these texts "
            "do span lines."
        )


def doubtful_spans(reading: Reading, name: str) -> list[str]:
    """Return a sentence on records that span lines of which each looks like a row, in a table without labels."""
    width = max((len(row) for span in reading.spans for row in span.rows), default=0)
    found = [span for span in reading.spans if all(len(row) == width for row in span.rows)]
    if not found:
        return []
    return [
        f"{name} has texts in quotes that span lines, of which each looks like a row ({spell_lines(found)}): "
        f"set {reading.key} to none if quotes are part of the texts."
    ]


def spell_lines(spans: list[Span]) -> str:
    shown = ", ".join(f"{span.line} to {span.line + span.count - 1}" for span in spans[:5])
    return f"the lines {shown}" + (f" and {len(spans) - 5} other places" if len(spans) > 5 else "")


def json_records(lines: Iterator[str], name: str) -> Iterator[tuple[int, dict]]:
    """Yield the objects of JSON lines, or of one JSON array."""
    remedy = 'each line must be an object such as {"text": "…", "label": 0}.'
    blank = 0
    for number, line in enumerate(lines, 1):
        if not line.strip():
            blank += 1
            continue
        if number == blank + 1 and line.lstrip().startswith("["):
            yield from array_records("\n" * blank + "".join([line, *lines]), name)
            return
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            why = getattr(error, "msg", error)
            # An object that is spread over several lines begins like this.
            hint = "write each object on one line; " if line.strip() == "{" else ""
            raise UserError(f"{name}, line {number} is not JSON ({why}): {hint}{remedy}") from None
        if not isinstance(record, dict):
            raise UserError(f"{name}, line {number} is not a JSON object: {remedy}")
        yield number, record


def array_records(text: str, name: str) -> Iterator[tuple[int, dict]]:
    """Yield the objects of a JSON array. Raises UserError for anything else in it or behind it."""
    decoder, place, first = json.JSONDecoder(), text.index("[") + 1, True
    line = 1 + text.count("\n", 0, place)
    gap = re.compile(r"\s*(?:(\])\s*|(,)\s*)?")
    while True:
        match = gap.match(text, place)
        start = match.end()
        line += text.count("\n", place, start)
        if match[1] and start == len(text):
            return
        # Between two objects stands one comma, and none before the first.
        if match[1] or (match[2] is not None) == first:
            where = "behind the array" if match[1] else "where a comma or the end of the array should be"
            raise UserError(f"{name}, line {line} has something {where}: write one array, or an object on each line.")
        try:
            record, place = decoder.raw_decode(text, start)
        except (ValueError, RecursionError) as error:
            why = getattr(error, "msg", error)
            raise UserError(
                f"{name}, line {line} is not JSON ({why}): correct it, or write an object on each line."
            ) from None
        if not isinstance(record, dict):
            raise UserError(f"{name}, line {line} is not a JSON object: each item of the array must be one.")
        yield line, record
        first = False
        line += text.count("\n", start, place)
