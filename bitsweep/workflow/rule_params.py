"""What each rule depends on, as one canonical text each: Snakemake compares params as a set, without their names."""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from bitsweep.config.licences import licences_of
from bitsweep.config.settings import (
    FilesData,
    FolderEncoder,
    GlueData,
    HubData,
    HubEncoder,
    PackageData,
    Section,
    Settings,
)
from bitsweep.data.hub_splits import finds_splits
from bitsweep.data.provenance import describe_test_split
from bitsweep.data.readers import folder_files, reading_errors, without_secrets
from bitsweep.files import canonical_json, sha256_file, short_key
from bitsweep.model.encoder_files import choose_files
from bitsweep.workflow.fingerprint import fingerprint, scripts

# Stands in a run's path for the batch size or learning rate that its mode's selection has.
SELECTED = "selected"


def section_text(settings: Settings, name: str) -> str:
    """A section of the settings, without what is null or off: so a key that is new changes no text of before."""
    section = getattr(settings, name).model_dump()
    return canonical_json({key: value for key, value in section.items() if value is not None and value is not False})


def data_text(settings: Settings) -> str:
    """Where the labelled texts come from; of local folders also their content, which is no input of a rule."""
    data = settings.data
    places = data.places() if isinstance(data, FilesData) else {}
    content = {place: sha256_folder(place) for place in places.values() if Path(place).is_dir()}
    text = section_text(settings, "data")
    return canonical_json({**json.loads(text), "content": content}) if content else text


def sha256_folder(folder: str) -> str:
    """Hexadecimal SHA-256 of the names and the content of the texts in a folder. Raises UserError."""
    with reading_errors(folder):
        files = sorted(file for files in folder_files(Path(folder), folder).values() for file in files)
        text = canonical_json([(path.relative_to(folder).as_posix(), sha256_file(path)) for path in files])
    return hashlib.sha256(text.encode()).hexdigest()


def local_files(settings: Settings) -> list[str]:
    """The user's own files that the labelled texts are in."""
    data = settings.data
    return [place for place in data.places().values() if Path(place).is_file()] if isinstance(data, FilesData) else []


def official_splits(settings: Settings) -> list[str]:
    """Which of the validation and the test split come with the data, rather than their being held out.

    Both where they have yet to be looked for: `sources.fetch` leaves one empty that is not there.
    """
    found = finds_official_splits(settings)
    return [split for split in ("validation", "test") if found or getattr(settings.data, split, None)]


def finds_official_splits(settings: Settings) -> bool:
    """Whether the data set on the Hub tells which splits it has, once it is fetched."""
    return isinstance(settings.data, HubData) and finds_splits(settings.data.train)


def encoder_text(settings: Settings) -> str:
    """Where the encoder comes from; of a folder also its content, so that other weights under the same path count."""
    if isinstance(settings.encoder, FolderEncoder):
        return folder_text(settings.encoder, "encoder.path")
    return canonical_json(settings.encoder.model_dump())


def folder_text(encoder: FolderEncoder, key: str) -> str:
    """A model folder with its content; `key` of the config names it."""
    folder = Path(encoder.path)
    files = choose_files([path.name for path in folder.iterdir()], encoder.path, key)
    return canonical_json({**encoder.model_dump(), "content": {file: sha256_file(folder / file) for file in files}})


def split_key(settings: Settings, data: str) -> str:
    """A short name of what the rows of all splits are made from; `data` is what `data_text` gives."""
    return short_key([data, section_text(settings, "split")])


def timed_key(settings: Settings, encoder: str, rows: str) -> str:
    """A short name of all that a run's time follows from, besides its cell of the grid and the machine.

    `encoder` is what `encoder_text` gives, `rows` what `split_key` gives.
    """
    limit, training = settings.limit, settings.training.model_dump()
    # Their content has no part in `rows`.
    files = [(file.st_size, file.st_mtime_ns) for file in map(os.stat, filter(os.path.exists, local_files(settings)))]
    return short_key([encoder, rows, files, limit.train, limit.validation, settings.max_length, training])


def snapshot(settings: Section, folder: str = "", without: Iterable[str] = ()) -> dict:
    """Return what results depend on: settings, but for keys `without` a part in them, and the code that makes them.

    That is the code of the scripts in `folder` below scripts/.
    """
    code = {script: fingerprint(script) for script in scripts(folder)}
    return {**settings.model_dump(exclude=set(without)), "code": code}


def limits_text(settings: Settings) -> str:
    """How many rows each split must have, and the training split for the study."""
    return canonical_json({**settings.limit.model_dump(), "study": settings.study and settings.study.train_size[-1]})


def recipe_text(settings: Settings, run: Mapping[str, str]) -> str:
    """What a run depends on besides its data, encoder and precision; `run` has its cell of the grid as in paths.

    A value that the mode's selection will tell is null.
    """
    training = settings.training
    size, rate, train_size = run["batch_size"], run["learning_rate"], run.get("train_size")
    return canonical_json(
        {
            # Not its name: a mode that is renamed trains nothing anew.
            "mode": settings.mode(run["mode"]),
            "batch_size": None if size == SELECTED else int(size),
            "learning_rate": None if rate == SELECTED else float(rate),
            "seed": int(run["seed"]),
            "train_size": train_size and int(train_size),
            "metric": settings.metric,
            "epochs": training.epochs,
            "weight_decay": training.weight_decay,
            "max_grad_norm": training.max_grad_norm,
            "threads": training.threads,
        }
    )


def study_grids(settings: Settings) -> dict[str, dict[str, list]]:
    """The study's grid of every mode, with SELECTED in place of what the selection on all examples tells."""
    own = {key: getattr(settings.study, key) or [SELECTED] for key in ("batch_size", "learning_rate")}
    return {mode: {**grid, **own} for mode, grid in settings.grids.items()}


def name_commit(repository: HubEncoder) -> str:
    """A repository on the Hub, with its commit where the config says one."""
    return f"{repository.name} at {repository.revision}" if repository.revision else repository.name


def experiment_text(settings: Settings) -> str:
    """What the report says of the config."""
    data, encoder = settings.data, settings.encoder
    if isinstance(data, PackageData):
        chosen = "".join(f", {column} = {value}" for column, value in sorted(data.where.items()))
        described = f"package {data.package} {data.version}{chosen}"
    elif isinstance(data, FilesData):
        described = ", ".join(dict.fromkeys(map(without_secrets, data.places().values())))
    else:
        described = f"GLUE's task {data.task}" if isinstance(data, GlueData) else data.name
        described += f" ({data.configuration})" if isinstance(data, HubData) and data.configuration else ""
        # The newest commit is known once it has been fetched.
        described += f" at {data.revision}" if data.revision else ""
    known = not finds_official_splits(settings)
    return canonical_json(
        {
            "name": settings.experiment,
            "data": described,
            # What is null here, the source tells once it is fetched (pinned.py).
            "official_splits": official_splits(settings) if known else None,
            "test_split": test_split_of(settings) if known else None,
            # Without a commit `summarize` adds the one that was taken.
            "encoder": encoder.path if isinstance(encoder, FolderEncoder) else name_commit(encoder),
            "max_length": settings.max_length,
            "label_names": settings.label_names,
            "split": settings.split.model_dump(),
            "grid": settings.grid.model_dump(),
            "grids": settings.grids,
            "modes": {name: settings.mode(name) for name in settings.grid.mode},
            "metric": settings.metric,
            "grid_source": settings.grid_source,
            "training": settings.training.model_dump(),
        }
    )


def test_split_of(settings: Settings) -> str:
    """Where the test rows come from, as `describe_test_split` says it; of GLUE's tasks in words of their own."""
    if isinstance(settings.data, GlueData):
        return "glue_mismatched" if settings.data.test else "glue"
    return describe_test_split(official_splits(settings))


def export_text(settings: Settings, mode: str) -> str:
    """What the card of a mode's exported classifier says of the config."""
    told = json.loads(experiment_text(settings))
    keys = ("name", "data", "test_split", "encoder", "max_length", "label_names", "metric")
    return canonical_json(
        {
            **{key: told[key] for key in keys},
            "grid": settings.grids[mode],
            "trains": settings.mode(mode),
            "pair": settings.data.pair,
            "sources": {name: getattr(settings, name).model_dump() for name in ("data", "encoder")},
            "licences": licences_of(settings),
        }
    )
