"""Texts without labels to pretrain on."""

from pathlib import Path

import pandas as pd

from bitsweep.data.folders import text_files
from bitsweep.data.readers import Table, named_under, read_table, reading_errors, suffix_of
from bitsweep.data.records import lines_of
from bitsweep.data.rows import fault_of
from bitsweep.data.sources import read_package
from bitsweep.data.splits import hold_out
from bitsweep.errors import UserError


def read_corpus(corpus: list[dict], key: str = "pretrain.corpus") -> list[str]:
    """Return the texts of all entries of the config's `corpus`, without empty ones and without repetitions.

    A text that any entry's split holds out is left out of all entries, also where it is written with other capitals or
    other spaces. Raises UserError.
    """
    texts: dict[str, str] = {}
    held_out: set[str] = set()
    for index, entry in enumerate(corpus):
        train, rest = read_texts(entry, f"{key}[{index}]")
        print(f"{key}[{index}]: {len(train)} texts, {len(rest)} held out", flush=True)
        texts |= {plain(text): text for text in train}
        held_out |= set(map(plain, rest))
    return [text for name, text in texts.items() if name not in held_out]


def plain(text: str) -> str:
    """Return a text without differences of capitals and spaces: texts that are equal then count as the same."""
    return " ".join(text.casefold().split())


def read_texts(entry: dict, key: str) -> tuple[list[str], list[str]]:
    """Return the texts of one entry that are to be read, and those that its split holds out. Raises UserError."""
    with named_under(key):
        table = open_texts(entry, key)
    for note in table.notes:
        print(f"Note: {note}")
    texts, rest = table.columns["text"], []
    for row, text in enumerate(texts):
        if wrong := fault_of(text, strict=False):
            raise UserError(f"{table.place(row)} {wrong}: correct or remove it ({key}.text names the column).")
    if entry.get("split") and texts:
        # The rows are split as an experiment splits labelled ones, so that the same rows train. Labels do not matter
        # for this kind of split.
        rows = pd.DataFrame({"text": texts, "label": 0})
        share, seed = entry["split"]["held_out"], entry["split"]["seed"]
        setting = f"{key}.split.held_out is {share}"
        parts = hold_out(rows, share, seed, False, setting, f"set {key}.split.held_out nearer to 0.5")
        texts, rest = (list(part["text"]) for part in parts)
    texts = [text for text in texts if text.strip()]
    if not texts:
        raise UserError(f"{table.name} has no texts: name another source under {key}.")
    return texts, rest


def open_texts(entry: dict, key: str) -> Table:
    columns = {"text": entry["text"]}
    if entry["source"] == "package":
        return read_package(entry["package"], entry["file"], entry["where"], columns)
    path = Path(entry["path"])
    name = f"{path} ({key}.path)"
    with reading_errors(name):
        if path.is_dir():
            files = text_files(path)
            texts = ["".join(lines_of(file, f"{name}, file {file.name}", whole=True)) for file in files]
            return Table(name, {"text": texts}, [file.name for file in files], "file")
        if path.suffix == ".txt":
            lines = [line.rstrip("\r\n") for line in lines_of(path, name)]
            return Table(name, {"text": lines}, range(1, len(lines) + 1), "line")
    return read_table(path, name, columns, suffix_of(str(path)))
