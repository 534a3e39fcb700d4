"""The sources of labelled texts: an installed package, files of one's own, the Hub."""

import hashlib
import importlib.metadata
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from bitsweep.data.glue import hub_section
from bitsweep.data.hub_splits import SPLITS, files_of_splits, finds_splits, needs_listing
from bitsweep.data.labels import order_of_names
from bitsweep.data.readers import Table, has_column, is_address, read_table, suffix_of, without_secrets
from bitsweep.data.rows import clean
from bitsweep.errors import UserError
from bitsweep.files import sha256_file

KEYS = ("text", "label", "pair")


def fetch(data: dict, classes: int, cache: Path) -> tuple[dict[str, pd.DataFrame], dict]:
    """Return the rows of each split that the source has, and a description of them for the report.

    `data` is the config's data section, without its null values, `classes` the number of labels. The folder `cache`
    stores files that are downloaded from addresses, and the commit of a data set on the Hub where the config names
    none. A split that was looked for on the Hub and is not there, or is there without labels, has no rows. Raises
    UserError.
    """
    if data["source"] == "package":
        tables = {
            "train": read_package(data["package"], data["file"], data["where"], columns_of(data), data.get("quoting"))
        }
        described: dict = {"files": {}}
    elif data["source"] == "files":
        tables, described = read_files(data, cache)
    else:
        tables, described = read_hub(data, cache)
    # Users cannot correct data of others, so empty texts there are only mentioned in the report.
    strict = data["source"] in ("package", "files")
    rows, notes = {}, []
    for split, table in tables.items():
        rows[split], left_out = clean(table, classes, data.get("values"), strict, data.get("empty"))
        notes += [*table.notes, *left_out]
        if table.class_names:
            described.setdefault("class_names", {})[split] = table.class_names
    # Without any there is no such key, so that what an earlier version has fetched is described alike.
    described |= {"notes": notes} if notes else {}
    return {**dict.fromkeys(looked_for(data), rows["train"].iloc[:0]), **rows}, described


def columns_of(data: dict) -> dict[str, str]:
    return {key: data[key] for key in KEYS if key in data}


def looked_for(data: dict) -> list[str]:
    """Return the splits besides train that are taken where the source has them, though the config names none."""
    return ["validation", "test"] if data["source"] == "hub" and finds_splits(data.get("train")) else []


def read_files(data: dict, cache: Path) -> tuple[dict[str, Table], dict]:
    tables, files = {}, {}
    for split in filter(data.get, SPLITS):
        place = data[split]
        path, name = open_file(place, split, cache), f"{without_secrets(place)} (data.{split})"
        suffix = None if path.is_dir() else suffix_of(place)
        tables[split] = read_table(path, name, columns_of(data), suffix, data.get("quoting"))
        # The report shows these.
        digest = None if path.is_dir() else sha256_file(path)
        files[split] = {"name": without_secrets(place), "sha256": digest, "rows": len(tables[split].places)}
    return tables, {"files": files}


def open_file(place: str, split: str, cache: Path) -> Path:
    if not is_address(place):
        return Path(place)
    from bitsweep.data.download import download

    return download(place, f"data.{split}", cache)


def read_hub(data: dict, cache: Path) -> tuple[dict[str, Table], dict]:
    """Return the labelled rows of a data set on the Hub, or of a task of GLUE, and their description as in `fetch`."""
    # The import is here, since a fetch from elsewhere has no use for the Hub's client.
    from bitsweep.data.hub import download_data_file, list_data_files, pin_revision

    others, values = looked_for(data), data.get("values") or ()
    if data["source"] == "glue":
        data = hub_section(data["task"], data.get("revision"))
    data = {**data, "revision": pin_revision("data", data["name"], data.get("revision"), cache / "revisions.json")}
    name, revision, columns = data["name"], data["revision"], columns_of(data)
    names = list_data_files(name, revision, cache / "listings.json") if needs_listing(data) else []
    tables, described = {}, {"revision": revision, "files": {}}
    for split, files in files_of_splits(names, data, others).items():
        paths = [download_data_file(name, revision, file) for file in files]
        found = split not in data
        # Some data sets are published without these labels: other rows are held out then.
        if found and split != "train" and not has_column(paths[0], files[0], columns["label"]):
            described[f"unlabelled_{split}"] = True
            continue
        parts = [
            read_table(path, f"{file} of {name} (data.{split})", columns, suffix_of(file), data.get("quoting"))
            for path, file in zip(paths, files, strict=True)
        ]
        table = join(parts, f"The split {split} of {name}, {len(files)} files,") if len(parts) > 1 else parts[0]
        if found and split != "train" and all(is_no_label(label, values) for label in table.columns["label"]):
            described[f"unlabelled_{split}"] = True
            continue
        tables[split] = without_unlabelled(table, split, values)
        described["files"][split] = {**describe_files(files, paths), "rows": len(table.places)}
        if left_out := len(table.places) - len(tables[split].places):
            described["files"][split]["left_out"] = left_out
    return tables, described


def join(parts: list[Table], name: str) -> Table:
    """Return the rows of several files as one table, numbered from 1 across all of them."""
    columns = {key: [cell for part in parts for cell in part.columns[key]] for key in parts[0].columns}
    places, notes = (
        range(1, sum(len(part.places) for part in parts) + 1),
        [note for part in parts for note in part.notes],
    )
    return Table(name, columns, places, "row", notes, parts[0].class_names)


def describe_files(files: list[str], paths: list[Path]) -> dict:
    """Describe a split's files for the report; the digest of several files is that of their digests, each on a line."""
    sums = [sha256_file(path) for path in paths]
    if len(files) == 1:
        return {"name": files[0], "sha256": sums[0]}
    digest = hashlib.sha256("".join(f"{digest}\n" for digest in sums).encode()).hexdigest()
    return {"name": f"{files[0]} to {files[-1]} ({len(files)} files)", "sha256": digest}


def is_no_label(label: object, values: Sequence) -> bool:
    """Return whether a value in a column of the Hub's labels is no label: null, or -1 unless `values` has it."""
    nothing = {"", "-1"} - set(map(str, values))
    whole = int(label) if isinstance(label, float) and label.is_integer() else label
    return label is None or label != label or str(whole).strip() in nothing


def without_unlabelled(table: Table, split: str, values: Sequence) -> Table:
    """Return the rows of a data set's table that have a text and a label.

    Raises UserError where no row is left, and where test rows would be left out: scores would be on other rows than the
    data set's own.
    """
    columns = table.columns
    bare = [is_no_label(label, values) for label in columns["label"]]
    for key in columns.keys() & {"text", "pair"}:
        bare = [lacks or text is None for lacks, text in zip(bare, columns[key], strict=True)]
    if not any(bare):
        return table
    if split == "test":
        place = table.place(bare.index(True))
        raise UserError(
            f"{place} has no label or no text: set data.test to another split or file, or set data.train to the "
            "training files' path or pattern and leave data.test out, so that other rows are held out to test."
        )
    if all(bare):
        raise UserError(f"{table.name} has no row with a text and a label: set data.{split} to another split or file.")
    remaining = [row for row, lacks in enumerate(bare) if not lacks]
    print(f"Note: {len(bare) - len(remaining)} row(s) of {table.name} without a label or a text are left out.")
    return table.take(remaining)


def read_package(
    package: str, file: str, where: dict[str, str], columns: dict[str, str], quoting: str | None = None
) -> Table:
    """Return the rows of a file of an installed package whose columns have the values of `where`.

    The file is found through the package's metadata: importing a data package may load all of it.
    """
    path = Path(str(importlib.metadata.distribution(package).locate_file(file)))
    asked = {**columns, **{f"where.{column}": column for column in where}}
    table = read_table(path, file, asked, suffix_of(file), quoting)
    wanted = [table.columns[f"where.{column}"] for column in where]
    rows = [row for row, found in enumerate(zip(*wanted, strict=True)) if list(map(str, found)) == list(where.values())]
    if not where:
        return table
    if not rows:
        raise UserError(f"data.where is {where!r}, which no row of {file} matches: correct it.")
    table = table.take(rows)
    return replace(table, columns={key: table.columns[key] for key in columns})


def check_names(class_names: dict[str, list[str]], names: list[str], values: list | None) -> None:
    """Raise UserError where a split's file gives its labels the config's names in another order, or some of them.

    Each label would be named wrongly. `values` are the config's; where it gives some, it has said which label is which.
    """
    for split, its in class_names.items():
        if names and not values and order_of_names(its, names) in ("permuted", "mixed"):
            raise UserError(
                f"label_names is {names!r}, but the file of data.{split} names its labels {its!r}: take these names in "
                "this order, or set data.values to the numbers that stand in the column for each of label_names."
            )
