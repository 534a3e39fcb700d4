"""Where labelled texts come from: an installed package, files of one's own, the Hub."""

import importlib.metadata
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from bitsweep.data import clean
from bitsweep.errors import UserError
from bitsweep.files import sha256_file
from bitsweep.glue import hub_section
from bitsweep.reading import Table, is_address, read_table, suffix_of, without_secrets

KEYS = ("text", "label", "pair")
SPLITS = ("train", "validation", "test")


def fetch(data: dict, classes: int, kept: Path) -> tuple[dict[str, pd.DataFrame], dict]:
    """The rows of each split that the source has, and what there is to say of them.

    `data` is the config's data section, without what is null, `classes` the number of labels. What is downloaded from
    addresses is kept in the folder `kept`, and the commit of a data set on the Hub where the config names none. Raises
    UserError.
    """
    if data["source"] == "glue":
        data = hub_section(data["task"], data.get("revision"))
    described: dict = {}
    if data["source"] == "hub":
        # Only here, since a fetch from elsewhere has no use for the Hub's client.
        from bitsweep.hub import pin_revision

        revision = pin_revision("data", data["name"], data.get("revision"), kept / "revisions.json")
        data = {**data, "revision": revision}
        described["revision"] = data["revision"]
    columns = {key: data[key] for key in KEYS if key in data}
    if data["source"] == "package":
        tables = {"train": read_package(data["package"], data["file"], data["where"], columns)}
        files: dict[str, dict] = {}
    else:
        open_split = open_file if data["source"] == "files" else open_hub_file
        tables, files = {}, {}
        for split in SPLITS:
            if split in data:
                path, name = open_split(data, split, kept)
                suffix = None if path.is_dir() else suffix_of(data[split])
                tables[split] = read_table(path, name, columns, suffix)
                # The report tells it.
                told = without_secrets(data[split])
                files[split] = {"name": told, "sha256": None if path.is_dir() else sha256_file(path)}
    # Who takes others' data cannot mend them: their empty texts are told in the report.
    strict = data["source"] != "hub"
    if not strict:
        found = {split: len(table.places) for split, table in tables.items()}
        tables = {split: without_unlabelled(table, split, data.get("values") or ()) for split, table in tables.items()}
        for split, table in tables.items():
            if left_out := found[split] - len(table.places):
                files[split]["left_out"] = left_out
    rows = {split: clean(table, classes, data.get("values"), strict) for split, table in tables.items()}
    return rows, {**described, "files": files}


def without_unlabelled(table: Table, split: str, values: Sequence) -> Table:
    """The rows of a data set's table that have a text and a label: -1 stands for none, unless `values` has it.

    Raises UserError where no row is left, and for test rows: scores would be on others than the data set says.
    """
    nothing = {"", "-1"} - set(map(str, values))
    columns = table.columns
    bare = [label is None or label != label or str(label).strip() in nothing for label in columns["label"]]
    for key in columns.keys() & {"text", "pair"}:
        bare = [lacks or text is None for lacks, text in zip(bare, columns[key], strict=True)]
    if not any(bare):
        return table
    if split == "test":
        place = table.place(bare.index(True))
        raise UserError(f"{place} has no label or no text: leave data.test out, so that other rows test.")
    if all(bare):
        raise UserError(f"{table.name} has no row with a text and a label: name another file under data.{split}.")
    kept = [row for row, lacks in enumerate(bare) if not lacks]
    print(f"{table.name}: {len(bare) - len(kept)} row(s) without a label or a text are left out")
    rows = {key: [cells[row] for row in kept] for key, cells in columns.items()}
    return Table(table.name, rows, [table.places[row] for row in kept], table.unit)


def read_package(package: str, file: str, where: dict[str, str], columns: dict[str, str]) -> Table:
    """The rows of a file of an installed package whose columns have the values of `where`.

    The file is found through the package's metadata: importing a data package may load all of it.
    """
    path = Path(str(importlib.metadata.distribution(package).locate_file(file)))
    asked = {**columns, **{f"where.{column}": column for column in where}}
    table = read_table(path, file, asked, suffix_of(file))
    wanted = [table.columns[f"where.{column}"] for column in where]
    rows = [row for row, found in enumerate(zip(*wanted, strict=True)) if list(map(str, found)) == list(where.values())]
    if not where:
        return table
    if not rows:
        raise UserError(f"data.where is {where!r}, which no row of {file} matches: correct it.")
    chosen = {key: [table.columns[key][row] for row in rows] for key in columns}
    return Table(table.name, chosen, [table.places[row] for row in rows], table.unit)


def open_file(data: dict, split: str, kept: Path) -> tuple[Path, str]:
    place = data[split]
    if not is_address(place):
        return Path(place), f"{place} (data.{split})"
    from bitsweep.download import download

    return download(place, f"data.{split}", kept), f"{place} (data.{split})"


def open_hub_file(data: dict, split: str, kept: Path) -> tuple[Path, str]:
    from bitsweep.hub import download_data_file

    if suffix_of(data[split]) is None:
        raise UserError(f"data.{split} is {data[split]!r}, of no kind that can be read: name a Parquet file, or a CSV.")
    path = download_data_file(data["name"], data["revision"], data[split])
    return path, f"{data[split]} of {data['name']} (data.{split})"
