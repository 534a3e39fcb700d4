"""Params of rules, each one canonical text: Snakemake compares params as a set, without their names."""

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
from bitsweep.data.folders import folder_texts
from bitsweep.data.hub_splits import finds_splits
from bitsweep.data.provenance import describe_test_split
from bitsweep.data.readers import reading_errors, without_secrets
from bitsweep.files import canonical_json, sha256_file, short_key
from bitsweep.model.encoder_files import choose_files
from bitsweep.places import find_folder
from bitsweep.workflow.fingerprint import fingerprint, scripts

# This stands in a run's path for a batch size or learning rate that its mode's selection decides.
SELECTED = "selected"


def section_text(settings: Settings, name: str) -> str:
    """Return a section of the settings without what is null or off, so that a new key changes no earlier text."""
    section = getattr(settings, name).model_dump()
    return canonical_json({key: value for key, value in section.items() if value is not None and value is not False})


def data_text(settings: Settings) -> str:
    """Return where the labelled texts come from; for local folders also their content, which is no input of a rule."""
    data = settings.data
    places = data.places() if isinstance(data, FilesData) else {}
    content = {place: sha256_folder(place) for place in places.values() if Path(place).is_dir()}
    text = section_text(settings, "data")
    return canonical_json({**json.loads(text), "content": content}) if content else text


def sha256_folder(folder: str) -> str:
    """Return the hexadecimal SHA-256 of the names and the content of the texts in a folder. Raises UserError."""
    with reading_errors(folder):
        files = sorted(file for files in folder_texts(Path(folder), folder).files.values() for file in files)
        text = canonical_json([(path.relative_to(folder).as_posix(), sha256_file(path)) for path in files])
    return hashlib.sha256(text.encode()).hexdigest()


def local_files(settings: Settings) -> list[str]:
    """Return the user's own files that the labelled texts are in."""
    data = settings.data
    return [place for place in data.places().values() if Path(place).is_file()] if isinstance(data, FilesData) else []


def official_splits(settings: Settings) -> list[str]:
    """Return which of the validation and the test split come with the data, rather than being held out.

    Both count where they have yet to be looked for: `sources.fetch` leaves a split that is not there empty.
    """
    found = finds_official_splits(settings)
    return [split for split in ("validation", "test") if found or getattr(settings.data, split, None)]


def finds_official_splits(settings: Settings) -> bool:
    """Return whether the data is on the Hub and its splits are known only once it is fetched."""
    return isinstance(settings.data, HubData) and finds_splits(settings.data.train)


def encoder_text(settings: Settings) -> str:
    """Return where the encoder comes from; for a folder also its content, so that other weights in it count."""
    if isinstance(settings.encoder, FolderEncoder):
        return folder_text(settings.encoder, "encoder.path")
    return canonical_json(settings.encoder.model_dump())


def folder_text(encoder: FolderEncoder, key: str) -> str:
    """Return a model folder with the sums of its files; `key` is the config's key that names it."""
    folder = find_folder(encoder.path)
    files = choose_files([path.name for path in folder.iterdir()], encoder.path, key)
    return canonical_json({**encoder.model_dump(), "content": {file: sha256_file(folder / file) for file in files}})


def split_key(settings: Settings, data: str) -> str:
    """Return a short name for what the rows of all splits are made from; `data` is what `data_text` returns."""
    return short_key([data, section_text(settings, "split")])


def timed_key(settings: Settings, encoder: str, rows: str) -> str:
    """Return a short name for all that a run's time depends on, besides its cell of the grid and the machine.

    `encoder` is what `encoder_text` returns, `rows` what `split_key` returns.
    """
    limit, training = settings.limit, settings.training.model_dump()
    # `rows` does not cover the content of local files, so their sizes and times count here.
    files = [(file.st_size, file.st_mtime_ns) for file in map(os.stat, filter(os.path.exists, local_files(settings)))]
    return short_key([encoder, rows, files, limit.train, limit.validation, settings.max_length, training])


def snapshot(settings: Section, folder: str = "", without: Iterable[str] = ()) -> dict:
    """Return what results depend on: the settings, except the keys in `without`, which change no result, and the code.

    The code is that of the scripts in `folder` below scripts/.
    """
    code = {script: fingerprint(script) for script in scripts(folder)}
    return {**settings.model_dump(exclude=set(without)), "code": code}


def limits_text(settings: Settings) -> str:
    """Return how many rows each split must have, and how many the training split must have for the study."""
    return canonical_json({**settings.limit.model_dump(), "study": settings.study and settings.study.train_size[-1]})


def recipe_text(settings: Settings, run: Mapping[str, str]) -> str:
    """Return what a run depends on besides its data, encoder and precision; `run` has its cell of the grid as in paths.

    A value that the mode's selection has yet to decide is null.
    """
    training = settings.training
    size, rate, train_size = run["batch_size"], run["learning_rate"], run.get("train_size")
    return canonical_json(
        {
            # The mode's name does not count: a mode that is renamed trains nothing anew.
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
    """Return the study's grid of every mode, with SELECTED in place of what the selection on all examples decides."""
    own = {key: getattr(settings.study, key) or [SELECTED] for key in ("batch_size", "learning_rate")}
    return {mode: {**grid, **own} for mode, grid in settings.grids.items()}


def name_commit(repository: HubEncoder) -> str:
    """Return the name of a repository on the Hub, with its commit where the config gives one."""
    return f"{repository.name} at {repository.revision}" if repository.revision else repository.name


def experiment_text(settings: Settings) -> str:
    """Return what the report needs to know of the config."""
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
            # What is null here is known once the data is fetched (data/provenance.py).
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
    """Return where the test rows come from, in a word of `describe_test_split`, or of GLUE's own."""
    if isinstance(settings.data, GlueData):
        return "glue_mismatched" if settings.data.test else "glue"
    return describe_test_split(official_splits(settings))


def export_text(settings: Settings, mode: str) -> str:
    """Return what the card of a mode's exported classifier needs to know of the config."""
    experiment = json.loads(experiment_text(settings))
    keys = ("name", "data", "test_split", "encoder", "max_length", "label_names", "metric")
    return canonical_json(
        {
            **{key: experiment[key] for key in keys},
            "grid": settings.grids[mode],
            "trains": settings.mode(mode),
            "pair": settings.data.pair,
            "sources": {name: getattr(settings, name).model_dump() for name in ("data", "encoder")},
            "licences": licences_of(settings),
        }
    )
