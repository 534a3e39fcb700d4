"""From a config to its settings: checked before anything runs, each mistake told in a sentence."""

import difflib
import importlib.metadata
from itertools import combinations
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import ValidationError

from bitsweep.encoder import check_max_length, choose_files
from bitsweep.errors import UserError
from bitsweep.glue import TASKS
from bitsweep.listing import finds_splits
from bitsweep.modes import BUILT_IN, KINDS
from bitsweep.reading import SUFFIXES, is_address, is_number, peek, suffix_of
from bitsweep.settings import (
    NO_NAMES,
    Columns,
    FilesData,
    FolderEncoder,
    GlueData,
    HubData,
    HubEncoder,
    Lora,
    Mode,
    PackageData,
    Settings,
    Study,
)


def load_settings(config: dict) -> Settings:
    """Checks a config; raises UserError with a sentence for each thing that is wrong with it."""
    try:
        settings = Settings.model_validate(config)
    except ValidationError as error:
        raise UserError("\n".join(explain(detail) for detail in error.errors())) from None
    check_grid(settings)
    check_modes(settings)
    check_study(settings)
    check_data(settings)
    check_encoder(settings.encoder, settings.max_length)
    return name_values(settings)


HUB_NAME = "a name as on the Hub, such as prajjwal1/bert-tiny"
# The branches of unions, each with the section that stands there.
BRANCHES = {
    ("data", "package"): PackageData,
    ("data", "files"): FilesData,
    ("data", "hub"): HubData,
    ("data", "glue"): GlueData,
    ("encoder", "folder"): FolderEncoder,
    ("encoder", "hub"): HubEncoder,
}


def describe_key(location: tuple) -> str:
    """`("grid", "batch_size", 0)` as `grid.batch_size[0]`; the names of a union's branches are left out."""
    text = ""
    for index, part in enumerate(location):
        if isinstance(part, int):
            text += f"[{part}]"
        elif part != "[key]" and not (index == 1 and location[:2] in BRANCHES):
            text += f".{part}" if text else part
    return text


def known_keys(location: tuple) -> list[str]:
    """The keys that stand where an unknown key was found."""
    optional = {"study": Study}
    if len(location) == 1:
        section = Settings
    elif location[0] == "modes":
        section = Lora if len(location) == 4 else Mode
    elif len(location) == 3:
        section = BRANCHES[location[:2]]
    else:
        section = optional.get(location[0]) or Settings.model_fields[location[0]].annotation
    return list(section.model_fields)


def shorten(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 200 else f"{shown[:200]}…"


def explain(detail: dict) -> str:
    """One of pydantic's errors as a sentence that names the key, the value and the remedy."""
    location, kind, context = detail["loc"], detail["type"], detail.get("ctx", {})
    key, value = describe_key(location), shorten(detail["input"])
    if kind == "missing":
        return f"{key} is missing from the config: add it (config.schema.json describes it)."
    if kind == "extra_forbidden":
        known = known_keys(location)
        # What `predict` takes on the command line may be mistyped there, and the section that makes an encoder.
        near_to = [*known, "input", "output", "pretrain"] if len(location) == 1 else known
        near = difflib.get_close_matches(str(location[-1]), near_to, n=1, cutoff=0.5)
        remedy = f"did you mean {near[0]}?" if near else f"remove it, or use one of {', '.join(known)}."
        return f"{key} is not a key of the config (value {value}): {remedy}"
    if kind == "union_tag_not_found":
        return (
            f"{key}.source is missing from the config: set it to one of {context.get('expected_tags', 'its values')}."
        )
    if kind == "union_tag_invalid":
        return f"{key}.source is {context['tag']!r}: set it to one of {context['expected_tags']}."
    if location == ("data", "glue", "task") and detail["input"] == "stsb":
        return (
            f"data.task is 'stsb', which is regression, and BitSweep classifies: set it to one of {', '.join(TASKS)}."
        )
    requirements = {
        "int_type": "a whole number",
        "float_type": "a number, such as 3e-4",
        "string_type": "a text (put it in quotes)",
        "list_type": f"a list, such as [{detail['input']}]"
        if isinstance(detail["input"], str | int | float)
        else "a list",
        "model_type": "a section with keys of its own",
        "model_attributes_type": "a section with keys of its own",
        "dict_type": "a section with keys of its own",
        "finite_number": "a finite number",
        "too_long": f"a list of at most {context.get('max_length')} values",
        "bool_type": "true or false",
        "string_too_long": f"a text of at most {context.get('max_length')} characters",
        "string_unicode": "a text in Unicode",
        "too_short": f"a list of at least {context.get('min_length')} value(s)",
        "string_too_short": "a text that is not empty",
        "greater_than": f"a number greater than {context.get('gt')}",
        "greater_than_equal": f"at least {context.get('ge')}",
        "less_than": f"a number less than {context.get('lt')}",
        "less_than_equal": f"at most {context.get('le')}",
        "literal_error": f"one of {context.get('expected')}",
        "hub_name": f"{HUB_NAME}, without -- or .. and without .git at its end",
        "label_value": "a text (put it in quotes) or a whole number, as it stands in the column of labels",
        "string_pattern_mismatch": {
            "revision": "a commit of 40 hexadecimal digits, as the repository's history on the Hub shows it",
            "name": HUB_NAME,
            **dict.fromkeys(("train", "validation", "test"), "a path or an address without line breaks"),
            "path": "a path without line breaks",
            "model": "a folder's path without braces or line breaks, whose last part is a name of letters, digits, "
            "dots, dashes and underscores that starts with a letter or digit",
        }.get(
            str(location[-1]),
            "a name of letters, digits, dots, dashes and underscores that starts with a letter"
            + (" or digit" if location[0] == "experiment" else ""),
        ),
    }
    return f"{key} is {value}: set it to {requirements.get(kind, detail['msg'])}."


def check_grid(settings: Settings) -> None:
    sections = {"grid": settings.grid, **{f"modes.{name}": mode for name, mode in settings.modes.items()}}
    if settings.study:
        sections["study"] = settings.study
    for section, grid in sections.items():
        for key, values in grid:
            if not isinstance(values, list):
                continue
            twice = [value for index, value in enumerate(values) if value in values[:index]]
            if twice:
                raise UserError(f"{section}.{key} has {twice[0]!r} more than once: remove the duplicate.")


def check_modes(settings: Settings) -> None:
    for name in settings.modes:
        if name.lower() in NO_NAMES:
            raise UserError(f"modes.{name} is a word that tables take for no name: give the mode another one.")
    defined = {name for name, mode in settings.modes.items() if mode.definition()}
    known = [*BUILT_IN, *sorted(defined)]
    for index, name in enumerate(settings.grid.mode):
        if name not in known:
            raise UserError(
                f"grid.mode[{index}] is {name!r}: set it to one of {', '.join(known)}, or say under modes.{name} what "
                "it trains."
            )
    for name, mode in settings.modes.items():
        if name in BUILT_IN and mode.definition():
            key = next(iter(mode.definition()))
            raise UserError(f"modes.{name}.{key} changes the built-in mode {name}: give your mode another name.")
        if name not in known:
            raise UserError(f"modes.{name} is no built-in mode and has no train: say there which parameters train.")
        for part in mode.train or ():
            # A parameter's name has dots.
            if part not in KINDS and not set(part) & set("*?[."):
                near = difflib.get_close_matches(part, KINDS, n=1)
                hint = f"did you mean {near[0]}?" if near else f"set it to one of {', '.join(KINDS)}, or to a pattern."
                raise UserError(f"modes.{name}.train has {part!r}, which is no kind of parameters: {hint}")
        if mode.random and (mode.train or mode.lora):
            raise UserError(f"modes.{name}.random is {mode.random!r}: remove it, or remove train and lora beside it.")
        # Low-rank updates are no entries of the encoder's parameters.
        choices = [other for other in known if settings.mode_as_written(other).keys() == {"train"}]
        if mode.random and mode.random not in choices:
            raise UserError(f"modes.{name}.random is {mode.random!r}: set it to one of {', '.join(choices)}.")


def check_study(settings: Settings) -> None:
    limit = settings.limit.train
    if settings.study and limit and settings.study.train_size[-1] > limit:
        raise UserError(
            f"study.train_size has {settings.study.train_size[-1]}, but limit.train is {limit}: remove it, or raise "
            "the limit."
        )


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
            f"metric is 'f1', which is that of label 1, but there are {len(settings.label_names)} labels: set it to "
            "macro_f1."
        )
    for key, values in (("label_names", settings.label_names), ("data.values", data.values or [])):
        twice = [value for index, value in enumerate(values) if str(value) in map(str, values[:index])]
        if twice:
            raise UserError(f"{key} has {twice[0]!r} more than once: remove it, or give another.")
    if isinstance(data, Columns):
        check_columns_differ(data)
    if isinstance(data, PackageData):
        check_package(data)
    elif isinstance(data, FilesData):
        check_files(data)
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
    """Raises UserError where two splits are the same file, so that scores would be on what has trained."""
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
    """Raises UserError where a package is not installed in this version, or lacks a file that `section.key` names.

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


def check_files(data: FilesData) -> None:
    """Checks what can be seen of the files without reading them; addresses are read when they are fetched."""
    for split, place in data.places().items():
        key = f"data.{split}"
        if is_address(place):
            check_address(place, key)
            check_kind(place, key)
            continue
        if set(place) & set("{}"):
            # Snakemake would take them for wildcards.
            raise UserError(f"{key} is {place!r}, but Snakemake keeps braces to itself: rename the file or folder.")
        if "://" in place:
            raise UserError(f"{key} is {place!r}: set it to a path, or to an address that begins with https://.")
        path = Path(place)
        try:
            there, folder = path.exists(), path.is_dir()
        except OSError as error:
            raise UserError(f"{key} is {place!r}, which cannot be read ({error.strerror}).") from None
        if not there:
            hint = "write the folder that ~ stands for" if place.startswith("~") else "correct the path"
            raise UserError(f"{key} is {place!r}, but there is no such file in {Path.cwd()}: {hint}.")
        if folder and data.pair:
            raise UserError(f"{key} is {place!r}, a folder, which has no pairs of texts: remove data.pair.")
        if not folder:
            check_kind(place, key)
        peek_label(data, split)


def check_address(address: str, key: str) -> None:
    try:
        parts = urlsplit(address)
        # Which is read when asked for.
        wrong = None if parts.hostname and parts.port != 0 else "it names no host"
    except ValueError as error:
        wrong = str(error)
    if wrong:
        raise UserError(f"{key} is {address!r}, which is no address ({wrong}): correct it, or set the key to a path.")


def check_kind(place: str, key: str) -> None:
    if suffix_of(place) is None:
        raise UserError(
            f"{key} is {place!r}, of no kind that can be read: name a file that ends in one of {', '.join(SUFFIXES)}."
        )


def peek_label(data: FilesData, split: str) -> object:
    """The first label in a local file or folder, whose columns are checked by the way."""
    place = data.places()[split]
    suffix = None if Path(place).is_dir() else suffix_of(place)
    return peek(place, f"{place} (data.{split})", column_names(data), suffix)


def column_names(data: Columns) -> dict[str, str]:
    """The columns to read, by their keys."""
    columns = {"text": data.text, "label": data.label, "pair": data.pair}
    return {key: column for key, column in columns.items() if column}


def name_values(settings: Settings) -> Settings:
    """The settings with `label_names` for the values of the label column, where a local file has them there."""
    data = settings.data
    if not isinstance(data, FilesData) or data.values or is_address(data.train):
        return settings
    first = peek_label(data, "train")
    # Where the names are numbers, their order tells what they stand for.
    if first in (None, "") or (is_number(first) and str(first) not in settings.label_names):
        return settings
    return settings.model_copy(update={"data": data.model_copy(update={"values": settings.label_names})})


def check_encoder(encoder: FolderEncoder | HubEncoder, max_length: int) -> None:
    if not isinstance(encoder, FolderEncoder):
        return
    folder = Path(encoder.path)
    if not folder.is_dir():
        raise UserError(
            f"encoder.path is {encoder.path!r}, but there is no such folder: correct the path, or make that encoder "
            "first (docs/pretrain.md)."
        )
    choose_files([path.name for path in folder.iterdir()], encoder.path, "encoder.path")
    check_max_length(folder / "config.json", max_length)
