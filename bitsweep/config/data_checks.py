"""Checks of a config's data before anything is read: of columns, splits, files and packages."""

import importlib.metadata
import math
from itertools import combinations
from pathlib import Path
from urllib.parse import urlsplit

from bitsweep.config.settings import Columns, FilesData, HubData, PackageData, Settings
from bitsweep.data.hub_splits import finds_splits
from bitsweep.data.labels import spell_label
from bitsweep.data.readers import PEEKED, SUFFIXES, Peeked, is_address, peek, suffix_of, without_secrets
from bitsweep.errors import UserError


def check_data(settings: Settings) -> None:
    data = settings.data
    if data.pair and settings.max_length < 5:
        raise UserError(f"max_length is {settings.max_length}, too little for pairs of texts: set it to at least 5.")
    if data.values and len(data.values) != len(settings.label_names):
        raise UserError(
            f"data.values has {len(data.values)} values, but label_names has {len(settings.label_names)}: "
            "give each label its value."
        )
    if settings.metric == "f1" and len(settings.label_names) > 2:
        raise UserError(
            f"metric is 'f1', the F1 of label 1 alone, but there are {len(settings.label_names)} labels: set it to "
            "macro_f1."
        )
    for key, values in (("label_names", settings.label_names), ("data.values", data.values or [])):
        spelled = [spell_label(value) for value in values]
        twice = [value for index, value in enumerate(values) if spelled[index] in spelled[:index]]
        if twice:
            raise UserError(f"{key} has {twice[0]!r} more than once: remove the duplicate, or change it.")
    if isinstance(data, Columns):
        check_columns_differ(data)
    if isinstance(data, PackageData):
        check_package(data)
    elif isinstance(data, FilesData):
        check_files(data, settings.split.held_out)
    if isinstance(data, FilesData | HubData):
        check_places_differ(data)


def check_columns_differ(data: Columns) -> None:
    keys = column_names(data)
    for one, other in combinations(keys, 2):
        if keys[one] == keys[other]:
            raise UserError(
                f"data.{other} is {keys[other]!r}, the column that data.{one} names: set each to a column of its own."
            )


def check_places_differ(data: FilesData | HubData) -> None:
    """Raise UserError where two splits are the same file, since scores would then be of rows that trained."""
    hub = isinstance(data, HubData)
    if hub and data.configuration and not any(finds_splits(place) for place in (data.train, *given_splits(data))):
        raise UserError(
            f"data.configuration is {data.configuration!r}, but data.train names files: remove it, or name splits."
        )
    places = {split: getattr(data, split) for split in ("train", "validation", "test") if getattr(data, split)}
    if hub:
        places = {"train": "train", **places}
    for one, other in combinations(places, 2):
        same = places[one] == places[other]
        if isinstance(data, FilesData) and all(Path(places[split]).exists() for split in (one, other)):
            same = Path(places[one]).samefile(places[other])
        if same and hub:
            raise UserError(
                f"data.{other} is {places[other]!r}, the split or file that data.{one} takes: name another one."
            )
        if same:
            raise UserError(
                f"data.{other} is {places[other]!r}, the file that data.{one} names: name another one, or leave "
                f"data.{other} out, so that its rows are held out."
            )


def given_splits(data: HubData) -> list[str]:
    return [place for place in (data.validation, data.test) if place]


def check_package(data: PackageData) -> None:
    check_installed(data.package, data.version, data.file, "data", "file")
    check_kind(data.file, "data.file")


def check_installed(package: str, version: str, file: str, section: str, key: str, option: str = "") -> None:
    """Raise UserError where a package is not installed in this version, or lacks a file that `section.key` names.

    `option` is one of pip's, for the remedy.
    """
    remedy = f"install it with pip install {option}{package}=={version}"
    try:
        distribution = importlib.metadata.distribution(package)
    except (importlib.metadata.PackageNotFoundError, ValueError):
        raise UserError(f"{section}.package is {package!r}, which is not installed: {remedy}.") from None
    if distribution.version != version:
        raise UserError(
            f"{section}.version is {version!r}, but version {distribution.version} of {package} is installed: "
            f"{remedy}, or change the key."
        )
    if not Path(str(distribution.locate_file(file))).is_file():
        raise UserError(f"{section}.{key} is {file!r}, which package {package} does not have: correct the path.")


def check_files(data: FilesData, held_out: float) -> None:
    """Check what can be seen of the files without reading them; addresses are read when they are fetched."""
    for split, place in data.places().items():
        key = f"data.{split}"
        if is_address(place):
            check_address(place, key)
            check_kind(place, key)
            continue
        if set(place) & set("{}"):
            raise UserError(f"{key} is {place!r}, but Snakemake reads braces as wildcards: rename the file or folder.")
        if "://" in place:
            raise UserError(f"{key} is {place!r}: set it to a path, or to an address that begins with https://.")
        path = Path(place)
        try:
            there, folder = path.exists(), path.is_dir()
        except OSError as error:
            raise UserError(
                f"{key} is {place!r}, which cannot be read ({error.strerror}): correct the path or its permissions."
            ) from None
        if not there and set(place) & set("*?["):
            raise UserError(
                f"{key} is {place!r}, a pattern: name one file, into which you have joined those it matches."
            )
        if not there:
            hint = "write the folder that ~ stands for" if place.startswith("~") else "correct the path"
            raise UserError(f"{key} is {place!r}, but there is no such file in {Path.cwd()}: {hint}.")
        if folder and data.pair:
            raise UserError(
                f"{key} is {place!r}, a folder, but folders hold no pairs of texts: name a file, or remove data.pair."
            )
        if not folder:
            check_kind(place, key)
        labels = peek_labels(data, split).labels
        if split == "train" and len(labels) < PEEKED:
            check_few(labels, data, held_out)


def check_few(labels: list, data: FilesData, held_out: float) -> None:
    """Raise UserError where a small training file, of which these are all labels, cannot train, validate and test."""
    found = [label for label in map(spell_label, labels) if label is not None]
    if len(found) > 1 and len(set(found)) == 1:
        raise UserError(
            f"data.train is {data.train!r}, which has the label {found[0]!r} alone: give it rows with every label."
        )
    is_folder, rest = Path(data.train).is_dir(), math.ceil(held_out * len(labels))
    if len(found) > 1 and not is_folder and not data.validation and not data.test and rest < 2:
        raise UserError(
            f"data.train is {data.train!r}, of whose {len(labels)} rows split.held_out, {held_out}, holds out {rest}, "
            "too few to validate and to test: add rows, or raise split.held_out."
        )


def check_address(address: str, key: str) -> None:
    try:
        parts = urlsplit(address)
        # `port` is parsed only here, and raises ValueError where it is no port.
        wrong = None if parts.hostname and parts.port != 0 else "it names no host"
    except ValueError as error:
        wrong = str(error)
    if wrong:
        raise UserError(
            f"{key} is {without_secrets(address)!r}, which is not a valid address ({wrong}): correct it, or set the "
            "key to a path."
        )


def check_kind(place: str, key: str) -> None:
    if suffix_of(place) is None:
        raise UserError(
            f"{key} is {without_secrets(place)!r}, of a kind that cannot be read: name a file that ends in one of "
            f"{', '.join(SUFFIXES)}."
        )


def peek_labels(data: FilesData, split: str) -> Peeked:
    """Return the first labels in a local file or folder, and check its columns in passing."""
    place = data.places()[split]
    suffix = None if Path(place).is_dir() else suffix_of(place)
    return peek(place, f"{place} (data.{split})", column_names(data), suffix, data.quoting)


def column_names(data: Columns) -> dict[str, str]:
    """Return the columns to read, by their keys."""
    columns = {"text": data.text, "label": data.label, "pair": data.pair}
    return {key: column for key, column in columns.items() if column}
